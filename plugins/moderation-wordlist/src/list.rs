//! The word list and how it is matched.

use crate::normal::{readings, squeezed, tokens};

const TEXT: &str = include_str!("words.txt");

/// How bad a finding is by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    Hold,
    Reject,
}

/// Something that was found in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub label: String,
    pub severity: Severity,
    /// Sureness, 0 to 100.
    pub percent: u8,
    /// The word or the kind of detail, for a person.
    pub what: String,
}

/// The head of a section: what its words mean.
#[derive(Debug, Clone, Copy)]
struct Section {
    label: &'static str,
    severity: Severity,
    percent: u8,
}

/// What the list finds in a plain text.
#[must_use]
pub fn find(plain: &str) -> Vec<Finding> {
    let text = Text::new(plain);
    let found = entries().filter(|(_, word)| text.has(word));
    found.map(|(section, word)| section.finding(word)).collect()
}

impl Section {
    /// `[label decision percent]`. The list is ours and checked by a test.
    fn parse(line: &'static str) -> Option<Self> {
        let mut words = line.strip_prefix('[')?.strip_suffix(']')?.split(' ');
        let label = words.next()?;
        let severity = match words.next()? {
            "hold" => Severity::Hold,
            "reject" => Severity::Reject,
            _ => return None,
        };
        Some(Self { label, severity, percent: words.next()?.parse().ok()? })
    }

    fn finding(self, word: &str) -> Finding {
        Finding { label: self.label.into(), severity: self.severity, percent: self.percent, what: word.into() }
    }
}

/// The words of the list, each with its section.
fn entries() -> impl Iterator<Item = (Section, &'static str)> {
    let lines = TEXT.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut section = None;
    lines.filter_map(move |line| match Section::parse(line) {
        Some(head) => {
            section = Some(head);
            None
        }
        None => section.map(|section| (section, line)),
    })
}

/// A text, made ready for looking up.
struct Text {
    /// All readings of all Latin words, sorted.
    words: Vec<String>,
    /// The Latin words one after another, with a space on both sides, for phrases.
    phrase: String,
    /// Without spaces, for Chinese.
    squeezed: String,
}

impl Text {
    fn new(plain: &str) -> Self {
        let tokens = tokens(plain);
        let mut words: Vec<String> = tokens.iter().flat_map(|token| readings(token)).collect();
        words.sort_unstable();
        words.dedup();
        Self { words, phrase: format!(" {} ", tokens.join(" ")), squeezed: squeezed(plain) }
    }

    fn has(&self, entry: &str) -> bool {
        match (entry.is_ascii(), entry.contains(' ')) {
            (true, false) => self.has_word(entry),
            (true, true) => self.phrase.contains(&format!(" {entry} ")),
            (false, _) => self.has_chinese(entry),
        }
    }

    fn has_word(&self, entry: &str) -> bool {
        let has = |word: &str| self.words.binary_search_by(|known| known.as_str().cmp(word)).is_ok();
        has(entry) || has(&format!("{entry}s"))
    }

    /// A Latin letter at the edge of an entry must not go on: `加v` is not in `加vip`.
    fn has_chinese(&self, entry: &str) -> bool {
        let latin = |char: Option<char>| char.is_some_and(|char| char.is_ascii_alphabetic());
        self.squeezed.match_indices(entry).any(|(at, _)| {
            let before = self.squeezed[..at].chars().next_back();
            let after = self.squeezed[at + entry.len()..].chars().next();
            !(latin(entry.chars().next()) && latin(before) || latin(entry.chars().next_back()) && latin(after))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normal::plain;

    fn found(text: &str) -> Vec<String> {
        find(&plain(text)).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn every_line_of_the_list_is_in_plain_form_and_finds_itself() {
        let heads = TEXT.lines().filter(|line| line.starts_with('[')).count();
        assert_eq!(TEXT.lines().filter_map(Section::parse).count(), heads);
        for (_, word) in entries() {
            assert_eq!(plain(word), word);
            assert!(found(word).contains(&word.to_owned()), "{word}");
        }
    }

    #[test]
    fn english_words_match_on_boundaries() {
        assert_eq!(found("This class assumes a passing grade in Scunthorpe"), Vec::<String>::new());
        assert_eq!(found("You ass!"), ["ass"]);
        assert_eq!(found("Two idiots"), ["idiot"]);
    }

    #[test]
    fn tricks_do_not_hide_a_word() {
        for text in
            ["CASINO", "c4s1n0", "c a s i n o", "c.a.s.i.n.o", "ｃａｓｉｎｏ", "ca\u{200b}sino", "саsinо", "caaaasino"]
        {
            assert_eq!(found(text), ["casino"], "{text}");
        }
        for text in ["代写", "代 写", "代*写", "代\u{200d}写", "代寫"] {
            assert_eq!(found(text), ["代写"], "{text}");
        }
    }

    #[test]
    fn phrases_match_over_any_separator() {
        assert_eq!(found("Add me,on  WeChat now"), ["add me on wechat"]);
    }

    #[test]
    fn a_latin_edge_does_not_go_on() {
        assert_eq!(found("加VIP会员"), Vec::<String>::new());
        assert_eq!(found("加V 12345"), ["加v"]);
    }
}
