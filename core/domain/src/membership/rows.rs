//! Statements and rows of the membership and payment tables, with ids and
//! times as their own types.

use std::{fmt::Display, str::FromStr};

use lyceum_kernel::{Currency, Failure, Id, Money, Result, Timestamp};
use lyceum_store::failed;
use sea_orm::{ConnectionTrait, QueryResult, Statement, TryGetable, Value};

/// Runs a statement and tells how many rows it touched.
pub(crate) async fn execute(on: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Result<u64> {
    let statement = Statement::from_sql_and_values(on.get_database_backend(), sql, values);
    Ok(on.execute_raw(statement).await.map_err(failed)?.rows_affected())
}

pub(crate) async fn all(on: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Result<Vec<Row>> {
    let statement = Statement::from_sql_and_values(on.get_database_backend(), sql, values);
    Ok(on.query_all_raw(statement).await.map_err(failed)?.into_iter().map(Row).collect())
}

pub(crate) async fn one(on: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Result<Option<Row>> {
    let statement = Statement::from_sql_and_values(on.get_database_backend(), sql, values);
    Ok(on.query_one_raw(statement).await.map_err(failed)?.map(Row))
}

/// A parameter that is stored as text: an id, a time, a state.
pub(crate) fn text(value: impl Display) -> Value {
    value.to_string().into()
}

/// The same, or NULL.
pub(crate) fn maybe(value: Option<impl Display>) -> Value {
    value.map(|v| v.to_string()).into()
}

pub(crate) struct Row(QueryResult);

impl Row {
    fn get<T: TryGetable>(&self, column: &str) -> Result<T> {
        self.0.try_get("", column).map_err(failed)
    }

    pub(crate) fn text(&self, column: &str) -> Result<String> {
        self.get(column)
    }

    pub(crate) fn text_or_none(&self, column: &str) -> Result<Option<String>> {
        self.get(column)
    }

    pub(crate) fn int(&self, column: &str) -> Result<i64> {
        self.get(column)
    }

    pub(crate) fn int_or_none(&self, column: &str) -> Result<Option<i64>> {
        self.get(column)
    }

    pub(crate) fn flag(&self, column: &str) -> Result<bool> {
        self.get(column)
    }

    /// A text column read as its own type.
    pub(crate) fn parse<T>(&self, column: &str) -> Result<T>
    where
        T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
    {
        self.text(column)?.parse().map_err(Failure::internal)
    }

    pub(crate) fn parse_or_none<T>(&self, column: &str) -> Result<Option<T>>
    where
        T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
    {
        self.text_or_none(column)?.map(|text| text.parse().map_err(Failure::internal)).transpose()
    }

    pub(crate) fn id(&self, column: &str) -> Result<Id> {
        self.parse(column)
    }

    pub(crate) fn time(&self, column: &str) -> Result<Timestamp> {
        self.parse(column)
    }

    /// The two columns of an amount: `price` for `price_minor` and `price_currency`.
    pub(crate) fn money(&self, prefix: &str) -> Result<Money> {
        let currency: Currency = self.parse(&format!("{prefix}_currency"))?;
        Ok(Money::new(self.int(&format!("{prefix}_minor"))?, currency))
    }
}
