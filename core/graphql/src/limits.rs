//! Limits on queries, and what each part of a query costs. All are on by
//! default; `docs/limits.md` lists them.

use std::time::Duration;

use lyceum_kernel::{ErrorCode, Failure, Result};

/// What one request may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the query text.
    pub query_bytes: usize,
    /// Tokens of the query text.
    pub tokens: usize,
    /// Levels of nested fields.
    pub depth: usize,
    /// The sum of [`cost`] over an operation.
    pub cost: u64,
    /// Fields of all levels, without their rows.
    pub fields: u64,
    /// Aliases, those of fragments counted at each spread.
    pub aliases: usize,
    /// Conditions of all filters.
    pub conditions: usize,
    /// Relations in all filters.
    pub filter_relations: usize,
    /// Items of all lists in filters.
    pub filter_values: usize,
    /// Rows of one page.
    pub page_size: u32,
    /// Rows of a page when the query does not say.
    pub default_page_size: u32,
    /// Bytes of the request body.
    pub body_bytes: usize,
    /// Root fields of one operation.
    pub root_fields: usize,
    /// Cost of the requests of one person, or of one network of visitors, in a
    /// minute; 0 for any.
    pub cost_per_minute: u64,
    /// How long a query may take.
    pub query_time: Duration,
    /// How long a mutation may take.
    pub mutation_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            query_bytes: 65_536,
            tokens: 20_000,
            depth: 15,
            cost: 20_000,
            fields: 2_000,
            aliases: 50,
            conditions: 100,
            filter_relations: 12,
            filter_values: 10_000,
            page_size: 100,
            default_page_size: 20,
            body_bytes: 1 << 20,
            root_fields: 30,
            cost_per_minute: 2_000_000,
            query_time: Duration::from_secs(10),
            mutation_time: Duration::from_secs(30),
        }
    }
}

/// Sort keys of one list. A cursor compares each with all before it.
pub const SORT_KEYS: usize = 5;
/// Relations in one another in a filter.
pub const FILTER_DEPTH: usize = 5;

/// What the parts of a query cost, in fields of one row. What stands in a list
/// costs as often as the list has rows.
pub mod cost {
    /// A field of a plugin: a call of a guest is more expensive than a column.
    pub const PLUGIN_FIELD: u64 = 10;
    /// A list: it is sorted and cut.
    pub const LIST: u64 = 1;
    /// A sort key beyond the first.
    pub const SORT_KEY: u64 = 1;
    /// `totalCount`: it looks at every row.
    pub const TOTAL_COUNT: u64 = 2;
    /// `totalCount` of a list with a filter.
    pub const FILTERED_COUNT: u64 = 50;
    /// A condition of a filter.
    pub const CONDITION: u64 = 2;
    /// A condition that searches in texts.
    pub const TEXT_CONDITION: u64 = 20;
    /// A relation in a filter.
    pub const FILTER_RELATION: u64 = 50;
    /// `offers` of an entry.
    pub const OFFERS: u64 = 10;
    /// The root field `search`.
    pub const SEARCH: u64 = 200;
    /// The root field `recommendedCourses`.
    pub const RECOMMENDATION: u64 = 500;
}

/// The cost of an operation, as it is added up.
#[derive(Debug, Clone)]
pub struct Meter {
    limits: Limits,
    cost: u64,
    fields: u64,
    depth: usize,
    rows: Vec<u64>,
    filters: FilterSize,
}

/// The size of all filters of an operation.
#[derive(Debug, Clone, Copy, Default)]
struct FilterSize {
    conditions: usize,
    relations: usize,
    values: usize,
}

impl Meter {
    pub fn new(limits: Limits) -> Self {
        Self { limits, cost: 0, fields: 0, depth: 0, rows: vec![1], filters: FilterSize::default() }
    }

    pub fn cost(&self) -> u64 {
        self.cost
    }

    /// One field at the present level. It counts even where its list has no
    /// rows: the statement is written for it.
    pub fn field(&mut self) -> Result<()> {
        self.fields += 1;
        if self.fields > self.limits.fields {
            let most = self.limits.fields;
            let message = format!("The query has more than {most} fields, those of fragments counted at each spread.");
            let failure = Failure::new(ErrorCode::QueryTooLarge, message);
            return Err(failure.with("limited", "fields").with("limit", most));
        }
        self.spend(1)
    }

    /// Adds a cost at the present level, once for each row of it.
    pub fn spend(&mut self, cost: u64) -> Result<()> {
        let rows = self.rows.last().copied().unwrap_or(1);
        self.cost = self.cost.saturating_add(rows.saturating_mul(cost));
        if self.cost <= self.limits.cost {
            return Ok(());
        }
        let message = format!("The query costs more than {}. Ask for fewer rows or fewer fields.", self.limits.cost);
        Err(Failure::new(ErrorCode::QueryTooCostly, message).with("limit", self.limits.cost))
    }

    /// One level deeper, each of its fields read `rows` times, until
    /// [`Meter::leave`]. A list without rows costs as one with one.
    pub fn enter(&mut self, rows: u32) -> Result<()> {
        self.depth += 1;
        if self.depth > self.limits.depth {
            let message = format!("The query is nested deeper than {} levels.", self.limits.depth);
            return Err(Failure::new(ErrorCode::QueryTooDeep, message).with("limit", self.limits.depth));
        }
        self.rows.push(self.rows.last().copied().unwrap_or(1).saturating_mul(u64::from(rows.max(1))));
        Ok(())
    }

    pub fn leave(&mut self) {
        self.rows.pop();
        self.depth -= 1;
    }

    /// One condition of a filter.
    ///
    /// # Errors
    /// FILTER_TOO_LARGE, QUERY_TOO_COSTLY.
    pub fn condition(&mut self, searches_text: bool, values: usize) -> Result<()> {
        self.filters.conditions += 1;
        self.filters.values += values;
        filter_limit("conditions", self.filters.conditions, self.limits.conditions)?;
        filter_limit("values in lists", self.filters.values, self.limits.filter_values)?;
        self.spend(if searches_text { cost::TEXT_CONDITION } else { cost::CONDITION })
    }

    /// One relation in a filter, so deep in others.
    ///
    /// # Errors
    /// FILTER_TOO_LARGE, QUERY_TOO_COSTLY.
    pub fn relation(&mut self, depth: usize) -> Result<()> {
        self.filters.relations += 1;
        filter_limit("relations", self.filters.relations, self.limits.filter_relations)?;
        filter_limit("relations in one another", depth, FILTER_DEPTH)?;
        self.spend(cost::FILTER_RELATION)
    }

    /// Whether the reads so far may take long: their work grows faster than
    /// the rows that there are, or they ask for a good part of what is allowed.
    pub fn is_heavy(&self) -> bool {
        self.filters.relations > 1 || self.cost > self.limits.cost / 2
    }

    /// The size of a page that was asked for.
    pub fn page(&self, asked: Option<i64>, path: &str) -> Result<u32> {
        match asked {
            None => Ok(self.limits.default_page_size),
            Some(n) if n < 0 => Err(Failure::input(path, "A page has 0 rows or more.")),
            Some(n) => match u32::try_from(n) {
                Ok(n) if n <= self.limits.page_size => Ok(n),
                _ => {
                    let message = format!("A page has at most {} rows.", self.limits.page_size);
                    Err(Failure::new(ErrorCode::PageTooLarge, message).at(path).with("limit", self.limits.page_size))
                }
            },
        }
    }
}

fn filter_limit(of: &'static str, number: usize, most: usize) -> Result<()> {
    if number <= most {
        return Ok(());
    }
    let message = format!("The filters of the query have more than {most} {of}.");
    Err(Failure::new(ErrorCode::FilterTooLarge, message).with("limited", of).with("limit", most))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(result: Result<()>) -> Option<ErrorCode> {
        result.err().map(|failure| failure.code())
    }

    #[test]
    fn a_list_multiplies_what_it_holds() {
        let mut meter = Meter::new(Limits { cost: 100, ..Limits::default() });
        assert!(meter.enter(10).is_ok() && meter.enter(9).is_ok() && meter.field().is_ok());
        assert_eq!(meter.cost(), 90);
        meter.leave();
        meter.leave();
        assert!(meter.enter(11).is_ok());
        assert_eq!(code(meter.field()), Some(ErrorCode::QueryTooCostly));
    }

    #[test]
    fn a_list_without_rows_is_not_free() {
        let mut meter = Meter::new(Limits { fields: 3, ..Limits::default() });
        assert!(meter.enter(0).is_ok() && meter.field().is_ok());
        assert_eq!(meter.cost(), 1);
        assert!(meter.field().is_ok() && meter.field().is_ok());
        assert_eq!(code(meter.field()), Some(ErrorCode::QueryTooLarge));
    }

    #[test]
    fn filters_of_all_lists_share_their_limits() {
        let limits = Limits { conditions: 3, filter_relations: 2, filter_values: 10, ..Limits::default() };
        let mut meter = Meter::new(limits);
        assert!(meter.condition(false, 10).is_ok() && meter.condition(true, 0).is_ok());
        assert_eq!(code(meter.condition(false, 1)), Some(ErrorCode::FilterTooLarge), "an eleventh value");
        assert_eq!(code(meter.condition(false, 0)), Some(ErrorCode::FilterTooLarge), "a fourth condition");
        assert!(meter.relation(1).is_ok());
        assert_eq!(code(meter.relation(FILTER_DEPTH + 1)), Some(ErrorCode::FilterTooLarge));
    }

    #[test]
    fn depth_is_counted_from_the_root() {
        let mut meter = Meter::new(Limits { depth: 2, ..Limits::default() });
        assert!(meter.enter(1).is_ok() && meter.enter(1).is_ok());
        assert_eq!(code(meter.enter(1)), Some(ErrorCode::QueryTooDeep));
    }
}
