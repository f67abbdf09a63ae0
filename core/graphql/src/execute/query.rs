//! The root fields of `Query`.

use lyceum_domain::content::slug_forms;
use lyceum_kernel::{Action, ErrorCode, Failure, GlobalId, Locale, Result, Viewer};
use lyceum_model::{FieldKind, Scalar, TypeDef};
use lyceum_store::read::{Filter, Lookup, Operator};
use serde_json::{Map, Value as Json};

use super::Run;
use crate::{
    fields::{Selected, Selections},
    limits::cost,
    own_sessions, plugin_status,
    roots::{Root, RootKind},
    sign_in_providers,
};

impl Run<'_> {
    pub(super) async fn query(
        &mut self,
        root: &Root,
        selected: &Selected<'_>,
        below: &Selections<'_>,
    ) -> Result<String> {
        let api = self.api;
        let arguments = self.coercion.arguments(selected.field, self.variables)?;
        let locales = self.locales(&arguments)?;
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
            RootKind::Search => {
                self.meter.spend(cost::SEARCH)?;
                self.search(&arguments, below, &locales).await
            }
            RootKind::RecommendedCourses => {
                self.meter.spend(cost::RECOMMENDATION)?;
                self.recommended(&arguments, below, &locales).await
            }
            RootKind::PluginStatus | RootKind::PluginShadowReport => self.plugin(root, &arguments, below).await,
            RootKind::MySessions => {
                let sessions = own_sessions::found(&api.domains, &self.asker.viewer).await?;
                self.told(&sessions, root, below)
            }
            RootKind::SignInProviders => self.told(&sign_in_providers::told(&api.domains), root, below),
        }
    }

    /// The language that is asked for, and those to take in its place.
    fn locales(&self, arguments: &Map<String, Json>) -> Result<Vec<Locale>> {
        let locales = &self.api.domains.locales;
        let asked = match arguments.get("locale").and_then(Json::as_str) {
            Some(asked) => locales.find(asked).map_err(|error| Failure::input("locale", error.to_string()))?,
            None => self.api.locale_of(self.asker),
        };
        Ok(locales.chain(asked))
    }

    async fn one(
        &mut self,
        def: &TypeDef,
        arguments: &Map<String, Json>,
        below: &Selections<'_>,
        locales: &[Locale],
    ) -> Result<String> {
        let text = |name: &str| arguments.get(name).and_then(Json::as_str);
        let lookup = match (text("id"), text("slug"), text("key")) {
            (Some(id), None, None) => {
                let id = GlobalId::expect(id, &def.prefix);
                Lookup::Id(id.map_err(|error| Failure::input("id", error.to_string()))?)
            }
            (None, Some(slug), None) => slug_lookup(def, slug),
            (None, None, Some(key)) => Lookup::Key(key),
            _ => return Err(Failure::input("id", "Say which one: by \"id\" or by one of the other arguments.")),
        };
        self.entity(def, &lookup, below, locales).await
    }

    async fn moderation_queue(
        &mut self,
        selected: &Selected<'_>,
        below: &Selections<'_>,
        locales: &[Locale],
    ) -> Result<String> {
        if !self.asker.viewer.may("moderationItem", Action::Read) {
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
        let (domains, viewer) = (&self.api.domains, &self.asker.viewer);
        let told = match root.kind {
            RootKind::PluginStatus => plugin_status::status(domains, viewer, name).await?,
            _ => plugin_status::shadow_report(domains, viewer, name).await?,
        };
        self.told(&told, root, below)
    }

    /// The selected fields of a value that is no row.
    fn told(&mut self, told: &Json, root: &Root, below: &Selections<'_>) -> Result<String> {
        let outputs = &self.api.definition.outputs;
        Ok(plugin_status::project(outputs, &mut self.meter, told, &root.output, below)?.to_string())
    }
}

/// By every writing under which such a slug may be stored.
fn slug_lookup<'a>(def: &TypeDef, slug: &str) -> Lookup<'a> {
    let scoped = def
        .slug()
        .is_some_and(|field| matches!(&field.kind, FieldKind::Scalar { scalar: Scalar::Slug { scope: Some(_) }, .. }));
    match slug.split_once('/') {
        Some((scope, slug)) if scoped => Lookup::ScopedSlug { scope: slug_forms(scope), slug: slug_forms(slug) },
        _ => Lookup::Slug(slug_forms(slug)),
    }
}

pub fn not_allowed(viewer: &Viewer, message: &str) -> Failure {
    match viewer.user {
        None => Failure::new(ErrorCode::Unauthenticated, "Sign in first."),
        Some(_) => Failure::new(ErrorCode::Forbidden, message),
    }
}
