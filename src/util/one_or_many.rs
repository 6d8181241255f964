//! A list that most often has a single element.

/// A list whose first element needs no heap memory.
pub(crate) struct OneOrMany<T> {
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
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Returns an empty list with memory for so many elements.
    pub(crate) fn with_capacity(elements: usize) -> Self {
        Self {
            first: None,
            others: Vec::with_capacity(elements.saturating_sub(1)),
        }
    }

    pub(crate) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.others.len()
    }

    #[inline]
    pub(crate) fn push(&mut self, element: T) {
        if self.first.is_none() {
            self.first = Some(element);
        } else {
            self.others.push(element);
        }
    }

    pub(crate) fn map<U>(self, mut to: impl FnMut(T) -> U) -> OneOrMany<U> {
        OneOrMany {
            first: self.first.map(&mut to),
            others: self.others.into_iter().map(to).collect(),
        }
    }

    /// Removes all elements, and calls `f` with each.
    #[inline]
    pub(crate) fn take_each(&mut self, mut f: impl FnMut(T)) {
        if let Some(first) = self.first.take() {
            f(first);
        }
        if !self.others.is_empty() {
            std::mem::take(&mut self.others).into_iter().for_each(f);
        }
    }

    pub(crate) fn into_iter(self) -> impl Iterator<Item = T> {
        self.first.into_iter().chain(self.others)
    }

    #[inline]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().chain(&self.others)
    }

    #[inline]
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.first.iter_mut().chain(&mut self.others)
    }
}
