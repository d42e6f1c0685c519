//! A small memory of values by text: each for some time, and when it is full, the oldest go first.

use std::collections::VecDeque;
use std::hash::BuildHasher;

use ecow::EcoString;
use hashbrown::HashTable;

/// Values that are remembered for a while, in the order in which they came (upstream's cache: what is
/// full loses its expired entries and one more).
#[derive(Debug)]
pub struct Cache<V> {
    max_count: usize,
    /// Seconds.
    max_time: f64,
    entries: HashTable<Entry<V>>,
    hasher: foldhash::fast::RandomState,
    /// Hashes and numbers of the entries in the order in which they came; of some that were removed meanwhile, too.
    order: VecDeque<(u64, u64)>,
    next: u64,
}

#[derive(Debug)]
struct Entry<V> {
    key: EcoString,
    value: V,
    expires: f64,
    number: u64,
    hash: u64,
}

impl<V> Cache<V> {
    /// For at most `max_count` values, each remembered for `max_time` seconds.
    pub fn new(max_count: usize, max_time: f64) -> Self {
        let (entries, hasher) = (HashTable::new(), foldhash::fast::RandomState::default());
        Cache { max_count, max_time, entries, hasher, order: VecDeque::new(), next: 0 }
    }

    pub fn max_count(&self) -> usize {
        self.max_count
    }

    /// Seconds that a value is remembered.
    pub fn max_time(&self) -> f64 {
        self.max_time
    }

    /// The value, unless its time is over.
    pub fn get(&mut self, key: &str, now: f64) -> Option<&mut V> {
        let hash = self.hasher.hash_one(key);
        self.find(hash, key, now)
    }

    fn find(&mut self, hash: u64, key: &str, now: f64) -> Option<&mut V> {
        let entry = self.entries.find_entry(hash, |entry| entry.key == key).ok()?;
        if entry.get().expires <= now {
            entry.remove();
            return None;
        }
        Some(&mut entry.into_mut().value)
    }

    /// Remembers a value from now on.
    pub fn set(&mut self, key: &EcoString, value: V, now: f64) {
        let hash = self.hasher.hash_one(key.as_str());
        self.insert(hash, key, value, now);
    }

    fn insert(&mut self, hash: u64, key: &EcoString, value: V, now: f64) -> &mut V {
        if self.entries.len() >= self.max_count {
            self.make_room(now);
        }
        let (number, expires) = (self.next, now + self.max_time);
        match self.entries.entry(hash, |entry| entry.key == *key, |entry| entry.hash) {
            hashbrown::hash_table::Entry::Occupied(known) => {
                let known = known.into_mut();
                (known.value, known.expires) = (value, expires);
                &mut known.value
            }
            hashbrown::hash_table::Entry::Vacant(free) => {
                self.next += 1;
                self.order.push_back((hash, number));
                let key = key.clone();
                &mut free.insert(Entry { key, value, expires, number, hash }).into_mut().value
            }
        }
    }

    /// The value, or a new one; and whether it was known.
    pub fn get_or_set(&mut self, key: &EcoString, now: f64) -> (&mut V, bool)
    where
        V: Default,
    {
        let hash = self.hasher.hash_one(key.as_str());
        // twice, because the compiler does not see that it is not borrowed where it is not found
        if self.find(hash, key, now).is_some() {
            let known = self.entries.find_mut(hash, |entry| entry.key == *key);
            return (&mut known.expect("it was found just now").value, true);
        }
        (self.insert(hash, key, V::default(), now), false)
    }

    /// Forgets a value, and returns it unless its time is over.
    pub fn take(&mut self, key: &str, now: f64) -> Option<V> {
        let hash = self.hasher.hash_one(key);
        let (entry, _) = self.entries.find_entry(hash, |entry| entry.key == key).ok()?.remove();
        if self.order.len() > 2 * self.entries.len() + 16 {
            let entries = &self.entries;
            self.order
                .retain(|(hash, number)| entries.find(*hash, |entry| entry.number == *number).is_some());
        }
        (entry.expires > now).then_some(entry.value)
    }

    fn make_room(&mut self, now: f64) {
        while let Some((hash, number)) = self.order.pop_front() {
            let Ok(entry) = self.entries.find_entry(hash, |entry| entry.number == number) else { continue };
            let (entry, _) = entry.remove();
            if entry.expires > now && self.entries.len() < self.max_count {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(cache: &mut Cache<u32>, now: f64) -> Vec<&'static str> {
        ["a", "b", "c", "d"].into_iter().filter(|key| cache.get(key, now).is_some()).collect()
    }

    #[test]
    fn what_is_full_loses_what_is_expired_and_one_more() {
        let mut cache = Cache::new(3, 10.0);
        for (i, key) in ["a", "b", "c"].into_iter().enumerate() {
            cache.set(&key.into(), 1, i as f64 * 5.0);
        }
        assert_eq!(known(&mut cache, 9.0), ["a", "b", "c"]);
        cache.set(&"d".into(), 1, 10.0);
        assert_eq!(known(&mut cache, 10.0), ["c", "d"]);
        assert_eq!(known(&mut cache, 20.0), [""; 0]);
    }

    #[test]
    fn removed_keys_do_not_pile_up() {
        let mut cache = Cache::new(3, 10.0);
        for i in 0..1000 {
            cache.set(&"a".into(), i, 1.0);
            assert_eq!(cache.take("a", 1.0), Some(i));
        }
        assert!(cache.order.len() < 20 && cache.take("a", 1.0).is_none());
        cache.set(&"a".into(), 1, 2.0);
        cache.set(&"a".into(), 2, 5.0);
        assert_eq!(cache.get("a", 14.0), Some(&mut 2));
    }
}
