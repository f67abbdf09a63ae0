//! Snippets: a piece of a text with the found words marked, safe as HTML.

use std::ops::Range;

use unicode_normalization::char::is_combining_mark;

/// A piece of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    pub field: String,
    pub html: String,
}

/// Characters before the first found word, and in all.
const BEFORE: usize = 40;
const LENGTH: usize = 200;

/// The neighbourhood of the first of `places`, escaped for HTML, what stands at
/// them in `<mark>`; `None` without places. They are in bytes, in any order.
#[must_use]
pub fn highlight(text: &str, places: &[Range<usize>]) -> Option<String> {
    let chars: Vec<(usize, char)> = text.char_indices().collect();
    let first = places.iter().map(|place| place.start).min()?;
    let first = chars.iter().position(|(at, _)| *at >= first)?;
    let (start, end) = window(&chars, first);
    let marked = |at: usize| places.iter().any(|place| place.contains(&at));
    let mut html = String::from(if start > 0 { "…" } else { "" });
    let mut open = false;
    for (at, c) in &chars[start..end] {
        match (open, marked(*at)) {
            (false, true) => html.push_str("<mark>"),
            (true, false) => html.push_str("</mark>"),
            _ => {}
        }
        open = marked(*at);
        escape(*c, &mut html);
    }
    html.push_str(if open { "</mark>" } else { "" });
    html.push_str(if end < chars.len() { "…" } else { "" });
    Some(html)
}

/// From where to where the snippet goes. No mark is cut from its letter.
fn window(chars: &[(usize, char)], first: usize) -> (usize, usize) {
    let mut start = first.saturating_sub(BEFORE);
    while start > 0 && is_combining_mark(chars[start].1) {
        start -= 1;
    }
    let mut end = (start + LENGTH).min(chars.len());
    while end < chars.len() && is_combining_mark(chars[end].1) {
        end += 1;
    }
    (start, end)
}

fn escape(c: char, html: &mut String) {
    match c {
        '<' => html.push_str("&lt;"),
        '>' => html.push_str("&gt;"),
        '&' => html.push_str("&amp;"),
        '"' => html.push_str("&quot;"),
        '\'' => html.push_str("&#39;"),
        '\n' | '\r' | '\t' => html.push(' '),
        other => html.push(other),
    }
}

#[cfg(test)]
mod tests {
    use super::highlight;

    #[test]
    fn marks_places_and_escapes_the_rest() {
        let html = highlight("<b>Ownership</b> & borrowing", std::slice::from_ref(&(3..12)));
        assert_eq!(html.as_deref(), Some("&lt;b&gt;<mark>Ownership</mark>&lt;/b&gt; &amp; borrowing"));
        assert_eq!(highlight("nothing here", &[]), None);
    }

    #[test]
    fn places_that_overlap_are_one_mark() {
        let html = highlight("先学所有权，再学生命周期。", &[24..30, 6..15, 27..33]);
        assert_eq!(html.as_deref(), Some("先学<mark>所有权</mark>，再学<mark>生命周</mark>期。"));
    }

    #[test]
    fn cuts_around_the_first_place_and_not_between_letter_and_mark() {
        let text = format!("{} needle {}", "x".repeat(300), "y".repeat(300));
        let html = highlight(&text, std::slice::from_ref(&(301..307))).expect("a place");
        assert!(html.starts_with('…') && html.ends_with('…') && html.contains("<mark>needle</mark>"));
        let text = format!("{}needle", "e\u{301}".repeat(60));
        let html = highlight(&text, std::slice::from_ref(&(180..186))).expect("a place");
        assert!(html.starts_with("…e\u{301}"), "{html}");
    }
}
