//! The query's filters in Meilisearch's filter language, one clause each; all
//! must hold.
//!
//! **Invariant:** nothing of the query stands in a clause but numbers and what
//! [`facet`] has encoded.

use lyceum_domain::search::Query;

use super::document::facet;

#[must_use]
pub fn clauses(query: &Query) -> Vec<String> {
    let mut clauses = Vec::new();
    if !query.kinds.is_empty() {
        clauses.push(one_of("kind", &query.kinds));
    }
    clauses.extend(query.category.as_ref().map(|category| equal("category", category)));
    clauses.extend(query.tags.iter().map(|tag| equal("tags", tag)));
    clauses.extend(query.level.as_ref().map(|level| equal("level", level)));
    clauses.extend(query.price_min.map(|price| format!("price >= {price}")));
    clauses.extend(query.price_max.map(|price| format!("price <= {price}")));
    clauses
}

/// Documents whose gated text one of these tokens opens.
#[must_use]
pub fn readable(tokens: &[String]) -> String {
    one_of("readers", tokens)
}

fn equal(attribute: &str, value: &str) -> String {
    format!("{attribute} = \"{}\"", facet(value))
}

fn one_of(attribute: &str, values: &[String]) -> String {
    let values: Vec<String> = values.iter().map(|value| format!("\"{}\"", facet(value))).collect();
    format!("{attribute} IN [{}]", values.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_leave_its_quotes() {
        let hostile = "x\" OR readers EXISTS OR level = \"\\";
        let query = Query { level: Some(hostile.to_owned()), ..Query::default() };
        let clause = clauses(&query).remove(0);
        assert_eq!(clause.matches('"').count(), 2);
        assert!(!clause.contains('\\') && !clause.contains(" OR "));
    }

    #[test]
    fn every_filter_is_a_clause() {
        let query = Query {
            kinds: vec!["course".into(), "lesson".into()],
            category: Some("web".into()),
            tags: vec!["a".into(), "b".into()],
            price_min: Some(100),
            price_max: Some(900),
            ..Query::default()
        };
        let expected = [
            "kind IN [\"course\", \"lesson\"]",
            "category = \"web\"",
            "tags = \"a\"",
            "tags = \"b\"",
            "price >= 100",
            "price <= 900",
        ];
        assert_eq!(clauses(&query), expected);
    }
}
