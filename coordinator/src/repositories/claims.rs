//! Room on the disk that was promised to files under way and is not taken up yet.
//!
//! **Invariant:** however many files come at once, what they may still write and the reserve fit on the disk together.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What all of them may still write.
#[derive(Debug, Clone, Default)]
pub struct Claims(Arc<Mutex<u64>>);

/// What one of them may still write. Dropped, it is free again.
#[derive(Debug)]
pub struct Claim {
    of: Claims,
    left: u64,
}

impl Claims {
    fn promised(&self) -> MutexGuard<'_, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Promises so many bytes, if they and the reserve fit beside all other promises into what is free.
    pub fn take<E>(&self, bytes: u64, reserve: u64, free: impl FnOnce() -> Result<u64, E>) -> Result<Option<Claim>, E> {
        let mut promised = self.promised();
        let needed = reserve.saturating_add(*promised).saturating_add(bytes);
        // Looked at while nobody else is promised anything.
        if free()? < needed {
            return Ok(None);
        }
        *promised += bytes;
        Ok(Some(Claim { of: self.clone(), left: bytes }))
    }
}

impl Claim {
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Takes another claim's bytes to its own.
    pub fn add(&mut self, mut other: Self) {
        self.left += std::mem::take(&mut other.left);
    }

    /// So many bytes were written: the disk itself says so from now on.
    pub fn written(&mut self, bytes: u64) {
        let bytes = bytes.min(self.left);
        self.left -= bytes;
        *self.of.promised() -= bytes;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        *self.of.promised() -= self.left;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn take(claims: &Claims, bytes: u64, free: u64) -> Option<Claim> {
        let Ok(claim) = claims.take(bytes, 100, || Ok::<_, Infallible>(free));
        claim
    }

    #[test]
    fn the_reserve_is_held_however_many_come_at_once() {
        let claims = Claims::default();
        let mut one = take(&claims, 40, 200).expect("there is room");
        let other = take(&claims, 40, 200).expect("there is room");
        assert!(take(&claims, 40, 200).is_none(), "the other two may still write");
        one.written(40);
        assert!(take(&claims, 40, 160).is_none(), "what was written is not free any more");
        drop(other);
        let third = take(&claims, 40, 160).expect("one of them was given up");
        one.add(third);
        assert_eq!(one.left(), 40);
        drop(one);
        assert_eq!(*claims.promised(), 0);
    }
}
