//! Values that are cheap to take a snapshot of.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// A value that its clones share until one of them changes it.
///
/// A clone costs one reference count. The first change after a clone copies the value, so only holders of old clones
/// cause a copy.
#[derive(Debug, PartialEq, Eq)]
pub struct CopyOnWrite<T>(Arc<T>);

impl<T: Clone> CopyOnWrite<T> {
    /// Returns the value itself; copies it if it is shared.
    pub fn into_owned(self) -> T {
        Arc::unwrap_or_clone(self.0)
    }
}

impl<T> Clone for CopyOnWrite<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Default> Default for CopyOnWrite<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> From<T> for CopyOnWrite<T> {
    fn from(value: T) -> Self {
        Self(Arc::new(value))
    }
}

impl<T> Deref for CopyOnWrite<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Clone> DerefMut for CopyOnWrite<T> {
    fn deref_mut(&mut self) -> &mut T {
        Arc::make_mut(&mut self.0)
    }
}

impl<T: FromIterator<I>, I> FromIterator<I> for CopyOnWrite<T> {
    fn from_iter<S: IntoIterator<Item = I>>(items: S) -> Self {
        Self::from(T::from_iter(items))
    }
}

impl<'a, T> IntoIterator for &'a CopyOnWrite<T>
where
    &'a T: IntoIterator,
{
    type Item = <&'a T as IntoIterator>::Item;
    type IntoIter = <&'a T as IntoIterator>::IntoIter;
    fn into_iter(self) -> Self::IntoIter {
        (**self).into_iter()
    }
}

impl<'a, T: Clone> IntoIterator for &'a mut CopyOnWrite<T>
where
    &'a mut T: IntoIterator,
{
    type Item = <&'a mut T as IntoIterator>::Item;
    type IntoIter = <&'a mut T as IntoIterator>::IntoIter;
    fn into_iter(self) -> Self::IntoIter {
        (**self).into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_clone_keeps_what_it_saw_and_costs_one_copy_at_most() {
        let mut numbers: CopyOnWrite<BTreeMap<u32, u32>> = (0..3).map(|number| (number, number)).collect();
        let before: *const BTreeMap<u32, u32> = &raw const *numbers;
        numbers.insert(3, 3);
        assert_eq!(&raw const *numbers, before, "nobody else has it");
        let seen = numbers.clone();
        assert_eq!(&raw const *seen, before, "a clone copies nothing");
        numbers.insert(4, 4);
        let copied: *const BTreeMap<u32, u32> = &raw const *numbers;
        numbers.insert(5, 5);
        assert_eq!(&raw const *numbers, copied, "it was copied once");
        assert_eq!((seen.len(), numbers.len()), (4, 6));
    }
}
