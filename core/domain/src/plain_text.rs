//! What people write for others to read: names, addresses and comments.
//!
//! **Invariant:** a stored text has something to see, and it looks like what it
//! is: no invisible characters, nothing that turns the direction of what stands
//! beside it, no word of letters that only look like those of another alphabet.
//!
//! Joiners are not noise. Persian, Hindi, Sinhala and emoji are written with
//! them, so each is taken where it joins something (as RFC 5892, appendix A, has
//! it for domain names) and refused where it only hides.
//!
//! The properties of characters are those of ICU4X, which is here already for
//! domain names (`idna`).

use std::fmt;

use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{
        BidiControl, CanonicalCombiningClass, DefaultIgnorableCodePoint, ExtendedPictographic, GeneralCategory,
        JoiningType, Script,
    },
};
use unicode_normalization::UnicodeNormalization;

/// Why a text is refused, in words for the one who typed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextFault {
    NothingToSee,
    Control,
    Invisible,
    Direction,
    MixedAlphabets,
}

impl fmt::Display for TextFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NothingToSee => "There is nothing to see in this text.",
            Self::Control => "Control characters are not allowed here.",
            Self::Invisible => "Invisible characters are not allowed here.",
            Self::Direction => "Characters that turn the direction of other text are not allowed here.",
            Self::MixedAlphabets => "A word has letters of one alphabet; those of another only look alike.",
        })
    }
}

const ZERO_WIDTH_NON_JOINER: char = '\u{200c}';
const ZERO_WIDTH_JOINER: char = '\u{200d}';
const BLACK_FLAG: char = '\u{1f3f4}';
const EMOJI_VARIATION: char = '\u{fe0f}';

/// A name in one form: NFC, single spaces.
pub(crate) fn name(typed: &str) -> Result<String, TextFault> {
    let text: String = typed.nfc().collect();
    if text.trim().chars().any(char::is_control) {
        return Err(TextFault::Control);
    }
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let chars: Vec<char> = text.chars().collect();
    if let Some(at) = (0..chars.len()).find(|at| is_hidden_at(&chars, *at) || is_private(chars[*at])) {
        return Err(if is_bidi_control(chars[at]) { TextFault::Direction } else { TextFault::Invisible });
    }
    if !chars.iter().copied().any(is_visible) {
        return Err(TextFault::NothingToSee);
    }
    if mixes_alphabets(&text) { Err(TextFault::MixedAlphabets) } else { Ok(text) }
}

/// A name that somebody else tells, without what a name must not have; none
/// when nothing is left. At most `longest` characters.
pub(crate) fn cleaned_name(told: &str, longest: usize) -> Option<String> {
    let chars: Vec<char> = told.nfc().filter(|c| c.is_whitespace() || !c.is_control()).collect();
    let kept = (0..chars.len()).filter(|at| !is_hidden_at(&chars, *at) && !is_private(chars[*at])).map(|at| chars[at]);
    name(&kept.take(longest).collect::<String>()).ok()
}

/// A text of several lines: trimmed, with line breaks of one kind. Joiners
/// and marks of direction stay as they are typed.
pub(crate) fn body(typed: &str) -> Result<String, TextFault> {
    let text = typed.trim().replace("\r\n", "\n").replace(['\u{2028}', '\u{2029}'], "\n");
    if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        return Err(TextFault::Control);
    }
    if !text.lines().all(keeps_its_direction) {
        return Err(TextFault::Direction);
    }
    if text.chars().any(is_visible) { Ok(text) } else { Err(TextFault::NothingToSee) }
}

/// Whether a part of an address has only characters that are seen, in their
/// usual form and of one alphabet. Addresses have no joiners.
pub(crate) fn is_plain_identifier(text: &str) -> bool {
    text.chars().next().is_some_and(is_visible)
        && text.chars().all(is_seen_in_an_address)
        && text.nfkc().eq(text.chars())
        && !mixes_alphabets(text)
}

/// Whether it may stand in an address before that is mapped to its one form.
pub(crate) fn is_seen_in_an_address(c: char) -> bool {
    is_visible(c) || is_mark(c)
}

/// Whether a text has only spaces and what is never drawn.
pub(crate) fn is_blank(text: &str) -> bool {
    let hidden = |c| is_ignorable(c) || matches!(category(c), GeneralCategory::Control | GeneralCategory::Format);
    text.chars().all(|c| c.is_whitespace() || hidden(c))
}

/// Whether something is drawn for it on its own.
fn is_visible(c: char) -> bool {
    // Drawn as nothing although a symbol: the empty Braille cell, a note without a head.
    const BLANK: [char; 2] = ['\u{2800}', '\u{1d159}'];
    let drawn = !matches!(
        category(c),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::Surrogate
            | GeneralCategory::Unassigned
            | GeneralCategory::PrivateUse
            | GeneralCategory::SpaceSeparator
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
    );
    drawn && !is_mark(c) && !is_ignorable(c) && !BLANK.contains(&c)
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

fn is_mark(c: char) -> bool {
    use GeneralCategory::{EnclosingMark, NonspacingMark, SpacingMark};
    matches!(category(c), NonspacingMark | SpacingMark | EnclosingMark) && !is_ignorable(c)
}

fn is_private(c: char) -> bool {
    category(c) == GeneralCategory::PrivateUse
}

/// Drawn as nothing by rule: zero-width, soft hyphen, fillers, selectors. The
/// anchors of annotations are too, though the property leaves them out.
fn is_ignorable(c: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c) || ('\u{fff9}'..='\u{fffb}').contains(&c)
}

fn is_bidi_control(c: char) -> bool {
    CodePointSetData::new::<BidiControl>().contains(c)
}

fn is_variation_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' | '\u{180b}'..='\u{180d}' | '\u{180f}')
}

fn is_tag(c: char) -> bool {
    ('\u{e0020}'..='\u{e007f}').contains(&c)
}

/// Whether the character at this place is invisible and does nothing that
/// writing needs.
fn is_hidden_at(chars: &[char], at: usize) -> bool {
    let c = chars[at];
    if !is_ignorable(c) {
        return false;
    }
    let before = at.checked_sub(1).map(|before| chars[before]);
    let needed = match c {
        ZERO_WIDTH_JOINER | ZERO_WIDTH_NON_JOINER => {
            before.is_some_and(joins) && chars.get(at + 1).is_some_and(|next| is_visible(*next) || is_mark(*next))
        }
        c if is_variation_selector(c) => before.is_some_and(|before| is_visible(before) || is_mark(before)),
        c if is_tag(c) => before.is_some_and(|before| before == BLACK_FLAG || is_tag(before)),
        _ => false,
    };
    !needed
}

/// Whether a joiner after this character changes how it is drawn.
fn joins(c: char) -> bool {
    let virama = CodePointMapData::<CanonicalCombiningClass>::new().get(c) == CanonicalCombiningClass::Virama;
    let joining = CodePointMapData::<JoiningType>::new().get(c) != JoiningType::NonJoining && !is_ignorable(c);
    let picture = CodePointSetData::new::<ExtendedPictographic>().contains(c)
        || c == EMOJI_VARIATION
        || ('\u{1f3fb}'..='\u{1f3ff}').contains(&c);
    virama || joining || picture
}

/// A line turns no other text: it overrides nothing and closes what it opens.
fn keeps_its_direction(line: &str) -> bool {
    let (mut embedded, mut isolated) = (0_u32, 0_u32);
    for c in line.chars() {
        match c {
            '\u{202d}' | '\u{202e}' => return false,
            '\u{202a}' | '\u{202b}' => embedded += 1,
            '\u{202c}' => embedded = embedded.saturating_sub(1),
            '\u{2066}'..='\u{2068}' => isolated += 1,
            '\u{2069}' => isolated = isolated.saturating_sub(1),
            _ => {}
        }
    }
    embedded == 0 && isolated == 0
}

/// Whether a word has letters of two alphabets that are easily taken for one
/// another (Unicode Technical Standard 39, section 5.2).
fn mixes_alphabets(text: &str) -> bool {
    const ALIKE: [Script; 6] =
        [Script::Latin, Script::Greek, Script::Cyrillic, Script::Armenian, Script::Cherokee, Script::Coptic];
    let script = |c: char| CodePointMapData::<Script>::new().get(c);
    text.split(|c: char| !c.is_alphanumeric() && !is_mark(c)).any(|word| {
        let mut alphabets = word.chars().map(script).filter(|script| ALIKE.contains(script));
        let first = alphabets.next();
        alphabets.any(|other| Some(other) != first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_many_scripts_are_taken_as_they_are() {
        for written in [
            "Ana María O'Neil-Smith",
            "Nguyễn Thị Ánh",
            "林小雨",
            "さくら タロウ",
            "김민준",
            "محمد بن سلمان",
            "علی\u{200c}رضا",
            "דוד בן־גוריון",
            "श्री राम क्\u{200d}ष",
            "অনির্বাণ",
            "தமிழ்ச்செல்வி",
            "සිරිසේන ශ්\u{200d}රී",
            "สมชาย ใจดี",
            "Иван Петров",
            "Γιώργος",
            "Արմեն",
            "გიორგი",
            "ሰላም",
            "ភូមិន្ទ",
            "ᠮᠣᠩᠭᠣᠯ",
            "👩\u{200d}💻 Mia ❤\u{fe0f}",
            "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f} Ailsa",
            "山田 Taro",
            "Дима Smith",
            "葛\u{e0100}城",
        ] {
            assert_eq!(name(written).as_deref(), Ok(written), "{written}");
            assert_eq!(cleaned_name(written, 80).as_deref(), Some(written));
        }
    }

    #[test]
    fn names_that_hide_or_pretend_are_refused() {
        for (typed, fault) in [
            ("\u{200b}", TextFault::Invisible),
            ("ad\u{200b}min", TextFault::Invisible),
            ("ad\u{200d}min", TextFault::Invisible),
            ("ad\u{ad}min", TextFault::Invisible),
            ("\u{feff}admin", TextFault::Invisible),
            ("\u{3164}", TextFault::Invisible),
            ("\u{115f}\u{1160}", TextFault::Invisible),
            ("admin\u{e0061}", TextFault::Invisible),
            ("\u{fff9}admin", TextFault::Invisible),
            ("\u{e000}", TextFault::Invisible),
            ("\u{202e}nimda", TextFault::Direction),
            ("admin\u{200f}", TextFault::Direction),
            ("\u{2066}admin\u{2069}", TextFault::Direction),
            ("\u{2800}", TextFault::NothingToSee),
            ("\u{301}", TextFault::NothingToSee),
            ("", TextFault::NothingToSee),
            (" \u{3000}\u{a0} ", TextFault::NothingToSee),
            ("\u{430}dmin", TextFault::MixedAlphabets),
            ("adm\u{3b9}n", TextFault::MixedAlphabets),
            ("a\nb", TextFault::Control),
        ] {
            assert_eq!(name(typed), Err(fault), "{typed:?}");
        }
        assert_eq!(name(" Ana \u{3000} Maria ").as_deref(), Ok("Ana Maria"));
    }

    #[test]
    fn a_told_name_loses_what_hides_and_is_none_when_nothing_is_left() {
        assert_eq!(cleaned_name("\u{202e}Ana\u{200b}", 80).as_deref(), Some("Ana"));
        assert_eq!(cleaned_name("\u{202e}\u{200b} ", 80), None);
        assert_eq!(cleaned_name("Ana Maria", 3).as_deref(), Some("Ana"));
    }

    #[test]
    fn a_body_needs_something_to_see_and_turns_nothing() {
        for typed in
            ["مرحبا\u{200f} ABC", "می\u{200c}خواهم", "👨\u{200d}👩\u{200d}👧", "\u{2068}שלום\u{2069} ok", "a\u{ad}b"]
        {
            assert_eq!(body(typed).as_deref(), Ok(typed), "{typed:?}");
        }
        assert_eq!(body("a\u{2028}b").as_deref(), Ok("a\nb"));
        for (typed, fault) in [
            ("\u{200b}\u{200f}", TextFault::NothingToSee),
            ("\u{2800}\n\u{3164}", TextFault::NothingToSee),
            ("\u{202e}olleh", TextFault::Direction),
            ("\u{202d}a\u{202c}", TextFault::Direction),
            ("\u{202b}a\nb\u{202c}", TextFault::Direction),
            ("\u{2067}a", TextFault::Direction),
            ("a\u{1b}[31m", TextFault::Control),
        ] {
            assert_eq!(body(typed), Err(fault), "{typed:?}");
        }
    }

    #[test]
    fn an_identifier_is_seen_in_its_usual_form() {
        for plain in ["ana", "jos\u{e9}", "иван", "林小雨", "a.b+c_d-1"] {
            assert!(is_plain_identifier(plain), "{plain}");
        }
        for odd in
            ["", "admin\u{200b}", "\u{202e}a", "ａｄｍｉｎ", "\u{430}dmin", "a\u{feff}", "\u{301}a", "a b", "\u{fb01}x"]
        {
            assert!(!is_plain_identifier(odd), "{odd:?}");
        }
    }
}
