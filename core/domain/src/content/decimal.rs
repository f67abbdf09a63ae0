//! Decimal numbers as whole numbers of their smallest place.

/// `"4.5"` with two places → `450`. `None` for anything that is not a plain
/// decimal number with at most `scale` places: no exponent, no surplus place.
#[must_use]
pub fn scaled(text: &str, scale: u32) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, places) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let fits = !whole.is_empty() && plain(whole) && plain(places) && places.len() <= scale as usize;
    if !fits || (digits.contains('.') && places.is_empty()) {
        return None;
    }
    let joined = format!("{whole}{places:0<width$}", width = scale as usize);
    let value: i64 = joined.parse().ok()?;
    Some(if negative { -value } else { value })
}

/// `450` with two places → `"4.50"`.
#[must_use]
pub fn written(number: i64, scale: u32) -> String {
    let (sign, size) = (if number < 0 { "-" } else { "" }, number.unsigned_abs());
    if scale == 0 {
        return format!("{sign}{size}");
    }
    let digits = format!("{size:0>width$}", width = scale as usize + 1);
    let (whole, places) = digits.split_at(digits.len() - scale as usize);
    format!("{sign}{whole}.{places}")
}

#[cfg(test)]
mod tests {
    use super::{scaled, written};

    #[test]
    fn reads_digit_by_digit() {
        assert_eq!(scaled("4.5", 2), Some(450));
        assert_eq!(scaled("-0.05", 2), Some(-5));
        assert_eq!(scaled("7", 0), Some(7));
        for bad in ["", ".", "4.", ".5", "1e3", "+1", "4.505", "٤", "99999999999999999999"] {
            assert_eq!(scaled(bad, 2), None, "{bad}");
        }
    }

    #[test]
    fn what_is_written_reads_as_the_same_number() {
        for number in [0, 1, -1, 5, -50, 450, 9_007_199_254_740_993, i64::MAX, -i64::MAX] {
            for scale in 0..=9 {
                assert_eq!(scaled(&written(number, scale), scale), Some(number));
            }
        }
        assert_eq!(written(-5, 2), "-0.05");
        assert_eq!(written(450, 2), "4.50");
        assert_eq!(written(7, 0), "7");
    }
}
