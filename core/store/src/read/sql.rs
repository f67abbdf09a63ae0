//! A statement in the making: text, parameters, and the names of tables in it.

use lyceum_model::{Field, FieldKind, Scalar, TypeDef};
use sea_orm::{Statement, Value};

use super::Reading;
use crate::Dialect;

/// The statement so far.
pub(super) struct Sql<'r> {
    pub(super) reading: &'r Reading<'r>,
    text: String,
    values: Vec<Value>,
    aliases: usize,
    viewer_parameter: Option<usize>,
    tiers_parameter: Option<usize>,
    purchases_parameter: Option<usize>,
    locale_parameters: Vec<usize>,
}

/// A table in the `FROM` of a statement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Alias(pub(super) usize);

impl std::fmt::Display for Alias {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "t{}", self.0)
    }
}

impl<'r> Sql<'r> {
    pub(super) fn new(reading: &'r Reading<'r>) -> Self {
        Self {
            reading,
            text: String::with_capacity(2048),
            values: Vec::new(),
            aliases: 0,
            viewer_parameter: None,
            tiers_parameter: None,
            purchases_parameter: None,
            locale_parameters: Vec::new(),
        }
    }

    pub(super) fn finish(self) -> Statement {
        Statement::from_sql_and_values(self.reading.dialect.backend(), self.text, self.values)
    }

    pub(super) fn sqlite(&self) -> bool {
        self.reading.dialect == Dialect::Sqlite
    }

    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(super) fn write(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = std::fmt::Write::write_fmt(&mut self.text, text);
    }

    /// A text literal. Only for names of ours and response keys.
    pub(super) fn literal(&mut self, text: &str) {
        self.text.push('\'');
        for c in text.chars() {
            if c == '\'' {
                self.text.push('\'');
            }
            self.text.push(c);
        }
        self.text.push('\'');
    }

    pub(super) fn alias(&mut self) -> Alias {
        self.aliases += 1;
        Alias(self.aliases)
    }

    pub(super) fn bind(&mut self, value: impl Into<Value>) {
        let number = self.parameter(value);
        self.write(format_args!("${number}"));
    }

    fn parameter(&mut self, value: impl Into<Value>) -> usize {
        self.values.push(value.into());
        self.values.len()
    }

    /// The viewer's user id. Only for signed-in viewers.
    pub(super) fn bind_viewer(&mut self) {
        let number = match self.viewer_parameter {
            Some(number) => number,
            None => {
                let id = self.reading.viewer.user.map(|id| id.to_string());
                self.parameter(id)
            }
        };
        self.viewer_parameter = Some(number);
        self.write(format_args!("${number}"));
    }

    /// ` IN (the viewer's tiers)`.
    pub(super) fn in_tiers(&mut self) {
        let number = match self.tiers_parameter {
            Some(number) => number,
            None => self.parameter(json_ids(&self.reading.viewer.tiers)),
        };
        self.tiers_parameter = Some(number);
        self.in_json_list(number);
    }

    /// ` IN (the entries the viewer bought)`.
    pub(super) fn in_purchases(&mut self) {
        let number = match self.purchases_parameter {
            Some(number) => number,
            None => self.parameter(json_ids(&self.reading.viewer.purchases)),
        };
        self.purchases_parameter = Some(number);
        self.in_json_list(number);
    }

    fn in_json_list(&mut self, number: usize) {
        if self.sqlite() {
            self.write(format_args!(" IN (SELECT value FROM json_each(${number}))"));
        } else {
            self.write(format_args!(" IN (SELECT json_array_elements_text(${number}::json))"));
        }
    }

    /// The locale at `place` of the chain.
    pub(super) fn bind_locale(&mut self, place: usize) {
        while self.locale_parameters.len() <= place {
            let locale = self.reading.locales[self.locale_parameters.len()].to_string();
            let number = self.parameter(locale);
            self.locale_parameters.push(number);
        }
        let number = self.locale_parameters[place];
        self.write(format_args!("${number}"));
    }

    /// `{…}` of key and value pairs. PostgreSQL takes at most 100 arguments of
    /// one function, so a larger object is joined from parts there.
    pub(super) fn object<T>(&mut self, entries: &[(String, T)], mut value: impl FnMut(&mut Self, &T)) {
        const MOST: usize = 45;
        if self.sqlite() {
            return self.object_part("json_object(", entries, &mut value);
        }
        if entries.len() <= MOST {
            return self.object_part("json_build_object(", entries, &mut value);
        }
        self.push("(");
        for (index, part) in entries.chunks(MOST).enumerate() {
            self.push(if index > 0 { "||" } else { "" });
            self.object_part("jsonb_build_object(", part, &mut value);
        }
        self.push(")::json");
    }

    fn object_part<T>(&mut self, function: &str, entries: &[(String, T)], value: &mut impl FnMut(&mut Self, &T)) {
        self.push(function);
        for (index, (key, entry)) in entries.iter().enumerate() {
            if index > 0 {
                self.push(",");
            }
            self.literal(key);
            self.push(",");
            value(self, entry);
        }
        self.push(")");
    }

    /// `FROM`/`JOIN` text of a type's table, with its locale row when the
    /// languages matter.
    pub(super) fn join_locale(&mut self, def: &TypeDef, alias: Alias) {
        if let Some(table) = def.locale_table() {
            self.write(format_args!(
                " LEFT JOIN {table} {alias}l ON {alias}l.{}={alias}.id AND {alias}l.locale=",
                def.reference_column()
            ));
            self.bind_locale(0);
        }
    }

    /// A column of a row, in the viewer's language when it is localised.
    pub(super) fn column(&mut self, def: &TypeDef, alias: Alias, field: &Field, column: &str) {
        if !field.localised {
            return self.write(format_args!("{alias}.{column}"));
        }
        let fallbacks = self.reading.locales.len() - 1;
        if fallbacks == 0 {
            return self.write(format_args!("{alias}l.{column}"));
        }
        let table = def.locale_table().unwrap_or_default();
        self.write(format_args!("coalesce({alias}l.{column}"));
        for place in 1..=fallbacks {
            self.write(format_args!(
                ",(SELECT f.{column} FROM {table} f WHERE f.{}={alias}.id AND f.locale=",
                def.reference_column()
            ));
            self.bind_locale(place);
            self.push(")");
        }
        self.push(")");
    }

    /// The column of a scalar field; `None` for relations and money.
    pub(super) fn scalar_column(field: &Field) -> Option<(&Scalar, &str)> {
        match &field.kind {
            FieldKind::Scalar { scalar, column } => Some((scalar, column)),
            _ => None,
        }
    }
}

fn json_ids(ids: &[lyceum_kernel::Id]) -> String {
    serde_json::to_string(ids).unwrap_or_else(|_| "[]".to_owned())
}
