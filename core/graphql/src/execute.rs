//! Execution: reads are compiled to one statement a root field, actions are
//! called and their payload is read the same way.

use std::{borrow::Cow, collections::HashMap};

use async_graphql::{
    Request as SchemaRequest,
    parser::types::{ExecutableDocument, OperationDefinition, OperationType},
};
use futures::future::BoxFuture;
use lyceum_domain::{
    Domains,
    identity::Peer,
    search::{Asked, SearchHit, Snippet},
};
use lyceum_kernel::{ErrorCode, Failure, GlobalId, Id, Locale, Result, Viewer};
use lyceum_model::{Scalar, TypeDef, names::pascal};
use lyceum_store::read::{Filter, Lookup, Operator, Reading};
use serde_json::{Map, Value as Json, value::RawValue};

use crate::{
    actions::{Call, Made},
    api::{Api, Current},
    document::Document,
    error::error_json,
    extend::{
        AskedField,
        resolve::{Surroundings, resolve},
    },
    fields::{Selected, Selections},
    inputs::Variables,
    limits::Meter,
    plan::{Planner, Reached},
    plugin_status,
    roots::{Root, RootKind},
    sign_in_providers,
};

/// A GraphQL request, taken apart.
#[derive(Debug, Clone, Default)]
pub struct GraphqlRequest {
    pub query: String,
    pub operation_name: Option<String>,
    pub variables: Variables,
}

/// Who asks, and how.
#[derive(Debug, Clone, Default)]
pub struct Asker {
    pub viewer: Viewer,
    pub peer: Peer,
    pub request_id: String,
    /// Whether the request came by GET: then nothing is changed.
    pub safe: bool,
}

/// The answer to a request.
pub enum Answer {
    /// The operation ran; the text is the whole response body.
    Ran(String),
    /// The request failed as a whole.
    Refused(Failure),
}

/// One operation under way.
struct Run<'a> {
    api: &'a Api,
    current: &'a Current,
    asker: &'a Asker,
    document: &'a ExecutableDocument,
    variables: &'a Variables,
    meter: Meter,
    /// Fields of plugins in the root field under way, and its language.
    asked: Vec<AskedField>,
    locale: String,
    errors: Vec<Json>,
}

impl Api {
    /// Runs one request.
    pub async fn run(&self, request: GraphqlRequest, asker: &Asker) -> Answer {
        match self.try_run(&request, asker).await {
            Ok(body) => Answer::Ran(body),
            Err(failure) => Answer::Refused(failure),
        }
    }

    async fn try_run(&self, request: &GraphqlRequest, asker: &Asker) -> Result<String> {
        let name = request.operation_name.as_deref();
        let current = self.current();
        let Current { documents, schema, .. } = &*current;
        let document = documents.get(schema, &request.query, &request.variables, name, self.options.limits).await?;
        let operation = document.operation(name)?;
        if Document::is_mutation(operation) && asker.safe {
            return Err(Failure::new(ErrorCode::MethodNotAllowed, "A mutation is sent by POST."));
        }
        let variables = with_defaults(operation, &request.variables);
        let meter = Meter::new(self.options.limits);
        let run = Run {
            api: self,
            current: &current,
            asker,
            document: &document.0,
            variables: &variables,
            meter,
            asked: Vec::new(),
            locale: self.domains.locales.default_locale().to_string(),
            errors: Vec::new(),
        };
        run.operation(operation).await
    }
}

/// The variables with the defaults that the operation declares.
fn with_defaults<'v>(operation: &OperationDefinition, given: &'v Variables) -> Cow<'v, Variables> {
    let mut variables = Cow::Borrowed(given);
    for definition in &operation.variable_definitions {
        let name = definition.node.name.node.as_str();
        if let Some(default) = definition.node.default_value()
            && !variables.contains_key(name)
        {
            let value = default.clone().into_json().unwrap_or(Json::Null);
            variables.to_mut().insert(name.to_owned(), value);
        }
    }
    variables
}

impl<'a> Run<'a> {
    async fn operation(mut self, operation: &OperationDefinition) -> Result<String> {
        let selections = Selections::new(self.document, self.variables, &operation.selection_set.node);
        let root_name = if operation.ty == OperationType::Mutation { "Mutation" } else { "Query" };
        let fields = selections.fields(&[root_name]);
        if fields.len() > self.api.options.limits.root_fields {
            let message = format!("An operation has at most {} root fields.", self.api.options.limits.root_fields);
            return Err(Failure::new(ErrorCode::QueryTooCostly, message));
        }
        let mut data = String::with_capacity(1024);
        data.push_str("{\"data\":{");
        for (index, selected) in fields.iter().enumerate() {
            if index > 0 {
                data.push(',');
            }
            push_key(&mut data, selected.key);
            let result = match self.root(root_name, selected, &selections).await {
                Ok(text) => self.with_added_fields(text, selected.key).await,
                Err(failure) => Err(failure),
            };
            match result {
                Ok(text) => data.push_str(&text),
                Err(failure) if is_refusal_of_the_query(&failure) => return Err(failure),
                Err(failure) => {
                    self.errors.push(error_json(&failure, &[selected.key], &self.asker.request_id));
                    data.push_str("null");
                }
            }
        }
        data.push('}');
        self.finish(data)
    }

    /// The answer of a root field with what plugins add to it.
    async fn with_added_fields(&mut self, text: String, root: &str) -> Result<String> {
        if self.asked.is_empty() {
            return Ok(text);
        }
        let asked = std::mem::take(&mut self.asked);
        let viewer = self.asker.viewer.user.map(|id| format!("user_{id}"));
        let around = Surroundings { locale: self.locale.clone(), viewer, root };
        resolve(&self.current.additions, &asked, &text, &around, &mut self.errors).await
    }

    fn finish(self, mut body: String) -> Result<String> {
        if !self.errors.is_empty() {
            body.push_str(",\"errors\":");
            body.push_str(&serde_json::to_string(&self.errors).map_err(Failure::internal)?);
        }
        body.push_str(&format!(",\"extensions\":{{\"cost\":{}", self.meter.cost()));
        if self.api.options.dev {
            // Filled in by the one who counts the statements.
            body.push_str(crate::api::STATEMENTS_PLACE);
        }
        body.push_str("}}");
        Ok(body)
    }

    async fn root(&mut self, root_name: &str, selected: &Selected<'_>, selections: &Selections<'_>) -> Result<String> {
        match selected.name() {
            "__typename" => Ok(format!("\"{root_name}\"")),
            "__schema" | "__type" => self.introspect(selected.key).await,
            name if root_name == "Query" => {
                let root = self.api.root(name).ok_or_else(|| Failure::internal(format!("no root field {name}")))?;
                self.meter.field()?;
                self.query(root, selected, &selections.below(selected)).await
            }
            name => self.action(name, selected, &selections.below(selected)).await,
        }
    }

    /// Introspection is async-graphql's own.
    async fn introspect(&self, key: &str) -> Result<String> {
        let mut request =
            SchemaRequest::new("").variables(async_graphql::Variables::from_json(Json::Object(self.variables.clone())));
        request.set_parsed_query(only_introspection(self.document));
        let response = self.current.schema.execute(request).await;
        if let Some(error) = response.errors.first() {
            return Err(Failure::new(ErrorCode::GraphqlValidationFailed, error.message.clone()));
        }
        let data = response.data.into_json().map_err(Failure::internal)?;
        Ok(data[key].to_string())
    }

    fn locale(&self, arguments: &Map<String, Json>) -> Result<Vec<Locale>> {
        let locales = &self.api.domains.locales;
        let asked = match arguments.get("locale").and_then(Json::as_str) {
            Some(asked) => locales.find(asked).map_err(|error| Failure::input("locale", error.to_string()))?,
            None => locales.default_locale(),
        };
        Ok(locales.chain(asked))
    }

    async fn query(&mut self, root: &Root, selected: &Selected<'_>, below: &Selections<'_>) -> Result<String> {
        let api = self.api;
        let arguments =
            api.definition.inputs.arguments(&root.arguments, |name| selected.argument(name), self.variables)?;
        let locales = self.locale(&arguments)?;
        self.locale = locales[0].to_string();
        match &root.kind {
            RootKind::One(name) => self.one(api.type_def(name)?, &arguments, below, &locales).await,
            RootKind::List(name) => self.list(api.type_def(name)?, selected, below, &locales, None).await,
            RootKind::ModerationQueue => self.moderation_queue(selected, below, &locales).await,
            RootKind::Node => self.node(&arguments, below, &locales).await,
            RootKind::Me => match self.asker.viewer.user {
                Some(user) => self.entity(api.type_def("user")?, &Lookup::Id(user), below, &locales).await,
                None => Ok("null".to_owned()),
            },
            RootKind::Search => self.search(&arguments, below, &locales).await,
            RootKind::RecommendedCourses => self.recommended(&arguments, below, &locales).await,
            RootKind::PluginStatus | RootKind::PluginShadowReport => self.plugin(root, &arguments, below).await,
            RootKind::SignInProviders => self.sign_in_providers(root, below),
        }
    }

    async fn one(
        &mut self,
        def: &TypeDef,
        arguments: &Map<String, Json>,
        below: &Selections<'_>,
        locales: &[Locale],
    ) -> Result<String> {
        let text = |name: &str| arguments.get(name).and_then(Json::as_str);
        match (text("id"), text("slug"), text("key")) {
            (Some(id), None, None) => match GlobalId::expect(id, &def.prefix) {
                Ok(id) => self.entity(def, &Lookup::Id(id), below, locales).await,
                Err(error) => Err(Failure::input("id", error.to_string())),
            },
            (None, Some(slug), None) => self.entity(def, &slug_lookup(def, slug), below, locales).await,
            (None, None, Some(key)) => self.entity(def, &Lookup::Key(key), below, locales).await,
            _ => Err(Failure::input("id", "Say which one: by \"id\" or by one of the other arguments.")),
        }
    }

    async fn entity(
        &mut self,
        def: &TypeDef,
        lookup: &Lookup<'_>,
        below: &Selections<'_>,
        locales: &[Locale],
    ) -> Result<String> {
        let entity = self.planned(|planner| planner.deeper(1, |p| p.entity(def, below)))?;
        let found = reading(&self.api.domains, &self.asker.viewer, locales)
            .one(&entity, lookup)
            .fetch(self.api.domains.database.reader())
            .await?;
        Ok(found.unwrap_or_else(|| "null".to_owned()))
    }

    async fn list(
        &mut self,
        def: &TypeDef,
        selected: &Selected<'_>,
        below: &Selections<'_>,
        locales: &[Locale],
        extra: Option<Filter<'_>>,
    ) -> Result<String> {
        let connection = self.planned(|planner| planner.connection(def, selected, below, Reached::Root, extra))?;
        let compiled = reading(&self.api.domains, &self.asker.viewer, locales).list(&connection);
        let found = compiled.fetch(self.api.domains.database.reader()).await?;
        found.ok_or_else(|| Failure::internal("a list had no row"))
    }

    async fn moderation_queue(
        &mut self,
        selected: &Selected<'_>,
        below: &Selections<'_>,
        locales: &[Locale],
    ) -> Result<String> {
        if !self.asker.viewer.may("moderationItem", lyceum_kernel::Action::Read) {
            return Err(not_allowed(&self.asker.viewer, "You may not see what waits for moderation."));
        }
        let def = self.api.type_def("moderationItem")?;
        let state = def.field("state").ok_or_else(|| Failure::internal("moderationItem has no state"))?;
        let pending = Filter::Compare { field: state, operator: Operator::Equal, values: vec!["pending".into()] };
        self.list(def, selected, below, locales, Some(pending)).await
    }

    async fn node(
        &mut self,
        arguments: &Map<String, Json>,
        below: &Selections<'_>,
        locales: &[Locale],
    ) -> Result<String> {
        let text = arguments.get("id").and_then(Json::as_str).unwrap_or_default();
        let wrong = || Failure::input("id", "This is not an id.");
        let id = GlobalId::parse(text).map_err(|_| wrong())?;
        let def = self.api.domains.model.by_prefix(id.prefix).ok_or_else(wrong)?;
        self.entity(def, &Lookup::Id(id.id), below, locales).await
    }

    async fn plugin(&mut self, root: &Root, arguments: &Map<String, Json>, below: &Selections<'_>) -> Result<String> {
        let name = arguments.get("name").and_then(Json::as_str).unwrap_or_default();
        let (api, viewer) = (self.api, &self.asker.viewer);
        let told = match root.kind {
            RootKind::PluginStatus => plugin_status::status(&api.domains, viewer, name).await?,
            _ => plugin_status::shadow_report(&api.domains, viewer, name).await?,
        };
        let outputs = &api.definition.outputs;
        Ok(plugin_status::project(outputs, &mut self.meter, &told, &root.output, below)?.to_string())
    }

    fn sign_in_providers(&mut self, root: &Root, below: &Selections<'_>) -> Result<String> {
        let told = sign_in_providers::told(&self.api.domains);
        let outputs = &self.api.definition.outputs;
        Ok(plugin_status::project(outputs, &mut self.meter, &told, &root.output, below)?.to_string())
    }

    async fn recommended(
        &mut self,
        arguments: &Map<String, Json>,
        below: &Selections<'_>,
        locales: &[Locale],
    ) -> Result<String> {
        let count = self.meter.page(Some(arguments.get("first").and_then(Json::as_i64).unwrap_or(10)), "first")?;
        let domains = &self.api.domains;
        let (mut ids, ranked_by) =
            domains.ranking.recommended_courses(&domains.database, &self.asker.viewer, &locales[0]).await?;
        ids.truncate(count as usize);
        let mut out = String::from("{");
        for (index, selected) in below.fields(&["RecommendedCourses"]).iter().enumerate() {
            self.meter.field()?;
            out.push_str(if index > 0 { "," } else { "" });
            push_key(&mut out, selected.key);
            match selected.name() {
                "nodes" => {
                    let rows = self.by_ids("course", &ids, &below.below(selected), locales).await?;
                    push_list(&mut out, ids.iter().filter_map(|id| rows.get(id)).map(|row| row.get()));
                }
                "rankedBy" => {
                    let by = match &ranked_by {
                        lyceum_domain::ranking::RankedBy::Plugin(name) => name,
                        lyceum_domain::ranking::RankedBy::Default => "default",
                    };
                    out.push_str(&Json::from(by).to_string());
                }
                _ => out.push_str("\"RecommendedCourses\""),
            }
        }
        out.push('}');
        Ok(out)
    }

    async fn search(
        &mut self,
        arguments: &Map<String, Json>,
        below: &Selections<'_>,
        locales: &[Locale],
    ) -> Result<String> {
        let wants =
            |name: &str, within: &Selections<'_>, of: &str| within.fields(&[of]).iter().any(|s| s.name() == name);
        let hits = below.fields(&["SearchResult"]);
        let snippets =
            hits.iter().any(|hit| hit.name() == "nodes" && wants("snippets", &below.below(hit), "SearchHit"));
        let asked = Asked { snippets, ..search_question(arguments)? };
        let found = self.api.domains.search.find(&self.asker.viewer, asked, &locales[0]).await?;
        let mut out = String::from("{");
        for (index, selected) in below.fields(&["SearchResult"]).iter().enumerate() {
            self.meter.field()?;
            out.push_str(if index > 0 { "," } else { "" });
            push_key(&mut out, selected.key);
            match selected.name() {
                "nodes" => out.push_str(&self.search_hits(&found.hits, &below.below(selected), locales).await?),
                "totalCount" => out.push_str(&found.total.to_string()),
                "hasNextPage" => out.push_str(&found.more.to_string()),
                _ => out.push_str("\"SearchResult\""),
            }
        }
        out.push('}');
        Ok(out)
    }

    async fn search_hits(&mut self, hits: &[SearchHit], below: &Selections<'_>, locales: &[Locale]) -> Result<String> {
        let fields = below.fields(&["SearchHit"]);
        let mut nodes: HashMap<(usize, Id), Box<RawValue>> = HashMap::new();
        for (place, selected) in fields.iter().enumerate().filter(|(_, s)| s.name() == "node") {
            for kind in lyceum_domain::search::KINDS {
                let ids: Vec<Id> = hits.iter().filter(|hit| hit.kind == *kind).map(|hit| hit.id).collect();
                let rows = self.by_ids(kind, &ids, &below.below(selected), locales).await?;
                nodes.extend(rows.into_iter().map(|(id, row)| ((place, id), row)));
            }
        }
        let mut items = Vec::new();
        for hit in hits {
            let mut item = String::from("{");
            for (place, selected) in fields.iter().enumerate() {
                item.push_str(if place > 0 { "," } else { "" });
                push_key(&mut item, selected.key);
                match selected.name() {
                    "score" => item.push_str(&format!("\"{:.4}\"", hit.score)),
                    "snippets" => item.push_str(&snippets(&hit.snippets, &below.below(selected))),
                    "node" => item.push_str(nodes.get(&(place, hit.id)).map_or("null", |row| row.get())),
                    _ => item.push_str("\"SearchHit\""),
                }
            }
            item.push('}');
            items.push(item);
        }
        let mut out = String::new();
        push_list(&mut out, items.iter().map(String::as_str));
        Ok(out)
    }

    /// The rows with these ids that the viewer may read.
    async fn by_ids(
        &mut self,
        kind: &str,
        ids: &[Id],
        below: &Selections<'_>,
        locales: &[Locale],
    ) -> Result<HashMap<Id, Box<RawValue>>> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let api = self.api;
        let def = api.type_def(kind)?;
        let rows = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        let entity = self.planned(|planner| planner.deeper(rows, |p| p.entity(def, below)))?;
        let found = reading(&api.domains, &self.asker.viewer, locales)
            .by_ids(&entity, ids)
            .fetch(api.domains.database.reader())
            .await?;
        let rows: Vec<(Id, Box<RawValue>)> =
            serde_json::from_str(found.as_deref().unwrap_or("[]")).map_err(Failure::internal)?;
        Ok(rows.into_iter().collect())
    }

    async fn action(&mut self, name: &str, selected: &Selected<'_>, below: &Selections<'_>) -> Result<String> {
        let api = self.api;
        let action = api.action(name).ok_or_else(|| Failure::internal(format!("no action {name}")))?;
        self.meter.field()?;
        let arguments =
            api.definition.inputs.arguments(&action.arguments, |name| selected.argument(name), self.variables)?;
        let input = match arguments.get("input") {
            Some(Json::Object(input)) => input.clone(),
            _ => Map::new(),
        };
        let call =
            Call { domains: api.domains.clone(), viewer: self.asker.viewer.clone(), peer: self.asker.peer.clone() };
        // The selection is planned before anything happens: a query that is
        // too costly must not act first and be refused then.
        let before = self.meter.clone();
        self.projected(&Made::Nothing, &action.payload, below, &self.asker.viewer).await?;
        self.meter = before;
        self.asked.clear();
        let done = (action.run)(call, input).await?;
        self.projected(&done.made, &action.payload, below, done.viewer.as_ref().unwrap_or(&self.asker.viewer)).await
    }

    /// The selected fields of what an action made.
    fn projected<'s>(
        &'s mut self,
        made: &'s Made,
        object: &'s str,
        below: &'s Selections<'s>,
        viewer: &'s Viewer,
    ) -> BoxFuture<'s, Result<String>> {
        Box::pin(async move {
            let mut out = String::from("{");
            for (index, selected) in below.fields(&[object]).iter().enumerate() {
                self.meter.field()?;
                out.push_str(if index > 0 { "," } else { "" });
                push_key(&mut out, selected.key);
                if selected.name() == "__typename" {
                    out.push_str(&Json::from(object).to_string());
                    continue;
                }
                let output = self.api.definition.outputs.field(object, selected.name());
                let output = output.ok_or_else(|| Failure::internal(format!("{object} has no {}", selected.name())))?;
                let inner = below.below(selected);
                let text = self.projected_field(made.field(selected.name()), &output.ty, &inner, viewer).await?;
                out.push_str(&text);
            }
            out.push('}');
            Ok(out)
        })
    }

    async fn projected_field(
        &mut self,
        made: &Made,
        ty: &str,
        below: &Selections<'_>,
        viewer: &Viewer,
    ) -> Result<String> {
        match made {
            Made::Json(value) if !self.api.definition.outputs.0.contains_key(ty) => Ok(value.to_string()),
            Made::Entity(name, id) => {
                let api = self.api;
                let def = api.type_def(name)?;
                let entity = self.planned(|planner| planner.deeper(1, |p| p.entity(def, below)))?;
                let locales = self.api.domains.locales.all();
                let found = reading(&api.domains, viewer, locales)
                    .one(&entity, &Lookup::Id(*id))
                    .fetch(api.domains.database.reader())
                    .await?;
                Ok(found.unwrap_or_else(|| "null".to_owned()))
            }
            Made::Fields(_) | Made::Json(_) => self.projected(made, ty, below, viewer).await,
            Made::Nothing => {
                if let Some(def) = self.api.domains.model.types().iter().find(|def| pascal(&def.name) == ty) {
                    self.planned(|planner| planner.deeper(1, |p| p.entity(def, below)))?;
                }
                Ok("null".to_owned())
            }
        }
    }

    /// Runs the planner with this operation's meter.
    fn planned<'p, T>(&mut self, plan: impl FnOnce(&mut Planner<'p>) -> Result<T>) -> Result<T>
    where
        'a: 'p,
    {
        let api: &'a Api = self.api;
        let meter = std::mem::replace(&mut self.meter, Meter::new(api.options.limits));
        let definition = &api.definition;
        let mut planner = Planner {
            model: &api.domains.model,
            inputs: &definition.inputs,
            lists: &definition.lists,
            additions: &self.current.additions,
            asked: std::mem::take(&mut self.asked),
            meter,
        };
        let result = plan(&mut planner);
        (self.meter, self.asked) = (planner.meter, planner.asked);
        result
    }
}

fn push_list<'t>(out: &mut String, items: impl Iterator<Item = &'t str>) {
    out.push('[');
    for (index, item) in items.enumerate() {
        out.push_str(if index > 0 { "," } else { "" });
        out.push_str(item);
    }
    out.push(']');
}

fn snippets(snippets: &[Snippet], below: &Selections<'_>) -> String {
    let fields = below.fields(&["SearchSnippet"]);
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
    Json::Array(snippets.iter().map(one).collect()).to_string()
}

fn search_question(arguments: &Map<String, Json>) -> Result<Asked> {
    let number = |name: &str, default: i64| arguments.get(name).and_then(Json::as_i64).unwrap_or(default);
    let within = |name: &str, value: i64, most: i64| {
        let fits = usize::try_from(value).ok().filter(|_| value <= most);
        fits.ok_or_else(|| Failure::input(name, format!("A number from 0 to {most} is needed here.")))
    };
    let filter = arguments.get("filter").unwrap_or(&Json::Null);
    let texts = |name: &str| -> Vec<String> {
        filter[name].as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
    };
    Ok(Asked {
        text: arguments.get("query").and_then(Json::as_str).unwrap_or_default().to_owned(),
        kinds: texts("types").iter().map(|kind| kind.to_ascii_lowercase()).collect(),
        category: filter["category"].as_str().map(str::to_owned),
        tags: texts("tags"),
        level: filter["level"].as_str().map(str::to_ascii_lowercase),
        price_min: filter["priceMin"].as_i64(),
        price_max: filter["priceMax"].as_i64(),
        limit: within("first", number("first", 10), 50)?,
        offset: within("offset", number("offset", 0), 1000)?,
        snippets: true,
    })
}

fn reading<'a>(domains: &'a Domains, viewer: &'a Viewer, locales: &'a [Locale]) -> Reading<'a> {
    Reading { model: &domains.model, viewer, locales, dialect: domains.database.dialect() }
}

fn slug_lookup<'a>(def: &TypeDef, slug: &'a str) -> Lookup<'a> {
    let scoped = def.slug().is_some_and(|field| {
        matches!(&field.kind, lyceum_model::FieldKind::Scalar { scalar: Scalar::Slug { scope: Some(_) }, .. })
    });
    match slug.split_once('/') {
        Some((scope, slug)) if scoped => Lookup::ScopedSlug { scope, slug },
        _ => Lookup::Slug(slug),
    }
}

pub fn not_allowed(viewer: &Viewer, message: &str) -> Failure {
    match viewer.user {
        None => Failure::new(ErrorCode::Unauthenticated, "Sign in first."),
        Some(_) => Failure::new(ErrorCode::Forbidden, message),
    }
}

/// Whether the query itself is refused, and not one field of its answer.
fn is_refusal_of_the_query(failure: &Failure) -> bool {
    matches!(failure.code(), ErrorCode::QueryTooDeep | ErrorCode::QueryTooCostly | ErrorCode::GraphqlValidationFailed)
}

pub fn push_key(out: &mut String, key: &str) {
    // GraphQL names need no escape in JSON.
    out.push('"');
    out.push_str(key);
    out.push_str("\":");
}

/// The document with nothing but introspection in its operations.
fn only_introspection(document: &ExecutableDocument) -> ExecutableDocument {
    use async_graphql::parser::types::{DocumentOperations, Selection};
    let mut document = document.clone();
    let keep = |operation: &mut OperationDefinition| {
        operation.selection_set.node.items.retain(|item| match &item.node {
            Selection::Field(field) => matches!(field.node.name.node.as_str(), "__schema" | "__type"),
            Selection::FragmentSpread(_) | Selection::InlineFragment(_) => false,
        });
    };
    match &mut document.operations {
        DocumentOperations::Single(operation) => keep(&mut operation.node),
        DocumentOperations::Multiple(operations) => {
            operations.values_mut().for_each(|operation| keep(&mut operation.node))
        }
    }
    document
}
