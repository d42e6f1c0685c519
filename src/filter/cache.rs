//! A small memory of values by text: each for some time, and when it is full, the oldest go first.

use std::collections::hash_map::Entry::{Occupied, Vacant};
use std::collections::{HashMap, VecDeque};

use ecow::EcoString;

/// Values that are remembered for a while, in the order in which they came (upstream's cache: what is
/// full loses its expired entries and one more).
#[derive(Debug)]
pub struct Cache<V> {
    max_count: usize,
    /// Seconds.
    max_time: f64,
    entries: HashMap<EcoString, Entry<V>, foldhash::fast::RandomState>,
    /// Keys in the order in which they came; one whose number is not its entry's was removed meanwhile.
    order: VecDeque<(u64, EcoString)>,
    next: u64,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    expires: f64,
    number: u64,
}

impl<V> Cache<V> {
    /// For at most `max_count` values, each remembered for `max_time` seconds.
    pub fn new(max_count: usize, max_time: f64) -> Self {
        Cache { max_count, max_time, entries: HashMap::default(), order: VecDeque::new(), next: 0 }
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
        if self.entries.get(key)?.expires <= now {
            self.entries.remove(key);
        }
        self.entries.get_mut(key).map(|entry| &mut entry.value)
    }

    /// Remembers a value from now on.
    pub fn set(&mut self, key: &EcoString, value: V, now: f64) {
        if self.entries.len() >= self.max_count {
            self.make_room(now);
        }
        let (next, expires) = (self.next, now + self.max_time);
        match self.entries.entry(key.clone()) {
            Occupied(known) => {
                let known = known.into_mut();
                (known.value, known.expires) = (value, expires);
            }
            Vacant(free) => {
                self.next += 1;
                self.order.push_back((next, free.key().clone()));
                free.insert(Entry { value, expires, number: next });
            }
        }
    }

    /// The value, or a new one; and whether it was known.
    pub fn get_or_set(&mut self, key: &EcoString, now: f64) -> (&mut V, bool)
    where
        V: Default,
    {
        let known = self.get(key, now).is_some();
        if !known {
            self.set(key, V::default(), now);
        }
        let entry = self.entries.get_mut(key).expect("it was found or set just now");
        (&mut entry.value, known)
    }

    pub fn remove(&mut self, key: &str) -> Option<V> {
        let entry = self.entries.remove(key)?;
        if self.order.len() > 2 * self.entries.len() + 16 {
            let entries = &self.entries;
            self.order.retain(|(number, key)| entries.get(key).is_some_and(|entry| entry.number == *number));
        }
        Some(entry.value)
    }

    fn make_room(&mut self, now: f64) {
        while let Some((number, key)) = self.order.pop_front() {
            let Some(entry) = self.entries.get(&key).filter(|entry| entry.number == number) else { continue };
            let live = entry.expires > now;
            self.entries.remove(&key);
            if live && self.entries.len() < self.max_count {
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
            assert_eq!(cache.remove("a"), Some(i));
        }
        assert!(cache.order.len() < 20 && cache.remove("a").is_none());
        cache.set(&"a".into(), 1, 2.0);
        cache.set(&"a".into(), 2, 5.0);
        assert_eq!(cache.get("a", 14.0), Some(&mut 2));
    }
}
