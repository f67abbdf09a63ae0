//! The fields of the embedded index, and a document in them.

use lyceum_domain::search::{Document, SearchError};
use tantivy::{
    TantivyDocument, Term,
    schema::{FAST, Field, INDEXED, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions},
    tokenizer::{BoxTokenStream, Token, TokenStream, Tokenizer},
};

use crate::text;

/// Raised with every change of the fields or of [`text`]: an index of another
/// version is thrown away and filled anew.
pub const VERSION: u32 = 2;

pub const TOKENIZER: &str = "lyceum";

#[derive(Debug, Clone)]
pub struct Fields {
    pub schema: Schema,
    pub id: Field,
    /// Stored, since the second pass of ranking reads it.
    pub title: Field,
    pub open: Field,
    pub gated: Field,
    pub kind: Field,
    pub category: Field,
    pub tag: Field,
    pub level: Field,
    /// `i64`, minor units; absent where there is no price.
    pub price: Field,
    pub reader: Field,
}

impl Fields {
    #[must_use]
    pub fn new() -> Self {
        let mut builder = Schema::builder();
        Self {
            id: builder.add_text_field("id", STRING | STORED | FAST),
            title: builder.add_text_field("title", searched() | STORED),
            open: builder.add_text_field("open", searched()),
            gated: builder.add_text_field("gated", searched()),
            kind: builder.add_text_field("kind", STRING | STORED),
            category: builder.add_text_field("category", STRING),
            tag: builder.add_text_field("tag", STRING),
            level: builder.add_text_field("level", STRING),
            price: builder.add_i64_field("price", FAST | INDEXED),
            reader: builder.add_text_field("reader", STRING),
            schema: builder.build(),
        }
    }

    /// The term by which a document is deleted.
    #[must_use]
    pub fn id_term(&self, id: &str) -> Term {
        Term::from_field_text(self.id, id)
    }

    #[must_use]
    pub fn document(&self, source: &Document) -> TantivyDocument {
        let mut document = TantivyDocument::default();
        document.add_text(self.id, source.id.as_str());
        document.add_text(self.kind, &source.kind);
        for text in &source.texts {
            document.add_text(self.title, &text.title);
            document.add_text(self.open, &text.open);
            document.add_text(self.gated, &text.gated);
        }
        self.add_facets(source, &mut document);
        document
    }

    fn add_facets(&self, source: &Document, document: &mut TantivyDocument) {
        let many = [(self.tag, &source.tags), (self.reader, &source.readers)];
        for (field, value) in many.into_iter().flat_map(|(field, values)| values.iter().map(move |v| (field, v))) {
            document.add_text(field, value);
        }
        for (field, value) in [(self.category, &source.category), (self.level, &source.level)] {
            if let Some(value) = value {
                document.add_text(field, value);
            }
        }
        if let Some(price) = source.price_minor {
            document.add_i64(self.price, price);
        }
    }
}

fn searched() -> TextOptions {
    let indexing = TextFieldIndexing::default()
        .set_tokenizer(TOKENIZER)
        .set_index_option(IndexRecordOption::WithFreqsAndPositions)
        .set_fieldnorms(true);
    TextOptions::default().set_indexing_options(indexing)
}

pub fn failure(error: impl std::fmt::Display) -> SearchError {
    SearchError(error.to_string())
}

/// [`text::terms`] as the index wants them.
#[derive(Clone)]
pub struct MixedTokenizer;

pub struct CutTokens {
    tokens: std::vec::IntoIter<text::Term>,
    current: Token,
}

impl Tokenizer for MixedTokenizer {
    type TokenStream<'a> = BoxTokenStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> BoxTokenStream<'a> {
        BoxTokenStream::new(CutTokens { tokens: text::terms(text).into_iter(), current: Token::default() })
    }
}

impl TokenStream for CutTokens {
    fn advance(&mut self) -> bool {
        let Some(term) = self.tokens.next() else { return false };
        self.current = Token {
            offset_from: term.span.start,
            offset_to: term.span.end,
            position: term.position as usize,
            text: term.text,
            position_length: 1,
        };
        true
    }

    fn token(&self) -> &Token {
        &self.current
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.current
    }
}
