//! The elements of arrays and the entries of objects, with the place of a fault.

use std::cell::RefCell;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess};

use super::Strict;
use super::clean::Clean;
use super::trail::{Step, Trail};

/// The elements of an array.
pub(super) struct Items<'a, A> {
    pub(super) inner: A,
    pub(super) index: usize,
    pub(super) trail: &'a Trail,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Items<'_, A> {
    type Error = Clean<A::Error>;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Self::Error> {
        while !self.trail.keeps(self.index) {
            let skipped = self.inner.next_element::<IgnoredAny>().map_err(Clean)?;
            if skipped.is_none() {
                return Ok(None);
            }
            self.index += 1;
        }
        let index = self.index;
        self.index += 1;
        let seed = Inside {
            seed,
            trail: self.trail,
            key: None,
        };
        self.inner.next_element_seed(seed).map_err(|error| {
            self.trail.push(Step::Index(index));
            Clean(error)
        })
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

/// The entries of an object.
pub(super) struct Entries<'a, A> {
    pub(super) inner: A,
    /// True for a struct, of which no entry may be skipped.
    pub(super) is_whole: bool,
    pub(super) index: usize,
    pub(super) trail: &'a Trail,
    /// The last key, empty if it does not look like a name.
    pub(super) key: RefCell<String>,
}

impl<A> Entries<'_, A> {
    fn push_key(&self) {
        let key = Some(self.key.take()).filter(|key| !key.is_empty());
        self.trail.push(Step::Key(key));
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Entries<'_, A> {
    type Error = Clean<A::Error>;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Self::Error> {
        while !self.is_whole && !self.trail.keeps(self.index) {
            let skipped = self.inner.next_entry::<IgnoredAny, IgnoredAny>();
            if skipped.map_err(Clean)?.is_none() {
                return Ok(None);
            }
            self.index += 1;
        }
        self.index += 1;
        self.key.borrow_mut().clear();
        let seed = Inside {
            seed,
            trail: self.trail,
            key: Some(&self.key),
        };
        self.inner.next_key_seed(seed).map_err(|error| {
            // An unknown field, or a syntax error before the next one.
            if !self.key.borrow().is_empty() {
                self.push_key();
            }
            Clean(error)
        })
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, Self::Error> {
        let seed = Inside {
            seed,
            trail: self.trail,
            key: None,
        };
        self.inner.next_value_seed(seed).map_err(|error| {
            self.push_key();
            Clean(error)
        })
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

/// A seed that applies this module's rules.
struct Inside<'a, S> {
    seed: S,
    trail: &'a Trail,
    key: Option<&'a RefCell<String>>,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Inside<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        let strict = Strict {
            inner,
            trail: self.trail,
            key: self.key,
        };
        self.seed.deserialize(strict).map_err(Clean::into_inner)
    }
}
