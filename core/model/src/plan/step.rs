//! What changes, in the words of the files.

use serde::Serialize;

use crate::content::{ContentField, ContentType, Kind};

/// One change. `at` is `type.field`, with the names the files want; of what
/// goes, with the names it had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    CreateType {
        name: String,
        fields: usize,
    },
    DropType {
        name: String,
    },
    RenameType {
        from: String,
        to: String,
    },
    /// Name, description or requirement of the type; no table changes.
    DescribeType {
        name: String,
    },
    /// The columns with an entry's own requirement.
    AddGate {
        name: String,
    },
    DropGate {
        name: String,
    },
    AddField {
        at: String,
        kind: String,
    },
    DropField {
        at: String,
        kind: String,
    },
    RenameField {
        from: String,
        to: String,
    },
    ChangeKind {
        at: String,
        from: String,
        to: String,
        loses_values: bool,
    },
    SetRequired {
        at: String,
    },
    SetOptional {
        at: String,
    },
    AddUnique {
        at: String,
    },
    DropUnique {
        at: String,
    },
    AddIndex {
        at: String,
    },
    DropIndex {
        at: String,
    },
    MakeLocalised {
        at: String,
    },
    Unlocalise {
        at: String,
    },
    AddJoin {
        at: String,
        table: String,
    },
    DropJoin {
        at: String,
        table: String,
    },
    RenameJoin {
        at: String,
        from: String,
        to: String,
    },
    /// Gate, description, or the other side of a list; no column changes.
    DescribeField {
        at: String,
    },
}

impl Step {
    /// Whether values are lost.
    #[must_use]
    pub fn is_destructive(&self) -> bool {
        match self {
            Self::DropType { .. }
            | Self::DropGate { .. }
            | Self::DropField { .. }
            | Self::Unlocalise { .. }
            | Self::DropJoin { .. } => true,
            Self::ChangeKind { loses_values, .. } => *loses_values,
            _ => false,
        }
    }

    /// One line: `+` is new, `~` is changed, `-` goes.
    #[must_use]
    pub fn describe(&self) -> String {
        let line = match self {
            Self::CreateType { name, fields } => format!("+ {name} ({fields} fields)"),
            Self::DropType { name } => format!("- {name}"),
            Self::RenameType { from, to } => format!("~ {from} → {to} (rename)"),
            Self::DescribeType { name } => format!("~ {name} (description)"),
            Self::AddGate { name } => format!("+ {name} access"),
            Self::DropGate { name } => format!("- {name} access"),
            Self::AddField { at, kind } => format!("+ {at} {kind}"),
            Self::DropField { at, kind } => format!("- {at} {kind}"),
            Self::RenameField { from, to } => format!("~ {from} → {to} (rename)"),
            Self::ChangeKind { at, from, to, .. } => format!("~ {at} {from} → {to}"),
            Self::SetRequired { at } => format!("~ {at} (required)"),
            Self::SetOptional { at } => format!("~ {at} (optional)"),
            Self::AddUnique { at } => format!("~ {at} (unique)"),
            Self::DropUnique { at } => format!("~ {at} (no longer unique)"),
            Self::AddIndex { at } => format!("~ {at} (indexed)"),
            Self::DropIndex { at } => format!("~ {at} (no longer indexed)"),
            Self::MakeLocalised { at } => format!("~ {at} (localised; values become those of the default locale)"),
            Self::Unlocalise { at } => format!("~ {at} (no longer localised; only the default locale's values stay)"),
            Self::AddJoin { at, table } => format!("+ {at} many-to-many ({table})"),
            Self::DropJoin { at, table } => format!("- {at} many-to-many ({table})"),
            Self::RenameJoin { at, from, to } => format!("~ {at} ({from} → {to})"),
            Self::DescribeField { at } => format!("~ {at} (description)"),
        };
        if self.is_destructive() { line + "  (destructive)" } else { line }
    }
}

/// Both sides of a comparison, since relations name types.
#[derive(Clone, Copy)]
struct Sides<'a> {
    applied: &'a [ContentType],
    wanted: &'a [ContentType],
}

pub(super) fn steps(applied: &[ContentType], wanted: &[ContentType]) -> Vec<Step> {
    let sides = Sides { applied, wanted };
    let mut steps = Vec::new();
    for new in wanted {
        match applied.iter().find(|old| old.id == new.id) {
            None => steps.push(Step::CreateType { name: new.name.clone(), fields: new.fields.len() }),
            Some(old) => sides.changed_type(old, new, &mut steps),
        }
    }
    let gone = applied.iter().filter(|old| wanted.iter().all(|new| new.id != old.id));
    steps.extend(gone.map(|old| Step::DropType { name: old.name.clone() }));
    steps
}

/// Whether the values of a field are lost by its change of kind.
pub(super) fn replaced(
    applied: &[ContentType],
    wanted: &[ContentType],
    old: &ContentField,
    new: &ContentField,
) -> bool {
    Sides { applied, wanted }.replaced(old, new)
}

impl Sides<'_> {
    fn changed_type(self, old: &ContentType, new: &ContentType, steps: &mut Vec<Step>) {
        let name = || new.name.clone();
        if old.name != new.name {
            steps.push(Step::RenameType { from: old.name.clone(), to: name() });
        }
        let own_gate = |t: &ContentType| t.access == Some(crate::content::AccessRule::Own);
        match (own_gate(old), own_gate(new)) {
            (false, true) => steps.push(Step::AddGate { name: name() }),
            (true, false) => steps.push(Step::DropGate { name: name() }),
            _ => {}
        }
        let same_gate = own_gate(old) == own_gate(new);
        if old.plural != new.plural || old.description != new.description || (same_gate && old.access != new.access) {
            steps.push(Step::DescribeType { name: name() });
        }
        for field in &new.fields {
            match old.fields.iter().find(|before| before.id == field.id) {
                None => steps.push(added(new, field)),
                Some(before) => self.changed_field(old, new, before, field, steps),
            }
        }
        let gone = old.fields.iter().filter(|field| new.fields.iter().all(|after| after.id != field.id));
        steps.extend(gone.map(|field| dropped(old, field)));
    }

    fn changed_field(
        self,
        own: &ContentType,
        new: &ContentType,
        old: &ContentField,
        field: &ContentField,
        steps: &mut Vec<Step>,
    ) {
        let at = || format!("{}.{}", new.name, field.name);
        if old.name != field.name {
            steps.push(Step::RenameField { from: format!("{}.{}", own.name, old.name), to: at() });
        }
        if self.replaced(old, field) {
            steps.extend(self.replacement(own, new, old, field));
        } else {
            match (&old.kind, &field.kind) {
                (Kind::ManyToMany { join: from, .. }, Kind::ManyToMany { join: to, .. }) if from != to => {
                    steps.push(Step::RenameJoin { at: at(), from: from.clone(), to: to.clone() });
                }
                _ if !self.same_kind(&old.kind, &field.kind) => {
                    let (from, to) = (spelled(&old.kind), spelled(&field.kind));
                    steps.push(Step::ChangeKind { at: at(), from, to, loses_values: false });
                }
                _ => {}
            }
        }
        steps.extend(flags(old, field, &at()));
        if old.description != field.description || old.gated != field.gated || self.other_side(&old.kind, &field.kind) {
            steps.push(Step::DescribeField { at: at() });
        }
    }

    /// Whether the values of the field are lost by its change of kind.
    fn replaced(self, old: &ContentField, new: &ContentField) -> bool {
        use Kind::{Decimal, Enumeration, ManyToMany, Markdown, Slug, Text, ToOne};
        match (&old.kind, &new.kind) {
            (Text { .. } | Markdown | Enumeration { .. }, Text { .. } | Markdown | Enumeration { .. })
            | (Slug { .. }, Slug { .. }) => false,
            (Decimal { scale: from }, Decimal { scale: to }) => from != to,
            (ToOne { target: from }, ToOne { target: to })
            | (ManyToMany { target: from, .. }, ManyToMany { target: to, .. }) => self.retargeted(from, to),
            (from, to) => std::mem::discriminant(from) != std::mem::discriminant(to),
        }
    }

    fn replacement(self, own: &ContentType, new: &ContentType, old: &ContentField, field: &ContentField) -> Vec<Step> {
        if old.is_stored() && field.is_stored() {
            let (from, to) = (spelled(&old.kind), spelled(&field.kind));
            return vec![Step::ChangeKind { at: format!("{}.{}", new.name, field.name), from, to, loses_values: true }];
        }
        vec![dropped(own, old), added(new, field)]
    }

    /// Whether two names mean different types.
    fn retargeted(self, from: &str, to: &str) -> bool {
        let id = |types: &[ContentType], name: &str| {
            types.iter().find(|t| t.name == name).map_or(name.to_owned(), |t| t.id.clone())
        };
        id(self.applied, from) != id(self.wanted, to)
    }

    /// Equal, but for names of types and fields that were only renamed.
    fn same_kind(self, old: &Kind, new: &Kind) -> bool {
        match (old, new) {
            (Kind::Slug { scope: from }, Kind::Slug { scope: to }) => from.is_some() == to.is_some(),
            (old, new) if old.target().is_some() => std::mem::discriminant(old) == std::mem::discriminant(new),
            (old, new) => old == new,
        }
    }

    /// Whether the list of a read-only side comes from elsewhere now.
    fn other_side(self, old: &Kind, new: &Kind) -> bool {
        match (old, new) {
            (Kind::ToMany { target: a, order: x, .. }, Kind::ToMany { target: b, order: y, .. }) => {
                self.retargeted(a, b) || x != y
            }
            (Kind::Inverse { target: a, .. }, Kind::Inverse { target: b, .. }) => self.retargeted(a, b),
            _ => false,
        }
    }
}

fn added(own: &ContentType, field: &ContentField) -> Step {
    let at = format!("{}.{}", own.name, field.name);
    match &field.kind {
        Kind::ManyToMany { join, .. } => Step::AddJoin { at, table: join.clone() },
        kind if field.localised => Step::AddField { at, kind: format!("{} localised", spelled(kind)) },
        kind => Step::AddField { at, kind: spelled(kind) },
    }
}

/// Losing the read-only side of a relation loses nothing.
fn dropped(own: &ContentType, field: &ContentField) -> Step {
    let at = format!("{}.{}", own.name, field.name);
    match &field.kind {
        Kind::ManyToMany { join, .. } => Step::DropJoin { at, table: join.clone() },
        Kind::ToMany { .. } | Kind::Inverse { .. } => Step::DescribeField { at },
        kind => Step::DropField { at, kind: spelled(kind) },
    }
}

fn flags(old: &ContentField, new: &ContentField, at: &str) -> Vec<Step> {
    let at = || at.to_owned();
    let pairs = [
        (old.localised, new.localised, Step::MakeLocalised { at: at() }, Step::Unlocalise { at: at() }),
        (old.required, new.required, Step::SetRequired { at: at() }, Step::SetOptional { at: at() }),
        (old.unique, new.unique, Step::AddUnique { at: at() }, Step::DropUnique { at: at() }),
        (old.indexed, new.indexed, Step::AddIndex { at: at() }, Step::DropIndex { at: at() }),
    ];
    let changed = pairs.into_iter().filter(|(before, after, ..)| before != after);
    changed.map(|(_, after, on, off)| if after { on } else { off }).collect()
}

/// A kind with what belongs to it: `text(300)`.
fn spelled(kind: &Kind) -> String {
    match kind {
        Kind::Text { max } => format!("text({max})"),
        Kind::Decimal { scale } => format!("decimal({scale})"),
        Kind::Enumeration { values } => format!("enumeration({})", values.join(" ")),
        Kind::Slug { scope: Some(scope) } => format!("slug in {scope}"),
        Kind::ToOne { target } => format!("to-one {target}"),
        Kind::ToMany { target, .. } => format!("to-many {target}"),
        kind => kind.name().to_owned(),
    }
}
