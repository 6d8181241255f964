//! A list that most often has a single element.

/// A list whose first element needs no heap memory.
pub(super) struct OneOrMany<T> {
    first: Option<T>,
    others: Vec<T>,
}

// Not derived: `derive` would require `T: Default`.
impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        Self {
            first: None,
            others: Vec::new(),
        }
    }
}

impl<T> OneOrMany<T> {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.others.len()
    }

    #[inline]
    pub(super) fn push(&mut self, element: T) {
        if self.first.is_none() {
            self.first = Some(element);
        } else {
            self.others.push(element);
        }
    }

    pub(super) fn map<U>(self, mut to: impl FnMut(T) -> U) -> OneOrMany<U> {
        OneOrMany {
            first: self.first.map(&mut to),
            others: self.others.into_iter().map(to).collect(),
        }
    }

    #[inline]
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().chain(&self.others)
    }

    #[inline]
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.first.iter_mut().chain(&mut self.others)
    }
}
