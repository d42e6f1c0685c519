//! Where the tickets are: found by identifier, and in the order in which they may become obsolete.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::hash::BuildHasher;

use hashbrown::HashTable;

use crate::address::Address;
use crate::clock::whole_seconds;

/// No slot, in links between slots.
const NONE: u32 = u32::MAX;

/// Values by identifier, each filed under a second.
#[derive(Debug)]
pub(super) struct Table<T> {
    slots: Vec<Slot<T>>,
    /// First of the slots that are free; the others follow by their links.
    free: u32,
    index: HashTable<u32>,
    hasher: foldhash::fast::RandomState,
    /// First slot filed under each second; the others follow by their links.
    filed: BTreeMap<i64, u32>,
    /// The slot found last: it is often asked for twice.
    last: Cell<u32>,
}

#[derive(Debug)]
struct Slot<T> {
    content: Option<(Address, T)>,
    second: i64,
    next: u32,
    previous: u32,
}

impl<T> Slot<T> {
    #[inline]
    fn is_of(&self, id: &Address) -> bool {
        self.content.as_ref().is_some_and(|(known, _)| known == id)
    }
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table {
            slots: Vec::new(),
            free: NONE,
            index: HashTable::new(),
            hasher: foldhash::fast::RandomState::default(),
            filed: BTreeMap::new(),
            last: Cell::new(NONE),
        }
    }
}

impl<T> Table<T> {
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// The number of an identifier's slot.
    #[inline]
    pub fn find(&self, id: &Address) -> Option<u32> {
        let last = self.last.get();
        match self.slots.get(last as usize) {
            Some(slot) if slot.is_of(id) => Some(last),
            _ => self.look_up(id),
        }
    }

    #[inline(never)]
    fn look_up(&self, id: &Address) -> Option<u32> {
        let is_it = |slot: &u32| self.slots.get(*slot as usize).is_some_and(|slot| slot.is_of(id));
        let slot = self.index.find(self.hasher.hash_one(id), is_it).copied()?;
        self.last.set(slot);
        Some(slot)
    }

    pub fn get(&self, slot: u32) -> Option<&T> {
        self.slots.get(slot as usize)?.content.as_ref().map(|(_, value)| value)
    }

    #[inline]
    pub fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        self.slots.get_mut(slot as usize)?.content.as_mut().map(|(_, value)| value)
    }

    /// Adds the value of an identifier that has none yet, filed under the second of `time`.
    pub fn insert(&mut self, id: Address, value: T, time: f64) {
        let hash = self.hasher.hash_one(&id);
        let new = Slot { content: Some((id, value)), second: 0, next: NONE, previous: NONE };
        let slot = match self.slots.get_mut(self.free as usize) {
            Some(free) => {
                let slot = std::mem::replace(&mut self.free, free.next);
                *free = new;
                slot
            }
            None => {
                self.slots.push(new);
                self.slots.len() as u32 - 1
            }
        };
        let (slots, hasher) = (&self.slots, &self.hasher);
        let hash_of =
            |slot: &u32| slots[*slot as usize].content.as_ref().map_or(0, |(id, _)| hasher.hash_one(id));
        self.index.insert_unique(hash, slot, hash_of);
        self.file(slot, whole_seconds(time));
    }

    /// Removes a slot.
    pub fn remove(&mut self, slot: u32) -> Option<(Address, T)> {
        let (id, value) = self.slots.get_mut(slot as usize)?.content.take()?;
        self.unfile(slot);
        if let Ok(entry) = self.index.find_entry(self.hasher.hash_one(&id), |other| *other == slot) {
            entry.remove();
        }
        self.slots[slot as usize].next = std::mem::replace(&mut self.free, slot);
        if self.index.is_empty() {
            let hasher = std::mem::take(&mut self.hasher);
            *self = Table { hasher, ..Table::default() };
        }
        Some((id, value))
    }

    /// The slot filed under the earliest second, and that second.
    pub fn first(&self) -> Option<(u32, f64)> {
        self.filed.first_key_value().map(|(second, slot)| (*slot, *second as f64))
    }

    /// Files a slot under another second.
    pub fn refile(&mut self, slot: u32, time: f64) {
        self.unfile(slot);
        self.file(slot, whole_seconds(time));
    }

    fn file(&mut self, slot: u32, second: i64) {
        let next = self.filed.insert(second, slot).unwrap_or(NONE);
        if let Some(next) = self.slots.get_mut(next as usize) {
            next.previous = slot;
        }
        let this = &mut self.slots[slot as usize];
        (this.second, this.next, this.previous) = (second, next, NONE);
    }

    fn unfile(&mut self, slot: u32) {
        let Slot { second, next, previous, .. } = self.slots[slot as usize];
        if let Some(next) = self.slots.get_mut(next as usize) {
            next.previous = previous;
        }
        if let Some(previous) = self.slots.get_mut(previous as usize) {
            previous.next = next;
        } else if next == NONE {
            self.filed.remove(&second);
        } else {
            self.filed.insert(second, next);
        }
    }
}
