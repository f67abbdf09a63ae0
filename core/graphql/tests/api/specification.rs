//! What the specification says of variables, values, fields and errors. The
//! judges of the whole are in `tests/clients`; here stands what hurt.

use serde_json::{Value as Json, json};

use crate::bed::{Bed, each_database};

const SAVE: &str = "mutation ($id: ID!, $title: String, $summary: String, $access: ContentAccess) {
    updateCourse(input: { id: $id, title: $title, summary: $summary, access: $access }) { course { id } }
}";
const PUBLISH: &str = "mutation ($id: ID!) { publishCourse(input: { id: $id }) { course { id } } }";

async fn paid_course(bed: &Bed) -> String {
    let price = json!({ "minor": 9900, "currency": "CNY" });
    let (slug, body) = ("paid", "For buyers.");
    bed.course(
        json!({ "title": "Paid", "slug": slug, "summary": "S", "body": body, "access": "PURCHASE", "price": price }),
    )
    .await
}

#[tokio::test]
async fn a_variable_that_is_not_sent_changes_nothing() {
    each_database(async |bed| {
        let id = paid_course(bed).await;
        bed.data(&bed.admin, SAVE, json!({ "id": id, "title": "New" })).await;
        bed.data(&bed.admin, PUBLISH, json!({ "id": id })).await;
        let query = "{ course(slug: \"paid\") { title summary body access { requirement granted } } }";
        let course = bed.data(&bed.visitor(), query, json!({})).await["course"].clone();
        let access = json!({ "requirement": "PURCHASE", "granted": false });
        assert_eq!(course, json!({ "title": "New", "summary": "S", "body": null, "access": access }));
    })
    .await;
}

#[tokio::test]
async fn nothing_is_opened_by_null() {
    each_database(async |bed| {
        let id = paid_course(bed).await;
        let refused = bed.ask(&bed.admin, SAVE, json!({ "id": id, "access": null })).await;
        assert_eq!(refused["errors"][0]["extensions"]["path"], json!(["input", "access"]), "{refused}");
        let create = "mutation { createCourse(input: { title: \"T\", slug: \"t\", access: null }) { course { id } } }";
        assert_eq!(bed.code(&bed.admin, create, json!({})).await, "BAD_USER_INPUT");
    })
    .await;
}

#[tokio::test]
async fn a_required_variable_is_required_each_time() {
    each_database(async |bed| {
        let query = "query Q($slug: String!) { courses(filter: { slug: { eq: $slug } }) { totalCount } }";
        for _ in 0..2 {
            bed.data(&bed.visitor(), query, json!({ "slug": "x" })).await;
            for variables in [json!({}), json!({ "slug": null }), json!({ "slug": 7 }), json!({ "slug": ["x", "y"] })] {
                let answer = bed.ask(&bed.visitor(), query, variables.clone()).await;
                assert_eq!(answer["refused"], "BAD_USER_INPUT", "{variables}: {answer}");
                assert_eq!(answer["path"], json!(["slug"]), "{variables}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn no_null_drops_a_filter() {
    each_database(async |bed| {
        paid_course(bed).await;
        let query = "query ($filter: CourseFilter) { courses(filter: $filter) { totalCount } }";
        let count = async |filter: Json| bed.ask(&bed.visitor(), query, json!({ "filter": filter })).await;
        for filter in [
            json!({ "slug": { "eq": null } }),
            json!({ "slug": null }),
            json!({ "and": null }),
            json!({ "not": null }),
            json!({ "id": { "in": null } }),
            json!({ "category": { "slug": { "eq": null } } }),
        ] {
            let answer = count(filter.clone()).await;
            assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{filter}: {answer}");
        }
        for (filter, wanted) in [
            (json!({ "slug": { "in": [] } }), 0),
            (json!({ "slug": { "notIn": [] } }), 1),
            (json!({ "or": [] }), 0),
            (json!({ "and": [] }), 1),
            (json!({}), 1),
            (json!({ "level": { "ne": "EXPERT" } }), 1),
            (json!({ "level": { "notIn": ["EXPERT"] } }), 1),
            (json!({ "slug": { "in": ["paid", "other"] } }), 1),
            (json!({ "id": { "notIn": ["course_00000000000000000000000000"] } }), 1),
            (json!({ "rating": { "in": ["4.5"] } }), 0),
            (json!({ "price": { "in": [9900, 1] } }), 1),
        ] {
            let answer = count(filter.clone()).await;
            assert_eq!(answer["data"]["courses"]["totalCount"], wanted, "{filter}: {answer}");
        }
    })
    .await;
}

#[tokio::test]
async fn fields_merge_or_are_refused() {
    each_database(async |bed| {
        bed.course(json!({ "title": "One", "slug": "one" })).await;
        let visitor = bed.visitor();
        for query in [
            "{ courses { nodes { x: slug ...F } } } fragment F on Course { x: title }",
            "{ courses(first: 1) { totalCount } ...F } fragment F on Query { courses(first: 2) { totalCount } }",
            "{ courses(sort: [ID_ASC]) { totalCount } courses(sort: [ID_ASC, TITLE_ASC]) { totalCount } }",
            "{ courses(filter: { slug: { eq: \"a\" }, slug: { eq: \"b\" } }) { totalCount } }",
            "{ courses(sort: [\"TITLE_ASC\"]) { totalCount } }",
            "{ __typename @nope }",
            "{ __typename @include }",
            "query ($t: [String]) { courses(filter: { slug: { in: $t } }) { totalCount } }",
            "query ($t: String) { courses(filter: { slug: { in: [$t] } }) { totalCount } }",
            "{ courses(filter: { createdAt: { gt: \"yesterday\" } }) { totalCount } }",
        ] {
            assert_eq!(bed.code(&visitor, query, json!({})).await, "GRAPHQL_VALIDATION_FAILED", "{query}");
        }
        let merged = "{ courses { nodes { id } ...F } } fragment F on CourseConnection { nodes { title } totalCount }";
        let courses = bed.data(&visitor, merged, json!({})).await["courses"].clone();
        assert_eq!((&courses["totalCount"], &courses["nodes"][0]["title"]), (&json!(1), &json!("One")));
        assert!(courses["nodes"][0]["id"].is_string());
    })
    .await;
}

#[tokio::test]
async fn what_the_specification_allows_is_allowed() {
    each_database(async |bed| {
        let visitor = bed.visitor();
        for (query, wanted) in [
            ("query ($a: Boolean = true) { __typename @include(if: $a) }", json!({ "__typename": "Query" })),
            (
                "\"Who is there?\" query Q(\"Unused?\" $a: Boolean = false) { me { id } x: __typename @skip(if: $a) }",
                json!({ "me": null, "x": "Query" }),
            ),
            (
                "{ ... on Query { __schema { queryType { name } } } me { id } }",
                json!({ "__schema": { "queryType": { "name": "Query" } }, "me": null }),
            ),
            (
                "{ __type(name: \"CourseFilter\") { isOneOf kind } }",
                json!({ "__type": { "isOneOf": false, "kind": "INPUT_OBJECT" } }),
            ),
            (
                "{ course(slug: \"\\uD83D\\uDE00\") { id } other: course(slug: \"\\u{1F600}\") { id } }",
                json!({ "course": null, "other": null }),
            ),
        ] {
            assert_eq!(bed.data(&visitor, query, json!({})).await, wanted, "{query}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_error_says_where_it_is_in_the_query_and_in_the_answer() {
    each_database(async |bed| {
        let answer = bed.ask(&bed.visitor(), "{\n  a: courses(first: 101) { totalCount }\n}", json!({})).await;
        assert_eq!(answer["errors"][0]["locations"], json!([{ "line": 2, "column": 3 }]), "{answer}");
        assert_eq!(answer["errors"][0]["path"], json!(["a"]));
        assert_eq!(answer["data"], json!({ "a": null }));
    })
    .await;
}

#[tokio::test]
async fn a_mutation_that_is_refused_did_nothing_of_it() {
    each_database(async |bed| {
        let wide = "course { lessons(first: 100) { nodes { course { lessons(first: 100) { nodes { id title body } } } } } }";
        let query = format!(
            "mutation {{ a: createCourse(input: {{ title: \"A\" }}) {{ course {{ id }} }} b: createCourse(input: {{ title: \"B\" }}) {{ {wide} }} }}"
        );
        assert_eq!(bed.code(&bed.admin, &query, json!({})).await, "QUERY_TOO_COSTLY");
        assert_eq!(bed.data(&bed.admin, "{ courses { totalCount } }", json!({})).await["courses"]["totalCount"], 0);
    })
    .await;
}

#[tokio::test]
async fn introspection_is_bounded() {
    each_database(async |bed| {
        let mut deep = "name".to_owned();
        for _ in 0..3 {
            deep = format!("possibleTypes {{ interfaces {{ {deep} }} }}");
        }
        let query = format!("{{ __type(name: \"Node\") {{ {deep} }} }}");
        assert_eq!(bed.code(&bed.visitor(), &query, json!({})).await, "QUERY_TOO_DEEP");
        let all = "kind name description fields { name args { name type { kind } } type { kind ofType { kind name } } } inputFields { name }";
        let roots: Vec<String> = (0..30).map(|n| format!("a{n}: __schema {{ types {{ {all} }} }}")).collect();
        assert_eq!(bed.code(&bed.visitor(), &format!("{{ {} }}", roots.join(" ")), json!({})).await, "QUERY_TOO_COSTLY");
    })
    .await;
}

#[tokio::test]
async fn what_is_too_large_is_refused_with_its_limit() {
    each_database(async |bed| {
        let visitor = bed.visitor();
        let filter = "query ($f: CourseFilter) { courses(filter: $f) { totalCount } }";
        let mut relations = json!({ "slug": { "eq": "n" } });
        for _ in 0..14 {
            relations = json!({ "author": { "courses": relations } });
        }
        let many = |count: usize| json!({ "slug": { "in": vec!["a"; count] } });
        for (query, variables, code, limit) in [
            (filter, json!({ "f": { "or": vec![json!({}); 900] } }), "FILTER_TOO_LARGE", 100),
            (filter, json!({ "f": many(10_001) }), "FILTER_TOO_LARGE", 10_000),
            (filter, json!({ "f": relations }), "FILTER_TOO_LARGE", 5),
            (
                "query ($s: [CourseSort!]) { courses(sort: $s) { totalCount } }",
                json!({ "s": vec!["SLUG_ASC"; 3000] }),
                "FILTER_TOO_LARGE",
                5,
            ),
        ] {
            let answer = bed.ask(&visitor, query, variables).await;
            let error = answer["errors"][0].clone();
            let code_found = error["extensions"]["code"].as_str().or(answer["refused"].as_str());
            assert_eq!(code_found, Some(code), "{query}: {answer}");
            if let Some(found) = error["extensions"]["limit"].as_u64() {
                assert_eq!(found, limit, "{query}");
            }
        }
        assert_eq!(bed.data(&visitor, filter, json!({ "f": many(10_000) })).await["courses"]["totalCount"], 0);
        let twice = "{ courses(sort: [TITLE_ASC, TITLE_DESC]) { totalCount } }";
        assert_eq!(bed.code(&visitor, twice, json!({})).await, "BAD_USER_INPUT");
        let words = json!({ "q": "字 ".repeat(300) });
        let search = "query ($q: String!) { search(query: $q) { totalCount } }";
        assert_eq!(bed.code(&visitor, search, words).await, "BAD_USER_INPUT");
    })
    .await;
}
