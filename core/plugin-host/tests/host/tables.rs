//! Tables that grow, for guests that cannot make them grow themselves: the table
//! of a component's code loses its largest size, and a function that is called
//! when it is instantiated asks for elements.

use lyceum_domain::plugin::{FailureKind, PluginRuntime as _};
use lyceum_plugin_host::limits::{CORE_INSTANCES, TABLE_ELEMENTS, TABLES};
use wasmparser::{Parser, Payload, TypeRef};

use crate::support::{activation, component, generous, host, number, put_number, put_section};

/// Sections of a core module.
const TYPES: u8 = 1;
const FUNCTIONS: u8 = 3;
const TABLE: u8 = 4;
const MEMORY: u8 = 5;
const START: u8 = 8;
const CODE: u8 = 10;
/// Sections of a component.
const MODULE: u8 = 1;
const INSTANCES: u8 = 2;

/// The same component, which asks for one element too many and goes on when it
/// gets none.
pub fn greedy(wasm: &[u8]) -> Vec<u8> {
    growing_to(wasm, TABLE_ELEMENTS + 1, false)
}

/// It ends with a trap unless its table grows to this size, or unless it does not.
fn growing_to(wasm: &[u8], elements: usize, grows: bool) -> Vec<u8> {
    let (mut out, mut changed) = (wasm[..8].to_vec(), 0);
    for (id, body) in sections(wasm) {
        // The module with the memory is the guest's code.
        if body.starts_with(b"\0asm") && sections(body).iter().any(|(id, _)| *id == MEMORY) {
            put_section(&mut out, id, &growing_module(body, elements, grows));
            changed += 1;
        } else {
            put_section(&mut out, id, body);
        }
    }
    assert_eq!(changed, 1, "one module has a memory");
    out
}

fn growing_module(module: &[u8], elements: usize, grows: bool) -> Vec<u8> {
    let (types, functions) = types_and_functions(module);
    let (mut module, size) = unbounded(module);
    let code = start(elements - size, grows);
    let (mut index, mut function, mut body) = (Vec::new(), Vec::new(), Vec::new());
    put_number(&mut function, types);
    put_number(&mut index, functions);
    put_number(&mut body, code.len());
    body.extend(code);
    for (section, item) in [(TYPES, &[0x60, 0x00, 0x00][..]), (FUNCTIONS, &function), (CODE, &body)] {
        module = appended(&module, section, item);
    }
    let mut out = module[..8].to_vec();
    let (before, after): (Vec<_>, Vec<_>) = sections(&module).into_iter().partition(|(id, _)| *id < START);
    before.into_iter().for_each(|(id, body)| put_section(&mut out, id, body));
    put_section(&mut out, START, &index);
    after.into_iter().for_each(|(id, body)| put_section(&mut out, id, body));
    out
}

/// `table.grow` with null functions; its answer to too much is -1.
fn start(elements: usize, grows: bool) -> Vec<u8> {
    const EQUAL: u8 = 0x46;
    const NOT_EQUAL: u8 = 0x47;
    let mut code = vec![0, 0xd0, 0x70, 0x41];
    put_signed(&mut code, elements);
    code.extend([0xfc, 0x0f, 0x00, 0x41, 0x7f]);
    // if … unreachable end
    code.extend([if grows { EQUAL } else { NOT_EQUAL }, 0x04, 0x40, 0x00, 0x0b, 0x0b]);
    code
}

/// The types of a module, and its functions, imported or its own.
fn types_and_functions(module: &[u8]) -> (usize, usize) {
    let (mut types, mut functions) = (0, 0);
    for payload in Parser::new(0).parse_all(module) {
        match payload.unwrap() {
            Payload::TypeSection(section) => types += section.count() as usize,
            Payload::FunctionSection(section) => functions += section.count() as usize,
            Payload::ImportSection(section) => {
                let imports = section.into_imports().map(|import| import.unwrap().ty);
                functions += imports.filter(|import| matches!(import, TypeRef::Func(_))).count();
            }
            Payload::StartSection { .. } => panic!("it has a start function"),
            _ => {}
        }
    }
    (types, functions)
}

/// Its table without a largest size, and how many elements the table has.
fn unbounded(module: &[u8]) -> (Vec<u8>, usize) {
    let (mut out, mut size) = (module[..8].to_vec(), None);
    for (id, body) in sections(module) {
        if id == TABLE {
            assert_eq!(body[..2], [1, 0x70], "one table of functions");
            size = Some(number(body, 3).0);
            let mut table = vec![1, 0x70, 0x00];
            put_number(&mut table, number(body, 3).0);
            put_section(&mut out, id, &table);
        } else {
            put_section(&mut out, id, body);
        }
    }
    (out, size.expect("it has a table"))
}

/// With one item more at the end of a section that is there already.
fn appended(module: &[u8], section: u8, item: &[u8]) -> Vec<u8> {
    let mut out = module[..8].to_vec();
    for (id, body) in sections(module) {
        if id == section {
            let (count, start) = number(body, 0);
            let mut longer = Vec::new();
            put_number(&mut longer, count + 1);
            put_section(&mut out, id, &[&longer, &body[start..], item].concat());
        } else {
            put_section(&mut out, id, body);
        }
    }
    out
}

/// The same component with so many instances more of a module that is a table.
fn with_tables(wasm: &[u8], tables: usize) -> Vec<u8> {
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    put_section(&mut module, TABLE, &[1, 0x70, 0x00, 0x01]);
    let mut instance = vec![0x00];
    put_number(&mut instance, sections(wasm).iter().filter(|(id, _)| *id == MODULE).count());
    instance.push(0);
    let mut instances = Vec::new();
    put_number(&mut instances, tables);
    instances.extend(instance.repeat(tables));
    let mut out = wasm.to_vec();
    put_section(&mut out, MODULE, &module);
    put_section(&mut out, INSTANCES, &instances);
    out
}

/// Number and content of each section.
pub fn sections(wasm: &[u8]) -> Vec<(u8, &[u8])> {
    let (mut found, mut at) = (Vec::new(), 8);
    while at < wasm.len() {
        let (size, start) = number(wasm, at + 1);
        found.push((wasm[at], &wasm[start..start + size]));
        at = start + size;
    }
    found
}

/// LEB128 of a number that has a sign.
fn put_signed(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x40 {
        out.push(number as u8 & 0x7f | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

const PLUGIN: &str = "hostile/ranking";

async fn starts(wasm: Vec<u8>) -> Result<(), FailureKind> {
    host(generous()).activate(activation(wasm)).await.map(drop).map_err(|failure| {
        eprintln!("{failure}");
        failure.kind
    })
}

#[tokio::test]
async fn a_table_grows_to_its_limit_and_no_further() {
    let wasm = component(PLUGIN);
    assert_eq!(starts(growing_to(&wasm, TABLE_ELEMENTS, true)).await, Ok(()));
    assert_eq!(starts(growing_to(&wasm, TABLE_ELEMENTS + 1, false)).await, Ok(()));
    let told = starts(growing_to(&wasm, TABLE_ELEMENTS + 1, true)).await;
    assert_eq!(told, Err(FailureKind::Trap), "a guest can tell");
}

#[tokio::test]
async fn a_component_has_so_many_instances_with_tables_and_no_more() {
    let wasm = component(PLUGIN);
    let most = TABLES.min(CORE_INSTANCES);
    assert_eq!(starts(with_tables(&wasm, most / 2)).await, Ok(()));
    assert_eq!(starts(with_tables(&wasm, most)).await, Err(FailureKind::Compile));
}
