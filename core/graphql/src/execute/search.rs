//! Search: hits of the index, with the rows of those that the asker may read.

use std::collections::HashMap;

use lyceum_domain::content::canonical_slug;
use lyceum_domain::search::{Asked, KINDS, SearchHit, Snippet};
use lyceum_kernel::{ErrorCode, Failure, Id, Locale, Result};
use serde_json::{Map, Value as Json, value::RawValue};

use super::{
    Run,
    text::{self, ObjectText},
};
use crate::fields::{Selected, Selections};

/// The rows of hits, by the place of the `node` field that asks for them.
type Nodes = HashMap<(usize, Id), Box<RawValue>>;

impl Run<'_> {
    pub(super) async fn search(
        &mut self,
        arguments: &Map<String, Json>,
        below: &Selections<'_>,
        locales: &[Locale],
    ) -> Result<String> {
        let fields = below.fields(&["SearchResult"])?;
        let asked = Asked { snippets: wants_snippets(&fields, below)?, ..question(arguments)? };
        let found = self.api.domains.search.find(&self.asker.viewer, asked, &locales[0]).await?;
        let mut out = ObjectText::new();
        for selected in &fields {
            self.meter.field()?;
            let told = match selected.name() {
                "nodes" => self.hits(&found.hits, &below.below(selected), locales).await?,
                "totalCount" => found.total.to_string(),
                "hasNextPage" => found.more.to_string(),
                _ => "\"SearchResult\"".to_owned(),
            };
            out.put(selected.key, &told);
        }
        Ok(out.end())
    }

    async fn hits(&mut self, hits: &[SearchHit], below: &Selections<'_>, locales: &[Locale]) -> Result<String> {
        let fields = below.fields(&["SearchHit"])?;
        let nodes = self.nodes(hits, &fields, below, locales).await?;
        let value = |hit: &SearchHit, place: usize, selected: &Selected<'_>| match selected.name() {
            "score" => Ok(format!("\"{:.4}\"", hit.score)),
            "snippets" => snippets(&hit.snippets, &below.below(selected)),
            "node" => Ok(nodes.get(&(place, hit.id)).map_or("null", |row| row.get()).to_owned()),
            _ => Ok("\"SearchHit\"".to_owned()),
        };
        let item = |hit: &SearchHit| {
            let mut out = ObjectText::new();
            for (place, selected) in fields.iter().enumerate() {
                out.put(selected.key, &value(hit, place, selected)?);
            }
            Ok(out.end())
        };
        let items = hits.iter().map(item).collect::<Result<Vec<String>>>()?;
        Ok(text::list(items.iter().map(String::as_str)))
    }

    async fn nodes(
        &mut self,
        hits: &[SearchHit],
        fields: &[Selected<'_>],
        below: &Selections<'_>,
        locales: &[Locale],
    ) -> Result<Nodes> {
        let mut nodes = Nodes::new();
        for (place, selected) in fields.iter().enumerate().filter(|(_, selected)| selected.name() == "node") {
            for kind in KINDS {
                let ids: Vec<Id> = hits.iter().filter(|hit| hit.kind == *kind).map(|hit| hit.id).collect();
                let rows = self.by_ids(kind, &ids, &below.below(selected), locales).await?;
                nodes.extend(rows.into_iter().map(|(id, row)| ((place, id), row)));
            }
        }
        Ok(nodes)
    }
}

fn wants_snippets(fields: &[Selected<'_>], below: &Selections<'_>) -> Result<bool> {
    for nodes in fields.iter().filter(|selected| selected.name() == "nodes") {
        if below.below(nodes).fields(&["SearchHit"])?.iter().any(|selected| selected.name() == "snippets") {
            return Ok(true);
        }
    }
    Ok(false)
}

fn snippets(snippets: &[Snippet], below: &Selections<'_>) -> Result<String> {
    let fields = below.fields(&["SearchSnippet"])?;
    let one = |snippet: &Snippet| {
        let mut object = Map::new();
        for selected in &fields {
            let value = match selected.name() {
                "field" => &snippet.field,
                "html" => &snippet.html,
                _ => "SearchSnippet",
            };
            object.insert(selected.key.to_owned(), value.into());
        }
        Json::Object(object)
    };
    Ok(Json::Array(snippets.iter().map(one).collect()).to_string())
}

/// Characters of the words that are searched for.
const WORDS: usize = 500;
/// Items of a list in the filter.
const LIST: usize = 20;

fn question(arguments: &Map<String, Json>) -> Result<Asked> {
    let number = |name: &str, default: i64| arguments.get(name).and_then(Json::as_i64).unwrap_or(default);
    let within = |name: &str, value: i64, most: i64| {
        let fits = usize::try_from(value).ok().filter(|_| value <= most);
        fits.ok_or_else(|| Failure::input(name, format!("A number from 0 to {most} is needed here.")))
    };
    let filter = arguments.get("filter").unwrap_or(&Json::Null);
    if let Some((name, _)) = filter.as_object().into_iter().flatten().find(|(_, value)| value.is_null()) {
        return Err(Failure::input(&format!("filter.{name}"), "Null is no condition: leave it out."));
    }
    let texts = |name: &str| -> Result<Vec<String>> {
        let list = filter[name].as_array().map(Vec::as_slice).unwrap_or_default();
        if list.len() > LIST {
            let message = format!("At most {LIST} are taken here.");
            let failure = Failure::new(ErrorCode::FilterTooLarge, message).at(&format!("filter.{name}"));
            return Err(failure.with("limit", LIST));
        }
        Ok(list.iter().filter_map(Json::as_str).map(str::to_owned).collect())
    };
    let words = arguments.get("query").and_then(Json::as_str).unwrap_or_default();
    if words.chars().nth(WORDS).is_some() {
        return Err(
            Failure::input("query", format!("At most {WORDS} characters are searched for.")).with("limit", WORDS)
        );
    }
    Ok(Asked {
        text: words.to_owned(),
        kinds: texts("types")?.iter().map(|kind| kind.to_ascii_lowercase()).collect(),
        category: filter["category"].as_str().map(canonical_slug),
        tags: texts("tags")?.iter().map(|slug| canonical_slug(slug)).collect(),
        level: filter["level"].as_str().map(str::to_ascii_lowercase),
        price_min: filter["priceMin"].as_i64(),
        price_max: filter["priceMax"].as_i64(),
        limit: within("first", number("first", 10), 50)?,
        offset: within("offset", number("offset", 0), 1000)?,
        snippets: true,
    })
}
