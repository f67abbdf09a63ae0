//! The reference of the interfaces is made from the WIT.

use std::{fmt::Write as _, fs, path::Path};

use wit_parser::{Function, Interface, InterfaceId, PackageId, Resolve, Type, TypeDef, TypeDefKind, TypeId, WorldItem};

/// The packages, each after those it needs.
const PACKAGES: [&str; 11] =
    ["types", "host", "lifecycle", "payment", "ranking", "moderation", "content", "notify", "auth", "job", "graphql"];

/// Run with `LYCEUM_WRITE_DOCS=1` to write the page anew.
#[test]
fn the_reference_says_what_the_wit_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (mut resolve, mut ids): (Resolve, Vec<PackageId>) = (Resolve::default(), Vec::new());
    for package in PACKAGES {
        let folder = root.join("schema/wit").join(package).join("1.0.0");
        ids.push(resolve.push_dir(&folder).unwrap_or_else(|error| panic!("{}: {error:#}", folder.display())).0);
    }
    let page = page(&resolve, &ids);
    let path = root.join("docs/plugins/reference.md");
    if std::env::var_os("LYCEUM_WRITE_DOCS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap_or_default(), page, "write it anew with LYCEUM_WRITE_DOCS=1");
}

fn page(resolve: &Resolve, packages: &[PackageId]) -> String {
    let mut page = String::from(
        "# Reference of the interfaces\n\nThis page is made from the files in `schema/wit`; a test fails when they differ.\n",
    );
    for id in packages {
        let package = &resolve.packages[*id];
        let _ = write!(page, "\n## {}\n\n{}\n", package.name, text(&package.docs));
        for interface in package.interfaces.values() {
            page.push_str(&interface_text(resolve, *interface));
        }
        for world in package.worlds.values() {
            let world = &resolve.worlds[*world];
            let list = |items: &mut dyn Iterator<Item = &WorldItem>| {
                let names: Vec<String> = items.filter_map(|item| interface_name(resolve, item)).collect();
                if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
            };
            let _ = write!(
                page,
                "\n### World `{}`\n\n{}\n\n- may import: {}\n- exports: {}\n",
                world.name,
                text(&world.docs),
                list(&mut world.imports.values()),
                list(&mut world.exports.values())
            );
        }
    }
    page
}

fn text(docs: &wit_parser::Docs) -> String {
    docs.contents.as_deref().unwrap_or_default().trim().to_owned()
}

/// In one line, for a list.
fn line(docs: &wit_parser::Docs) -> String {
    text(docs).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn interface_name(resolve: &Resolve, item: &WorldItem) -> Option<String> {
    let WorldItem::Interface { id, .. } = item else { return None };
    Some(format!("`{}`", resolve.interfaces[*id].name.as_deref()?))
}

fn interface_text(resolve: &Resolve, id: InterfaceId) -> String {
    let interface: &Interface = &resolve.interfaces[id];
    let mut out = format!("\n### `{}`\n\n{}\n", interface.name.as_deref().unwrap_or_default(), text(&interface.docs));
    for ty in interface.types.values() {
        out.push_str(&type_text(resolve, *ty));
    }
    for function in interface.functions.values() {
        let _ = write!(out, "\n#### `{}`\n\n{}\n", signature(resolve, function), text(&function.docs));
    }
    out
}

fn signature(resolve: &Resolve, function: &Function) -> String {
    let params: Vec<String> =
        function.params.iter().map(|param| format!("{}: {}", param.name, name(resolve, &param.ty))).collect();
    let result = function.result.as_ref().map(|ty| format!(" -> {}", name(resolve, ty))).unwrap_or_default();
    format!("{}({}){result}", function.name, params.join(", "))
}

/// A type with its own shape. One that only renames another's is left out.
fn type_text(resolve: &Resolve, id: TypeId) -> String {
    let ty: &TypeDef = &resolve.types[id];
    let own = ty.name.as_deref().unwrap_or_default();
    let mut rows = String::new();
    let mut row = |name: &str, ty: String, docs: &wit_parser::Docs| {
        let ty = if ty.is_empty() { ty } else { format!(": {ty}") };
        let _ = writeln!(rows, "- `{name}{ty}` {}", line(docs));
    };
    let kind = match &ty.kind {
        TypeDefKind::Record(record) => {
            record.fields.iter().for_each(|field| row(&field.name, name(resolve, &field.ty), &field.docs));
            "record"
        }
        TypeDefKind::Variant(variant) => {
            let payload = |ty: &Option<Type>| ty.as_ref().map(|ty| name(resolve, ty)).unwrap_or_default();
            variant.cases.iter().for_each(|case| row(&case.name, payload(&case.ty), &case.docs));
            "variant"
        }
        TypeDefKind::Enum(words) => {
            words.cases.iter().for_each(|case| row(&case.name, String::new(), &case.docs));
            "enum"
        }
        TypeDefKind::Type(Type::Id(_)) => return String::new(),
        TypeDefKind::List(_) | TypeDefKind::Type(_) => {
            return format!("\n#### type `{own}`\n\n{}\n", text(&ty.docs));
        }
        _ => return String::new(),
    };
    format!("\n#### {kind} `{own}`\n\n{}\n\n{rows}", text(&ty.docs))
}

fn name(resolve: &Resolve, ty: &Type) -> String {
    let Type::Id(id) = ty else { return format!("{ty:?}").to_lowercase() };
    let ty = &resolve.types[*id];
    if let Some(name) = &ty.name {
        return name.clone();
    }
    match &ty.kind {
        TypeDefKind::List(item) => format!("list<{}>", name(resolve, item)),
        TypeDefKind::Option(item) => format!("option<{}>", name(resolve, item)),
        TypeDefKind::Result(result) => {
            let part = |ty: &Option<Type>| ty.as_ref().map_or("_".to_owned(), |ty| name(resolve, ty));
            match &result.err {
                Some(_) => format!("result<{}, {}>", part(&result.ok), part(&result.err)),
                None => format!("result<{}>", part(&result.ok)),
            }
        }
        TypeDefKind::Tuple(tuple) => {
            let parts: Vec<String> = tuple.types.iter().map(|ty| name(resolve, ty)).collect();
            format!("tuple<{}>", parts.join(", "))
        }
        other => other.as_str().to_owned(),
    }
}
