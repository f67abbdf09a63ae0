//! The domain's words in the guest's shapes.

use lyceum_domain::content::{Actor, FieldValue, HookedEntry};

use crate::{bindings::before::lyceum::content::types as guest, worlds::weight::Weight};

pub(super) fn actor(actor: &Actor) -> guest::Actor {
    guest::Actor { user: actor.user.clone(), roles: actor.roles.clone(), plugin: actor.plugin.clone() }
}

pub(super) fn entry(entry: &HookedEntry) -> guest::Entry {
    guest::Entry {
        type_name: entry.type_name.clone(),
        id: entry.id.clone(),
        status: if entry.published { "published" } else { "draft" }.to_owned(),
        fields: entry.fields.iter().map(field).collect(),
        ext: Vec::new(),
    }
}

pub(super) fn field(given: &FieldValue) -> guest::FieldValue {
    guest::FieldValue { field: given.field.clone(), locale: given.locale.clone(), value: given.value.to_string() }
}

impl Weight for guest::Actor {
    fn weight(&self) -> usize {
        self.user.weight() + self.roles.weight() + self.plugin.weight()
    }
}

impl Weight for guest::FieldValue {
    fn weight(&self) -> usize {
        self.field.weight() + self.locale.weight() + self.value.weight()
    }
}

impl Weight for guest::Entry {
    fn weight(&self) -> usize {
        self.type_name.weight() + self.id.weight() + self.status.weight() + self.fields.weight() + self.ext.weight()
    }
}
