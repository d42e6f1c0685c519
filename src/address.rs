//! What gets banned: an IP address, a subnet, or any text that a filter calls an identifier (COMPAT §5).

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// The identifier of a ticket.
///
/// Two equal texts of different kinds are different identifiers, as upstream: `Name("x")` (could be
/// resolved) is not `Raw("x")` (taken literally).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Address {
    /// IPv4 host or network; `prefix` is 32 for a host.
    V4 { bits: u32, prefix: u32 },
    /// IPv6 host or network; `prefix` is 128 for a host.
    V6 { bits: u128, prefix: u32 },
    /// Text that is no valid address: a DNS name, or an address-like text such as `1.2.3.999`.
    Name(Arc<str>),
    /// Text that is never interpreted (`usedns = raw`, complex failure-ids).
    Raw(Arc<str>),
}

/// Addresses are looked up for every failure: a quick hash, with a random seed so that nobody can choose
/// addresses that collide.
pub type AddressMap<T> = std::collections::HashMap<Address, T, foldhash::fast::RandomState>;
pub type AddressSet = std::collections::HashSet<Address, foldhash::fast::RandomState>;

/// Address family as actions see it (`<family>`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    Inet4,
    Inet6,
}

impl Family {
    pub fn as_str(self) -> &'static str {
        match self {
            Family::Inet4 => "inet4",
            Family::Inet6 => "inet6",
        }
    }
}

const MAPPED: u128 = 0xffff_0000_0000;

impl Address {
    /// Reads an address, network (`10.0.0.0/8`, `1.2.3.0/255.255.255.0`), bracketed IPv6 or name.
    ///
    /// IPv4-mapped IPv6 becomes IPv4; host bits of a network are cleared. The only error is a netmask
    /// that has no prefix length.
    pub fn parse(text: &str) -> Result<Address, String> {
        let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).filter(|t| !t.is_empty());
        let text = bare.unwrap_or(text);
        if let Some((host, mask)) = text.split_once('/') {
            if let Some(prefix) = prefix_of(mask)? {
                if looks_like_ip(host) {
                    return Ok(Self::with_prefix(host, prefix));
                }
            }
        }
        Ok(Self::host(text))
    }

    /// A single address (IPv4-mapped IPv6 becomes IPv4), or a name if it is none.
    pub fn host(text: &str) -> Address {
        match parse_v4(text) {
            Some(bits) => Address::V4 { bits, prefix: 32 },
            None => Self::v6_group(text),
        }
    }

    fn from_v6(v6: Ipv6Addr) -> Address {
        let bits = u128::from(v6);
        if bits >> 32 == MAPPED >> 32 {
            Address::V4 { bits: bits as u32, prefix: 32 }
        } else {
            Address::V6 { bits, prefix: 128 }
        }
    }

    /// An address of the network that `prefix` names; unlike hosts, mapped addresses stay IPv6.
    pub fn with_prefix(host: &str, prefix: u32) -> Address {
        if let Ok(v4) = host.parse::<Ipv4Addr>() {
            let keep = u32::MAX.checked_shr(prefix).unwrap_or(0);
            return Address::V4 { bits: u32::from(v4) & !keep, prefix };
        }
        match host.parse::<Ipv6Addr>() {
            Ok(v6) => {
                let keep = u128::MAX.checked_shr(prefix).unwrap_or(0);
                Address::V6 { bits: u128::from(v6) & !keep, prefix }
            }
            Err(_) => Address::Name(host.into()),
        }
    }

    /// The text of a regex group for IPv4 (`ip4`): an address of that family or else a name.
    pub fn v4_group(text: &str) -> Address {
        match parse_v4(text) {
            Some(bits) => Address::V4 { bits, prefix: 32 },
            None => Address::Name(text.into()),
        }
    }

    /// The text of a regex group for IPv6 (`ip6`).
    pub fn v6_group(text: &str) -> Address {
        match text.parse::<Ipv6Addr>() {
            Ok(v6) => Self::from_v6(v6),
            Err(_) => Address::Name(text.into()),
        }
    }

    pub fn from_ip(ip: std::net::IpAddr) -> Address {
        match ip {
            std::net::IpAddr::V4(v4) => Address::V4 { bits: v4.into(), prefix: 32 },
            std::net::IpAddr::V6(v6) => Self::from_v6(v6),
        }
    }

    pub fn family(&self) -> Option<Family> {
        match self {
            Address::V4 { .. } => Some(Family::Inet4),
            Address::V6 { .. } => Some(Family::Inet6),
            _ => None,
        }
    }

    /// Whether this is one host: neither a network nor a text.
    pub fn is_single(&self) -> bool {
        matches!(self, Address::V4 { prefix: 32, .. } | Address::V6 { prefix: 128, .. })
    }

    /// Whether the text could be resolved or is a network: upstream's kinds for the ignore messages.
    pub fn is_name(&self) -> bool {
        matches!(self, Address::Name(_))
    }

    /// Whether `self` lies in the network `net`. Names and raw texts lie in nothing.
    pub fn is_in(&self, net: &Address) -> bool {
        match (self, net) {
            (Address::V4 { bits, .. }, Address::V4 { bits: base, prefix }) => {
                bits & !u32::MAX.checked_shr(*prefix).unwrap_or(0) == *base
            }
            (Address::V6 { bits, .. }, Address::V6 { bits: base, prefix }) => {
                bits & !u128::MAX.checked_shr(*prefix).unwrap_or(0) == *base
            }
            _ => false,
        }
    }

    /// Appends the text of the address; quicker than its `Display`, for the lines that are logged most.
    #[inline]
    pub fn push_to(&self, out: &mut Vec<u8>) {
        match self {
            Address::V4 { bits, prefix: 32 } => {
                let mut text = [0; 16];
                let mut end = 0;
                for byte in bits.to_be_bytes() {
                    let octet = &OCTETS[usize::from(byte)];
                    text[end..end + 4].copy_from_slice(&octet.text);
                    end += usize::from(octet.length);
                }
                let length = out.len() + end - 1;
                // a copy of known length is quicker
                out.extend_from_slice(&text);
                out.truncate(length);
            }
            Address::Name(text) | Address::Raw(text) => out.extend_from_slice(text.as_bytes()),
            other => out.extend_from_slice(other.to_string().as_bytes()),
        }
    }

    /// Reversed labels with a trailing dot, as `<ip-rev>` has them; empty for texts.
    pub fn reversed(&self) -> String {
        match self {
            Address::V4 { .. } => {
                let text = self.to_string();
                let mut labels: Vec<&str> = text.split('.').collect();
                labels.reverse();
                labels.join(".") + "."
            }
            Address::V6 { bits, .. } => {
                let hex = format!("{bits:032x}");
                hex.chars().rev().flat_map(|digit| [digit, '.']).collect()
            }
            _ => String::new(),
        }
    }
}

/// Reads an IPv4 address as the standard library does, in a quarter of its time: every failure has one.
fn parse_v4(text: &str) -> Option<u32> {
    let mut rest = text.as_bytes();
    let mut bits = 0;
    for part in 0..4 {
        if part > 0 {
            rest = rest.strip_prefix(b".")?;
        }
        let (octet, length) = match *rest {
            [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', ..] => {
                (number(a) * 100 + number(b) * 10 + number(c), 3)
            }
            [a @ b'1'..=b'9', b @ b'0'..=b'9', ..] => (number(a) * 10 + number(b), 2),
            [a @ b'0'..=b'9', ..] => (number(a), 1),
            _ => return None,
        };
        if octet > 255 {
            return None;
        }
        bits = bits << 8 | octet;
        rest = &rest[length..];
    }
    rest.is_empty().then_some(bits)
}

fn number(digit: u8) -> u32 {
    u32::from(digit - b'0')
}

/// A number that a byte can be, as text with a dot behind it; `length` counts the dot.
struct Octet {
    text: [u8; 4],
    length: u8,
}

static OCTETS: [Octet; 256] = octets();

const fn octets() -> [Octet; 256] {
    let mut octets = [const { Octet { text: [0; 4], length: 0 } }; 256];
    let mut number = 0;
    while number < 256 {
        let [a, b, c] =
            [b'0' + (number / 100) as u8, b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8];
        octets[number] = match number {
            0..=9 => Octet { text: [c, b'.', 0, 0], length: 2 },
            10..=99 => Octet { text: [b, c, b'.', 0], length: 3 },
            _ => Octet { text: [a, b, c, b'.'], length: 4 },
        };
        number += 1;
    }
    octets
}

/// Prefix length of a mask text: a number, or a netmask in address form. `None`: not a mask at all.
fn prefix_of(mask: &str) -> Result<Option<u32>, String> {
    if !mask.is_empty() && mask.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(mask.parse().ok());
    }
    let (leading, total) = match (mask.parse::<Ipv4Addr>(), mask.parse::<Ipv6Addr>()) {
        (Ok(v4), _) => (u32::from(v4).leading_ones(), u32::from(v4).count_ones()),
        (_, Ok(v6)) => (u128::from(v6).leading_ones(), u128::from(v6).count_ones()),
        _ => return Ok(None),
    };
    if leading != total {
        return Err(format!("invalid mask {}, no plen representation", crate::value::Value::str(mask)));
    }
    Ok(Some(leading))
}

fn looks_like_ip(text: &str) -> bool {
    text.contains(':') || text.parse::<Ipv4Addr>().is_ok()
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::V4 { bits, prefix } => {
                write!(f, "{}", Ipv4Addr::from(*bits))?;
                if (1..32).contains(prefix) { write!(f, "/{prefix}") } else { Ok(()) }
            }
            Address::V6 { bits, prefix } => {
                // The C library writes IPv4-compatible addresses (::a.b.c.d) in dotted form.
                if *bits > 0xffff && bits >> 32 == 0 {
                    write!(f, "::{}", Ipv4Addr::from(*bits as u32))?;
                } else {
                    write!(f, "{}", Ipv6Addr::from(*bits))?;
                }
                if (1..128).contains(prefix) { write!(f, "/{prefix}") } else { Ok(()) }
            }
            Address::Name(text) | Address::Raw(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_upstreams_normal_form() {
        for (text, normal) in [
            ("192.0.2.1", "192.0.2.1"),
            ("255.10.99.100", "255.10.99.100"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("[2001:DB8::0:1]", "2001:db8::1"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("1.2.3.4/255.255.255.0", "1.2.3.0/24"),
            ("2001:db8::1/32", "2001:db8::/32"),
            ("192.030.0.6", "192.030.0.6"),
            ("::102:304", "::1.2.3.4"),
            ("::1", "::1"),
            ("example.com", "example.com"),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.to_string(), normal, "{text}");
            let mut pushed = b"x".to_vec();
            address.push_to(&mut pushed);
            assert_eq!(String::from_utf8_lossy(&pushed[1..]), normal, "{text}");
        }
        assert!(Address::parse("1.2.3.4/255.0.255.0").is_err());
    }

    #[test]
    fn v4_is_read_as_the_standard_library_reads_it() {
        for text in [
            "0.0.0.0",
            "255.255.255.255",
            "192.0.2.1",
            "256.1.1.1",
            "1.2.3",
            "1.2.3.4.",
            ".1.2.3.4",
            "1..2.3",
            "01.2.3.4",
            "1.2.3.04",
            "1.2.3.0",
            "1.2.3.0000",
            "1.2.3.1000",
            "",
            "1",
            "1.2.3.4.5",
            "a.b.c.d",
            "1.2.3.4 ",
            "+1.2.3.4",
            "1.2.3.é",
        ] {
            let standard = text.parse::<Ipv4Addr>().ok().map(u32::from);
            assert_eq!(parse_v4(text), standard, "{text}");
        }
    }

    #[test]
    fn membership_and_reversal() {
        let net = Address::parse("10.0.0.0/8").unwrap();
        assert!(Address::host("10.9.8.7").is_in(&net));
        assert!(!Address::host("11.9.8.7").is_in(&net));
        assert!(!Address::host("2001:db8::1").is_in(&net));
        assert_eq!(Address::host("192.0.2.1").reversed(), "1.2.0.192.");
        assert!(Address::host("2001:db8::1").reversed().starts_with("1.0.0.0."));
    }
}
