//! The page `docs/queries.md` says what holds, and the schema explains itself.

use std::path::Path;

use lyceum_graphql::Limits;

use crate::bed::each_database;

#[test]
fn the_limits_of_the_page_are_the_defaults() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/queries.md")).unwrap();
    let limit = |setting: &str| -> u64 {
        let row = page.lines().find(|line| line.starts_with("| ") && line.contains(&format!("`graphql.{setting}`")));
        let row = row.unwrap_or_else(|| panic!("{setting} has no row"));
        row.split('|').nth(2).unwrap().trim().replace(',', "").parse().unwrap()
    };
    let defaults = Limits::default();
    for (setting, value) in [
        ("query_bytes", defaults.query_bytes as u64),
        ("tokens", defaults.tokens as u64),
        ("aliases", defaults.aliases as u64),
        ("depth", defaults.depth as u64),
        ("fields", defaults.fields),
        ("root_fields", defaults.root_fields as u64),
        ("cost", defaults.cost),
        ("conditions", defaults.conditions as u64),
        ("filter_relations", defaults.filter_relations as u64),
        ("filter_values", defaults.filter_values as u64),
        ("page_size", u64::from(defaults.page_size)),
        ("query_seconds", defaults.query_time.as_secs()),
        ("mutation_seconds", defaults.mutation_time.as_secs()),
    ] {
        assert_eq!(limit(setting), value, "{setting}");
    }
}

#[tokio::test]
async fn every_element_of_the_schema_is_described() {
    each_database(async |bed| {
        let query = "{ __schema { description types {
            name description kind
            fields { name description args { name description } }
            inputFields { name description }
            enumValues { name description }
            specifiedByURL
        } directives { name description args { name description } } } }";
        let schema = bed.data(&bed.visitor(), query, serde_json::json!({})).await["__schema"].clone();
        let mut bare = Vec::new();
        for ty in schema["types"].as_array().unwrap() {
            let name = ty["name"].as_str().unwrap();
            if name.starts_with("__") {
                continue;
            }
            if ty["description"].is_null() {
                bare.push(name.to_owned());
            }
            for members in ["fields", "inputFields", "enumValues"] {
                for member in ty[members].as_array().into_iter().flatten() {
                    let at = format!("{name}.{}", member["name"].as_str().unwrap());
                    let arguments = member["args"].as_array().into_iter().flatten();
                    let without = arguments.filter(|argument| argument["description"].is_null());
                    bare.extend(without.map(|argument| format!("{at}({})", argument["name"])));
                    if member["description"].as_str().is_none_or(str::is_empty) {
                        bare.push(at);
                    }
                }
            }
        }
        assert_eq!(bare, Vec::<String>::new());
    })
    .await;
}
