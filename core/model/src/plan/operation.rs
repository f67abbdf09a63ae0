//! From tables to tables, by the keys of tables and columns.
//!
//! The order is: drop indexes, columns and tables that go; rename what stays;
//! create and add; copy values between a table and its languages; drop what
//! was copied from; create indexes.

use std::collections::{BTreeMap, HashSet};

use crate::content::{Column, Index, Reference, Table};

/// One change of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    DropIndex {
        name: String,
    },
    DropColumn {
        table: String,
        column: String,
    },
    DropTable {
        name: String,
    },
    RenameTable {
        from: String,
        to: String,
    },
    RenameColumn {
        table: String,
        from: String,
        to: String,
    },
    /// Without indexes and, where the database can add them later, references.
    CreateTable(Table),
    AddColumn {
        table: String,
        column: Column,
    },
    /// For databases that check references when a table is made.
    AddReference {
        table: String,
        column: String,
        reference: Reference,
    },
    /// A column of `table` becomes the default locale's of `locale_table`.
    CopyToLocale {
        table: String,
        from: String,
        locale_table: String,
        entry: String,
        to: String,
    },
    /// The default locale's values become those of a column of `table`.
    CopyFromLocale {
        table: String,
        to: String,
        locale_table: String,
        entry: String,
        from: String,
    },
    CreateIndex {
        table: String,
        index: Index,
    },
}

pub(super) fn operations(applied: &[Table], wanted: &[Table]) -> Vec<Operation> {
    let change = Change { applied, wanted };
    let mut all = change.dropped_indexes();
    all.extend(change.dropped_columns(false));
    all.extend(change.dropped_tables(false));
    all.extend(change.renamed_tables());
    all.extend(change.renamed_columns());
    all.extend(change.created());
    all.extend(change.copies());
    all.extend(change.dropped_columns(true));
    all.extend(change.dropped_tables(true));
    all.extend(change.created_indexes());
    all
}

struct Change<'a> {
    applied: &'a [Table],
    wanted: &'a [Table],
}

/// A column that goes from one table to another.
struct Move<'a> {
    from: (&'a Table, &'a Column),
    to: (&'a Table, &'a Column),
}

impl<'a> Change<'a> {
    /// Tables that are on both sides.
    fn kept(&self) -> impl Iterator<Item = (&'a Table, &'a Table)> {
        let wanted = self.wanted;
        self.applied.iter().filter_map(move |old| Some((old, by_key(wanted, &old.key)?)))
    }

    fn moves(&self) -> Vec<Move<'a>> {
        let mut moves = Vec::new();
        for old in self.applied {
            for column in &old.columns {
                let home = self.wanted.iter().find_map(|new| Some((new, column_of(new, &column.key)?)));
                if let Some(to) = home.filter(|(new, _)| new.key != old.key) {
                    moves.push(Move { from: (old, column), to });
                }
            }
        }
        moves
    }

    /// The name a table of before has after the renames.
    fn name_now(&self, old: &'a Table) -> &'a str {
        by_key(self.wanted, &old.key).map_or(&old.name, |new| &new.name)
    }

    fn dropped_indexes(&self) -> Vec<Operation> {
        let gone = self.kept().flat_map(|(old, new)| old.indexes.iter().filter(|index| !new.indexes.contains(index)));
        gone.map(|index| Operation::DropIndex { name: index.name.clone() }).collect()
    }

    /// Columns that go: at once, or `after` their values were copied.
    fn dropped_columns(&self, after: bool) -> Vec<Operation> {
        let moved: HashSet<&str> = self.moves().iter().map(|m| m.from.1.key.as_str()).collect();
        let mut dropped = Vec::new();
        for (old, new) in self.kept() {
            for column in old.columns.iter().filter(|c| column_of(new, &c.key).is_none()) {
                if moved.contains(column.key.as_str()) == after {
                    let table = if after { &new.name } else { &old.name };
                    dropped.push(Operation::DropColumn { table: table.clone(), column: column.name.clone() });
                }
            }
        }
        dropped
    }

    /// Tables that go, those that point to others first.
    fn dropped_tables(&self, after: bool) -> Vec<Operation> {
        let sources: HashSet<&str> = self.moves().iter().map(|m| m.from.0.key.as_str()).collect();
        let gone = self.applied.iter().filter(|old| by_key(self.wanted, &old.key).is_none());
        let mut left: Vec<&Table> = gone.filter(|old| sources.contains(old.key.as_str()) == after).collect();
        let mut dropped = Vec::with_capacity(left.len());
        while !left.is_empty() {
            // In a ring of references the first goes first.
            let next = left.iter().position(|table| !left.iter().any(|other| points_to(other, table))).unwrap_or(0);
            dropped.push(Operation::DropTable { name: left.remove(next).name.clone() });
        }
        dropped
    }

    fn renamed_tables(&self) -> Vec<Operation> {
        let pairs = self.kept().map(|(old, new)| (old.name.as_str(), new.name.as_str()));
        let renames = in_safe_order(pairs.collect());
        renames.into_iter().map(|(from, to)| Operation::RenameTable { from, to }).collect()
    }

    fn renamed_columns(&self) -> Vec<Operation> {
        let mut renamed = Vec::new();
        for (old, new) in self.kept() {
            let pairs =
                old.columns.iter().filter_map(|c| Some((c.name.as_str(), column_of(new, &c.key)?.name.as_str())));
            for (from, to) in in_safe_order(pairs.collect()) {
                renamed.push(Operation::RenameColumn { table: new.name.clone(), from, to });
            }
        }
        renamed
    }

    fn created(&self) -> Vec<Operation> {
        let mut created = Vec::new();
        let mut references = Vec::new();
        for new in self.wanted {
            let old = by_key(self.applied, &new.key);
            if old.is_none() {
                created.push(Operation::CreateTable(new.clone()));
            }
            for column in new.columns.iter().filter(|c| old.is_none_or(|old| column_of(old, &c.key).is_none())) {
                if old.is_some() {
                    created.push(Operation::AddColumn { table: new.name.clone(), column: column.clone() });
                }
                if let Some(reference) = column.references.clone() {
                    let (table, column) = (new.name.clone(), column.name.clone());
                    references.push(Operation::AddReference { table, column, reference });
                }
            }
        }
        created.extend(references);
        created
    }

    /// A localised table is the one whose key has two columns.
    fn copies(&self) -> Vec<Operation> {
        self.moves()
            .iter()
            .map(|m| {
                let ((old, source), (new, target)) = (m.from, m.to);
                let (from, to) = (source.name.clone(), target.name.clone());
                let old_name = self.name_now(old).to_owned();
                if new.primary_key.len() == 2 {
                    let entry = new.primary_key[0].clone();
                    Operation::CopyToLocale { table: old_name, from, locale_table: new.name.clone(), entry, to }
                } else {
                    let entry = by_key(self.wanted, &old.key).unwrap_or(old).primary_key[0].clone();
                    Operation::CopyFromLocale { table: new.name.clone(), to, locale_table: old_name, entry, from }
                }
            })
            .collect()
    }

    fn created_indexes(&self) -> Vec<Operation> {
        let mut created = Vec::new();
        for new in self.wanted {
            let had = by_key(self.applied, &new.key).map_or(&[][..], |old| &old.indexes);
            for index in new.indexes.iter().filter(|index| !had.contains(index)) {
                created.push(Operation::CreateIndex { table: new.name.clone(), index: index.clone() });
            }
        }
        created
    }
}

fn by_key<'t>(tables: &'t [Table], key: &str) -> Option<&'t Table> {
    tables.iter().find(|table| table.key == key)
}

fn column_of<'t>(table: &'t Table, key: &str) -> Option<&'t Column> {
    table.columns.iter().find(|column| column.key == key)
}

fn points_to(table: &Table, other: &Table) -> bool {
    table.key != other.key && table.columns.iter().filter_map(|c| c.references.as_ref()).any(|r| r.table == other.name)
}

/// The renames among `(before, after)`. When a name is given before its old
/// bearer has let it go, all go by way of names that nobody has.
fn in_safe_order(pairs: Vec<(&str, &str)>) -> Vec<(String, String)> {
    let renames: BTreeMap<&str, &str> = pairs.into_iter().filter(|(from, to)| from != to).collect();
    let direct = renames.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned()));
    if !renames.values().any(|to| renames.contains_key(to)) {
        return direct.collect();
    }
    let passing = |place: usize| format!("renaming_{place}");
    let out = renames.keys().enumerate().map(|(place, from)| ((*from).to_owned(), passing(place)));
    let back = renames.values().enumerate().map(|(place, to)| (passing(place), (*to).to_owned()));
    out.chain(back).collect()
}
