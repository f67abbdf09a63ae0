//! Folding on both databases, with Rust's own as the oracle.

use lyceum_kernel::Id;
use lyceum_store::{
    ConnectError, Database, Dialect, Options,
    folding::{expression, folded},
};
use sea_orm::{ConnectionTrait, Statement};

use crate::fresh::Fresh;

/// The texts as the database folds them.
async fn folds(database: &Database, texts: &[String]) -> Vec<String> {
    let (open, close) = expression(database.dialect());
    let sql = match database.dialect() {
        Dialect::Sqlite => format!("SELECT {open}value{close} AS folded FROM json_each($1) ORDER BY key"),
        Dialect::Postgres => {
            let list = "json_array_elements_text($1::json) WITH ORDINALITY AS list(value, place)";
            format!("SELECT {open}value{close} AS folded FROM {list} ORDER BY place")
        }
    };
    let list = serde_json::to_string(texts).unwrap();
    let statement = Statement::from_sql_and_values(database.dialect().backend(), sql, [list.into()]);
    let rows = database.reader().query_all_raw(statement).await.unwrap();
    rows.iter().map(|row| row.try_get("", "folded").unwrap()).collect()
}

/// Letters of Unicode 16 and 17, which the ICU of an older server does not know,
/// and the two that got a capital then.
fn is_new(c: char) -> bool {
    matches!(c, '\u{1c89}'..='\u{1c8a}' | '\u{a7cb}'..='\u{a7dd}' | '\u{10d50}'..='\u{10d85}' | '\u{16ea0}'..='\u{16ed3}')
        || matches!(c, '\u{19b}' | '\u{264}')
}

/// Every character that has another case, at each place of a word, and words
/// whose cases depend on what stands beside.
fn texts() -> Vec<String> {
    let cased = |c: &char| !c.to_lowercase().eq([*c]) || !c.to_uppercase().eq([*c]);
    let all = ('\u{1}'..=char::MAX).filter(cased).filter(|c| !is_new(*c));
    let words =
        ["ΟΔΟΣ οδός Σ", "İIıi i\u{307} I\u{307}x", "Straße STRAẞE", "ǅ ŉ ﬃ ΐ ᾳ ᾼ", "50%_\\ '\"", "हिन्दी 入门 👩‍🚀", ""];
    all.map(|c| format!("{c}a{c}\u{307}b{c}")).chain(words.map(str::to_owned)).collect()
}

#[tokio::test]
async fn both_databases_fold_as_rust_does() {
    let texts = texts();
    let wanted: Vec<String> = texts.iter().map(|text| folded(text)).collect();
    for fresh in Fresh::all().await {
        let database = fresh.connect().await;
        let got = folds(&database, &texts).await;
        let other: Vec<_> =
            texts.iter().zip(got.iter().zip(&wanted)).filter(|(_, (got, wanted))| got != wanted).collect();
        assert_eq!(other, [], "{:?}", fresh.dialect);
    }
}

/// A database of PostgreSQL, made with these settings.
async fn made_with(settings: &str) -> Option<Options> {
    let url = std::env::var("LYCEUM_TEST_POSTGRES_URL").ok()?;
    let name = format!("lyceum_store_{}", Id::new());
    let server = sea_orm::Database::connect(&url).await.unwrap();
    let sql = format!("CREATE DATABASE {name} TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C' {settings}");
    server.execute_unprepared(&sql).await.unwrap();
    let (base, _) = url.rsplit_once('/').unwrap();
    Some(Options::new(format!("{base}/{name}")))
}

#[tokio::test]
async fn a_database_whose_language_is_c_folds_the_same() {
    let Some(options) = made_with("ENCODING 'UTF8'").await else { return };
    let database = Database::connect(&options, std::sync::Arc::new(lyceum_kernel::SystemClock)).await.unwrap();
    let texts = texts();
    let wanted: Vec<String> = texts.iter().map(|text| folded(text)).collect();
    assert_eq!(folds(&database, &texts).await, wanted);
}

#[tokio::test]
async fn a_database_of_another_encoding_is_refused_in_words() {
    let Some(options) = made_with("ENCODING 'SQL_ASCII'").await else { return };
    match Database::connect(&options, std::sync::Arc::new(lyceum_kernel::SystemClock)).await.map(drop) {
        Err(ConnectError::Encoding(encoding)) => assert_eq!(encoding, "SQL_ASCII"),
        other => panic!("{other:?}"),
    }
}
