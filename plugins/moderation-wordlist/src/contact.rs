//! Contact details: telephone numbers, messenger names, mail addresses, and
//! heaps of links. One or two links are normal in a comment on a course.

use crate::list::{Finding, Severity};

/// Links in one text from which on it is taken for spam.
const MANY_LINKS: usize = 3;

/// What of contact details is in a plain text.
#[must_use]
pub fn find(plain: &str) -> Vec<Finding> {
    let chars: Vec<char> = plain.chars().collect();
    let mut found = Vec::new();
    if has_telephone(&chars) {
        found.push(contact("telephone number", 75));
    }
    if has_messenger_name(&chars) {
        found.push(contact("messenger name", 80));
    }
    if plain.split_whitespace().any(is_mail_address) {
        found.push(contact("mail address", 60));
    }
    let links = links(plain);
    if links >= MANY_LINKS {
        found.push(finding("spam", 65, format!("{links} links")));
    }
    found
}

fn contact(what: &str, percent: u8) -> Finding {
    finding("contact", percent, what.to_owned())
}

fn finding(label: &str, percent: u8, what: String) -> Finding {
    Finding { label: label.into(), severity: Severity::Hold, percent, what }
}

/// A Chinese mobile number (11 digits, the first 1, the second 3 to 9), or an
/// international number after a plus sign, with spaces, dots or hyphens inside.
fn has_telephone(chars: &[char]) -> bool {
    digit_runs(chars).iter().any(|run| run.is_international() || run.has_mobile())
}

/// Groups of digits with one separator between two of them.
struct DigitRun {
    groups: Vec<Group>,
    after_plus: bool,
}

struct Group {
    digits: String,
    /// It may be the places of a decimal number, which no telephone number begins with.
    after_point: bool,
}

impl DigitRun {
    fn is_international(&self) -> bool {
        let digits: usize = self.groups.iter().map(|group| group.digits.len()).sum();
        self.after_plus && (10..=15).contains(&digits)
    }

    /// Whether some neighbouring groups together are a mobile number. Other
    /// numbers may stand before and after it.
    fn has_mobile(&self) -> bool {
        (0..self.groups.len()).filter(|first| !self.groups[*first].after_point).any(|first| {
            let mut digits = String::new();
            self.groups[first..].iter().take(13).any(|group| {
                digits.push_str(&group.digits);
                is_mobile(digits.strip_prefix("86").unwrap_or(&digits))
            })
        })
    }
}

fn is_mobile(digits: &str) -> bool {
    digits.len() == 11 && digits.starts_with('1') && digits.as_bytes()[1] >= b'3'
}

/// The runs of digits in a text. A Latin letter at either end makes a run a
/// part of something else, a hash for example.
fn digit_runs(chars: &[char]) -> Vec<DigitRun> {
    let mut runs = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        if !chars[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let (groups, end) = groups(chars, at);
        let before = at.checked_sub(1).map(|before| chars[before]);
        let part_of_word = |char: Option<char>| char.is_some_and(|char| char.is_ascii_alphabetic() || char == '_');
        if !part_of_word(before) && !part_of_word(chars.get(end).copied()) {
            runs.push(DigitRun { groups, after_plus: before == Some('+') });
        }
        at = end;
    }
    runs
}

/// The groups of digits that begin here, and the place after them.
fn groups(chars: &[char], start: usize) -> (Vec<Group>, usize) {
    let mut groups = Vec::new();
    let (mut at, mut after_point) = (start, false);
    loop {
        let digits: String = chars[at..].iter().take_while(|char| char.is_ascii_digit()).collect();
        at += digits.len();
        groups.push(Group { digits, after_point });
        let separated = matches!(chars.get(at), Some(' ' | '-' | '.'));
        if !separated || !chars.get(at + 1).is_some_and(char::is_ascii_digit) {
            return (groups, at);
        }
        after_point = chars[at] == '.';
        at += 1;
    }
}

/// Words that a messenger name follows.
const MESSENGERS: &[&str] =
    &["微信号", "微信", "薇信", "威信", "wechat", "weixin", "vx", "wx", "v信", "qq", "扣扣", "telegram", "whatsapp"];

/// What may stand between the word and the name.
const JOINTS: &[&str] = &["号码", "号", "账号", "id", "是", "为", ":", "：", "=", "+", " "];

/// A messenger's word, and then a name of 5 to 20 characters with a digit in it
/// or with a colon before it.
fn has_messenger_name(chars: &[char]) -> bool {
    (0..chars.len()).any(|at| {
        let on_boundary = at == 0 || !chars[at - 1].is_ascii_alphanumeric();
        MESSENGERS
            .iter()
            .filter_map(|word| after(chars, at, word))
            .any(|rest| (on_boundary || !chars[at].is_ascii()) && is_name(chars, rest))
    })
}

fn is_name(chars: &[char], start: usize) -> bool {
    let mut at = start;
    let mut colon = false;
    while let Some((joint, end)) = JOINTS.iter().find_map(|joint| after(chars, at, joint).map(|end| (*joint, end))) {
        colon |= matches!(joint, ":" | "：" | "=" | "号" | "是");
        at = end;
    }
    // Right after a Latin word its own letters go on: `wxwidgets` is no name.
    if at == start && chars[at - 1].is_ascii_alphabetic() && chars.get(at).is_some_and(char::is_ascii_alphabetic) {
        return false;
    }
    let name = chars[at..].iter().take(21).take_while(|char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-'));
    let (length, digits) =
        name.fold((0, 0), |(all, digits), char| (all + 1, digits + usize::from(char.is_ascii_digit())));
    (5..=20).contains(&length) && (colon || digits >= 3)
}

/// The place after `word`, if it stands here.
fn after(chars: &[char], at: usize, word: &str) -> Option<usize> {
    let length = word.chars().count();
    let here = chars.get(at..at + length)?;
    here.iter().copied().eq(word.chars()).then_some(at + length)
}

fn is_mail_address(word: &str) -> bool {
    let word = word.trim_matches(|char: char| !char.is_ascii_alphanumeric());
    word.split_once('@').is_some_and(|(name, domain)| !name.is_empty() && has_ending(domain))
}

fn has_ending(domain: &str) -> bool {
    domain.rsplit_once('.').is_some_and(|(rest, ending)| {
        !rest.is_empty() && ending.len() >= 2 && ending.chars().all(|char| char.is_ascii_alphabetic())
    })
}

fn links(plain: &str) -> usize {
    plain.matches("://").count() + plain.matches("www.").count().saturating_sub(plain.matches("://www.").count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normal::plain;

    fn found(text: &str) -> Vec<String> {
        find(&plain(text)).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn telephone_numbers_are_found_however_they_are_written() {
        for text in [
            "13812345678",
            "2024-12-31 13812345678",
            "138-1234-5678",
            "１３８ 1234 5678",
            "+86 138 1234 5678",
            "+44 20 7946 0958",
        ] {
            assert_eq!(found(text), ["telephone number"], "{text}");
        }
    }

    #[test]
    fn other_long_numbers_are_not_telephone_numbers() {
        for text in ["ISBN 9787111213826", "1234567890123456", "a13812345678", "12345678901", "3.14159265358"] {
            assert_eq!(found(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn messenger_names_are_found() {
        for text in ["微信 abc12345", "vx：hello_world", "WeChat ID: learn_rust", "qq 123456789", "加V信abc123"] {
            assert_eq!(found(text), ["messenger name"], "{text}");
        }
    }

    #[test]
    fn talking_about_messengers_is_no_contact() {
        for text in ["微信小程序开发", "WeChat payments in this course", "wxWidgets tutorial", "微信支付 v3 接口"]
        {
            assert_eq!(found(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn mail_addresses_are_found() {
        assert_eq!(found("write to (me@example.org)."), ["mail address"]);
        assert_eq!(found("@property and user@host"), Vec::<String>::new());
    }

    #[test]
    fn three_links_are_many() {
        assert_eq!(found("https://a.example http://b.example"), Vec::<String>::new());
        assert_eq!(found("https://www.a.example http://b.example www.c.example"), ["3 links"]);
    }
}
