//! What is generated and committed equals what is generated now. Set
//! `LYCEUM_UPDATE=1` to write it anew.

use std::path::PathBuf;

use lyceum_kernel::ErrorCode;

fn at_root(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn committed(path: &str, wanted: &str) {
    let file = at_root(path);
    if std::env::var_os("LYCEUM_UPDATE").is_some() {
        std::fs::write(&file, wanted).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(found == wanted, "{path} is stale: run the tests with LYCEUM_UPDATE=1 and commit it");
}

#[test]
fn the_schema_is_committed() {
    let content = lyceum_model::content::built_in().unwrap();
    let model = lyceum_domain::types::model(lyceum_model::content::resolve(&content)).unwrap();
    committed("schema/schema.graphql", &lyceum_graphql::sdl(&model).unwrap());
}

#[test]
fn the_error_codes_are_committed() {
    let list: String = ErrorCode::ALL.iter().map(|code| format!("{} {}\n", code.name(), code.http_status())).collect();
    committed("schema/error-codes", &list);
    let mut page = String::from(
        "# Error codes\n\nEvery error has one of these codes in `extensions.code`. The status is that of a request that failed as a whole \
         with the media type `application/graphql-response+json`; a field that fails leaves its place `null` and the status 200.\n\n\
         | code | status | meaning |\n| --- | --- | --- |\n",
    );
    for code in ErrorCode::ALL {
        page += &format!("| `{}` | {} | {} |\n", code.name(), code.http_status(), code.meaning().trim());
    }
    committed("docs/errors.md", &page);
}

#[test]
fn every_type_field_and_argument_is_described() {
    let schema = std::fs::read_to_string(at_root("schema/schema.graphql")).unwrap();
    let mut described = false;
    let mut bare = Vec::new();
    let mut inside = "";
    for line in schema.lines() {
        let text = line.trim();
        let starts =
            ["type ", "input ", "enum ", "interface ", "union ", "scalar "].iter().any(|word| text.starts_with(word));
        // The block `schema { … }` names the roots; nothing in it can be described.
        if starts || text.starts_with("schema ") {
            inside = text.split(' ').next().unwrap_or_default();
        }
        let field = (text.contains(':') && !["enum", "schema"].contains(&inside))
            && !text.starts_with(['"', ')'])
            && line.starts_with('\t');
        if (starts || field) && !described && !text.starts_with('"') {
            bare.push(text.to_owned());
        }
        described = text.ends_with("\"\"\"") || (described && text.is_empty());
    }
    assert!(bare.is_empty(), "without a description: {bare:#?}");
}
