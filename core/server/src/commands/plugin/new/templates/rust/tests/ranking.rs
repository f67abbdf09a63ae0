//! How the ranker orders.

use lyceum_sdk::ranking::{Column, Columns, Context, Ranker, Values};
use {{crate}}::Plugin;

#[test]
fn the_newest_comes_first() {
    let context = Context { surface: "recommended-courses".into(), locale: "en".into(), now_ms: 0, count: 3, ext: Vec::new() };
    let ages = Column { name: "age-hours".into(), values: Values::F32s(vec![2.0, 1.0, 3.0]) };
    let columns = Columns::new(3, vec![ages]).expect("three values");
    assert_eq!(Plugin::rank(&context, &columns).expect("scores"), [-2.0, -1.0, -3.0]);
}
