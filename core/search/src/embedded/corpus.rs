//! The index as one reader may see it.
//!
//! **Invariant:** [`Corpus::read`] is the only way from a term to documents,
//! and it passes over deleted documents and over gated text that the reader
//! may not see. Nothing that ranking uses (frequencies, lengths, which terms
//! exist) is taken from the index's own statistics, since those count what
//! this reader may not know.

use lyceum_domain::search::SearchError;
use tantivy::{
    DocId, DocSet, Searcher, SegmentReader, TERMINATED, Term,
    fieldnorm::FieldNormReader,
    postings::{Postings, SegmentPostings, TermInfo},
    schema::{Field, IndexRecordOption},
};

use super::schema::{Fields, failure};

/// Where in a document a term stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    Title = 0,
    Open = 1,
    Gated = 2,
}

impl Area {
    pub const ALL: [Self; 3] = [Self::Title, Self::Open, Self::Gated];

    fn field(self, fields: &Fields) -> Field {
        match self {
            Self::Title => fields.title,
            Self::Open => fields.open,
            Self::Gated => fields.gated,
        }
    }
}

/// One document of one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub segment: u32,
    pub doc: DocId,
}

pub struct Corpus<'a> {
    pub searcher: &'a Searcher,
    pub fields: &'a Fields,
    segments: Vec<Segment<'a>>,
}

struct Segment<'a> {
    reader: &'a SegmentReader,
    /// Which documents' gated text may be seen.
    unlocked: Vec<bool>,
    lengths: [FieldNormReader; 3],
}

impl<'a> Corpus<'a> {
    pub fn new(searcher: &'a Searcher, fields: &'a Fields, tokens: &[String]) -> Result<Self, SearchError> {
        let segments = searcher.segment_readers().iter().map(|reader| Segment::new(reader, fields, tokens));
        Ok(Self { searcher, fields, segments: segments.collect::<Result<_, _>>()? })
    }

    pub fn segments(&self) -> impl Iterator<Item = (u32, &'a SegmentReader)> + '_ {
        (0..).zip(self.segments.iter().map(|segment| segment.reader))
    }

    pub fn document_count(&self) -> u64 {
        self.searcher.num_docs()
    }

    /// One value a document, by segment.
    pub fn per_document<T: Clone>(&self, value: T) -> Vec<Vec<T>> {
        self.segments.iter().map(|segment| vec![value.clone(); segment.reader.max_doc() as usize]).collect()
    }

    /// Calls `found` with each document that shows the term to this reader,
    /// how often it does and how long the area is, in terms.
    pub fn read(
        &self,
        segment: u32,
        area: Area,
        info: &TermInfo,
        mut found: impl FnMut(Place, u32, u32),
    ) -> Result<(), SearchError> {
        let mut postings = self.postings(segment, area, info, IndexRecordOption::WithFreqs)?;
        let of = &self.segments[segment as usize];
        let mut doc = postings.doc();
        while doc != TERMINATED {
            if of.shows(area, doc) {
                found(Place { segment, doc }, postings.term_freq(), of.lengths[area as usize].fieldnorm(doc));
            }
            doc = postings.advance();
        }
        Ok(())
    }

    /// The positions of a term in documents given in ascending order.
    pub fn positions(
        &self,
        segment: u32,
        area: Area,
        info: &TermInfo,
        docs: &[DocId],
        mut found: impl FnMut(DocId, &[u32]),
    ) -> Result<(), SearchError> {
        let mut postings = self.postings(segment, area, info, IndexRecordOption::WithFreqsAndPositions)?;
        let mut positions = Vec::new();
        for &doc in docs.iter().filter(|doc| self.segments[segment as usize].shows(area, **doc)) {
            if postings.doc() < doc {
                postings.seek(doc);
            }
            if postings.doc() == doc {
                postings.positions(&mut positions);
                found(doc, &positions);
            }
        }
        Ok(())
    }

    pub fn term_info(&self, segment: u32, area: Area, term: &str) -> Result<Option<TermInfo>, SearchError> {
        self.inverted(segment, area)?.terms().get(term.as_bytes()).map_err(failure)
    }

    pub fn inverted(
        &self,
        segment: u32,
        area: Area,
    ) -> Result<std::sync::Arc<tantivy::InvertedIndexReader>, SearchError> {
        self.segments[segment as usize].reader.inverted_index(area.field(self.fields)).map_err(failure)
    }

    fn postings(
        &self,
        segment: u32,
        area: Area,
        info: &TermInfo,
        option: IndexRecordOption,
    ) -> Result<SegmentPostings, SearchError> {
        self.inverted(segment, area)?.read_postings_from_terminfo(info, option).map_err(failure)
    }
}

impl<'a> Segment<'a> {
    fn new(reader: &'a SegmentReader, fields: &Fields, tokens: &[String]) -> Result<Self, SearchError> {
        let length = |area: Area| reader.get_fieldnorms_reader(area.field(fields)).map_err(failure);
        let mut unlocked = vec![false; reader.max_doc() as usize];
        for token in tokens {
            mark(reader, fields.reader, token, &mut unlocked)?;
        }
        let lengths = [length(Area::Title)?, length(Area::Open)?, length(Area::Gated)?];
        Ok(Self { reader, unlocked, lengths })
    }

    fn shows(&self, area: Area, doc: DocId) -> bool {
        (area != Area::Gated || self.unlocked[doc as usize]) && !self.reader.is_deleted(doc)
    }
}

/// Marks the documents of a segment whose field holds exactly this value.
pub fn mark(reader: &SegmentReader, field: Field, value: &str, marks: &mut [bool]) -> Result<(), SearchError> {
    let term = Term::from_field_text(field, value);
    let inverted = reader.inverted_index(field).map_err(failure)?;
    let Some(mut postings) = inverted.read_postings(&term, IndexRecordOption::Basic).map_err(failure)? else {
        return Ok(());
    };
    let mut doc = postings.doc();
    while doc != TERMINATED {
        marks[doc as usize] = true;
        doc = postings.advance();
    }
    Ok(())
}
