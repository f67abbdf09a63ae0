//! How much a parsed query asks for: as it is written, and with its fragments
//! opened.
//!
//! **Invariant:** each selection is visited once, however often its fragment
//! is spread: what is opened is multiplied, not walked.

use std::{
    collections::{HashMap, HashSet},
    ops::AddAssign,
};

use apollo_compiler::ast::{Definition, DirectiveList, Document, Selection};
use lyceum_kernel::{ErrorCode, Failure, Result};

use super::too_large;
use crate::limits::Limits;

/// Operations of one document.
pub const OPERATIONS: usize = 50;
/// Fragments of one document.
pub const FRAGMENTS: usize = 100;
/// Variables of one document.
pub const VARIABLES: usize = 200;
/// Directives of one document.
pub const DIRECTIVES: usize = 200;
/// Selections of one document, as they are written.
pub const WRITTEN: u64 = 5_000;
/// Selections of one operation, its fragments opened.
pub const OPENED: u64 = 10_000;

/// # Errors
/// QUERY_TOO_LARGE, QUERY_TOO_DEEP, TOO_MANY_ALIASES.
pub fn check(document: &Document, limits: Limits) -> Result<()> {
    let mut walk = Walk { fragments: HashMap::new(), written: Written::default() };
    let (mut operations, mut variables) = (Vec::new(), 0);
    for definition in &document.definitions {
        match definition {
            Definition::FragmentDefinition(fragment) => {
                let size = walk.selections(&fragment.selection_set);
                walk.directives(&fragment.directives);
                // Of two with one name validation refuses the document.
                walk.fragments.entry(fragment.name.as_str()).or_insert(size);
                walk.written.fragments += 1;
            }
            Definition::OperationDefinition(operation) => {
                operations.push(walk.selections(&operation.selection_set));
                walk.directives(&operation.directives);
                variables += operation.variables.len();
                operation.variables.iter().for_each(|variable| walk.directives(&variable.directives));
            }
            _ => {}
        }
    }
    walk.written.check()?;
    at_most("operations", operations.len(), OPERATIONS)?;
    at_most("variables", variables, VARIABLES)?;
    let mut opened = Opening { fragments: &walk.fragments, known: HashMap::new(), under_way: HashSet::new() };
    operations.iter().try_for_each(|operation| opened.size(operation).check(limits))
}

fn at_most(of: &'static str, number: usize, most: usize) -> Result<()> {
    if number > most { Err(too_large(of, most)) } else { Ok(()) }
}

/// What is written in the whole document.
#[derive(Default)]
struct Written {
    selections: u64,
    fragments: usize,
    directives: usize,
}

impl Written {
    fn check(&self) -> Result<()> {
        at_most("fragments", self.fragments, FRAGMENTS)?;
        at_most("directives", self.directives, DIRECTIVES)?;
        if self.selections > WRITTEN { Err(too_large("selections", WRITTEN)) } else { Ok(()) }
    }
}

/// A selection set as written, with what it spreads and how deep.
#[derive(Default)]
struct Set<'d> {
    own: Size,
    spreads: Vec<(&'d str, u64)>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Size {
    selections: u64,
    aliases: u64,
    depth: u64,
}

impl AddAssign for Size {
    fn add_assign(&mut self, other: Self) {
        self.selections = self.selections.saturating_add(other.selections);
        self.aliases = self.aliases.saturating_add(other.aliases);
        self.depth = self.depth.max(other.depth);
    }
}

impl Size {
    fn check(self, limits: Limits) -> Result<()> {
        let aliases = limits.aliases as u64;
        if self.aliases > aliases {
            let message =
                format!("The query has more than {aliases} aliases, those of fragments counted at each spread.");
            return Err(Failure::new(ErrorCode::TooManyAliases, message).with("limit", aliases));
        }
        if self.selections > OPENED {
            return Err(too_large("selections with the fragments opened", OPENED));
        }
        let most = super::scan::NESTING as u64;
        if self.depth > most {
            let message = format!("The query is nested deeper than {most} levels with its fragments opened.");
            return Err(Failure::new(ErrorCode::QueryTooDeep, message).with("limit", most));
        }
        Ok(())
    }
}

struct Walk<'d> {
    fragments: HashMap<&'d str, Set<'d>>,
    written: Written,
}

impl<'d> Walk<'d> {
    fn selections(&mut self, selections: &'d [Selection]) -> Set<'d> {
        let mut set = Set::default();
        self.collect(selections, 1, &mut set);
        set
    }

    /// The scan has bounded how deep this recurses.
    fn collect(&mut self, selections: &'d [Selection], depth: u64, set: &mut Set<'d>) {
        for selection in selections {
            self.written.selections += 1;
            set.own += Size { selections: 1, aliases: 0, depth };
            match selection {
                Selection::Field(field) => {
                    set.own.aliases += u64::from(field.alias.is_some());
                    self.directives(&field.directives);
                    self.collect(&field.selection_set, depth + 1, set);
                }
                Selection::InlineFragment(fragment) => {
                    self.directives(&fragment.directives);
                    self.collect(&fragment.selection_set, depth, set);
                }
                Selection::FragmentSpread(spread) => {
                    self.directives(&spread.directives);
                    set.spreads.push((spread.fragment_name.as_str(), depth));
                }
            }
        }
    }

    fn directives(&mut self, directives: &DirectiveList) {
        self.written.directives += directives.len();
    }
}

/// Opens fragments, each once.
struct Opening<'w, 'd> {
    fragments: &'w HashMap<&'d str, Set<'d>>,
    known: HashMap<&'d str, Size>,
    under_way: HashSet<&'d str>,
}

impl<'d> Opening<'_, 'd> {
    fn size(&mut self, set: &Set<'d>) -> Size {
        let mut size = set.own;
        for (name, depth) in &set.spreads {
            let inner = self.fragment(name);
            // The fragment's own first level stands where its spread does.
            size += Size { depth: (inner.depth + depth).saturating_sub(1), ..inner };
        }
        size
    }

    /// At most [`FRAGMENTS`] deep. One that leads to itself is left to
    /// validation, which refuses it.
    fn fragment(&mut self, name: &'d str) -> Size {
        if let Some(known) = self.known.get(name) {
            return *known;
        }
        let Some(set) = self.fragments.get(name).filter(|_| self.under_way.insert(name)) else {
            return Size::default();
        };
        let size = self.size(set);
        self.under_way.remove(name);
        self.known.insert(name, size);
        size
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn code(query: &str) -> String {
        let document = Document::parse(query, "query").expect("a document that parses");
        check(&document, Limits::default()).map_or_else(|failure| failure.code().name().into(), |()| "fine".into())
    }

    /// `last` below a chain of fragments, each of which spreads the next twice.
    fn bomb(length: usize, last: &str) -> String {
        let mut query = "{...F0}".to_owned();
        for n in 0..length {
            let _ = write!(query, " fragment F{n} on Query{{...F{0} ...F{0}}}", n + 1);
        }
        query + &format!(" fragment F{length} on Query{{{last}}}")
    }

    #[test]
    fn what_fragments_open_is_counted_at_each_spread() {
        assert_eq!(code(&bomb(10, "__typename")), "fine");
        assert_eq!(code(&bomb(13, "__typename")), "QUERY_TOO_LARGE");
        assert_eq!(code(&bomb(60, "__typename")), "QUERY_TOO_LARGE");
        assert_eq!(code(&bomb(5, "a: __typename")), "fine");
        assert_eq!(code(&bomb(6, "a: __typename")), "TOO_MANY_ALIASES");
    }

    #[test]
    fn depth_goes_on_through_fragments() {
        let chain = |length: usize| {
            let mut query = "{a{...F0}}".to_owned();
            for n in 0..length {
                let _ = write!(query, " fragment F{n} on A{{a{{...F{}}}}}", n + 1);
            }
            query + &format!(" fragment F{length} on A{{b}}")
        };
        assert_eq!(code(&chain(60)), "fine");
        assert_eq!(code(&chain(63)), "QUERY_TOO_DEEP");
    }

    #[test]
    fn a_circle_is_left_to_validation() {
        assert_eq!(code("{...A} fragment A on Q{...B} fragment B on Q{...A c}"), "fine");
    }

    #[test]
    fn each_part_of_a_document_has_a_limit() {
        for (query, wanted) in [
            (format!("{{{}}}", "a ".repeat(5_000)), "fine"),
            (format!("{{{}}}", "a ".repeat(5_001)), "QUERY_TOO_LARGE"),
            (format!("{{a {}}}", "@a ".repeat(201)), "QUERY_TOO_LARGE"),
            ((0..51).map(|n| format!("query Q{n}{{a}} ")).collect(), "QUERY_TOO_LARGE"),
            ((0..101).map(|n| format!("fragment F{n} on Q{{a}} ")).collect::<String>() + "{a}", "QUERY_TOO_LARGE"),
            (format!("query({}){{a}}", (0..201).map(|n| format!("$v{n}:Int ")).collect::<String>()), "QUERY_TOO_LARGE"),
        ] {
            assert_eq!(code(&query), wanted, "{}", &query[..40.min(query.len())]);
        }
    }

    /// The number of visits is what a hostile document buys: it may not be
    /// more than what is written.
    #[test]
    fn visits_are_no_more_than_what_is_written() {
        for length in [1, 10, 40, 80] {
            let query = bomb(length, "__typename");
            let document = Document::parse(query.as_str(), "query").expect("it parses");
            let mut walk = Walk { fragments: HashMap::new(), written: Written::default() };
            for definition in &document.definitions {
                if let Definition::FragmentDefinition(fragment) = definition {
                    let set = walk.selections(&fragment.selection_set);
                    walk.fragments.insert(fragment.name.as_str(), set);
                }
            }
            assert_eq!(walk.written.selections as usize, 2 * length + 1);
            let mut opening = Opening { fragments: &walk.fragments, known: HashMap::new(), under_way: HashSet::new() };
            opening.fragment("F0");
            assert_eq!(opening.known.len(), length + 1, "each fragment is opened once");
        }
    }
}
