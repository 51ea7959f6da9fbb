//! The facts recorded while a document is decoded, and the sample of it that is decoded.

use std::cell::{Cell, RefCell};

/// A part of the path to a place in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Index(usize),
    /// `None` if the key does not look like a name, since it may be data then.
    Key(Option<String>),
}

/// The facts recorded while a document is decoded, and the sample of it that is decoded.
#[derive(Default)]
pub(crate) struct Trail {
    /// The path to the place that does not fit, innermost step first.
    steps: RefCell<Vec<Step>>,
    /// The elements of all arrays and the entries of all maps.
    elements: Cell<usize>,
    thinning: Option<Thinning>,
    /// True if an array was read for a type that is not known.
    has_opaque_array: Cell<bool>,
}

impl Trail {
    /// Creates a trail that skips most elements of long arrays and maps.
    pub(crate) fn thinned(thinning: Thinning) -> Self {
        Self {
            thinning: Some(thinning),
            ..Self::default()
        }
    }

    pub(super) fn push(&self, step: Step) {
        self.steps.borrow_mut().push(step);
    }

    /// Returns true if this element is to be decoded, and counts it.
    pub(super) fn keeps(&self, index: usize) -> bool {
        let is_kept = self.thinning.is_none_or(|thinning| thinning.keeps(index));
        self.elements
            .set(self.elements.get() + usize::from(is_kept));
        is_kept
    }

    pub(super) fn note_opaque_array(&self) {
        self.has_opaque_array.set(true);
    }

    pub(crate) fn has_opaque_array(&self) -> bool {
        self.has_opaque_array.get()
    }

    pub(crate) fn elements(&self) -> usize {
        self.elements.get()
    }

    /// Returns the path, outermost step first.
    pub(crate) fn steps(&self) -> Vec<Step> {
        self.steps.borrow().iter().rev().cloned().collect()
    }
}

/// A sample of long arrays and maps: their first elements, and one of `stride` of the others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Thinning {
    stride: usize,
    offset: usize,
}

impl Thinning {
    /// The elements that are never skipped. Fixed-size arrays and the fields of flattened structs are seldom longer.
    const ALWAYS: usize = 16;

    /// Keeps about `kept` of so many elements.
    pub(crate) fn to(kept: usize, elements: usize) -> Self {
        let stride = elements.div_ceil(kept).max(1);
        Self {
            stride,
            offset: rand::random_range(0..stride),
        }
    }

    fn keeps(self, index: usize) -> bool {
        index < Self::ALWAYS || index % self.stride == self.offset
    }

    /// Returns the index that the kept element at `position` had in the document.
    pub(crate) fn index(self, position: usize) -> usize {
        let Some(later) = position.checked_sub(Self::ALWAYS) else {
            return position;
        };
        let whole = Self::ALWAYS - Self::ALWAYS % self.stride + self.offset;
        let first = if whole < Self::ALWAYS {
            whole + self.stride
        } else {
            whole
        };
        first + later * self.stride
    }
}
