//! JSON written as text: rows come from the database as text and are not read
//! again on their way to the client.

/// An object whose keys come in the order of the selection.
pub struct ObjectText(String);

impl ObjectText {
    pub fn new() -> Self {
        Self::after(String::new())
    }

    /// An object that follows a text.
    pub fn after(mut text: String) -> Self {
        text.push('{');
        Self(text)
    }

    /// Adds a value, which is JSON text.
    pub fn put(&mut self, key: &str, value: &str) {
        // No JSON value ends so: the object is empty.
        if !self.0.ends_with('{') {
            self.0.push(',');
        }
        // GraphQL names need no escape in JSON.
        self.0.push('"');
        self.0.push_str(key);
        self.0.push_str("\":");
        self.0.push_str(value);
    }

    pub fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// A list of values, each of which is JSON text.
pub fn list<'t>(items: impl Iterator<Item = &'t str>) -> String {
    let mut out = String::from("[");
    for (index, item) in items.enumerate() {
        out.push_str(if index > 0 { "," } else { "" });
        out.push_str(item);
    }
    out.push(']');
    out
}
