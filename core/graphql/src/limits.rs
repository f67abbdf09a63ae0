//! Limits on queries. All are on by default.

use lyceum_kernel::{ErrorCode, Failure, Result};

/// What one request may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Levels of nested fields.
    pub depth: usize,
    /// Fields times rows: a list multiplies what it holds by its page size. A
    /// plugin's field counts ten.
    pub cost: u64,
    /// Aliases in the document.
    pub aliases: usize,
    /// Rows of one page.
    pub page_size: u32,
    /// Rows of a page when the query does not say.
    pub default_page_size: u32,
    /// Bytes of the request body.
    pub body_bytes: usize,
    /// Root fields of one operation.
    pub root_fields: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 15,
            cost: 20_000,
            aliases: 50,
            page_size: 100,
            default_page_size: 20,
            body_bytes: 1 << 20,
            root_fields: 30,
        }
    }
}

/// What a plugin's field costs: a call of a guest is dearer than a column.
pub const GUEST_FIELD: u64 = 10;

/// The cost of an operation, as it is added up.
#[derive(Debug, Clone)]
pub struct Meter {
    limits: Limits,
    cost: u64,
    depth: usize,
    rows: Vec<u64>,
}

impl Meter {
    pub fn new(limits: Limits) -> Self {
        Self { limits, cost: 0, depth: 0, rows: vec![1] }
    }

    pub fn cost(&self) -> u64 {
        self.cost
    }

    /// One field at the present level.
    pub fn field(&mut self) -> Result<()> {
        self.add(1)
    }

    /// What a plugin's field costs beyond one of ours.
    pub fn guest(&mut self) -> Result<()> {
        self.add(GUEST_FIELD - 1)
    }

    fn add(&mut self, fields: u64) -> Result<()> {
        let rows = self.rows.last().copied().unwrap_or(1);
        self.cost = self.cost.saturating_add(rows.saturating_mul(fields));
        if self.cost <= self.limits.cost {
            return Ok(());
        }
        let message = format!("The query costs more than {}. Ask for fewer rows or fewer fields.", self.limits.cost);
        Err(Failure::new(ErrorCode::QueryTooCostly, message).with("limit", self.limits.cost))
    }

    /// One level deeper, each of its fields told `rows` times, until
    /// [`Meter::leave`].
    pub fn enter(&mut self, rows: u32) -> Result<()> {
        self.depth += 1;
        if self.depth > self.limits.depth {
            let message = format!("The query is nested deeper than {} levels.", self.limits.depth);
            return Err(Failure::new(ErrorCode::QueryTooDeep, message).with("limit", self.limits.depth));
        }
        self.rows.push(self.rows.last().copied().unwrap_or(1).saturating_mul(u64::from(rows)));
        Ok(())
    }

    pub fn leave(&mut self) {
        self.rows.pop();
        self.depth -= 1;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_multiplies_what_it_holds() {
        let mut meter = Meter::new(Limits { cost: 100, ..Limits::default() });
        assert!(meter.enter(10).is_ok() && meter.enter(9).is_ok() && meter.field().is_ok());
        assert_eq!(meter.cost(), 90);
        meter.leave();
        meter.leave();
        assert!(meter.enter(11).is_ok());
        assert_eq!(meter.field().map_err(|f| f.code()), Err(ErrorCode::QueryTooCostly));
    }

    #[test]
    fn a_plugins_field_counts_ten_in_each_row() {
        let mut meter = Meter::new(Limits { cost: 100, ..Limits::default() });
        assert!(meter.enter(5).is_ok() && meter.field().is_ok() && meter.guest().is_ok());
        assert_eq!(meter.cost(), 50);
        assert!(meter.field().is_ok());
        assert_eq!(meter.guest().map_err(|f| f.code()), Ok(()), "a hundred fits");
        assert_eq!(meter.field().map_err(|f| f.code()), Err(ErrorCode::QueryTooCostly));
    }

    #[test]
    fn depth_is_counted_from_the_root() {
        let mut meter = Meter::new(Limits { depth: 2, ..Limits::default() });
        assert!(meter.enter(1).is_ok() && meter.enter(1).is_ok());
        assert_eq!(meter.enter(1).map_err(|f| f.code()), Err(ErrorCode::QueryTooDeep));
    }
}
