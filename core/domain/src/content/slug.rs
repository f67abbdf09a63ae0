//! Slugs: the names of entries in addresses.

/// A slug of a title: letters and digits of any script, in lower case, joined
/// by hyphens. At most 80 characters; empty when the title has none.
#[must_use]
pub fn slugify(title: &str) -> String {
    let mut slug = String::new();
    for c in title.chars().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.chars().count() >= 80 {
            break;
        }
    }
    slug.trim_end_matches('-').to_owned()
}

/// Whether a text can be a slug: what [`slugify`] leaves as it is, up to 200
/// characters, and `_`.
#[must_use]
pub(super) fn is_slug(text: &str) -> bool {
    let fine = |c: char| (c.is_alphanumeric() && c.to_lowercase().eq([c])) || c == '-' || c == '_';
    !text.is_empty() && text.chars().count() <= 200 && text.chars().all(fine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_every_script() {
        assert_eq!(slugify("Rust for the Web!"), "rust-for-the-web");
        assert_eq!(slugify("  Rust 入门：第一课 "), "rust-入门-第一课");
        assert_eq!(slugify("！？"), "");
        assert!(is_slug("rust-入门"));
        for bad in ["", "a b", "a/b", "Ab", "a?"] {
            assert!(!is_slug(bad), "{bad}");
        }
    }
}
