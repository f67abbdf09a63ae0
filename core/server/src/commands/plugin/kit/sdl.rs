//! The fields that a plugin's SDL adds to types, with what they need. Enough for
//! SDL that the host has checked already.

/// One added field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    pub type_name: String,
    pub field: String,
    /// The parent's fields that it is given.
    pub needs: Vec<String>,
}

/// The fields of every `extend type`.
pub fn added(sdl: &str) -> Vec<Added> {
    let (mut tokens, mut found) = (tokens(sdl).into_iter().peekable(), Vec::new());
    while let Some(token) = tokens.next() {
        if token != Token::Word("extend".into()) {
            continue;
        }
        tokens.next();
        let Some(Token::Word(type_name)) = tokens.next() else { continue };
        let body: Vec<Token> = tokens
            .by_ref()
            .skip_while(|t| *t != Token::Sign('{'))
            .skip(1)
            .take_while(|t| *t != Token::Sign('}'))
            .collect();
        found.extend(fields(&type_name, &body));
    }
    found
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Sign(char),
}

fn tokens(sdl: &str) -> Vec<Token> {
    let (mut tokens, mut rest) = (Vec::new(), sdl);
    while let Some(first) = rest.chars().next() {
        let end = if let Some(text) = rest.strip_prefix("\"\"\"") {
            let length = text.find("\"\"\"").unwrap_or(text.len());
            tokens.push(Token::Text(text[..length].into()));
            (length + 6).min(rest.len())
        } else if first == '"' {
            let length = rest[1..].find('"').unwrap_or(rest.len() - 1);
            tokens.push(Token::Text(rest[1..=length].into()));
            (length + 2).min(rest.len())
        } else if first == '#' {
            rest.find('\n').unwrap_or(rest.len())
        } else if first.is_alphanumeric() || first == '_' {
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..length].into()));
            length
        } else {
            if !first.is_whitespace() {
                tokens.push(Token::Sign(first));
            }
            first.len_utf8()
        };
        rest = &rest[end..];
    }
    tokens
}

/// A field is a word before `:` or `(`, outside of parentheses and directives.
fn fields(type_name: &str, body: &[Token]) -> Vec<Added> {
    let (mut found, mut depth): (Vec<Added>, usize) = (Vec::new(), 0);
    for (place, token) in body.iter().enumerate() {
        match token {
            Token::Sign('(') => depth += 1,
            Token::Sign(')') => depth = depth.saturating_sub(1),
            Token::Text(text) if depth > 0 => {
                found.iter_mut().last().into_iter().for_each(|field| field.needs.push(text.clone()))
            }
            Token::Word(word) if depth == 0 => {
                let directive = place > 0 && body[place - 1] == Token::Sign('@');
                let named = matches!(body.get(place + 1), Some(Token::Sign(':' | '(')));
                if named && !directive {
                    found.push(Added { type_name: type_name.into(), field: word.clone(), needs: Vec::new() });
                }
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn added_fields_are_found_with_what_they_need() {
        let sdl = r#"
            type AcmeBadge { label: String }
            extend type Lesson {
              "How long: in minutes (whole)."
              readingMinutes: Int @needs(fields: ["body", "title"])
              """Badges."""
              badges(first: Int = 3): [AcmeBadge]
            }
        "#;
        let told: Vec<String> =
            added(sdl).iter().map(|a| format!("{}.{} {:?}", a.type_name, a.field, a.needs)).collect();
        assert_eq!(told, [r#"Lesson.readingMinutes ["body", "title"]"#, "Lesson.badges []"]);
    }
}
