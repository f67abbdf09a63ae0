//! Content types as readable types of the model.

use super::{
    AccessRule, ContentField, ContentType, Kind,
    layout::{access_values, join_columns},
};
use crate::{Field, FieldKind, Gate, JoinTable, Origin, Owner, Scalar, TypeDef, names::pascal};

/// The readable types, with the fields that every entry has. `types` must be
/// all of them, since relations look at the other side.
#[must_use]
pub fn resolve(types: &[ContentType]) -> Vec<TypeDef> {
    types.iter().map(|own| type_def(types, own)).collect()
}

fn type_def(types: &[ContentType], own: &ContentType) -> TypeDef {
    let mut fields: Vec<Field> = own.fields.iter().filter_map(|field| readable(types, own, field)).collect();
    fields.extend(system_fields(own));
    TypeDef {
        id: own.id.clone(),
        name: own.name.clone(),
        plural: own.plural.clone(),
        table: own.table(),
        prefix: own.name.clone(),
        origin: Origin::Content,
        description: own.description.clone(),
        fields,
        gate: own.access.as_ref().map(gate),
        owner: Some(Owner::Column("author_id".to_owned())),
        public_when: None,
        follows: Vec::new(),
        listed: true,
    }
}

fn gate(rule: &AccessRule) -> Gate {
    match rule {
        AccessRule::Own => Gate::Own,
        AccessRule::Inherit { field } => Gate::Inherit { field: field.clone() },
    }
}

fn readable(types: &[ContentType], own: &ContentType, field: &ContentField) -> Option<Field> {
    let kind = field_kind(types, own, field)?;
    Some(Field {
        id: field.id.clone(),
        kind,
        required: field.required,
        unique: field.unique || matches!(field.kind, Kind::Slug { scope: None }),
        indexed: field.indexed,
        localised: field.localised,
        gated: field.gated,
        writable: !matches!(field.kind, Kind::ToMany { .. } | Kind::Inverse { .. }),
        ..Field::new(&field.name, FieldKind::ToOne { target: String::new(), column: String::new() }, &field.description)
    })
}

fn field_kind(types: &[ContentType], own: &ContentType, field: &ContentField) -> Option<FieldKind> {
    if let Some(scalar) = scalar(own, field) {
        return Some(FieldKind::Scalar { scalar, column: field.column() });
    }
    let find = |name: &str| types.iter().find(|t| t.name == name);
    Some(match &field.kind {
        Kind::Money => {
            let (minor_column, currency_column) = field.money_columns();
            FieldKind::Money { minor_column, currency_column }
        }
        Kind::ToOne { target } => FieldKind::ToOne { target: target.clone(), column: field.column() },
        Kind::ToMany { target, via, order } => {
            FieldKind::ToMany { target: target.clone(), via: via.clone(), order: order.clone() }
        }
        Kind::ManyToMany { target, join } => {
            let (left, right) = join_columns(own, target, &find(target)?.table());
            let join = JoinTable { table: join.clone(), own: left, other: right, inverse: false };
            FieldKind::ManyToMany { target: target.clone(), join }
        }
        Kind::Inverse { target, of } => {
            let other = find(target)?;
            let Kind::ManyToMany { join, .. } = &other.field(of)?.kind else { return None };
            let (left, right) = join_columns(other, &own.name, &own.table());
            let join = JoinTable { table: join.clone(), own: right, other: left, inverse: true };
            FieldKind::ManyToMany { target: target.clone(), join }
        }
        _ => return None,
    })
}

fn scalar(own: &ContentType, field: &ContentField) -> Option<Scalar> {
    Some(match &field.kind {
        Kind::Text { max } => Scalar::Text { max: *max },
        Kind::Markdown => Scalar::Markdown,
        Kind::Integer => Scalar::Integer,
        Kind::Decimal { scale } => Scalar::Decimal { scale: *scale },
        Kind::Boolean => Scalar::Boolean,
        Kind::DateTime => Scalar::DateTime,
        Kind::Enumeration { values } => {
            Scalar::Enumeration { name: pascal(&own.name) + &pascal(&field.name), values: values.clone() }
        }
        Kind::Slug { scope } => Scalar::Slug { scope: scope.clone() },
        Kind::Json => Scalar::Json,
        Kind::Money | Kind::ToOne { .. } | Kind::ToMany { .. } | Kind::ManyToMany { .. } | Kind::Inverse { .. } => {
            return None;
        }
    })
}

fn system_fields(own: &ContentType) -> Vec<Field> {
    let status = Scalar::Enumeration { name: "ContentStatus".into(), values: vec!["draft".into(), "published".into()] };
    let to_one = |target: &str, column: &str| FieldKind::ToOne { target: target.into(), column: column.into() };
    let mut fields = vec![
        Field::scalar("status", status, "Whether the entry is published.").required().indexed(),
        Field::scalar("createdAt", Scalar::DateTime, "When the entry was made.").required(),
        Field::scalar("updatedAt", Scalar::DateTime, "When the entry was last changed.").required(),
        Field::scalar("publishedAt", Scalar::DateTime, "When the entry was first published.").indexed(),
        Field::new("author", to_one("user", "author_id"), "Who made the entry.").indexed(),
    ];
    if own.access == Some(AccessRule::Own) {
        let access = Scalar::Enumeration { name: "ContentAccess".into(), values: access_values() };
        let access = Field::scalar("access", access, "What the entry demands before its gated fields are shown.");
        let tier = to_one("tier", "access_tier_id");
        let tier = Field::new("accessTier", tier, "The lowest tier that opens the entry, when it demands one.");
        fields.extend([access, tier].map(|field| Field { writable: true, ..field }));
    }
    fields
}
