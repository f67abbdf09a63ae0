//! What the pay page says, in English and Chinese.

use axum::http::{HeaderMap, header};

use crate::{Delivery, PaymentStatus};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    Chinese,
}

impl Language {
    /// The better liked of the two in `Accept-Language` (RFC 9110, 12.5.4).
    pub fn of(headers: &HeaderMap) -> Self {
        let header = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let liking = |language: &str| header.split(',').filter_map(|range| weight(range, language)).fold(0, u16::max);
        if liking("zh") > liking("en") { Self::Chinese } else { Self::English }
    }

    /// The sentence in this language.
    pub const fn say(self, english: &'static str, chinese: &'static str) -> &'static str {
        match self {
            Self::English => english,
            Self::Chinese => chinese,
        }
    }

    pub const fn tag(self) -> &'static str {
        self.say("en", "zh-CN")
    }

    pub const fn delivery(self, delivery: Delivery) -> &'static str {
        match delivery {
            Delivery::Normal => self.say("At once", "立即发送"),
            Delivery::Twice => self.say("Twice", "重复发送两次"),
            Delivery::Late => self.say("Late (held for 30 s or until a flush)", "延迟（30 秒后或手动放行）"),
            Delivery::OutOfOrder => self.say("Out of order", "乱序（先成功，后处理中）"),
            Delivery::Never => self.say("Never", "不发送"),
        }
    }

    pub const fn status(self, status: PaymentStatus) -> &'static str {
        match status {
            PaymentStatus::Open => self.say("Waiting for your decision", "等待付款"),
            PaymentStatus::Processing => self.say("Being processed", "处理中"),
            PaymentStatus::Paid => self.say("Paid", "已支付"),
            PaymentStatus::Closed => self.say("Closed", "已关闭"),
            PaymentStatus::Failed => self.say("Declined", "支付失败"),
        }
    }
}

/// The weight of `range` in thousandths, if it is about `language`.
fn weight(range: &str, language: &str) -> Option<u16> {
    let mut parts = range.split(';').map(str::trim);
    let tag = parts.next()?.split('-').next()?;
    if !tag.eq_ignore_ascii_case(language) {
        return None;
    }
    let quality = parts.find_map(|part| part.strip_prefix("q="));
    Some(quality.map_or(1000, thousandths))
}

/// `0.8` is 800; what is not a quality value is 0.
fn thousandths(quality: &str) -> u16 {
    let (whole, places) = quality.split_once('.').unwrap_or((quality, ""));
    let digits = format!("{whole}{places:0<3}");
    digits.parse().map_or(0, |value: u16| value.min(1000))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn of(header: &'static str) -> Language {
        Language::of(&HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, HeaderValue::from_static(header))]))
    }

    #[test]
    fn the_better_liked_language_is_spoken() {
        assert_eq!(of("zh-CN,zh;q=0.9,en;q=0.8"), Language::Chinese);
        assert_eq!(of("en-GB,en;q=0.9,zh;q=0.8"), Language::English);
        assert_eq!(of("zh;q=0.2, en;q=0.15"), Language::Chinese);
        assert_eq!(of("fr"), Language::English);
        assert_eq!(Language::of(&HeaderMap::new()), Language::English);
    }
}
