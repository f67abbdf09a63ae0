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
    viewer_parameter: Option<Parameter>,
    tiers_parameter: Option<Parameter>,
    purchases_parameter: Option<Parameter>,
    locale_parameters: Vec<Option<Parameter>>,
}

/// The number of a parameter, from 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameter(usize);

/// What the items of a list are.
#[derive(Debug, Clone, Copy)]
enum ListType {
    Text,
    Number,
    Boolean,
}

impl ListType {
    fn of(values: &[Value]) -> Self {
        match values.first() {
            Some(Value::BigInt(_) | Value::Int(_)) => Self::Number,
            Some(Value::Bool(_)) => Self::Boolean,
            _ => Self::Text,
        }
    }
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

    /// A parameter, in the order of the text. SQLite looks each named one up
    /// among all others, so there it has no number and no second use.
    pub(super) fn bind(&mut self, value: impl Into<Value>) -> Parameter {
        self.values.push(value.into());
        let parameter = Parameter(self.values.len());
        self.write_parameter(parameter);
        parameter
    }

    fn write_parameter(&mut self, Parameter(number): Parameter) {
        match self.sqlite() {
            true => self.push("?"),
            false => self.write(format_args!("${number}")),
        }
    }

    /// A value that stands in a statement often: on PostgreSQL it is sent once.
    fn bind_again(&mut self, known: Option<Parameter>, value: impl FnOnce(&Self) -> Value) -> Parameter {
        match known.filter(|_| !self.sqlite()) {
            Some(parameter) => {
                self.write_parameter(parameter);
                parameter
            }
            None => {
                let value = value(self);
                self.bind(value)
            }
        }
    }

    /// The viewer's user id. Only for signed-in viewers.
    pub(super) fn bind_viewer(&mut self) {
        let id = |sql: &Self| sql.reading.viewer.user.map(|id| id.to_string()).into();
        self.viewer_parameter = Some(self.bind_again(self.viewer_parameter, id));
    }

    /// ` IN (the viewer's tiers)`.
    pub(super) fn in_tiers(&mut self) {
        self.list_open(false);
        let tiers = |sql: &Self| json_ids(&sql.reading.viewer.tiers).into();
        self.tiers_parameter = Some(self.bind_again(self.tiers_parameter, tiers));
        self.list_close(ListType::Text);
    }

    /// ` IN (the entries the viewer bought)`.
    pub(super) fn in_purchases(&mut self) {
        self.list_open(false);
        let purchases = |sql: &Self| json_ids(&sql.reading.viewer.purchases).into();
        self.purchases_parameter = Some(self.bind_again(self.purchases_parameter, purchases));
        self.list_close(ListType::Text);
    }

    /// ` IN (…)` or ` NOT IN (…)`: a list of any length is one parameter, so
    /// that one statement serves every length.
    pub(super) fn in_list(&mut self, negated: bool, values: &[Value]) {
        let ty = ListType::of(values);
        self.list_open(negated);
        self.bind(json_list(values));
        self.list_close(ty);
    }

    fn list_open(&mut self, negated: bool) {
        match (self.sqlite(), negated) {
            (true, false) => self.push(" IN (SELECT value FROM json_each("),
            (true, true) => self.push(" NOT IN (SELECT value FROM json_each("),
            (false, false) => self.push("=ANY(ARRAY(SELECT json_array_elements_text("),
            (false, true) => self.push("<>ALL(ARRAY(SELECT json_array_elements_text("),
        }
    }

    fn list_close(&mut self, ty: ListType) {
        match (self.sqlite(), ty) {
            (true, _) => self.push("))"),
            (false, ListType::Text) => self.push("::json)))"),
            (false, ListType::Number) => self.push("::json)::bigint))"),
            (false, ListType::Boolean) => self.push("::json)::boolean))"),
        }
    }

    /// The locale at `place` of the chain.
    pub(super) fn bind_locale(&mut self, place: usize) {
        if self.locale_parameters.len() <= place {
            self.locale_parameters.resize(place + 1, None);
        }
        let locale = move |sql: &Self| sql.reading.locales[place].to_string().into();
        self.locale_parameters[place] = Some(self.bind_again(self.locale_parameters[place], locale));
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
        let last_resort = field.required && !self.reading.exact;
        if fallbacks == 0 && !last_resort {
            return self.write(format_args!("{alias}l.{column}"));
        }
        let (table, entry) = (def.locale_table().unwrap_or_default(), def.reference_column());
        self.write(format_args!("coalesce({alias}l.{column}"));
        for place in 1..=fallbacks {
            self.write(format_args!(",(SELECT f.{column} FROM {table} f WHERE f.{entry}={alias}.id AND f.locale="));
            self.bind_locale(place);
            self.push(")");
        }
        if last_resort {
            // A language that the community no longer has: better than a field that must not be null and is.
            self.write(format_args!(
                ",(SELECT f.{column} FROM {table} f WHERE f.{entry}={alias}.id AND f.{column} IS NOT NULL \
                 ORDER BY f.locale LIMIT 1)"
            ));
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

/// Values of one type as a JSON list.
fn json_list(values: &[Value]) -> String {
    let json = |value: &Value| match value {
        Value::BigInt(Some(number)) => (*number).into(),
        Value::Int(Some(number)) => (*number).into(),
        Value::Bool(Some(flag)) => (*flag).into(),
        Value::String(Some(text)) => text.as_str().into(),
        _ => serde_json::Value::Null,
    };
    serde_json::Value::Array(values.iter().map(json).collect()).to_string()
}
