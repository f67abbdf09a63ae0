//! From a title to a slug.

use pinyin::ToPinyin;

use crate::phrases;

/// Longest slug, in characters. Words are never cut.
const MOST: usize = 80;

/// Lower-case words and syllables joined by hyphens: `Rust 入门` is
/// `rust-ru-men`. Characters without a Latin reading are left out.
#[must_use]
pub fn slug(title: &str) -> String {
    let mut slug = String::new();
    for word in words(title) {
        let length = slug.len() + usize::from(!slug.is_empty()) + word.len();
        if length > MOST && !slug.is_empty() {
            break;
        }
        if !slug.is_empty() {
            slug.push('-');
        }
        slug.extend(word.chars().take(MOST));
    }
    slug
}

/// Latin words and digits as they are, Chinese syllable by syllable.
fn words(title: &str) -> Vec<String> {
    let (mut words, mut latin) = (Vec::new(), String::new());
    let mut rest = title;
    while let Some(first) = rest.chars().next() {
        let known = phrases::reading(rest);
        let here = known.map_or(first.len_utf8(), |(phrase, _)| phrase.len());
        rest = &rest[here..];
        match (known, plain(first)) {
            (None, Some(letters)) => latin.push_str(&letters),
            (phrase, _) => {
                flush(&mut latin, &mut words);
                match phrase {
                    Some((_, syllables)) => words.extend(syllables.split(' ').map(str::to_owned)),
                    None => words.extend(first.to_pinyin().map(|reading| without_umlaut(reading.plain()))),
                }
            }
        }
    }
    flush(&mut latin, &mut words);
    words
}

fn flush(latin: &mut String, words: &mut Vec<String>) {
    if !latin.is_empty() {
        words.push(std::mem::take(latin));
    }
}

/// The letters of a Latin word: full-width forms become plain ones, accents fall.
fn plain(c: char) -> Option<String> {
    let c = match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0)?,
        _ => c,
    };
    if c.is_ascii_alphanumeric() {
        return Some(c.to_ascii_lowercase().to_string());
    }
    ACCENTED.iter().find(|(letters, _)| letters.contains(c)).map(|(_, letter)| (*letter).to_owned())
}

/// Latin letters with accents that titles have.
const ACCENTED: &[(&str, &str)] = &[
    ("áàâãåāÁÀÂÃÅĀ", "a"),
    ("äÄæÆ", "ae"),
    ("çÇćčĆČ", "c"),
    ("éèêëēÉÈÊËĒ", "e"),
    ("íìîïīÍÌÎÏĪ", "i"),
    ("ñÑńŃ", "n"),
    ("óòôõōøÓÒÔÕŌØ", "o"),
    ("öÖœŒ", "oe"),
    ("ß", "ss"),
    ("úùûūÚÙÛŪ", "u"),
    ("üÜ", "ue"),
    ("ýÿÝ", "y"),
];

/// 女 is written `nü`, and `nv` on keyboards and in addresses.
fn without_umlaut(syllable: &str) -> String {
    syllable.replace('ü', "v")
}
