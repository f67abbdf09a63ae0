//! The sections of a component: what it imports, and custom ones at its end. A
//! component is a header and then sections: one more, whose id is 0, may follow
//! at any time.

use wasmparser::{Parser, Payload};

/// Whether a custom section of this name is in it, at any depth.
pub(super) fn has(component: &[u8], name: &str) -> bool {
    let payloads = Parser::new(0).parse_all(component).map_while(Result::ok);
    payloads.into_iter().any(|payload| matches!(payload, Payload::CustomSection(section) if section.name() == name))
}

/// The component's own imports, in its order.
pub(super) fn imports(component: &[u8]) -> Result<Vec<String>, String> {
    let (mut names, mut depth) = (Vec::new(), 0usize);
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(|error| format!("what was built is no component: {error}"))? {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 1 => {
                names.extend(section.into_iter().flatten().map(|import| import.name.name.to_owned()));
            }
            _ => {}
        }
    }
    Ok(names)
}

/// Appends a custom section: its id, its size, its name with a length, its bytes.
pub(super) fn append(component: &mut Vec<u8>, name: &str, payload: &[u8]) {
    let mut head = Vec::new();
    number(&mut head, name.len());
    head.extend_from_slice(name.as_bytes());
    component.push(0);
    number(component, head.len() + payload.len());
    component.extend_from_slice(&head);
    component.extend_from_slice(payload);
}

/// LEB128: seven bits a byte, the lowest first; the high bit says that more follow.
fn number(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_has_its_size_name_and_bytes() {
        let mut component = vec![9];
        append(&mut component, "ab", b"xyz");
        assert_eq!(component, [9, 0, 6, 2, b'a', b'b', b'x', b'y', b'z']);
    }

    #[test]
    fn a_long_section_has_its_size_in_more_bytes() {
        let mut component = Vec::new();
        append(&mut component, "a", &[7; 300]);
        assert_eq!(component[..5], [0, 0xae, 0x02, 1, b'a']);
        assert_eq!(component.len(), 305);
    }
}
