//! How many bytes a value has on its way into or out of a guest, near enough:
//! its texts and lists, and eight for each field.

use lyceum_domain::{
    moderation::ReviewItem,
    payment::{Account, InboundRequest, ProviderOrder, Reference},
    ranking::Column,
};

const FIELD: usize = 8;

pub(crate) trait Weight {
    fn weight(&self) -> usize;
}

impl Weight for str {
    fn weight(&self) -> usize {
        FIELD + self.len()
    }
}

impl Weight for String {
    fn weight(&self) -> usize {
        self.as_str().weight()
    }
}

impl<T: Weight> Weight for [T] {
    fn weight(&self) -> usize {
        FIELD + self.iter().map(Weight::weight).sum::<usize>()
    }
}

impl<T: Weight> Weight for Option<T> {
    fn weight(&self) -> usize {
        FIELD + self.as_ref().map_or(0, Weight::weight)
    }
}

impl<A: Weight, B: Weight> Weight for (A, B) {
    fn weight(&self) -> usize {
        self.0.weight() + self.1.weight()
    }
}

impl Weight for Column {
    fn weight(&self) -> usize {
        match self {
            Self::F32(values) => 4 * values.len(),
            Self::U32(values) => 4 * values.len(),
            Self::U64(values) => 8 * values.len(),
        }
    }
}

impl Weight for ReviewItem {
    fn weight(&self) -> usize {
        self.id.weight() + self.kind.weight() + self.locale.weight() + self.text.weight() + FIELD
    }
}

impl Weight for Account {
    fn weight(&self) -> usize {
        self.id.weight() + self.settings.weight() + FIELD
    }
}

impl Weight for Reference {
    fn weight(&self) -> usize {
        self.merchant.weight() + self.provider.weight() + FIELD
    }
}

impl Weight for ProviderOrder {
    fn weight(&self) -> usize {
        let texts = [&self.merchant_ref, &self.flow, &self.title, &self.return_url, &self.notify_url];
        texts.iter().map(|text| text.weight()).sum::<usize>() + self.metadata.weight() + 6 * FIELD
    }
}

impl Weight for InboundRequest {
    fn weight(&self) -> usize {
        let texts = [&self.method, &self.path, &self.query];
        texts.iter().map(|text| text.weight()).sum::<usize>() + self.headers.weight() + self.body.len() + 2 * FIELD
    }
}
