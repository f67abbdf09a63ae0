//! Slugs: the names of entries in addresses.
//!
//! **Invariant:** a slug that is made or taken is NFKC, has nothing invisible,
//! and begins no part with a mark, so that one name is one address, however it
//! is typed. Before this rule there were others (full-width letters, Hangul in
//! parts): [`slug_forms`] has them found still.

use icu_properties::{CodePointMapData, CodePointSetData, props::DefaultIgnorableCodePoint, props::GeneralCategory};
use unicode_normalization::UnicodeNormalization;

/// Characters of a slug that is made.
const MADE: usize = 80;
/// Characters of a slug.
const LONGEST: usize = 200;
/// Rounds until a text is in its form: leaving something out can bring two
/// characters together that are one.
const ROUNDS: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// A letter or a number.
    Letter,
    /// What stands on a letter: an accent, a vowel sign, a virama.
    Mark,
    /// Left out, with no cut: what is not drawn, and apostrophes.
    Nothing,
    /// Everything else.
    Cut,
}

fn part(c: char) -> Part {
    use GeneralCategory as Category;
    if is_ignorable(c) || matches!(c, '\'' | '’' | '‘') {
        return Part::Nothing;
    }
    match CodePointMapData::<GeneralCategory>::new().get(c) {
        Category::UppercaseLetter
        | Category::LowercaseLetter
        | Category::TitlecaseLetter
        | Category::ModifierLetter
        | Category::OtherLetter
        | Category::DecimalNumber
        | Category::LetterNumber
        | Category::OtherNumber => Part::Letter,
        Category::NonspacingMark | Category::SpacingMark | Category::EnclosingMark => Part::Mark,
        _ => Part::Cut,
    }
}

fn is_ignorable(c: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// A slug of a title: letters, numbers and marks of any script, in lower case,
/// joined by hyphens. At most 80 characters, cut before a letter; empty when
/// the title has none.
#[must_use]
pub fn slugify(title: &str) -> String {
    let mut slug = slug_once(title);
    for _ in 1..ROUNDS {
        let next = slug_once(&slug);
        if next == slug {
            break;
        }
        slug = next;
    }
    slug
}

fn slug_once(text: &str) -> String {
    // The dot of a Turkish `İ` goes with its capital.
    let lower = text.nfkc().collect::<String>().to_lowercase().replace("i\u{307}", "i");
    let mut slug = String::new();
    for c in lower.nfkc() {
        match part(c) {
            Part::Letter => slug.push(c),
            Part::Mark if !slug.is_empty() && !slug.ends_with('-') => slug.push(c),
            Part::Mark | Part::Nothing => {}
            Part::Cut if slug.is_empty() || slug.ends_with('-') => {}
            Part::Cut => slug.push('-'),
        }
    }
    cut(slug.nfkc().collect())
}

/// No more than a made slug has, with all marks of its last letter.
fn cut(mut slug: String) -> String {
    if let Some((end, _)) = slug.char_indices().nth(MADE) {
        let letter = |(_, c): &(usize, char)| part(*c) != Part::Mark;
        let last = slug[..end].char_indices().rfind(letter).map_or(0, |(at, _)| at);
        let next_is_mark = slug[end..].starts_with(|c| part(c) == Part::Mark);
        slug.truncate(if next_is_mark && last > 0 { last } else { end });
    }
    slug.truncate(slug.trim_end_matches('-').len());
    slug
}

/// A slug as it is stored: NFKC, without what is not drawn.
#[must_use]
pub fn canonical_slug(given: &str) -> String {
    if given.is_ascii() {
        return given.to_owned();
    }
    let mut slug: String = given.nfkc().filter(|c| !is_ignorable(*c)).collect();
    for _ in 1..ROUNDS {
        slug = slug.nfkc().filter(|c| !is_ignorable(*c)).collect();
    }
    slug
}

/// The writings under which a slug may be stored, the given one first: as it is
/// made now, and as it could be taken before.
#[must_use]
pub fn slug_forms(given: &str) -> Vec<String> {
    let mut forms = vec![given.to_owned()];
    if !given.is_ascii() {
        for form in [canonical_slug(given), given.nfd().collect()] {
            if !forms.contains(&form) {
                forms.push(form);
            }
        }
    }
    forms
}

/// Whether a text can be a slug: what [`slugify`] leaves as it is, up to 200
/// characters, and `_`.
#[must_use]
pub(super) fn is_slug(text: &str) -> bool {
    let mut after_letter = false;
    let mut fits = |c: char| {
        let fits = match part(c) {
            Part::Letter => c.to_lowercase().eq([c]),
            Part::Mark => after_letter,
            Part::Nothing => false,
            Part::Cut => c == '-' || c == '_',
        };
        after_letter = !matches!(c, '-' | '_');
        fits
    };
    !text.is_empty() && text.chars().count() <= LONGEST && canonical_slug(text) == text && text.chars().all(&mut fits)
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn keeps_every_script() {
        for (title, slug) in [
            ("Rust for the Web!", "rust-for-the-web"),
            ("  Rust 入门：第一课 ", "rust-入门-第一课"),
            ("！？", ""),
            ("🙂🙂", ""),
            ("हिन्दी में कहानी", "हिन्दी-में-कहानी"),
            ("தமிழ் கதை", "தமிழ்-கதை"),
            ("ภาษาไทยง่ายมาก", "ภาษาไทยง่ายมาก"),
            ("İstanbul’da yazmak", "istanbulda-yazmak"),
            ("اُردُو کہانی", "اُردُو-کہانی"),
            ("می\u{200c}خواهم", "میخواهم"),
            ("co\u{ad}operate", "cooperate"),
            ("Cafe\u{301} society", "café-society"),
            ("Tie\u{302}\u{301}ng Vie\u{323}\u{302}t", "tiếng-việt"),
            ("ＲＵＳＴ１ ﬁnale", "rust1-finale"),
            ("カ\u{3099}イト", "ガイト"),
            ("\u{301}a -\u{301}b", "a-b"),
            ("ΟΔΟΣ", "οδος"),
        ] {
            assert_eq!(slugify(title), slug, "{title}");
        }
    }

    #[test]
    fn what_is_no_slug_is_refused() {
        for good in ["rust-入门", "हिन्दी", "a_b", "café", "i\u{307}x"] {
            assert!(is_slug(good), "{good}");
        }
        for bad in ["", "a b", "a/b", "Ab", "a?", "cafe\u{301}", "ｒust", "\u{301}a", "a-\u{301}b", "a\u{200d}b", "a\0"]
        {
            assert!(!is_slug(bad), "{bad}");
        }
        assert!(is_slug(&"a".repeat(200)) && !is_slug(&"a".repeat(201)));
    }

    #[test]
    fn a_long_title_is_cut_before_a_letter() {
        assert_eq!(slugify(&"a ".repeat(100)).chars().count(), 79);
        let marked = slugify(&"क्षि".repeat(40));
        assert!(marked.chars().count() <= 80 && is_slug(&marked));
        assert!("क्षि".repeat(40)[marked.len()..].starts_with(|c| part(c) == Part::Letter));
        assert_eq!(slugify(&format!("a{}", "\u{301}\u{302}".repeat(100))).chars().count(), 80);
    }

    #[test]
    fn a_made_slug_is_a_slug_and_makes_itself() {
        let mut random = StdRng::seed_from_u64(5920);
        let blocks =
            [0x20..0x250, 0x300..0x370, 0x370..0x600, 0x600..0x1000, 0x1000..0x2100, 0x3000..0xd7a4, 0xe0..0x11_0000];
        for round in 0..1_000 {
            let mut any = || {
                let block = blocks[random.random_range(0..blocks.len())].clone();
                char::from_u32(random.random_range(block)).unwrap_or('\'')
            };
            let title: String = (0..=round % 120).map(|_| any()).collect();
            let slug = slugify(&title);
            assert!(slug.is_empty() || is_slug(&slug), "{title:?} → {slug:?}");
            assert_eq!(slugify(&slug), slug, "{title:?}");
            assert_eq!(canonical_slug(&slug), slug, "{title:?}");
        }
        for c in (0..0x1_2000).filter_map(char::from_u32) {
            let slug = slugify(&format!("a{c}b{c}"));
            assert!(is_slug(&slug) && slugify(&slug) == slug, "{c:?} → {slug:?}");
        }
    }
}
