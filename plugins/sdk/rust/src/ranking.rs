//! The world `ranking`: scores from columns.

#[doc(hidden)]
#[allow(missing_docs, clippy::all)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../../schema/wit/ranking/1.0.0",
        world: "ranking",
        pub_export_macro: true,
        export_macro_name: "export_world",
        default_bindings_module: "lyceum_sdk::ranking::bindings",
    });
}

pub use bindings::exports::lyceum::ranking::ranker::{Column, Context, Error, Values};

/// Scores items. A pure function of its arguments.
pub trait Ranker {
    /// The columns it wants, by name.
    const COLUMNS: &'static [&'static str];

    /// One finite score for each of `context.count` items; the highest comes first.
    ///
    /// # Errors
    /// The host falls back to its own order.
    fn rank(context: &Context, columns: &Columns) -> Result<Vec<f32>, Error>;
}

impl Error {
    /// The arguments break the world's rules. Not worth a second try.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self { code: "invalid".into(), message: message.into(), retryable: false }
    }
}

/// The columns of one call, all of the length that the context says.
#[derive(Debug)]
pub struct Columns {
    columns: Vec<Column>,
}

impl Columns {
    /// Takes the columns of a call.
    ///
    /// # Errors
    /// A column that has not `count` values.
    pub fn new(count: u32, columns: Vec<Column>) -> Result<Self, Error> {
        match columns.iter().find(|column| column.values.len() != count as usize) {
            Some(column) => Err(Error::invalid(format!("column {} has not {count} values", column.name))),
            None => Ok(Self { columns }),
        }
    }

    /// A column of quantities.
    ///
    /// # Errors
    /// There is no such column of that type.
    pub fn f32s(&self, name: &str) -> Result<&[f32], Error> {
        match self.values(name)? {
            Values::F32s(values) => Ok(values),
            _ => Err(wrong_type(name, "f32s")),
        }
    }

    /// A column of counts.
    ///
    /// # Errors
    /// There is no such column of that type.
    pub fn u32s(&self, name: &str) -> Result<&[u32], Error> {
        match self.values(name)? {
            Values::U32s(values) => Ok(values),
            _ => Err(wrong_type(name, "u32s")),
        }
    }

    /// A column of large counts or amounts.
    ///
    /// # Errors
    /// There is no such column of that type.
    pub fn u64s(&self, name: &str) -> Result<&[u64], Error> {
        match self.values(name)? {
            Values::U64s(values) => Ok(values),
            _ => Err(wrong_type(name, "u64s")),
        }
    }

    fn values(&self, name: &str) -> Result<&Values, Error> {
        let found = self.columns.iter().find(|column| column.name == name);
        found.map(|column| &column.values).ok_or_else(|| Error::invalid(format!("column {name} is missing")))
    }
}

fn wrong_type(name: &str, wanted: &str) -> Error {
    Error::invalid(format!("column {name} is not {wanted}"))
}

impl Values {
    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::F32s(values) => values.len(),
            Self::U32s(values) => values.len(),
            Self::U64s(values) => values.len(),
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Stands between the bindings and a [`Ranker`].
#[doc(hidden)]
pub struct Adapter<T>(core::marker::PhantomData<T>);

impl<T: Ranker> bindings::exports::lyceum::ranking::ranker::Guest for Adapter<T> {
    fn columns() -> Vec<String> {
        T::COLUMNS.iter().map(|name| (*name).to_owned()).collect()
    }

    fn rank(ctx: Context, cols: Vec<Column>) -> Result<Vec<f32>, Error> {
        let columns = Columns::new(ctx.count, cols)?;
        T::rank(&ctx, &columns)
    }
}

/// Exports a type that is a [`ranking::Ranker`](crate::ranking::Ranker) and
/// embeds its manifest; the path is relative to the calling file.
#[macro_export]
macro_rules! export_ranking {
    ($plugin:ty, manifest: $manifest:literal) => {
        $crate::embed_manifest!($manifest);
        $crate::export_ranking!($plugin);
    };
    ($plugin:ty) => {
        #[cfg(target_family = "wasm")]
        type ExportedRanker = $crate::ranking::Adapter<$plugin>;
        #[cfg(target_family = "wasm")]
        $crate::ranking::bindings::export_world!(ExportedRanker with_types_in $crate::ranking::bindings);
    };
}
