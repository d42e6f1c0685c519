//! Host names: the C library's resolver and this machine's own names and addresses.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ptr;

/// Which addresses of a name are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    V4,
    V6,
    /// Any address, and the canonical name.
    Canonical,
}

/// Addresses of a host name. The error is as Python shows it, `[Errno -2] Name or service not known`.
pub fn resolve(name: &str, want: Want) -> Result<Vec<IpAddr>, String> {
    look_up(name, want).map(|found| found.addresses)
}

/// This machine's name as it was set.
pub fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// This machine's fully qualified name: a canonical name that begins with the set name and a dot, else
/// the first canonical name, else the set name.
pub fn full_hostname() -> String {
    let short = hostname();
    match look_up(&short, Want::Canonical) {
        Ok(found) => {
            let prefix = format!("{short}.");
            let full = found.names.iter().find(|name| name.starts_with(&prefix));
            full.or(found.names.first()).cloned().unwrap_or(short)
        }
        Err(_) => short,
    }
}

struct Found {
    addresses: Vec<IpAddr>,
    names: Vec<String>,
}

fn look_up(name: &str, want: Want) -> Result<Found, String> {
    let name = CString::new(name).map_err(|_| "embedded null byte".to_owned())?;
    // SAFETY: addrinfo is plain data for which all zeros is the documented neutral value.
    let mut hints: libc::addrinfo = unsafe { std::mem::zeroed() };
    match want {
        Want::V4 => hints.ai_family = libc::AF_INET,
        Want::V6 => hints.ai_family = libc::AF_INET6,
        Want::Canonical => hints.ai_flags = libc::AI_CANONNAME,
    }
    if want == Want::Canonical {
        hints.ai_socktype = libc::SOCK_DGRAM;
    } else {
        hints.ai_protocol = libc::IPPROTO_TCP;
    }
    let mut list: *mut libc::addrinfo = ptr::null_mut();
    // SAFETY: the name is a C string, hints and list outlive the call; list is freed below.
    let code = unsafe { libc::getaddrinfo(name.as_ptr(), ptr::null(), &hints, &mut list) };
    if code != 0 {
        // SAFETY: gai_strerror returns a static C string for every code.
        let text = unsafe { CStr::from_ptr(libc::gai_strerror(code)) };
        return Err(format!("[Errno {code}] {}", text.to_string_lossy()));
    }
    let mut found = Found { addresses: Vec::new(), names: Vec::new() };
    let mut at = list;
    while !at.is_null() {
        // SAFETY: at points into the list that getaddrinfo built and that is not freed yet.
        let entry = unsafe { &*at };
        // SAFETY: ai_addr points to a socket address of the family it names.
        found.addresses.extend(unsafe { address(entry.ai_addr) });
        if !entry.ai_canonname.is_null() {
            // SAFETY: a non-null canonical name is a C string owned by the list.
            let name = unsafe { CStr::from_ptr(entry.ai_canonname) };
            found.names.push(name.to_string_lossy().into_owned());
        }
        at = entry.ai_next;
    }
    // SAFETY: list came from getaddrinfo and is freed once.
    unsafe { libc::freeaddrinfo(list) };
    Ok(found)
}

/// The address in a C socket address.
///
/// # Safety
/// `address` is null or points to a socket address as long as its family says.
unsafe fn address(address: *const libc::sockaddr) -> Option<IpAddr> {
    if address.is_null() {
        return None;
    }
    // SAFETY: the caller vouches for the pointer; the family decides how much is read.
    unsafe {
        match i32::from((*address).sa_family) {
            libc::AF_INET => {
                let v4 = address.cast::<libc::sockaddr_in>().read_unaligned();
                Some(Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr)).into())
            }
            libc::AF_INET6 => {
                let v6 = address.cast::<libc::sockaddr_in6>().read_unaligned();
                Some(Ipv6Addr::from(v6.sin6_addr.s6_addr).into())
            }
            _ => None,
        }
    }
}

/// The addresses of this machine's network interfaces.
pub fn interface_addresses() -> Vec<IpAddr> {
    let mut list: *mut libc::ifaddrs = ptr::null_mut();
    // SAFETY: list outlives the call and is freed below.
    if unsafe { libc::getifaddrs(&mut list) } != 0 {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut at = list;
    while !at.is_null() {
        // SAFETY: at points into the list that getifaddrs built; its addresses are complete.
        unsafe {
            found.extend(address((*at).ifa_addr));
            at = (*at).ifa_next;
        }
    }
    // SAFETY: list came from getifaddrs and is freed once.
    unsafe { libc::freeifaddrs(list) };
    found
}

/// The host name of an address (reverse DNS).
pub fn name_of(ip: IpAddr) -> Option<String> {
    let mut host = [0 as libc::c_char; 1025];
    let code = match ip {
        IpAddr::V4(v4) => {
            // SAFETY: sockaddr_in is plain data.
            let mut socket: libc::sockaddr_in = unsafe { std::mem::zeroed() };
            socket.sin_family = libc::AF_INET as libc::sa_family_t;
            socket.sin_addr.s_addr = u32::from(v4).to_be();
            // SAFETY: the address is a sockaddr_in of that size, the buffer as long as told.
            unsafe { name_info((&raw const socket).cast(), size_of_val(&socket), &mut host) }
        }
        IpAddr::V6(v6) => {
            // SAFETY: sockaddr_in6 is plain data.
            let mut socket: libc::sockaddr_in6 = unsafe { std::mem::zeroed() };
            socket.sin6_family = libc::AF_INET6 as libc::sa_family_t;
            socket.sin6_addr.s6_addr = v6.octets();
            // SAFETY: the address is a sockaddr_in6 of that size, the buffer as long as told.
            unsafe { name_info((&raw const socket).cast(), size_of_val(&socket), &mut host) }
        }
    };
    if code != 0 {
        return None;
    }
    // SAFETY: on success the buffer holds a C string.
    let name = unsafe { CStr::from_ptr(host.as_ptr()) };
    Some(name.to_string_lossy().into_owned())
}

/// # Safety
/// `address` points to a socket address of `length` bytes.
unsafe fn name_info(address: *const libc::sockaddr, length: usize, host: &mut [libc::c_char]) -> i32 {
    // SAFETY: as the caller vouches; no service name is asked for.
    unsafe {
        libc::getnameinfo(
            address,
            length as libc::socklen_t,
            host.as_mut_ptr(),
            host.len() as libc::socklen_t,
            ptr::null_mut(),
            0,
            libc::NI_NAMEREQD,
        )
    }
}
