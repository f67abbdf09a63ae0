//! The rules for content types: each alone, then all together.

use std::collections::{HashMap, HashSet};

use super::{AccessRule, ContentError, ContentField, ContentType, Kind, identifier::LONGEST, layout::layout, reserved};
use crate::names::snake;

type Verdict = Result<(), String>;

/// Checks one type by itself.
pub(super) fn one(file: &str, content_type: &ContentType) -> Result<(), ContentError> {
    let fault = |at: String, message: String| ContentError { file: file.to_owned(), at, message };
    type_itself(content_type).map_err(|message| fault(String::new(), message))?;
    let (mut ids, mut names) = (HashSet::new(), HashSet::new());
    for field in &content_type.fields {
        let at = || format!("field \"{}\": ", field.name);
        field_itself(content_type, field).map_err(|message| fault(at(), message))?;
        if !ids.insert(&field.id) {
            return Err(fault(at(), format!("another field has the id \"{}\"; ids must differ", field.id)));
        }
        if !names.insert(&field.name) {
            return Err(fault(at(), "another field has this name; names must differ".to_owned()));
        }
    }
    access(content_type).map_err(|message| fault("[access]: ".to_owned(), message))
}

fn type_itself(content_type: &ContentType) -> Verdict {
    let ContentType { id, name, plural, .. } = content_type;
    stable_id(id)?;
    for word in [name, plural] {
        lower_camel(word)?;
        if word == reserved::ALL_CONTENT {
            return Err(format!("rules of roles are about all content under the name \"{word}\"; choose another"));
        }
    }
    if name == plural {
        return Err(format!("name and plural are both \"{name}\"; they must differ"));
    }
    if reserved::is_sql(&snake(name)) {
        return Err(format!("\"{name}\" is a word of SQL and cannot name a table; choose another"));
    }
    Ok(())
}

fn field_itself(content_type: &ContentType, field: &ContentField) -> Verdict {
    stable_id(&field.id)?;
    lower_camel(&field.name)?;
    if reserved::ACCESS.contains(&field.name.as_str()) {
        return Err("a field of this name says what opens an entry; an [access] table makes it".to_owned());
    }
    if field.is_stored() && reserved::is_sql(&field.column()) {
        return Err("this name is a word of SQL and cannot name a column; choose another".to_owned());
    }
    flags(content_type, field)?;
    kind(content_type, field)
}

fn flags(content_type: &ContentType, field: &ContentField) -> Verdict {
    let text = matches!(field.kind, Kind::Text { .. } | Kind::Markdown);
    let long = matches!(field.kind, Kind::Markdown | Kind::Json | Kind::Money);
    let refuse = |bad: bool, why: &str| if bad { Err(why.to_owned()) } else { Ok(()) };
    refuse(field.localised && !text, "only text and markdown can be `localised`")?;
    refuse(field.localised && field.unique, "a `localised` field cannot be `unique`")?;
    refuse(field.gated && content_type.access.is_none(), "`gated` needs an [access] table in the file")?;
    refuse(field.gated && !field.is_stored(), "a list of other entries cannot be `gated`; gate their own fields")?;
    refuse(
        !field.is_stored() && (field.required || field.unique || field.indexed),
        "a list of other entries takes none of `required`, `unique`, `indexed`",
    )?;
    refuse(long && (field.unique || field.indexed), "markdown, json and money can be neither `unique` nor `indexed`")
}

fn kind(content_type: &ContentType, field: &ContentField) -> Verdict {
    match &field.kind {
        Kind::Enumeration { values } => enumeration(values),
        Kind::Slug { scope } => slug(content_type, field, scope.as_deref()),
        Kind::ManyToMany { join, .. } => join_table(join),
        _ => Ok(()),
    }
}

fn enumeration(values: &[String]) -> Verdict {
    let mut seen = HashSet::new();
    if values.is_empty() {
        return Err("`values` needs at least one value".to_owned());
    }
    for value in values {
        let begins = value.starts_with(|c: char| c.is_ascii_lowercase());
        if !begins || !value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
            return Err(format!("the value \"{value}\" must be lower case letters, digits and _, as in \"not_yet\""));
        }
        if ["true", "false", "null"].contains(&value.as_str()) || !seen.insert(value) {
            return Err(format!("the value \"{value}\" is there twice, or is a word of GraphQL; remove it"));
        }
    }
    Ok(())
}

fn slug(content_type: &ContentType, field: &ContentField, scope: Option<&str>) -> Verdict {
    if content_type.fields.iter().filter(|f| matches!(f.kind, Kind::Slug { .. })).count() > 1 {
        return Err("a type has at most one slug".to_owned());
    }
    if field.name != "slug" {
        return Err("a field of the kind slug must be named \"slug\"".to_owned());
    }
    match scope.map(|name| content_type.field(name).map(|f| &f.kind)) {
        None | Some(Some(Kind::ToOne { .. })) => Ok(()),
        Some(_) => Err("`scope` must name a to-one field of the same type".to_owned()),
    }
}

fn join_table(name: &str) -> Verdict {
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !plain || !name.starts_with(|c: char| c.is_ascii_lowercase()) || name.len() > LONGEST {
        return Err(format!("`join` must be lower case letters, digits and _, at most {LONGEST}"));
    }
    if reserved::is_sql(name) { Err(format!("`join`: \"{name}\" is a word of SQL; choose another")) } else { Ok(()) }
}

fn access(content_type: &ContentType) -> Verdict {
    let Some(AccessRule::Inherit { field }) = &content_type.access else { return Ok(()) };
    match content_type.field(field) {
        Some(ContentField { kind: Kind::ToOne { .. }, required: true, .. }) => {}
        _ => return Err(format!("`inherit` must name a required to-one field; \"{field}\" is none")),
    }
    match content_type.field("freePreview") {
        Some(ContentField { kind: Kind::Boolean, .. }) => Ok(()),
        _ => Err("a type that inherits its gate needs a boolean field \"freePreview\"".to_owned()),
    }
}

fn stable_id(id: &str) -> Verdict {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if !id.is_empty() && id.len() <= 200 && id.bytes().all(plain) {
        Ok(())
    } else {
        Err(format!("the id \"{id}\" must be letters, digits, dots, _ and -"))
    }
}

fn lower_camel(name: &str) -> Verdict {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(|b| b.is_ascii_alphanumeric());
    if plain && name.len() <= 100 {
        Ok(())
    } else {
        Err(format!("the name \"{name}\" must be letters and digits in lower camel case, as in \"learningPath\""))
    }
}

/// Checks what only shows when all types are there.
pub(super) fn together(files: &[(&str, &str)], types: &[ContentType]) -> Result<(), ContentError> {
    let (mut ids, mut words) = (HashSet::new(), HashSet::new());
    for ((file, _), content_type) in files.iter().zip(types) {
        let fault = |at: String, message: String| ContentError { file: (*file).to_owned(), at, message };
        if !ids.insert(&content_type.id) {
            return Err(fault(String::new(), format!("another type has the id \"{}\"", content_type.id)));
        }
        for word in [&content_type.name, &content_type.plural] {
            if !words.insert(word) {
                return Err(fault(String::new(), format!("another type has the name or plural \"{word}\"")));
            }
        }
        for field in &content_type.fields {
            relation(types, content_type, field)
                .map_err(|message| fault(format!("field \"{}\": ", field.name), message))?;
        }
        inherited_gate(types, content_type).map_err(|message| fault("[access]: ".to_owned(), message))?;
    }
    identifiers(files, types)
}

fn relation(types: &[ContentType], own: &ContentType, field: &ContentField) -> Verdict {
    let Some(target) = field.kind.target() else { return Ok(()) };
    let other = types.iter().find(|t| t.name == target);
    let system = reserved::TARGETS.iter().any(|(name, _)| *name == target);
    match (&field.kind, other) {
        (Kind::ToOne { .. }, None) if system => Ok(()),
        (_, None) => Err(format!("`target`: there is no content type \"{target}\"")),
        (Kind::ToMany { via, order, .. }, Some(other)) => to_many(own, other, via, order.as_deref()),
        (Kind::Inverse { of, .. }, Some(other)) => match other.field(of).map(|f| &f.kind) {
            Some(Kind::ManyToMany { target, .. }) if *target == own.name => Ok(()),
            _ => Err(format!("`inverse-of`: {target} has no many-to-many field \"{of}\" that points here")),
        },
        _ => Ok(()),
    }
}

fn to_many(own: &ContentType, other: &ContentType, via: &str, order: Option<&str>) -> Verdict {
    match other.field(via).map(|f| &f.kind) {
        Some(Kind::ToOne { target }) if *target == own.name => {}
        _ => return Err(format!("`via`: {} has no to-one field \"{via}\" that points here", other.name)),
    }
    match order.map(|name| other.field(name).map(|f| &f.kind)) {
        None | Some(Some(Kind::Integer)) => Ok(()),
        Some(_) => Err(format!("`order` must name an integer field of {}", other.name)),
    }
}

fn inherited_gate(types: &[ContentType], own: &ContentType) -> Verdict {
    let Some(AccessRule::Inherit { field }) = &own.access else { return Ok(()) };
    let target = own.field(field).and_then(|f| f.kind.target());
    match types.iter().find(|t| Some(t.name.as_str()) == target).map(|t| &t.access) {
        Some(Some(AccessRule::Own)) => Ok(()),
        _ => Err(format!("the type behind \"{field}\" must have gate = \"own\"")),
    }
}

/// Tables and indexes share one name space; columns have one a table.
fn identifiers(files: &[(&str, &str)], types: &[ContentType]) -> Result<(), ContentError> {
    let mut taken: HashMap<String, String> = HashMap::new();
    for table in layout(types) {
        let (own, at) = origin(types, &table.key);
        let file = own.map_or_else(|| format!("table {}", table.name), |place| files[place].0.to_owned());
        let fault = |message: String| ContentError { file: file.clone(), at: at.clone(), message };
        let names = std::iter::once(&table.name).chain(table.indexes.iter().map(|index| &index.name));
        for name in names {
            if reserved::OF_DATABASES.iter().any(|prefix| name.starts_with(prefix)) {
                return Err(fault(format!("\"{name}\" would be a table of the database itself; choose another name")));
            }
            if let Some(other) = taken.insert(name.clone(), table.key.clone()) {
                let other = other.split(['#', '/']).next().unwrap_or_default();
                let text = format!("the table or index \"{name}\" is also made for {other}; rename one of them");
                return Err(fault(text));
            }
        }
        let mut columns = HashSet::new();
        if let Some(double) = table.columns.iter().find(|column| !columns.insert(&column.name)) {
            let field = own.and_then(|place| types[place].fields.iter().find(|field| needs(field, &double.name)));
            let at = field.map_or(at.clone(), |field| format!("field \"{}\": ", field.name));
            let message = format!("two fields need the column \"{}\"; rename one of them", double.name);
            return Err(ContentError { file, at, message });
        }
    }
    Ok(())
}

/// Whether a field has this column.
fn needs(field: &ContentField, column: &str) -> bool {
    let (minor, currency) = field.money_columns();
    match field.kind {
        Kind::Money => minor == column || currency == column,
        _ => field.is_stored() && field.column() == column,
    }
}

/// The type of a table, by its place, and the field of a join table.
fn origin(types: &[ContentType], key: &str) -> (Option<usize>, String) {
    let id = key.split(['#', '/']).next().unwrap_or_default();
    let place = types.iter().position(|own| own.id == id);
    let fields = place.map(|place| types[place].fields.as_slice()).unwrap_or_default();
    let field = fields.iter().find(|field| key.starts_with(&format!("{id}/{}#", field.id)));
    (place, field.map(|field| format!("field \"{}\": ", field.name)).unwrap_or_default())
}
