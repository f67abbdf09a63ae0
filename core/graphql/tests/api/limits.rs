//! Each limit refuses with its own code, before anything happens.

use serde_json::json;

use crate::bed::each_database;

#[tokio::test]
async fn every_limit_has_its_code() {
    each_database(async |bed| {
        let visitor = bed.visitor();
        let mut deep = "title".to_owned();
        for _ in 0..8 {
            deep = format!("lessons(first: 1) {{ nodes {{ course {{ {deep} }} }} }}");
        }
        let aliases: Vec<String> = (0..51).map(|n| format!("a{n}: __typename")).collect();
        let wide = "{ courses(first: 100) { nodes { lessons(first: 100) { nodes { title slug id } } } } }";
        let roots: Vec<String> = (0..31).map(|n| format!("a{n}: me {{ id }}")).collect();
        for (query, code) in [
            (format!("{{ courses(first: 1) {{ nodes {{ {deep} }} }} }}"), "QUERY_TOO_DEEP"),
            (wide.to_owned(), "QUERY_TOO_COSTLY"),
            (format!("{{ {} }}", aliases.join(" ")), "TOO_MANY_ALIASES"),
            (format!("{{ {} }}", roots.join(" ")), "QUERY_TOO_COSTLY"),
            ("{ courses(first: 101) { totalCount } }".to_owned(), "PAGE_TOO_LARGE"),
            ("{ courses(first: -1) { totalCount } }".to_owned(), "BAD_USER_INPUT"),
            ("{ courses(first: 1, last: 1) { totalCount } }".to_owned(), "BAD_USER_INPUT"),
            ("{ nonsense }".to_owned(), "GRAPHQL_VALIDATION_FAILED"),
            ("{ courses { ".to_owned(), "GRAPHQL_PARSE_FAILED"),
        ] {
            assert_eq!(bed.code(&visitor, &query, json!({})).await, code, "{query}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_fragment_does_not_hide_its_cost() {
    each_database(async |bed| {
        let mut query = "query { courses(first: 50) { nodes { ...F0 } } }".to_owned();
        for n in 0..3 {
            query += &format!(
                " fragment F{n} on Course {{ title lessons(first: 50) {{ nodes {{ course {{ ...F{} }} }} }} }}",
                n + 1
            );
        }
        query += " fragment F3 on Course { slug }";
        assert_eq!(bed.code(&bed.visitor(), &query, json!({})).await, "QUERY_TOO_COSTLY");
    })
    .await;
}

#[tokio::test]
async fn a_refused_mutation_does_nothing() {
    each_database(async |bed| {
        let selection =
            "course { lessons(first: 100) { nodes { course { lessons(first: 100) { nodes { id title body } } } } } }";
        let query = format!("mutation {{ createCourse(input: {{ title: \"X\" }}) {{ {selection} }} }}");
        assert_eq!(bed.code(&bed.admin, &query, json!({})).await, "QUERY_TOO_COSTLY");
        assert_eq!(bed.data(&bed.admin, "{ courses { totalCount } }", json!({})).await["courses"]["totalCount"], 0);
    })
    .await;
}
