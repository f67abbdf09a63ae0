//! Identifiers of the database, short enough for PostgreSQL.

/// PostgreSQL cuts longer names off without a word.
pub(crate) const LONGEST: usize = 63;

/// The name itself, or its beginning and a hash of all of it.
pub(crate) fn fit(name: &str, longest: usize) -> String {
    if name.len() <= longest {
        return name.to_owned();
    }
    let hash = format!("_{:016x}", fnv1a(name.as_bytes()));
    let kept: String = name.chars().take(longest - hash.len()).collect();
    kept + &hash
}

/// As [`fit`], with an ending that is always kept.
pub(crate) fn fit_with(name: &str, ending: &str) -> String {
    fit(name, LONGEST - ending.len()) + ending
}

/// The 64-bit FNV-1a hash (Fowler, Noll and Vo; RFC 9923). It is written in
/// names of tables, so it must never change.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_as_published() {
        // Test vectors of the FNV reference: "" and "foobar".
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn long_names_keep_apart() {
        let long = "a".repeat(80);
        assert_eq!(fit("short", LONGEST), "short");
        assert_eq!(fit(&long, LONGEST).len(), 63);
        assert_ne!(fit(&format!("{long}b"), LONGEST), fit(&format!("{long}c"), LONGEST));
        assert_eq!(fit_with(&long, "_currency").len(), 63);
        assert!(fit_with(&long, "_currency").ends_with("_currency"));
    }
}
