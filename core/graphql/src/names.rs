//! The names that the API makes of content types, and those that it would make
//! twice.
//!
//! Nothing is listed by hand: the definition is built as for a server, and each
//! name is noted where it is made. What a type is to blame for is what is not
//! made without it.

use std::collections::HashMap;

use lyceum_domain::types;
use lyceum_model::{
    TypeDef, TypeModel,
    content::{self, ContentType},
    names::pascal,
};

use crate::{
    api::definition,
    schema::{Definition, SCALARS, object_fields},
};

/// Those that GraphQL has, and those that the schema has whatever the model is.
const FIXED: [&str; 10] =
    ["Int", "Float", "String", "Boolean", "ID", "Query", "Mutation", "Subscription", "Node", "SearchEntry"];

/// Names in the order in which they were made, each as often as it was made:
/// `Course` for a type, `Course.title` for a field or a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names(pub Vec<String>);

impl Names {
    /// A type with its fields or values.
    pub fn note<'n>(&mut self, of: &str, members: impl IntoIterator<Item = &'n str>) {
        self.0.push(of.to_owned());
        self.0.extend(members.into_iter().map(|member| format!("{of}.{member}")));
    }
}

/// A name that would be there twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clash {
    /// The content type that is to be renamed.
    pub type_name: String,
    /// The field, when it is not the type itself.
    pub field: Option<String>,
    pub message: String,
}

/// What stands in the way of an API for these content types: the names that it
/// would have twice, one for each type and field to blame.
#[must_use]
pub fn clashes(types: &[ContentType]) -> Vec<Clash> {
    let all = types::all(content::resolve(types));
    let counted = count(&all);
    let mut doubles: Vec<&String> = counted.iter().filter(|(_, count)| **count > 1).map(|(name, _)| name).collect();
    // Without a double nobody is to blame, and nothing more is built.
    if doubles.is_empty() {
        return Vec::new();
    }
    // What the rest follows from comes first.
    doubles.sort_by_key(|name| (name.contains('.'), name.len(), (*name).clone()));
    let makers: Vec<Maker<'_>> = types.iter().map(|own| Maker::of(own, &all, &counted)).collect();
    makers.iter().flat_map(|maker| maker.clashes(&doubles, &makers, &all, &counted)).collect()
}

/// How often each name is made.
type Counted = HashMap<String, usize>;

/// A content type, and which names are made because it is there.
struct Maker<'t> {
    own: &'t ContentType,
    makes: Counted,
}

impl<'t> Maker<'t> {
    fn of(own: &'t ContentType, all: &[TypeDef], counted: &Counted) -> Self {
        let others: Vec<TypeDef> = all.iter().filter(|def| !is_of(def, own)).cloned().collect();
        Self { own, makes: difference(counted, &count(&others)) }
    }

    /// The type itself, or else each field that makes a name which is there.
    fn clashes(&self, doubles: &[&String], makers: &[Self], all: &[TypeDef], counted: &Counted) -> Vec<Clash> {
        let mine: Vec<&String> = doubles.iter().copied().filter(|name| self.makes.contains_key(*name)).collect();
        if mine.is_empty() {
            return Vec::new();
        }
        let fields = || self.own.fields.iter().map(|field| field.name.as_str());
        let bare = difference(counted, &count(&without(all, self.own, &fields().collect::<Vec<_>>())));
        // What is made as often without any field comes from the type itself.
        if let Some(name) = mine.iter().find(|name| !bare.contains_key(**name)) {
            return vec![self.clash(None, name, makers)];
        }
        let of_field = |field: &str| {
            let makes = difference(counted, &count(&without(all, self.own, &[field])));
            let name = mine.iter().find(|name| makes.contains_key(**name))?;
            Some(self.clash(Some(field), name, makers))
        };
        fields().filter_map(of_field).collect()
    }

    fn clash(&self, field: Option<&str>, name: &str, makers: &[Self]) -> Clash {
        let other = makers.iter().find(|other| other.own.name != self.own.name && other.makes.contains_key(name));
        let by = match other {
            Some(other) => format!("it is made for \"{}\" too", other.own.name),
            None if self.makes.get(name).is_some_and(|times| *times > 1) => "this type makes it twice".to_owned(),
            None => "it is a name of the system".to_owned(),
        };
        let what = if name.contains('.') { "field or value" } else { "type" };
        Clash {
            type_name: self.own.name.clone(),
            field: field.map(str::to_owned),
            message: format!("the API would have the {what} \"{name}\" twice: {by}. Choose another name"),
        }
    }
}

fn is_of(def: &TypeDef, own: &ContentType) -> bool {
    def.is_content() && def.name == own.name
}

/// The types without some of the fields that the file of one has.
fn without(all: &[TypeDef], own: &ContentType, fields: &[&str]) -> Vec<TypeDef> {
    let mut all = all.to_vec();
    for def in all.iter_mut().filter(|def| is_of(def, own)) {
        for field in fields {
            // Those of the file stand before those that the system adds.
            if let Some(place) = def.fields.iter().position(|known| known.name == *field) {
                def.fields.remove(place);
            }
        }
    }
    all
}

fn count(types: &[TypeDef]) -> Counted {
    let model = TypeModel::unchecked(types.to_vec());
    let mut counted = Counted::new();
    for name in all_names(&model, &definition(&model)) {
        *counted.entry(name).or_default() += 1;
    }
    counted
}

/// What is made more often, and by how much.
fn difference(all: &Counted, without: &Counted) -> Counted {
    let more = |(name, count): (&String, &usize)| {
        let by = count.saturating_sub(without.get(name).copied().unwrap_or_default());
        (by > 0).then(|| (name.clone(), by))
    };
    all.iter().filter_map(more).collect()
}

/// Every name, as often as it is made.
fn all_names(model: &TypeModel, definition: &Definition) -> Vec<String> {
    let mut names: Vec<String> = type_names(model, definition).collect();
    let members = definition.inputs.names.0.iter().chain(&definition.outputs.1.0);
    names.extend(members.filter(|name| name.contains('.')).cloned());
    names.extend(definition.roots.iter().map(|root| format!("Query.{}", root.name)));
    names.extend(definition.actions.iter().map(|action| format!("Mutation.{}", action.name)));
    for def in model.types() {
        let object = pascal(&def.name);
        names.extend(object_fields(def, model).into_iter().map(|(field, _)| format!("{object}.{field}")));
        // By its prefix an id says what it is an id of.
        names.push(format!("ID.{}", def.prefix));
    }
    names
}

/// The name of every type, as often as it is made.
pub fn type_names<'m>(model: &'m TypeModel, definition: &'m Definition) -> impl Iterator<Item = String> + 'm {
    let fixed = FIXED.into_iter().chain(SCALARS.iter().map(|scalar| scalar.name)).map(str::to_owned);
    let noted = definition.inputs.names.0.iter().chain(&definition.outputs.1.0);
    let of_model = model.types().iter().map(|def| pascal(&def.name));
    let of_model = of_model.flat_map(|name| [format!("{name}Edge"), format!("{name}Connection"), name]);
    fixed.chain(noted.filter(|name| !name.contains('.')).cloned()).chain(of_model)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(file: &str) -> Vec<ContentType> {
        let mut files = content::BUILT_IN.to_vec();
        files.push(("new.toml", file));
        content::parse(&files).unwrap_or_else(|error| panic!("{error}"))
    }

    fn named(name: &str, plural: &str) -> String {
        format!(
            "id = \"new\"\nname = \"{name}\"\nplural = \"{plural}\"\n\
             [[field]]\nid = \"slug\"\nname = \"slug\"\nkind = \"slug\"\nrequired = true\n"
        )
    }

    #[test]
    fn the_built_in_types_make_each_name_once() {
        let types = content::built_in().unwrap_or_else(|error| panic!("{error}"));
        let twice: Vec<String> = count(&types::all(content::resolve(&types)))
            .into_iter()
            .filter(|(_, n)| *n > 1)
            .map(|(name, _)| name)
            .collect();
        assert_eq!(twice, Vec::<String>::new());
        assert_eq!(clashes(&types), []);
    }

    #[test]
    fn names_of_the_system_are_refused_with_their_type() {
        for name in ["string", "int", "boolean", "iD", "jSON", "dateTime", "upload", "money", "query", "mutation"] {
            let found = clashes(&with(&named(name, "plurals")));
            assert_eq!((found.len(), found[0].type_name.as_str()), (1, name), "{found:?}");
        }
        for name in ["courseFilter", "courseEdge", "courseConnection", "createCourseInput", "searchHit", "pluginState"]
        {
            let found = clashes(&with(&named(name, "plurals")));
            assert!(found.iter().any(|clash| clash.type_name == name && clash.field.is_none()), "{name}: {found:?}");
        }
        for plural in ["pluginStatus", "signInProviders", "me", "search", "users"] {
            assert_eq!(clashes(&with(&named("thing", plural))).len(), 1, "{plural}");
        }
    }

    #[test]
    fn a_field_that_the_system_adds_is_refused_at_the_field() {
        let text = content::BUILT_IN[2].1.to_owned() + "[[field]]\nid = \"x\"\nname = \"comments\"\nkind = \"text\"\n";
        let mut files = content::BUILT_IN.to_vec();
        files[2].1 = &text;
        let found = clashes(&content::parse(&files).unwrap_or_else(|error| panic!("{error}")));
        assert_eq!((found.len(), found[0].field.as_deref()), (1, Some("comments")), "{found:?}");
    }

    #[test]
    fn two_enumerations_of_one_name_are_refused() {
        let field = |name: &str| {
            format!("[[field]]\nid = \"e\"\nname = \"{name}\"\nkind = \"enumeration\"\nvalues = [\"x\"]\n")
        };
        let (one, other) =
            (named("aB", "aBs") + &field("c"), named("a", "as2").replace("\"new\"", "\"other\"") + &field("bC"));
        let mut files = content::BUILT_IN.to_vec();
        files.extend([("one.toml", one.as_str()), ("other.toml", other.as_str())]);
        let found = clashes(&content::parse(&files).unwrap_or_else(|error| panic!("{error}")));
        let at: Vec<_> = found.iter().map(|clash| (clash.type_name.as_str(), clash.field.as_deref())).collect();
        assert_eq!(at, [("aB", Some("c")), ("a", Some("bC"))], "{found:?}");
    }
}
