//! Snippets: a piece of a text with the found words marked, safe as HTML.

use std::ops::Range;

/// A piece of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    pub field: String,
    pub html: String,
}

/// Characters before the first found word, and in all.
const BEFORE: usize = 40;
const LENGTH: usize = 200;

/// The neighbourhood of the first found word, escaped for HTML, every found
/// word in `<mark>`; `None` when the text has none of the words. `terms` are
/// in lower case.
#[must_use]
pub fn highlight(text: &str, terms: &[String]) -> Option<String> {
    let chars: Vec<char> = text.chars().collect();
    let lower_case: Vec<char> = chars.iter().map(|c| lower(*c)).collect();
    let terms: Vec<Vec<char>> =
        terms.iter().map(|term| term.chars().map(lower).collect::<Vec<_>>()).filter(|term| !term.is_empty()).collect();
    let first = terms.iter().filter_map(|term| places(&lower_case, 0..chars.len(), term).next()).min()?;
    let start = first.saturating_sub(BEFORE);
    let end = (start + LENGTH).min(chars.len());
    let marks = marks(&lower_case, start..end, &terms);
    let mut html = String::from(if start > 0 { "…" } else { "" });
    for (place, c) in (start..end).zip(&chars[start..end]) {
        let (before, here) = (place > start && marks[place - start - 1], marks[place - start]);
        match (before, here) {
            (false, true) => html.push_str("<mark>"),
            (true, false) => html.push_str("</mark>"),
            _ => {}
        }
        escape(*c, &mut html);
    }
    if marks.last() == Some(&true) {
        html.push_str("</mark>");
    }
    html.push_str(if end < chars.len() { "…" } else { "" });
    Some(html)
}

/// One character for one, so that places stay the same.
fn lower(c: char) -> char {
    let full_width = ('\u{ff01}'..='\u{ff5e}').contains(&c);
    let c = if full_width { char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c) } else { c };
    c.to_lowercase().next().unwrap_or(c)
}

/// Where a term begins within a range.
fn places<'t>(text: &'t [char], within: Range<usize>, term: &'t [char]) -> impl Iterator<Item = usize> + 't {
    let end = (within.end + 1).saturating_sub(term.len());
    (within.start..end.max(within.start)).filter(move |place| {
        text[*place] == term[0] && text[*place..].starts_with(term) && at_word_start(text, *place, term)
    })
}

/// Which characters of a range belong to a term.
fn marks(text: &[char], within: Range<usize>, terms: &[Vec<char>]) -> Vec<bool> {
    let mut marks = vec![false; within.len()];
    for term in terms {
        for place in places(text, within.clone(), term) {
            marks[place - within.start..place - within.start + term.len()].fill(true);
        }
    }
    marks
}

/// Latin words are marked from their beginning; Chinese has no such places.
fn at_word_start(text: &[char], place: usize, term: &[char]) -> bool {
    let joined = place > 0 && text[place - 1].is_ascii_alphanumeric();
    !(term[0].is_ascii_alphanumeric() && joined)
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

    fn terms(list: &[&str]) -> Vec<String> {
        list.iter().map(|t| (*t).to_owned()).collect()
    }

    #[test]
    fn marks_words_and_escapes_the_rest() {
        let html = highlight("<b>Ownership</b> & borrowing", &terms(&["ownership", "row"]));
        assert_eq!(html.as_deref(), Some("&lt;b&gt;<mark>Ownership</mark>&lt;/b&gt; &amp; borrowing"));
        assert_eq!(highlight("nothing here", &terms(&["所有权"])), None);
    }

    #[test]
    fn marks_chinese_inside_a_sentence() {
        let html = highlight("先学所有权，再学生命周期。", &terms(&["所有权", "生命", "命周"]));
        assert_eq!(html.as_deref(), Some("先学<mark>所有权</mark>，再学<mark>生命周</mark>期。"));
    }

    #[test]
    fn cuts_around_the_first_word() {
        let text = format!("{} needle {}", "x".repeat(300), "y".repeat(300));
        let html = highlight(&text, &terms(&["needle"])).expect("it is there");
        assert!(html.starts_with('…') && html.ends_with('…') && html.contains("<mark>needle</mark>"));
    }
}
