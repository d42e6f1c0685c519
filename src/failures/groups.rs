//! The groups of a ticket's first match as bytes: a ticket needs them only if it leads to a ban.

use super::lines::{read_number, write_number};
use crate::address::Address;
use crate::filter::{Data, Item};

/// What kind of value follows.
const NONE: u8 = 0;
const TEXT: u8 = 1;
const TUPLE: u8 = 2;
const USERS: u8 = 3;
const ADDRESS: u8 = 4;
const RAW: u8 = 5;
const FLAG: u8 = 6;
/// The text is that of the identifier.
const SAME: u8 = 7;

/// Appends the groups of a ticket whose identifier has the text `id`.
pub(super) fn write(bytes: &mut Vec<u8>, data: &Data, id: &str) {
    for (name, item) in data.iter() {
        write_text(bytes, name);
        match item {
            Item::Text(text) if text == id => bytes.push(SAME),
            item => write_item(bytes, item),
        }
    }
}

fn write_item(bytes: &mut Vec<u8>, item: &Item) {
    match item {
        Item::None => bytes.push(NONE),
        Item::Flag => bytes.push(FLAG),
        Item::Text(text) => {
            bytes.push(TEXT);
            write_text(bytes, text);
        }
        Item::Address(Address::Raw(text)) => {
            bytes.push(RAW);
            write_text(bytes, text);
        }
        Item::Address(address) => {
            bytes.push(ADDRESS);
            write_text(bytes, &address.to_string());
        }
        Item::Tuple(items) | Item::Users(items) => {
            bytes.push(if matches!(item, Item::Tuple(_)) { TUPLE } else { USERS });
            write_number(bytes, items.len() as u64);
            items.iter().for_each(|item| write_item(bytes, item));
        }
    }
}

fn write_text(bytes: &mut Vec<u8>, text: &str) {
    write_number(bytes, text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
}

/// The groups that [`write()`] wrote.
pub(super) fn read(mut bytes: &[u8], id: &str) -> Data {
    let mut data = Data::default();
    while !bytes.is_empty() {
        let name = read_text(&mut bytes);
        let item = match bytes {
            [SAME, rest @ ..] => {
                bytes = rest;
                Item::Text(id.into())
            }
            _ => read_item(&mut bytes),
        };
        data.set(&*name, item);
    }
    data
}

fn read_item(bytes: &mut &[u8]) -> Item {
    let [kind, rest @ ..] = *bytes else { return Item::None };
    *bytes = rest;
    match *kind {
        TEXT => Item::Text(read_text(bytes).into()),
        RAW => Item::Address(Address::Raw(read_text(bytes).into())),
        ADDRESS => {
            let text = read_text(bytes);
            Item::Address(Address::parse(&text).unwrap_or_else(|_| Address::Name(text.into())))
        }
        TUPLE => Item::Tuple(read_items(bytes)),
        USERS => Item::Users(read_items(bytes)),
        FLAG => Item::Flag,
        _ => Item::None,
    }
}

fn read_items(bytes: &mut &[u8]) -> Vec<Item> {
    let count = read_number(bytes);
    (0..count).map(|_| read_item(bytes)).collect()
}

fn read_text(bytes: &mut &[u8]) -> String {
    let length = (read_number(bytes) as usize).min(bytes.len());
    let (text, rest) = bytes.split_at(length);
    *bytes = rest;
    String::from_utf8_lossy(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_come_back_as_they_went() {
        let text = |text: &str| Item::Text(text.into());
        let mut data = Data::default();
        data.set("ip4", text("192.0.2.1"));
        data.set("user", Item::None);
        data.set("users", Item::Users(vec![text("root"), Item::Tuple(vec![text("a"), Item::None])]));
        data.set("ip", Item::Address(Address::host("2001:db8::1")));
        data.set("raw", Item::Address(Address::Raw("192.0.2.1".into())));
        data.set("nofail", Item::Flag);
        data.set("name", Item::Address(Address::Name("example.com".into())));
        for id in ["192.0.2.1", "192.0.2.2"] {
            let mut bytes = Vec::new();
            write(&mut bytes, &data, id);
            assert_eq!(read(&bytes, id), data);
        }
    }
}
