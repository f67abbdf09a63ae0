//! Texts in one form, whatever tricks they are written with.
//!
//! [`plain`] undoes look-alike characters and invisible ones. [`tokens`] and
//! [`squeezed`] then undo spaces between letters, for Latin and for Chinese.

/// The text with full-width, styled and look-alike characters as plain ones, in
/// lower case, and without invisible characters and accents.
#[must_use]
pub fn plain(text: &str) -> String {
    text.chars().filter(|char| !is_invisible(*char)).flat_map(|char| folded(char).to_lowercase()).collect()
}

/// Characters that change nothing to the eye: zero-width, directional, soft
/// hyphen, variation selectors, combining marks, tags.
fn is_invisible(char: char) -> bool {
    matches!(char,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{300}'..='\u{36f}' | '\u{20d0}'..='\u{20ff}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

/// One character as the plain one that it looks like.
fn folded(char: char) -> char {
    match char {
        '\0'..='\u{7f}' => char,
        '\u{ff01}'..='\u{ff5e}' => shifted(char, '\u{ff01}', '!', 94),
        '\u{3000}' | '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' => ' ',
        'Ⓐ'..='Ⓩ' => shifted(char, 'Ⓐ', 'a', 26),
        'ⓐ'..='ⓩ' => shifted(char, 'ⓐ', 'a', 26),
        '①'..='⑨' => shifted(char, '①', '1', 9),
        '\u{1d400}'..='\u{1d6a3}' => styled(char),
        '\u{1d7ce}'..='\u{1d7ff}' => shifted(char, '\u{1d7ce}', '0', 10),
        '\u{1f130}'..='\u{1f149}' => shifted(char, '\u{1f130}', 'a', 26),
        '\u{1f170}'..='\u{1f189}' => shifted(char, '\u{1f170}', 'a', 26),
        'À'..='ÿ' | 'Ā'..='ſ' => unaccented(char),
        '\u{370}'..='\u{4ff}' => look_alike(char),
        _ => simplified(char),
    }
}

/// The character that stands as far from `to` as `char` from `from`, round by `period`.
fn shifted(char: char, from: char, to: char, period: u32) -> char {
    let distance = (char as u32 - from as u32) % period;
    char::from_u32(to as u32 + distance).unwrap_or(char)
}

/// Mathematical letters: 26 capitals and 26 small ones for each style.
fn styled(char: char) -> char {
    let place = (char as u32 - 0x1d400) % 52;
    char::from_u32('a' as u32 + place % 26).unwrap_or(char)
}

/// Latin letters with an accent as the letter below it.
fn unaccented(char: char) -> char {
    let small = char.to_lowercase().next().unwrap_or(char);
    match small {
        'à'..='å' | 'ā' | 'ă' | 'ą' => 'a',
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => 'c',
        'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => 'e',
        'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => 'i',
        'ñ' | 'ń' | 'ņ' | 'ň' => 'n',
        'ò'..='ö' | 'ø' | 'ō' | 'ŏ' | 'ő' => 'o',
        'ś' | 'ŝ' | 'ş' | 'š' => 's',
        'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => 'u',
        'ý' | 'ÿ' => 'y',
        _ => small,
    }
}

/// Greek and Cyrillic letters that look like Latin ones.
fn look_alike(char: char) -> char {
    match char {
        'а' | 'А' | 'α' | 'Α' => 'a',
        'В' | 'Β' => 'b',
        'с' | 'С' => 'c',
        'е' | 'Е' | 'Ε' | 'ё' => 'e',
        'Н' | 'Η' => 'h',
        'і' | 'І' | 'ι' | 'Ι' => 'i',
        'ј' => 'j',
        'К' | 'к' | 'Κ' | 'κ' => 'k',
        'М' | 'Μ' => 'm',
        'Ν' => 'n',
        'о' | 'О' | 'ο' | 'Ο' => 'o',
        'р' | 'Р' | 'ρ' | 'Ρ' => 'p',
        'ѕ' | 'Ѕ' => 's',
        'Т' | 'Τ' => 't',
        'у' | 'У' => 'y',
        'х' | 'Х' | 'χ' | 'Χ' => 'x',
        _ => char,
    }
}

/// Traditional characters that stand in the list in their simplified form.
fn simplified(char: char) -> char {
    const PAIRS: &[(char, char)] = &[
        ('寫', '写'),
        ('論', '论'),
        ('單', '单'),
        ('號', '号'),
        ('賭', '赌'),
        ('場', '场'),
        ('錢', '钱'),
        ('賺', '赚'),
        ('貸', '贷'),
        ('證', '证'),
        ('發', '发'),
        ('開', '开'),
        ('網', '网'),
        ('職', '职'),
        ('結', '结'),
        ('領', '领'),
        ('購', '购'),
        ('廣', '广'),
        ('約', '约'),
        ('視', '视'),
        ('頻', '频'),
        ('貨', '货'),
        ('廢', '废'),
        ('腦', '脑'),
        ('殘', '残'),
        ('滾', '滚'),
        ('門', '门'),
        ('樂', '乐'),
        ('時', '时'),
        ('薦', '荐'),
        ('電', '电'),
        ('話', '话'),
        ('聯', '联'),
        ('繫', '系'),
        ('機', '机'),
        ('碼', '码'),
        ('進', '进'),
        ('資', '资'),
        ('優', '优'),
        ('價', '价'),
        ('買', '买'),
        ('賣', '卖'),
        ('媽', '妈'),
        ('馬', '马'),
        ('譽', '誉'),
        ('評', '评'),
        ('課', '课'),
    ];
    PAIRS.iter().find(|(traditional, _)| *traditional == char).map_or(char, |(_, simple)| *simple)
}

/// Digits and signs that stand for letters inside a word.
fn unleeted(char: char) -> char {
    match char {
        '0' => 'o',
        '1' | '!' | '|' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        '8' => 'b',
        _ => char,
    }
}

fn is_word_char(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '@' | '$' | '!' | '|' | '\'')
}

/// The Latin words of a plain text. Letters written one by one (`c a s i n o`,
/// `c.a.s.i.n.o`) become one word.
#[must_use]
pub fn tokens(plain: &str) -> Vec<String> {
    let mut joined: Vec<String> = Vec::new();
    let mut run = String::new();
    let mut words = plain.split(|char: char| !is_word_char(char)).filter(|word| !word.is_empty()).peekable();
    while let Some(word) = words.next() {
        if word.len() == 1 {
            run.push_str(word);
        }
        if !run.is_empty() && words.peek().is_none_or(|next| next.len() != 1) {
            joined.push(trimmed(&std::mem::take(&mut run)));
        }
        if word.len() > 1 {
            joined.push(trimmed(word));
        }
    }
    joined
}

/// Without signs at the edge that are punctuation there: `stop!`.
fn trimmed(word: &str) -> String {
    word.trim_matches(['!', '|', '\'']).trim_end_matches('$').to_owned()
}

/// The forms in which a word is looked up: as it is, with digits read as
/// letters, and with letters said thrice or more said once.
#[must_use]
pub fn readings(word: &str) -> Vec<String> {
    let mut readings = vec![word.to_owned()];
    let has_letter = word.chars().any(|char| char.is_ascii_alphabetic());
    if has_letter && word.chars().any(|char| unleeted(char) != char) {
        // `1` may be an `i` or an `l`.
        readings.push(word.chars().map(unleeted).collect());
        readings.push(word.replace('1', "l").chars().map(unleeted).collect());
    }
    let stretched: Vec<_> = readings.iter().map(|reading| unstretched(reading)).collect();
    readings.extend(stretched);
    readings.dedup();
    readings
}

fn unstretched(word: &str) -> String {
    let chars: Vec<char> = word.chars().collect();
    let runs = chars.chunk_by(|one, other| one == other);
    runs.flat_map(|run| if run.len() >= 3 { &run[..1] } else { run }).collect()
}

/// The plain text without spaces and ornaments, for Chinese: `加 微-信` is
/// `加微信`. Marks that end a thought stay, so that words do not join over them.
#[must_use]
pub fn squeezed(plain: &str) -> String {
    plain.chars().filter(|char| char.is_alphanumeric() || ends_a_thought(*char)).collect()
}

fn ends_a_thought(char: char) -> bool {
    matches!(
        char,
        '\n' | ',' | ';' | '?' | '!' | ':' | '。' | '、' | '…' | '《' | '》' | '「' | '」' | '“' | '”' | '(' | ')'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alikes_become_plain() {
        assert_eq!(plain("ＣＡＳＩＮＯ　①"), "casino 1");
        assert_eq!(plain("𝐂𝐚𝐬𝐢𝐧𝐨 ⓒⓐⓢⓘⓝⓞ"), "casino casino");
        assert_eq!(plain("саsіnо"), "casino");
        assert_eq!(plain("cásïnö"), "casino");
    }

    #[test]
    fn invisible_characters_go() {
        assert_eq!(plain("加\u{200b}微\u{feff}信"), "加微信");
        assert_eq!(plain("c\u{336}a\u{ad}sino"), "casino");
    }

    #[test]
    fn single_letters_join_and_words_do_not() {
        assert_eq!(tokens("c a s i n o here"), ["casino", "here"]);
        assert_eq!(tokens("c.a.s.i.n.o"), ["casino"]);
        assert_eq!(tokens("as sure as can be"), ["as", "sure", "as", "can", "be"]);
    }

    #[test]
    fn digits_are_read_as_letters_only_beside_letters() {
        assert!(readings("c4s1n0").contains(&"casino".to_owned()));
        assert!(readings("455").iter().all(|reading| reading == "455"));
    }

    #[test]
    fn stretched_letters_are_said_once() {
        assert!(readings("fuuuuck").contains(&"fuck".to_owned()));
        assert_eq!(unstretched("class"), "class");
    }

    #[test]
    fn chinese_is_squeezed_within_a_thought() {
        assert_eq!(squeezed("加 微-信"), "加微信");
        assert_eq!(squeezed("我们加。微信"), "我们加。微信");
    }
}
