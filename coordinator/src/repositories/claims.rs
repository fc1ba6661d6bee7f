//! Disk space that is reserved for running uploads and not used yet.
//!
//! **Invariant:** all pending uploads together and the reserve fit on the disk; the uploads of one host take at most
//! half of the space that is free beside the reserve, so that others find space.

use fleet_core::names::HostName;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes that pending uploads may still write.
#[derive(Debug, Clone, Default)]
pub struct Claims(Arc<Mutex<HashMap<HostName, u64>>>);

/// Bytes that one upload may still write. They are released on drop.
#[derive(Debug)]
pub struct Claim {
    of: Claims,
    host: HostName,
    left: u64,
}

impl Claims {
    fn promised(&self) -> MutexGuard<'_, HashMap<HostName, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves bytes for a host, if they fit into the free space beside the reserve and all other claims.
    pub fn take<E>(
        &self,
        host: &HostName,
        bytes: u64,
        reserve: u64,
        free: impl FnOnce() -> Result<u64, E>,
    ) -> Result<Option<Claim>, E> {
        let mut promised = self.promised();
        let all: u64 = promised.values().sum();
        let own = promised.get(host).copied().unwrap_or(0);
        // Measured while no other claim can be made.
        let room = free()?.saturating_sub(reserve);
        if room < all.saturating_add(bytes) || room / 2 < own.saturating_add(bytes) {
            return Ok(None);
        }
        *promised.entry(host.clone()).or_default() += bytes;
        Ok(Some(Claim { of: self.clone(), host: host.clone(), left: bytes }))
    }

    fn give_back(&self, host: &HostName, bytes: u64) {
        let mut promised = self.promised();
        if let Some(own) = promised.get_mut(host) {
            *own = own.saturating_sub(bytes);
            if *own == 0 {
                promised.remove(host);
            }
        }
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

    /// Reduces the claim by bytes that were written, because the disk accounts for them from now on.
    pub fn written(&mut self, bytes: u64) {
        let bytes = bytes.min(self.left);
        self.left -= bytes;
        self.of.give_back(&self.host, bytes);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.of.give_back(&self.host, self.left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn take(claims: &Claims, host: &str, bytes: u64, free: u64) -> Option<Claim> {
        let host = host.parse().expect("a name");
        let Ok(claim) = claims.take(&host, bytes, 100, || Ok::<_, Infallible>(free));
        claim
    }

    #[test]
    fn the_reserve_is_held_however_many_come_at_once() {
        let claims = Claims::default();
        let mut one = take(&claims, "a", 40, 200).expect("there is room");
        let other = take(&claims, "b", 40, 200).expect("there is room");
        assert!(take(&claims, "c", 40, 200).is_none(), "the other two may still write");
        one.written(40);
        assert!(take(&claims, "c", 40, 160).is_none(), "what was written is not free any more");
        drop(other);
        let third = take(&claims, "a", 30, 160).expect("one of them was given up");
        one.add(third);
        assert_eq!(one.left(), 30);
        drop(one);
        assert!(claims.promised().is_empty());
    }

    #[test]
    fn one_host_does_not_take_the_room_of_all() {
        let claims = Claims::default();
        let _own: Vec<Claim> = (0..5).map(|_| take(&claims, "a", 10, 200).expect("half is its own")).collect();
        assert!(take(&claims, "a", 10, 200).is_none());
        take(&claims, "b", 40, 200).expect("the other half is not");
    }
}
