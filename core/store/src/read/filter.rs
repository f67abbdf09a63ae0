//! Filters as SQL conditions.

use lyceum_model::{FieldKind, Scalar, TypeDef};
use sea_orm::Value;

use super::{
    plan::{Filter, Operator},
    sql::{Alias, Sql},
};
use crate::folding;

impl Sql<'_> {
    pub(super) fn filter(&mut self, def: &TypeDef, alias: Alias, filter: &Filter<'_>) {
        match filter {
            Filter::All(parts) => self.junction(def, alias, parts, " AND ", "1=1"),
            Filter::Any(parts) => self.junction(def, alias, parts, " OR ", "1=0"),
            Filter::Not(inner) => {
                // `NOT unknown` is unknown: a row without the value is kept.
                self.push("NOT coalesce(");
                self.filter(def, alias, inner);
                self.push(if self.sqlite() { ",0)" } else { ",false)" });
            }
            Filter::Id { operator, values } => {
                let values: Vec<Value> = values.iter().map(|id| id.to_string().into()).collect();
                self.compare(*operator, &values, |sql| sql.write(format_args!("{alias}.id")));
            }
            Filter::Compare { field, .. } | Filter::Currency { field, .. } | Filter::Related { field, .. } => {
                match self.field_rule(def, field) {
                    None => self.condition(def, alias, filter),
                    // What may not be read is not found either.
                    Some(open) => {
                        self.push("(");
                        self.scoped(def, alias, &open);
                        self.push(" AND ");
                        self.condition(def, alias, filter);
                        self.push(")");
                    }
                }
            }
        }
    }

    /// A condition on a field that the viewer may see.
    fn condition(&mut self, def: &TypeDef, alias: Alias, filter: &Filter<'_>) {
        match filter {
            Filter::Compare { field, operator, values } => match &field.kind {
                FieldKind::Scalar { scalar, column } => {
                    let text = matches!(scalar, Scalar::Text { .. } | Scalar::Markdown | Scalar::Slug { .. });
                    self.compare_text(text, *operator, values, |sql| sql.column(def, alias, field, column));
                }
                FieldKind::Money { minor_column: column, .. } | FieldKind::ToOne { column, .. } => {
                    self.compare(*operator, values, |sql| sql.write(format_args!("{alias}.{column}")));
                }
                FieldKind::ToMany { .. } | FieldKind::ManyToMany { .. } => self.push("(1=0)"),
            },
            Filter::Currency { field, code } => {
                let FieldKind::Money { currency_column, .. } = &field.kind else { return self.push("(1=0)") };
                self.write(format_args!("({alias}.{currency_column}="));
                self.bind(code.as_str());
                self.push(")");
            }
            Filter::Related { field, target, filter } => self.related(alias, field, target, filter),
            Filter::All(_) | Filter::Any(_) | Filter::Not(_) | Filter::Id { .. } => self.filter(def, alias, filter),
        }
    }

    fn junction(&mut self, def: &TypeDef, alias: Alias, parts: &[Filter<'_>], between: &str, empty: &str) {
        self.push("(");
        for (index, part) in parts.iter().enumerate() {
            self.push(if index > 0 { between } else { "" });
            self.filter(def, alias, part);
        }
        self.push(if parts.is_empty() { empty } else { "" });
        self.push(")");
    }

    fn compare(&mut self, operator: Operator, values: &[Value], column: impl Fn(&mut Self)) {
        self.compare_text(false, operator, values, column);
    }

    fn compare_text(&mut self, text: bool, operator: Operator, values: &[Value], column: impl Fn(&mut Self)) {
        if text && matches!(operator, Operator::Contains | Operator::StartsWith) {
            return self.find_text(operator, values, column);
        }
        self.push("(");
        column(self);
        let first = || values.first().cloned().unwrap_or(Value::String(None));
        let symbol = match operator {
            Operator::Equal => "=",
            Operator::Less => "<",
            Operator::LessOrEqual => "<=",
            Operator::Greater => ">",
            Operator::GreaterOrEqual => ">=",
            // What is not equal is all that equal leaves out, rows without a value too.
            Operator::NotEqual => match self.sqlite() {
                true => " IS NOT ",
                false => " IS DISTINCT FROM ",
            },
            Operator::In => {
                self.in_list(false, values);
                return self.push(")");
            }
            Operator::NotIn => return self.not_in(values, column),
            Operator::Contains | Operator::StartsWith => return self.push(" IS NULL AND 1=0)"),
            Operator::IsNull => return self.push(" IS NULL)"),
            Operator::IsNotNull => return self.push(" IS NOT NULL)"),
        };
        self.push(symbol);
        self.bind(first());
        self.push(")");
    }

    /// Whether a text holds another, or begins with it, upper and lower case
    /// alike. Nothing in the text looked for is a wildcard.
    fn find_text(&mut self, operator: Operator, values: &[Value], column: impl Fn(&mut Self)) {
        let wanted = match values.first() {
            Some(Value::String(Some(text))) => folding::folded(text),
            _ => return self.push("(1=0)"),
        };
        let (open, close) = folding::expression(self.reading.dialect);
        let length = wanted.chars().count();
        if operator == Operator::Contains {
            self.write(format_args!("({}({open}", if self.sqlite() { "instr" } else { "strpos" }));
            column(self);
            self.write(format_args!("{close},"));
            self.bind(wanted);
            return self.push(")>0)");
        }
        // Two characters become one at the most: no more of a long text is folded.
        self.write(format_args!("(substr({open}substr("));
        column(self);
        self.write(format_args!(",1,{}){close},1,{length})=", 2 * length));
        self.bind(wanted);
        self.push(")");
    }

    /// Goes on after `(column`: rows without a value are in no list.
    fn not_in(&mut self, values: &[Value], column: impl Fn(&mut Self)) {
        self.push(" IS NULL OR ");
        column(self);
        self.in_list(true, values);
        self.push(")");
    }

    fn related(&mut self, alias: Alias, field: &lyceum_model::Field, target: &TypeDef, filter: &Filter<'_>) {
        let other = self.alias();
        self.push("EXISTS(SELECT 1");
        self.relation_from(alias, field, target, other, filter.is_localised());
        self.push(" AND ");
        // A filter must not tell what a read would not.
        self.readable(target, other);
        self.push(" AND ");
        self.filter(target, other, filter);
        self.push(")");
    }

    /// ` FROM … WHERE` the rows of `target` that `field` of the row `alias`
    /// leads to.
    pub(super) fn relation_from(
        &mut self,
        alias: Alias,
        field: &lyceum_model::Field,
        target: &TypeDef,
        other: Alias,
        localised: bool,
    ) {
        match &field.kind {
            FieldKind::ToOne { column, .. } => {
                self.from(target, other, localised);
                self.write(format_args!(" WHERE {other}.id={alias}.{column}"));
            }
            FieldKind::ToMany { via, .. } => {
                let column = target.field(via).and_then(super::access::to_one).map_or("id", |(_, column)| column);
                self.from(target, other, localised);
                self.write(format_args!(" WHERE {other}.{column}={alias}.id"));
            }
            FieldKind::ManyToMany { join, .. } => {
                self.write(format_args!(
                    " FROM {} {other}j JOIN {} {other} ON {other}.id={other}j.{}",
                    join.table, target.table, join.other
                ));
                if localised {
                    self.join_locale(target, other);
                }
                self.write(format_args!(" WHERE {other}j.{}={alias}.id", join.own));
            }
            FieldKind::Scalar { .. } | FieldKind::Money { .. } => {
                self.from(target, other, localised);
                self.push(" WHERE 1=0");
            }
        }
    }
}
