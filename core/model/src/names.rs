//! One name, in the spelling each place wants.

/// `durationSeconds` → `duration_seconds`.
#[must_use]
pub fn snake(camel: &str) -> String {
    let mut out = String::with_capacity(camel.len() + 4);
    for c in camel.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// `durationSeconds` → `DURATION_SECONDS`, as in sort values.
#[must_use]
pub fn screaming(camel: &str) -> String {
    snake(camel).to_ascii_uppercase()
}

/// `moderationItem` → `ModerationItem`, as in GraphQL type names.
#[must_use]
pub fn pascal(camel: &str) -> String {
    let mut chars = camel.chars();
    chars.next().map(|first| first.to_ascii_uppercase().to_string() + chars.as_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spells_a_name_for_each_place() {
        assert_eq!(snake("durationSeconds"), "duration_seconds");
        assert_eq!(screaming("publishedAt"), "PUBLISHED_AT");
        assert_eq!(pascal("moderationItem"), "ModerationItem");
    }
}
