//! The texts of messages: data in `templates/`, one file a language. The first
//! line is the subject, a blank line follows, the rest is the text.

use std::collections::BTreeMap;

use lyceum_kernel::Locale;

use super::Template;

/// Subject and text, ready to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    pub subject: String,
    pub text: String,
}

/// In the language of the locale: Chinese, or else English.
pub(super) fn write(template: Template, locale: &Locale, values: &BTreeMap<String, String>) -> Written {
    let (subject, body) = source(template, locale.language() == "zh");
    let paragraphs = body.trim_end().split("\n\n").filter_map(|paragraph| filled(paragraph, values));
    Written { subject: subject.to_owned(), text: paragraphs.collect::<Vec<_>>().join("\n\n") }
}

fn source(template: Template, chinese: bool) -> (&'static str, &'static str) {
    let [english, translated] = match template {
        Template::VerifyEmail => {
            [include_str!("templates/verify-email.en.txt"), include_str!("templates/verify-email.zh.txt")]
        }
        Template::ResetPassword => {
            [include_str!("templates/reset-password.en.txt"), include_str!("templates/reset-password.zh.txt")]
        }
        Template::PasswordChanged => {
            [include_str!("templates/password-changed.en.txt"), include_str!("templates/password-changed.zh.txt")]
        }
        Template::ChangeEmail => {
            [include_str!("templates/change-email.en.txt"), include_str!("templates/change-email.zh.txt")]
        }
        Template::EmailChangeRequested => [
            include_str!("templates/email-change-requested.en.txt"),
            include_str!("templates/email-change-requested.zh.txt"),
        ],
        Template::EmailChanged => {
            [include_str!("templates/email-changed.en.txt"), include_str!("templates/email-changed.zh.txt")]
        }
        Template::Test => [include_str!("templates/test.en.txt"), include_str!("templates/test.zh.txt")],
    };
    let text = if chinese { translated } else { english };
    text.split_once("\n\n").expect("a test reads every template")
}

/// A paragraph with its values; none when one is missing. Values are not read
/// for placeholders.
fn filled(paragraph: &str, values: &BTreeMap<String, String>) -> Option<String> {
    let (mut out, mut rest) = (String::new(), paragraph);
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, behind) = after.split_once("}}")?;
        out.push_str(before);
        out.push_str(values.get(name)?);
        rest = behind;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placeholders(text: &str) -> Vec<&str> {
        let mut names: Vec<&str> =
            text.split("{{").skip(1).map(|after| after.split_once("}}").expect("closed").0).collect();
        names.sort_unstable();
        names
    }

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn locale(tag: &str) -> Locale {
        tag.parse().expect("a locale")
    }

    #[test]
    fn both_languages_have_the_same_placeholders_and_a_subject_of_one_line() {
        for template in Template::ALL {
            let [(subject, english), (other_subject, chinese)] = [false, true].map(|zh| source(template, zh));
            assert_eq!(placeholders(english), placeholders(chinese), "{template:?}");
            for subject in [subject, other_subject] {
                assert!(!subject.is_empty() && !subject.contains(['\n', '{']), "{subject:?}");
            }
            let known = ["code", "name", "url"];
            assert!(placeholders(english).iter().all(|name| known.contains(name)), "{template:?}");
            assert_ne!(english, chinese);
        }
        assert_eq!(placeholders(source(Template::ResetPassword, false).1), ["code", "name", "url"]);
    }

    #[test]
    fn the_language_is_that_of_the_person_and_english_for_others() {
        let subject = |tag| write(Template::Test, &locale(tag), &BTreeMap::new()).subject;
        assert_eq!(subject("zh-CN"), "测试消息");
        assert_eq!(subject("zh-TW"), "测试消息");
        assert_eq!([subject("en"), subject("fr")], ["A test message", "A test message"]);
    }

    #[test]
    fn a_paragraph_without_its_value_is_left_out() {
        let values = values(&[("code", "c0de")]);
        let text = write(Template::ResetPassword, &locale("en"), &values).text;
        assert!(text.starts_with("Or enter this code where you were asked for it:\nc0de\n\n"), "{text}");
        assert!(!text.contains("open this page") && !text.contains("{{"), "{text}");
    }

    #[test]
    fn a_value_is_not_read_for_placeholders() {
        let values = values(&[("name", "{{code}}"), ("code", "c0de")]);
        let text = write(Template::VerifyEmail, &locale("en"), &values).text;
        assert!(text.starts_with("Hello {{code}},"), "{text}");
        assert_eq!(text.matches("c0de").count(), 1);
    }
}
