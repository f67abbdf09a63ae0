//! One object: the row's JSON, nested selections and all.

use std::fmt::Display;

use lyceum_kernel::{Action, Id, RowScope};
use lyceum_model::{Field, FieldKind, Scalar, TypeDef, names::pascal};
use sea_orm::Value;

use super::{
    access::to_one,
    plan::{Entity, Lookup, Output},
    sql::{Alias, Sql},
};

impl Sql<'_> {
    /// `SELECT {…} FROM … WHERE` the row, if the viewer may read it.
    pub(super) fn one(&mut self, entity: &Entity<'_>, lookup: &Lookup<'_>) {
        let alias = self.alias();
        self.push(if self.sqlite() { "SELECT " } else { "SELECT (" });
        self.entity(entity, alias);
        self.push(if self.sqlite() { "" } else { ")::text" });
        self.from(entity.def, alias, entity.is_localised());
        self.push(" WHERE ");
        self.lookup(entity.def, alias, lookup);
        self.push(" AND ");
        self.readable(entity.def, alias);
        if let Lookup::Slug(forms) | Lookup::ScopedSlug { slug: forms, .. } = lookup {
            self.first_form(alias, Self::slug_column(entity.def), forms);
        }
        self.push(" LIMIT 1");
    }

    /// ` FROM` the type's table, with its locale's row when that is needed.
    pub(super) fn from(&mut self, def: &TypeDef, alias: Alias, localised: bool) {
        self.write(format_args!(" FROM {} {alias}", def.table));
        if localised {
            self.join_locale(def, alias);
        }
    }

    fn lookup(&mut self, def: &TypeDef, alias: Alias, lookup: &Lookup<'_>) {
        let slug_column = Self::slug_column(def);
        match lookup {
            Lookup::Id(id) => {
                self.write(format_args!("{alias}.id="));
                self.bind(id.to_string());
            }
            Lookup::Slug(forms) => {
                self.write(format_args!("{alias}.{slug_column}"));
                self.one_of_forms(forms);
            }
            Lookup::Key(key) => {
                self.write(format_args!("{alias}.key="));
                self.bind(*key);
            }
            Lookup::ScopedSlug { scope, slug } => {
                self.write(format_args!("{alias}.{slug_column}"));
                self.one_of_forms(slug);
                self.scope_condition(def, alias, scope);
            }
        }
    }

    fn slug_column(def: &TypeDef) -> &str {
        def.slug().and_then(|f| Self::scalar_column(f)).map_or("slug", |(_, column)| column)
    }

    /// `=` the one writing, or ` IN` the several. Each is short, and most have one.
    fn one_of_forms(&mut self, forms: &[String]) {
        match forms {
            [one] => {
                self.push("=");
                self.bind(one.as_str());
            }
            several => {
                let values: Vec<Value> = several.iter().map(|form| form.as_str().into()).collect();
                self.in_list(false, &values);
            }
        }
    }

    /// Two entries may have two writings of one slug: the one that was named
    /// goes first.
    fn first_form(&mut self, alias: impl Display, column: &str, forms: &[String]) {
        if let [first, _, ..] = forms {
            self.write(format_args!(" ORDER BY CASE WHEN {alias}.{column}="));
            self.bind(first.as_str());
            self.push(" THEN 0 ELSE 1 END");
        }
    }

    /// ` AND` the parent, within which the slug is unique, has this slug.
    fn scope_condition(&mut self, def: &TypeDef, alias: Alias, slug: &[String]) {
        let scope = def.slug().and_then(|field| match Self::scalar_column(field)? {
            (Scalar::Slug { scope }, _) => scope.as_deref(),
            _ => None,
        });
        let parent = scope
            .and_then(|name| to_one(def.field(name)?))
            .and_then(|(target, column)| Some((self.reading.model.get(target)?, column)));
        let Some((target, column)) = parent else { return self.push(" AND 1=0") };
        self.write(format_args!(" AND {alias}.{column}=(SELECT p.id FROM {} p WHERE p.slug", target.table));
        self.one_of_forms(slug);
        self.first_form("p", "slug", slug);
        self.push(" LIMIT 1");
        self.push(")");
    }

    /// `SELECT [[id, {…}], …]` of the rows with these ids that may be read.
    pub(super) fn by_ids(&mut self, entity: &Entity<'_>, ids: &[Id]) {
        let alias = self.alias();
        let (array, pair) = if self.sqlite() {
            ("json_group_array(json(j))", "json_array(")
        } else {
            ("coalesce(json_agg(j),'[]'::json)", "json_build_array(")
        };
        self.write(format_args!(
            "SELECT {array}{} FROM (SELECT {pair}{alias}.id,",
            if self.sqlite() { "" } else { "::text" }
        ));
        self.entity(entity, alias);
        self.push(") AS j");
        self.from(entity.def, alias, entity.is_localised());
        self.write(format_args!(" WHERE {alias}.id"));
        let ids: Vec<Value> = ids.iter().map(|id| id.to_string().into()).collect();
        self.in_list(false, &ids);
        self.push(" AND ");
        self.readable(entity.def, alias);
        self.push(") q");
    }

    /// The JSON object of the row `alias`.
    pub(super) fn entity(&mut self, entity: &Entity<'_>, alias: Alias) {
        let def = entity.def;
        self.object(&entity.outputs, |sql, output| sql.output(def, alias, output));
    }

    fn output(&mut self, def: &TypeDef, alias: Alias, output: &Output<'_>) {
        match output {
            Output::Typename => self.literal(&pascal(&def.name)),
            Output::Id => self.write(format_args!("'{}_'||{alias}.id", def.prefix)),
            Output::Scalar(field) => self.guarded(def, alias, field, |sql| sql.scalar(def, alias, field)),
            Output::Money(field, parts) => self.guarded(def, alias, field, |sql| sql.money(alias, field, parts)),
            Output::One(field, entity) => {
                self.guarded(def, alias, field, |sql| sql.one_related(def, alias, field, entity))
            }
            Output::Many(field, connection) => {
                self.push("(SELECT ");
                self.connection(connection, Some((alias, field)));
                self.push(")");
            }
            Output::Access(outputs) => self.access(def, alias, outputs),
            Output::Group(outputs) => self.object(outputs, |sql, output| sql.output(def, alias, output)),
            Output::Locale => {
                self.bind_locale(0);
            }
            Output::Number(number) => self.write(format_args!("{number}")),
        }
    }

    /// Null instead of what is gated, private, or opened by no rule, for the
    /// viewer.
    fn guarded(&mut self, def: &TypeDef, alias: Alias, field: &Field, value: impl FnOnce(&mut Self)) {
        let ruled = self.field_rule(def, field);
        if !field.gated && ruled.is_none() {
            return value(self);
        }
        self.push("CASE WHEN ");
        if let Some(open) = &ruled {
            self.scoped(def, alias, open);
        }
        if field.gated {
            self.push(if ruled.is_some() { " AND " } else { "" });
            self.granted(def, alias);
        }
        self.push(" THEN ");
        value(self);
        self.push(" END");
    }

    /// In which rows the viewer may see this field; `None` when in all that
    /// can be read.
    pub(super) fn field_rule(&self, def: &TypeDef, field: &Field) -> Option<Vec<RowScope>> {
        let viewer = self.reading.viewer;
        let rows = viewer.scope(&def.name, def.is_content(), Action::Read);
        let mut open = viewer.field_scope(&def.name, def.is_content(), Action::Read, &field.name);
        if field.private && !viewer.scope(&def.name, def.is_content(), Action::Manage).contains(&RowScope::All) {
            // Whatever rules open: what is private is its owner's.
            open = vec![RowScope::Own];
        }
        (open != rows && !open.contains(&RowScope::All)).then_some(open)
    }

    fn scalar(&mut self, def: &TypeDef, alias: Alias, field: &Field) {
        let Some((scalar, column)) = Self::scalar_column(field) else { return self.push("NULL") };
        let sqlite = self.sqlite();
        match scalar {
            Scalar::Text { .. }
            | Scalar::Markdown
            | Scalar::Integer
            | Scalar::Long
            | Scalar::DateTime
            | Scalar::Slug { .. } => self.column(def, alias, field, column),
            Scalar::Enumeration { .. } => {
                let capitals = self.capitals(&format!("{alias}.{column}"));
                self.push(&capitals);
            }
            Scalar::Boolean if sqlite => {
                self.write(format_args!("json(CASE {alias}.{column} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END)"));
            }
            Scalar::Boolean => self.write(format_args!("{alias}.{column}")),
            Scalar::Decimal { scale } => self.decimal(alias, column, *scale),
            Scalar::Json if sqlite => self.write(format_args!("json({alias}.{column})")),
            Scalar::Json => self.write(format_args!("{alias}.{column}::json")),
            Scalar::Id { prefix } => self.write(format_args!("'{prefix}_'||{alias}.{column}")),
        }
    }

    /// A value of an enumeration as the API has it. Not by the letters of the
    /// database's language: Turkish makes `İ` of `i`.
    pub(super) fn capitals(&self, value: &str) -> String {
        if self.sqlite() { format!("upper({value})") } else { format!("upper({value} COLLATE \"C\")") }
    }

    /// A decimal as text, from the whole number of its smallest places. No
    /// floating point has a part in it, nor a division of `numeric`: both lose
    /// digits of long numbers.
    fn decimal(&mut self, alias: Alias, column: &str, scale: u32) {
        match (scale, self.sqlite()) {
            (0, true) => self.write(format_args!("CAST({alias}.{column} AS TEXT)")),
            (0, false) => self.write(format_args!("{alias}.{column}::text")),
            (_, true) => {
                let unit = 10_u64.pow(scale);
                self.write(format_args!(
                    "CASE WHEN {alias}.{column} IS NOT NULL THEN printf('%s%d.%0{scale}d',\
                     CASE WHEN {alias}.{column}<0 THEN '-' ELSE '' END,\
                     abs({alias}.{column}/{unit}),abs({alias}.{column}%{unit})) END"
                ));
            }
            (_, false) => self.write(format_args!("({alias}.{column}*1e-{scale})::text")),
        }
    }

    fn money(&mut self, alias: Alias, field: &Field, parts: &[(String, super::MoneyPart)]) {
        let FieldKind::Money { minor_column, currency_column } = &field.kind else { return self.push("NULL") };
        self.write(format_args!("CASE WHEN {alias}.{minor_column} IS NOT NULL THEN "));
        self.money_object(parts, &format!("{alias}.{minor_column}"), &format!("{alias}.{currency_column}"));
        self.push(" END");
    }

    fn one_related(&mut self, def: &TypeDef, alias: Alias, field: &Field, entity: &Entity<'_>) {
        let Some((_, column)) = to_one(field) else { return self.push("NULL") };
        let other = self.alias();
        self.push("(SELECT ");
        self.entity(entity, other);
        self.from(entity.def, other, entity.is_localised());
        self.write(format_args!(" WHERE {other}.id={alias}.{column} AND "));
        self.readable_of(def, column, entity.def, other);
        self.push(")");
    }
}
