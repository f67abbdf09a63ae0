//! Which documents pass the query's filters.

use lyceum_domain::search::{Query, SearchError};
use tantivy::{DocId, SegmentReader};

use super::{
    corpus::{Corpus, Place, mark},
    schema::{Fields, failure},
};

/// `None` for a segment all of whose documents pass.
pub struct Passing(Vec<Option<Vec<bool>>>);

impl Passing {
    pub fn new(corpus: &Corpus<'_>, query: &Query) -> Result<Self, SearchError> {
        let segments = corpus.segments().map(|(_, reader)| segment_passing(reader, corpus.fields, query));
        Ok(Self(segments.collect::<Result<_, _>>()?))
    }

    #[must_use]
    pub fn passes(&self, place: Place) -> bool {
        self.0[place.segment as usize].as_ref().is_none_or(|marks| marks[place.doc as usize])
    }
}

#[must_use]
pub fn has_filters(query: &Query) -> bool {
    !query.kinds.is_empty()
        || !query.tags.is_empty()
        || query.category.is_some()
        || query.level.is_some()
        || query.price_min.is_some()
        || query.price_max.is_some()
}

fn segment_passing(reader: &SegmentReader, fields: &Fields, query: &Query) -> Result<Option<Vec<bool>>, SearchError> {
    if !has_filters(query) {
        return Ok(None);
    }
    let mut passing = vec![true; reader.max_doc() as usize];
    let mut narrow = |field, values: &[&str]| -> Result<(), SearchError> {
        let mut marks = vec![false; passing.len()];
        for value in values {
            mark(reader, field, value, &mut marks)?;
        }
        passing.iter_mut().zip(marks).for_each(|(passes, marked)| *passes &= marked);
        Ok(())
    };
    if !query.kinds.is_empty() {
        narrow(fields.kind, &query.kinds.iter().map(String::as_str).collect::<Vec<_>>())?;
    }
    for tag in &query.tags {
        narrow(fields.tag, &[tag])?;
    }
    for (field, value) in [(fields.category, &query.category), (fields.level, &query.level)] {
        if let Some(value) = value {
            narrow(field, &[value])?;
        }
    }
    narrow_by_price(reader, query, &mut passing)?;
    Ok(Some(passing))
}

/// Both bounds are inclusive; what has no price passes neither.
fn narrow_by_price(reader: &SegmentReader, query: &Query, passing: &mut [bool]) -> Result<(), SearchError> {
    if query.price_min.is_none() && query.price_max.is_none() {
        return Ok(());
    }
    let prices = reader.fast_fields().i64("price").map_err(failure)?;
    let bounds = query.price_min.unwrap_or(i64::MIN)..=query.price_max.unwrap_or(i64::MAX);
    for (doc, passes) in (0 as DocId..).zip(passing.iter_mut()) {
        *passes &= prices.first(doc).is_some_and(|price| bounds.contains(&price));
    }
    Ok(())
}
