//! Who failed: the identifying groups of a match (COMPAT §5).

use super::{Data, Id, Item};
use crate::address::Address;
use crate::pattern::Role;

/// Who failed, from the groups, and the address beside it where the failure-id is another; `None` if no
/// group says so yet. `tuple` is a failure-id of several groups, as Python writes it.
#[inline]
pub(super) fn identify<'t>(
    raw_host: bool,
    group: impl Fn(Role) -> Option<&'t str>,
    tuple: Option<&'t str>,
) -> Option<(Id, Option<Address>)> {
    match group(Role::Ip4) {
        // nearly always
        Some(ip) if tuple.is_none() && group(Role::Fid).is_none() && group(Role::Cidr).is_none() => {
            Some((Id::Known(Address::v4_group(ip)), None))
        }
        _ => identify_by_all(raw_host, group, tuple),
    }
}

fn identify_by_all<'t>(
    raw_host: bool,
    group: impl Fn(Role) -> Option<&'t str>,
    tuple: Option<&'t str>,
) -> Option<(Id, Option<Address>)> {
    let literal = |text: &str| match raw_host {
        true => Address::Raw(text.into()),
        false => Address::parse(text).unwrap_or_else(|_| Address::Name(text.into())),
    };
    let found = [Role::Ip4, Role::Ip6, Role::Dns, Role::Host]
        .into_iter()
        .find_map(|role| group(role).map(|text| (role, text)));
    let fid = tuple.or_else(|| group(Role::Fid));
    let id = |fid: &str| tuple.map_or_else(|| literal(fid), |tuple| Address::Raw(tuple.into()));
    let Some((role, ip)) = found else { return fid.map(|fid| (Id::Known(id(fid)), None)) };
    let prefix = || group(Role::Cidr).filter(|cidr| !cidr.is_empty()).and_then(|cidr| cidr.parse().ok());
    let address = match role {
        Role::Ip4 => {
            prefix().map_or_else(|| Address::v4_group(ip), |prefix| Address::with_prefix(ip, prefix))
        }
        Role::Ip6 => {
            prefix().map_or_else(|| Address::v6_group(ip), |prefix| Address::with_prefix(ip, prefix))
        }
        _ if raw_host => literal(ip),
        _ => return Some((host(ip), None)),
    };
    match fid.filter(|fid| *fid != ip) {
        None => Some((Id::Known(address), None)),
        Some(fid) => Some((Id::Known(id(fid)), Some(address))),
    }
}

/// A host name, unless the text is a plain address after all.
fn host(text: &str) -> Id {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    match Address::host(bare) {
        Address::Name(_) => Id::Host(text.into()),
        address => Id::Known(address),
    }
}

/// A failure-id of several groups, as Python writes it.
pub(super) fn fid_tuple(data: &Data) -> Option<String> {
    data.get(Role::Fid).filter(|fid| matches!(fid, Item::Tuple(_))).map(|fid| fid.value().to_string())
}
