//! The root fields of `Query`.

use lyceum_model::{TypeDef, TypeModel, names::pascal};

use crate::{
    inputs::{Input, InputType, Inputs},
    outputs::{Output, Outputs},
    own_sessions, plugin_status,
    schema::list_arguments,
    sign_in_providers,
};

/// One root field.
pub struct Root {
    pub name: String,
    pub description: String,
    pub arguments: Vec<Input>,
    /// The name of its type.
    pub output: String,
    pub kind: RootKind,
}

/// How it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootKind {
    /// One row of a type by id or slug.
    One(String),
    /// A list of a type.
    List(String),
    /// What waits for a moderator.
    ModerationQueue,
    /// Any row by its id.
    Node,
    /// The viewer as a user.
    Me,
    Search,
    RecommendedCourses,
    PluginStatus,
    PluginShadowReport,
    SignInProviders,
    MySessions,
}

/// Every root field of the model, in the order of the schema.
pub fn roots(model: &TypeModel, inputs: &mut Inputs, outputs: &mut Outputs) -> Vec<Root> {
    let mut roots = Vec::new();
    for def in model.types().iter().filter(|def| def.listed) {
        roots.push(one(def));
        roots.push(list(def));
    }
    roots.push(Root {
        name: "node".into(),
        description: "Anything by its id; null when there is no such thing or it may not be seen. Its language is that of the header `Accept-Language`."
            .into(),
        arguments: vec![Input::new("id", InputType::Id, "The id.").required()],
        output: "Node".into(),
        kind: RootKind::Node,
    });
    roots.push(Root {
        name: "me".into(),
        description: "The signed-in user; null for a visitor.".into(),
        arguments: vec![locale()],
        output: "User".into(),
        kind: RootKind::Me,
    });
    if let Some(item) = model.get("moderationItem") {
        roots.push(Root {
            name: "moderationQueue".into(),
            description: "What waits for a decision, oldest first. For moderators.".into(),
            arguments: list_arguments(item),
            output: "ModerationItemConnection".into(),
            kind: RootKind::ModerationQueue,
        });
    }
    roots.push(recommended(outputs));
    roots.push(search(inputs, outputs));
    roots.extend(plugin_status::roots(outputs));
    roots.push(sign_in_providers::root(outputs));
    roots.push(own_sessions::root(outputs));
    roots
}

fn locale() -> Input {
    Input::new(
        "locale",
        InputType::String,
        "The language of localised fields, such as `zh-CN`; missing texts fall back to the others.",
    )
}

fn one(def: &TypeDef) -> Root {
    let id = Input::new("id", InputType::Id, "The id.");
    let is_the_only_way = def.slug().is_none() && def.name != "tier";
    let mut arguments = vec![if is_the_only_way { id.required() } else { id }];
    if def.slug().is_some() {
        let text = "The slug. Where slugs are unique only within a parent, `parent-slug/slug`.";
        arguments.push(Input::new("slug", InputType::String, text));
    }
    if def.name == "tier" {
        arguments.push(Input::new("key", InputType::String, "The key."));
    }
    arguments.push(locale());
    Root {
        name: def.name.clone(),
        description: format!(
            "One of the {} by {}; null when there is no such thing or it may not be seen.",
            def.plural,
            if def.slug().is_some() { "id or slug" } else { "id" }
        ),
        arguments,
        output: pascal(&def.name),
        kind: RootKind::One(def.name.clone()),
    }
}

fn list(def: &TypeDef) -> Root {
    let mut arguments = list_arguments(def);
    arguments.push(locale());
    Root {
        name: def.plural.clone(),
        description: format!("The {} that the viewer may see.", def.plural),
        arguments,
        output: format!("{}Connection", pascal(&def.name)),
        kind: RootKind::List(def.name.clone()),
    }
}

fn recommended(outputs: &mut Outputs) -> Root {
    outputs.object(
        "RecommendedCourses",
        "Courses in the order of the active ranker.",
        vec![
            Output::new("nodes", "Course", "The courses, the best first.").list(),
            Output::new("rankedBy", "String", "The plugin that ordered them, or `default`.").required(),
        ],
    );
    Root {
        name: "recommendedCourses".into(),
        description: "Courses for the viewer, ordered by the active ranker; by date when there is none or it fails."
            .into(),
        arguments: vec![Input::new("first", InputType::Int, "How many; 10 when absent."), locale()],
        output: "RecommendedCourses".into(),
        kind: RootKind::RecommendedCourses,
    }
}

fn search(inputs: &mut Inputs, outputs: &mut Outputs) -> Root {
    let types = [("COURSE", "Courses."), ("LESSON", "Lessons.")];
    inputs.enumeration("SearchType", "What search can find.", types);
    inputs.object(
        "SearchFilter",
        "Which entries; all conditions must hold.",
        vec![
            Input::new("types", InputType::Enum("SearchType".into()), "Only these types.").list(),
            Input::new("category", InputType::String, "The slug of a category."),
            Input::new("tags", InputType::String, "Slugs of tags; all of them.").list(),
            Input::new("level", InputType::Enum("CourseLevel".into()), "The level of the course."),
            Input::new("priceMin", InputType::Long, "The least price in minor units."),
            Input::new("priceMax", InputType::Long, "The highest price in minor units."),
        ],
    );
    outputs.object(
        "SearchSnippet",
        "A piece of a text with the words that were found.",
        vec![
            Output::new("field", "String", "The field it is from: `title`, `summary`, `body` …").required(),
            Output::new("html", "String", "The text, escaped for HTML, the words in `<mark>`.").required(),
        ],
    );
    outputs.object(
        "SearchHit",
        "One entry that was found.",
        vec![
            Output::new("score", "Decimal", "How well it fits; only to be compared within one answer.").required(),
            Output::new("snippets", "SearchSnippet", "Where the words stand, in what the viewer may read.").list(),
            Output::new("node", "SearchEntry", "The entry.").required(),
        ],
    );
    outputs.object(
        "SearchResult",
        "What was found, the best first.",
        vec![
            Output::new("nodes", "SearchHit", "The hits.").list(),
            Output::new("totalCount", "Int", "About how many there are in all.").required(),
            Output::new("hasNextPage", "Boolean", "Whether there are more behind these.").required(),
        ],
    );
    Root {
        name: "search".into(),
        description: "Full-text search over published courses and lessons, in every language.".into(),
        arguments: vec![
            Input::new("query", InputType::String, "The words.").required(),
            Input::new("filter", InputType::Object("SearchFilter".into()), "Which entries."),
            Input::new("first", InputType::Int, "How many; 10 when absent, at most 50."),
            Input::new("offset", InputType::Int, "How many to leave out before."),
            locale(),
        ],
        output: "SearchResult".into(),
        kind: RootKind::Search,
    }
}
