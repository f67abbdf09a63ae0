//! Lists: pages by keyset, with nodes, edges, page information and totals.

use lyceum_model::{Field, FieldKind, TypeDef};
use sea_orm::Value;

use super::{
    cursor,
    plan::{Connection, ConnectionOutput, Direction, EdgeOutput, Entity, Filter, PageInfoPart, Sort, SortKey},
    sql::{Alias, Sql},
};

/// The row and field that lead to a list; none for a root list.
pub(super) type Parent<'p> = Option<(Alias, &'p Field)>;

/// What the rows of a page must carry for the selection.
struct Needs<'c, 'm> {
    nodes: Vec<&'c Entity<'m>>,
    cursor: bool,
    /// Whether there is a next page.
    more: bool,
}

impl<'c, 'm> Needs<'c, 'm> {
    fn of(connection: &'c Connection<'m>) -> Self {
        let mut needs = Self { nodes: Vec::new(), cursor: false, more: false };
        for (_, output) in &connection.outputs {
            match output {
                ConnectionOutput::Nodes(entity) => needs.nodes.push(entity),
                ConnectionOutput::Edges(edges) => {
                    for (_, edge) in edges {
                        match edge {
                            EdgeOutput::Node(entity) => needs.nodes.push(entity),
                            EdgeOutput::Cursor => needs.cursor = true,
                            EdgeOutput::Typename => {}
                        }
                    }
                }
                ConnectionOutput::PageInfo(parts) => {
                    for (_, part) in parts {
                        match part {
                            PageInfoPart::StartCursor | PageInfoPart::EndCursor => {
                                needs.cursor |= connection.page.limit > 0;
                            }
                            PageInfoPart::HasNextPage => needs.more |= !connection.page.backward,
                            PageInfoPart::HasPreviousPage => needs.more |= connection.page.backward,
                            PageInfoPart::Typename => {}
                        }
                    }
                }
                ConnectionOutput::Typename | ConnectionOutput::TotalCount => {}
            }
        }
        needs
    }

    /// Whether the number of a row on the page is needed.
    fn numbered(&self, connection: &Connection<'_>) -> bool {
        self.more || connection.page.backward || self.cursor
    }
}

impl Sql<'_> {
    /// `{…} FROM (the page)`, to stand behind `SELECT`.
    pub(super) fn connection(&mut self, connection: &Connection<'_>, parent: Parent<'_>) {
        let needs = Needs::of(connection);
        // Without an aggregate over the rows, no row at all would be no answer.
        let rows_wanted = needs.cursor
            || needs.more
            || (connection.outputs.iter())
                .any(|(_, output)| matches!(output, ConnectionOutput::Nodes(_) | ConnectionOutput::Edges(_)));
        let mut node = 0;
        let numbered = needs.numbered(connection);
        if parent.is_none() && !self.sqlite() {
            self.push("(");
        }
        self.object(&connection.outputs, |sql, output| match output {
            ConnectionOutput::Typename => sql.typename(connection.def, "Connection"),
            ConnectionOutput::TotalCount => sql.total(connection, parent),
            ConnectionOutput::Nodes(_) => {
                let column = format!("n{node}");
                node += 1;
                sql.aggregate(connection, &needs, |sql| sql.push_json(&column));
            }
            ConnectionOutput::Edges(edges) => {
                let first = node;
                node += edges.iter().filter(|(_, e)| matches!(e, EdgeOutput::Node(_))).count();
                sql.aggregate(connection, &needs, |sql| sql.edge(connection.def, edges, first));
            }
            ConnectionOutput::PageInfo(parts) => sql.page_info(connection, parts),
        });
        if parent.is_none() && !self.sqlite() {
            self.push(")::text");
        }
        if rows_wanted {
            self.push(" FROM (");
            self.rows(connection, parent, &needs, numbered);
            self.push(") p");
        }
    }

    fn typename(&mut self, def: &TypeDef, suffix: &str) {
        let name = format!("{}{suffix}", lyceum_model::names::pascal(&def.name));
        self.literal(&name);
    }

    fn push_json(&mut self, column: &str) {
        if self.sqlite() {
            self.write(format_args!("json({column})"));
        } else {
            self.push(column);
        }
    }

    /// `[…]` over the rows of the page.
    fn aggregate(&mut self, connection: &Connection<'_>, needs: &Needs<'_, '_>, value: impl FnOnce(&mut Self)) {
        self.push(if self.sqlite() { "json_group_array(" } else { "coalesce(json_agg(" });
        value(self);
        if connection.page.backward {
            self.push(" ORDER BY rn DESC");
        }
        self.push(")");
        if needs.more {
            self.write(format_args!(" FILTER (WHERE rn<={})", connection.page.limit));
        }
        self.push(if self.sqlite() { "" } else { ",'[]'::json)" });
    }

    fn edge(&mut self, def: &TypeDef, edges: &[(String, EdgeOutput<'_>)], first: usize) {
        let mut node = first;
        self.object(edges, |sql, edge| match edge {
            EdgeOutput::Typename => sql.typename(def, "Edge"),
            EdgeOutput::Cursor => sql.push("c"),
            EdgeOutput::Node(_) => {
                let column = format!("n{node}");
                node += 1;
                sql.push_json(&column);
            }
        });
    }

    fn page_info(&mut self, connection: &Connection<'_>, parts: &[(String, PageInfoPart)]) {
        let limit = connection.page.limit;
        let backward = connection.page.backward;
        let started = connection.page.cursor.is_some();
        self.object(parts, |sql, part| match part {
            PageInfoPart::Typename => sql.push("'PageInfo'"),
            PageInfoPart::HasNextPage if !backward => sql.more_than(limit),
            PageInfoPart::HasPreviousPage if backward => sql.more_than(limit),
            PageInfoPart::HasNextPage | PageInfoPart::HasPreviousPage => {
                let value = if started { "'true'" } else { "'false'" };
                sql.write(format_args!(
                    "{}{value}{}",
                    if sql.sqlite() { "json(" } else { "(" },
                    if sql.sqlite() { ")" } else { ")::boolean" }
                ));
            }
            // Row 1 is the last of the page when it was read backwards.
            PageInfoPart::StartCursor => sql.cursor_of(!backward, limit),
            PageInfoPart::EndCursor => sql.cursor_of(backward, limit),
        });
    }

    fn more_than(&mut self, limit: u32) {
        self.truth_open();
        self.write(format_args!("count(*)>{limit}"));
        self.truth_close();
    }

    fn cursor_of(&mut self, first: bool, limit: u32) {
        if limit == 0 {
            // The one row that was read tells only whether there are more.
            self.push("NULL");
        } else if first {
            self.push("max(CASE WHEN rn=1 THEN c END)");
        } else {
            self.write(format_args!("max(CASE WHEN rn=(CASE WHEN n<{limit} THEN n ELSE {limit} END) THEN c END)"));
        }
    }

    /// The rows of the page, one more than asked when it must be known
    /// whether there are more. The page is cut first, from keys alone: SQLite
    /// would tell every row before it sorts, and tell most of them in vain.
    fn rows(&mut self, connection: &Connection<'_>, parent: Parent<'_>, needs: &Needs<'_, '_>, numbered: bool) {
        let alias = self.alias();
        if numbered {
            // Numbers are given after the limit, so the order is computed once.
            self.push("SELECT q.*,row_number() OVER () AS rn,count(*) OVER () AS n FROM (");
        }
        self.push("SELECT ");
        for (index, entity) in needs.nodes.iter().enumerate() {
            self.push(if index > 0 { "," } else { "" });
            self.entity(entity, alias);
            self.write(format_args!(" AS n{index}"));
        }
        if needs.cursor {
            self.push(if needs.nodes.is_empty() { "" } else { "," });
            self.cursor_column(connection);
        } else if needs.nodes.is_empty() {
            self.push("1 AS one");
        }
        self.push(" FROM (");
        self.keys(connection, parent, connection.page.limit + u32::from(needs.more));
        self.write(format_args!(") k JOIN {} {alias} ON {alias}.id=k.id", connection.def.table));
        if needs.nodes.iter().any(|entity| entity.is_localised()) {
            self.join_locale(connection.def, alias);
        }
        self.order_by(connection, |sql, place, _| sql.write(format_args!("k.s{place}")));
        if numbered {
            self.push(") q");
        }
    }

    /// The ids and sort values of the page.
    fn keys(&mut self, connection: &Connection<'_>, parent: Parent<'_>, limit: u32) {
        let alias = self.alias();
        self.write(format_args!("SELECT {alias}.id AS id"));
        for (place, key) in connection.sort.iter().enumerate() {
            self.push(",");
            self.sort_value(connection.def, alias, key);
            self.write(format_args!(" AS s{place}"));
        }
        let localised = connection.sort.iter().any(SortKey::is_localised);
        self.source(connection, parent, alias, localised);
        self.after_cursor(connection, alias);
        self.order_by(connection, |sql, _, key| sql.sort_value(connection.def, alias, key));
        self.write(format_args!(" LIMIT {limit}"));
    }

    /// ` FROM … WHERE …` without the page. `localised` tells whether the
    /// caller needs columns of the locale's row.
    fn source(&mut self, connection: &Connection<'_>, parent: Parent<'_>, alias: Alias, localised: bool) {
        let def = connection.def;
        let localised = localised || connection.filter.as_ref().is_some_and(Filter::is_localised);
        let via = match parent {
            Some((row, field)) => {
                self.relation_from(row, field, def, alias, localised);
                self.push(" AND ");
                match &field.kind {
                    FieldKind::ToMany { via, .. } => Some(via.as_str()),
                    _ => None,
                }
            }
            None => {
                self.from(def, alias, localised);
                self.push(" WHERE ");
                None
            }
        };
        self.readable_from(def, alias, via);
        if let Some(filter) = &connection.filter {
            self.push(" AND ");
            self.filter(def, alias, filter);
        }
    }

    fn total(&mut self, connection: &Connection<'_>, parent: Parent<'_>) {
        let alias = self.alias();
        self.push("(SELECT count(*)");
        self.source(connection, parent, alias, false);
        self.push(")");
    }

    fn cursor_column(&mut self, connection: &Connection<'_>) {
        self.push(if self.sqlite() { "lower(hex(json_array(" } else { "encode(convert_to(json_build_array(" });
        // Names of types and fields are letters and digits.
        self.write(format_args!("'{}'", cursor::name(connection.def, &connection.sort)));
        for place in 0..connection.sort.len() {
            self.write(format_args!(",k.s{place}"));
        }
        self.push(if self.sqlite() { "))) AS c" } else { ")::text,'UTF8'),'hex') AS c" });
    }

    fn sort_value(&mut self, def: &TypeDef, alias: Alias, key: &SortKey<'_>) {
        match key.by {
            Sort::Id => self.write(format_args!("{alias}.id")),
            Sort::Position => self.write(format_args!("{alias}j.position")),
            Sort::Field(field) => match self.field_rule(def, field) {
                None => self.sort_column(def, alias, field),
                // Rows do not stand in an order that tells what may not be read.
                Some(open) => {
                    self.push("CASE WHEN ");
                    self.scoped(def, alias, &open);
                    self.push(" THEN ");
                    self.sort_column(def, alias, field);
                    self.push(" END");
                }
            },
        }
    }

    fn sort_column(&mut self, def: &TypeDef, alias: Alias, field: &Field) {
        match &field.kind {
            FieldKind::Scalar { column, .. } => self.column(def, alias, field, column),
            FieldKind::Money { minor_column: column, .. } | FieldKind::ToOne { column, .. } => {
                self.write(format_args!("{alias}.{column}"));
            }
            FieldKind::ToMany { .. } | FieldKind::ManyToMany { .. } => self.push("NULL"),
        }
    }

    fn order_by(&mut self, connection: &Connection<'_>, value: impl Fn(&mut Self, usize, &SortKey<'_>)) {
        for (place, key) in connection.sort.iter().enumerate() {
            self.push(if place > 0 { "," } else { " ORDER BY " });
            value(self, place, key);
            let direction = if connection.page.backward { key.direction.reversed() } else { key.direction };
            self.push(match direction {
                Direction::Ascending => " ASC",
                Direction::Descending => " DESC",
            });
            self.nulls(key, connection.page.backward, direction);
        }
    }

    /// Rows without the value come last, in either direction and database.
    fn nulls(&mut self, key: &SortKey<'_>, backward: bool, direction: Direction) {
        if !nullable(key) {
            return;
        }
        let last_by_itself = match direction {
            Direction::Ascending => !self.sqlite(),
            Direction::Descending => self.sqlite(),
        };
        if last_by_itself == backward {
            self.push(if backward { " NULLS FIRST" } else { " NULLS LAST" });
        }
    }

    /// ` AND (…)`: the row stands behind the cursor.
    fn after_cursor(&mut self, connection: &Connection<'_>, alias: Alias) {
        let Some(cursor) = &connection.page.cursor else { return };
        let values = cursor.values();
        self.push(" AND (");
        for place in 0..connection.sort.len() {
            self.push(if place > 0 { " OR (" } else { "(" });
            for (key, value) in connection.sort.iter().zip(values).take(place) {
                self.sort_value(connection.def, alias, key);
                match value {
                    Some(value) => {
                        self.push("=");
                        self.bind(value.clone());
                    }
                    None => self.push(" IS NULL"),
                }
                self.push(" AND ");
            }
            self.behind(connection, alias, &connection.sort[place], values[place].as_ref());
            self.push(")");
        }
        self.push(")");
    }

    fn behind(&mut self, connection: &Connection<'_>, alias: Alias, key: &SortKey<'_>, value: Option<&Value>) {
        let backward = connection.page.backward;
        let direction = if backward { key.direction.reversed() } else { key.direction };
        let symbol = if direction == Direction::Ascending { ">" } else { "<" };
        match value {
            Some(value) => {
                self.push("(");
                self.sort_value(connection.def, alias, key);
                self.push(symbol);
                self.bind(value.clone());
                if nullable(key) && !backward {
                    self.push(" OR ");
                    self.sort_value(connection.def, alias, key);
                    self.push(" IS NULL");
                }
                self.push(")");
            }
            // Rows without the value are last: nothing is behind them going
            // forward, and every row with a value is going backward.
            None if backward => {
                self.sort_value(connection.def, alias, key);
                self.push(" IS NOT NULL");
            }
            None => self.push("1=0"),
        }
    }
}

fn nullable(key: &SortKey<'_>) -> bool {
    matches!(key.by, Sort::Field(field) if !field.required)
}
