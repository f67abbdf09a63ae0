//! Making a recorded call again, and comparing the answers.

use lyceum_domain::plugin::{Extensions, PluginFailure};
use serde_json::{Map, Value as Json};

use super::Recording;

/// How a recorded call ended this time.
#[derive(Debug, Clone, PartialEq)]
pub enum Replayed {
    /// The same answer.
    Same,
    /// Another answer, both as JSON.
    Different {
        was: Json,
        is: Json,
    },
    Failed(PluginFailure),
    /// The plugin does not do this any more.
    Gone,
}

/// Numbers differ when they differ by more than this share of the larger one:
/// scores and confidences are 32-bit floats on the way.
const TOLERANCE: f64 = 1e-5;

impl Recording {
    /// Makes the call on the one plugin that is active.
    pub async fn replay(&self, active: &dyn Extensions) -> Replayed {
        match self.call.make(active).await {
            None => Replayed::Gone,
            Some(Err(failure)) => Replayed::Failed(failure),
            Some(Ok(is)) if same(&self.answer, &is) => Replayed::Same,
            Some(Ok(is)) => Replayed::Different { was: self.answer.clone(), is },
        }
    }
}

/// A field that is null is the same as one that is not there.
fn same(was: &Json, is: &Json) -> bool {
    match (was, is) {
        (Json::Number(a), Json::Number(b)) if a.is_f64() || b.is_f64() => {
            a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| near(a, b))
        }
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Json::Object(b)) => within(a, b) && within(b, a),
        (a, b) => a == b,
    }
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()).max(1.0)
}

fn within(a: &Map<String, Json>, b: &Map<String, Json>) -> bool {
    a.iter().all(|(name, value)| same(value, b.get(name).unwrap_or(&Json::Null)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rounding_and_empty_fields_are_no_difference() {
        assert!(same(&json!([0.1_f32, 1.0]), &json!([0.1, 1])));
        assert!(same(&json!({ "a": 1, "note": null }), &json!({ "a": 1 })));
        assert!(!same(&json!([0.1]), &json!([0.101])));
        assert!(!same(&json!({ "a": 1 }), &json!({ "a": 1, "b": 2 })));
        assert!(!same(&json!(1_000_000), &json!(1_000_001)), "whole numbers are exact");
    }
}
