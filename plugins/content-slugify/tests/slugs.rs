//! What slugs titles get, and when a slug is left alone.

use content_slugify::{Slugify, slug};
use lyceum_sdk::{
    content::{Actor, BeforeHooks, Entry, FieldValue},
    host::Host,
};

struct NoHost;

impl Host for NoHost {}

fn proposed(fields: &[(&str, &str)]) -> Entry {
    let fields = fields.iter().map(|(field, value)| FieldValue::new(*field, *value)).collect();
    Entry { type_name: "course".into(), id: None, status: "draft".into(), fields, ext: Vec::new() }
}

fn set(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    let actor = Actor { user: None, roles: Vec::new(), plugin: None };
    let answer = Slugify::before_create(&NoHost, &actor, &proposed(fields)).expect("it refuses nothing");
    answer.into_iter().map(|value| (value.field, value.value)).collect()
}

#[test]
fn chinese_becomes_syllables_and_latin_stays() {
    assert_eq!(slug("Rust 入门：第一课"), "rust-ru-men-di-yi-ke");
    assert_eq!(slug("唐诗三百首"), "tang-shi-san-bai-shou");
    assert_eq!(slug("  Ｃ＋＋ 与 C++17 "), "c-yu-c-17");
    assert_eq!(slug("Café für Übung"), "cafe-fuer-uebung");
    assert_eq!(slug("女性成长"), "nv-xing-cheng-zhang");
    assert_eq!(slug("！？🙂"), "");
}

#[test]
fn words_are_read_as_words() {
    assert_eq!(slug("重庆银行的音乐会"), "chong-qing-yin-hang-de-yin-yue-hui");
    assert_eq!(slug("概率与统计"), "gai-lv-yu-tong-ji");
    assert_eq!(slug("同行业比较"), "tong-hang-ye-bi-jiao");
}

#[test]
fn a_long_title_ends_after_a_whole_syllable_and_a_long_word_is_cut() {
    assert_eq!(slug(&"学习 ".repeat(60)), "xue-xi-".repeat(11) + "xue");
    assert_eq!(slug(&"a".repeat(200)).len(), 80);
}

#[test]
fn a_slug_is_set_only_where_there_is_none() {
    assert_eq!(set(&[("title", "\"入门\"")]), [("slug".to_owned(), "\"ru-men\"".to_owned())]);
    assert_eq!(set(&[("name", "\"数学\"")]), [("slug".to_owned(), "\"shu-xue\"".to_owned())]);
    assert_eq!(set(&[("slug", "null"), ("title", "\"入门\"")]).len(), 1);
    assert!(set(&[("slug", "\"mine\""), ("title", "\"入门\"")]).is_empty());
    assert!(set(&[("title", "\"…\"")]).is_empty());
    assert!(set(&[("title", "{}")]).is_empty());
}
