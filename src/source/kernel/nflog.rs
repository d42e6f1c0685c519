//! Packets that iptables' or nftables' `NFLOG` hands to user space (`backend = nflog[group=N]`).

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::netlink::{NETFILTER, SocketAddrNetlink};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send, socket_with,
};

use super::packet::{Meta, describe};

/// Bytes of each packet that are handed over: headers, and those quoted in an ICMP error.
const SNAP: u32 = 256;
/// Packets that the kernel collects before it hands them over, and for how long (in 10 ms). Rules
/// without `--nflog-threshold` hand over each at once.
const BATCH: u32 = 64;
const DELAY: u32 = 1;
/// The kernel's buffer for one batch, and for all that were not yet fetched.
const BATCH_BYTES: u32 = 32 * 1024;
const QUEUE_BYTES: usize = 4 << 20;

/// Netfilter's subsystem of packet logs, its messages, and attributes of a configuration.
const SUBSYSTEM: u16 = 4 << 8;
const ERROR: u16 = 2;
const PACKET: u16 = SUBSYSTEM;
const CONFIG: u16 = SUBSYSTEM | 1;
const CFG_CMD: u16 = 1;
const CFG_MODE: u16 = 2;
const CFG_BUFFER: u16 = 3;
const CFG_TIMEOUT: u16 = 4;
const CFG_THRESHOLD: u16 = 5;
const CFG_FLAGS: u16 = 6;

/// One logged packet as text.
#[derive(Debug)]
pub struct Record<'a> {
    /// Microseconds since 1970, if the kernel noted when it came.
    pub time: Option<u64>,
    pub text: &'a str,
}

/// The membership in one group of packet logs.
#[derive(Debug)]
pub struct Nflog {
    socket: OwnedFd,
    buffer: Vec<u8>,
    line: String,
    /// Names of network interfaces by number, for the present batch.
    names: HashMap<u32, String>,
    /// The number that the next packet should have.
    expected: Option<u32>,
    /// Packets that were dropped because the buffer was full.
    pub lost: u64,
}

impl Nflog {
    /// Joins a group; fails where the kernel has no nflog, without CAP_NET_ADMIN, or if the group is taken.
    pub fn open(group: u16) -> io::Result<Nflog> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(NETFILTER))?;
        bind(&socket, &SocketAddrNetlink::new(0, 0))?;
        // Forcing needs a capability; without it the buffer is as large as the machine allows.
        let _ = rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, QUEUE_BYTES)
            .or_else(|_| rustix::net::sockopt::set_socket_recv_buffer_size(&socket, QUEUE_BYTES));
        let mut nflog = Nflog {
            socket,
            buffer: vec![0; 128 * 1024],
            line: String::new(),
            names: HashMap::new(),
            expected: None,
            lost: 0,
        };
        nflog.configure(group, &[attribute(CFG_CMD, &[1])])?;
        let mode = [&SNAP.to_be_bytes()[..], &[2, 0]].concat();
        nflog.configure(
            group,
            &[
                attribute(CFG_MODE, &mode),
                attribute(CFG_BUFFER, &BATCH_BYTES.to_be_bytes()),
                attribute(CFG_TIMEOUT, &DELAY.to_be_bytes()),
                attribute(CFG_THRESHOLD, &BATCH.to_be_bytes()),
                // Number the packets.
                attribute(CFG_FLAGS, &1_u16.to_be_bytes()),
            ],
        )?;
        Ok(nflog)
    }

    /// Sends one request and takes the answer, which is there at once.
    fn configure(&mut self, group: u16, attributes: &[Vec<u8>]) -> io::Result<()> {
        let body = [&[0, 0][..], &group.to_be_bytes(), &attributes.concat()].concat();
        let mut message = (16 + body.len() as u32).to_ne_bytes().to_vec();
        message.extend(CONFIG.to_ne_bytes());
        // A request that is to be acknowledged.
        message.extend(5_u16.to_ne_bytes());
        message.extend([0; 8]);
        message.extend(body);
        send(&self.socket, &message, SendFlags::empty())?;
        loop {
            let (_, length) = recv(&self.socket, &mut self.buffer[..], RecvFlags::empty())?;
            for (kind, body) in messages(&self.buffer[..length]) {
                let code =
                    i32::from_ne_bytes(body.get(..4).and_then(|b| b.try_into().ok()).unwrap_or_default());
                match (kind, code) {
                    (ERROR, 0) => return Ok(()),
                    (ERROR, code) => return Err(io::Error::from_raw_os_error(-code)),
                    // Packets already come; they are few, and before the start.
                    _ => {}
                }
            }
        }
    }

    /// Fetches one batch and hands its packets to `sink`; false if there is none.
    pub fn read(&mut self, sink: &mut dyn FnMut(Record<'_>)) -> io::Result<bool> {
        let length = match recv(&self.socket, &mut self.buffer[..], RecvFlags::empty()) {
            Ok((_, length)) => length,
            Err(rustix::io::Errno::AGAIN) => return Ok(false),
            // The buffer overflowed; the gap in the numbers tells by how many packets.
            Err(rustix::io::Errno::NOBUFS | rustix::io::Errno::INTR) => return Ok(true),
            Err(error) => return Err(error.into()),
        };
        self.names.clear();
        for (_, body) in messages(&self.buffer[..length]).filter(|(kind, _)| *kind == PACKET) {
            let packet = Packet::parse(body.get(4..).unwrap_or_default());
            if let Some(number) = packet.number {
                let expected = self.expected.replace(number.wrapping_add(1)).unwrap_or(number);
                self.lost += u64::from(number.wrapping_sub(expected));
            }
            for index in packet.interfaces.into_iter().filter(|index| *index != 0) {
                let name = || rustix::net::netdevice::index_to_name(&self.socket, index).unwrap_or_default();
                self.names.entry(index).or_insert_with(name);
            }
            let name = |index: usize| self.names.get(&packet.interfaces[index]).map_or("", String::as_str);
            let meta = Meta {
                prefix: packet.prefix,
                input: name(0),
                output: name(1),
                physical_input: name(2),
                physical_output: name(3),
                header: packet.header,
                mark: packet.mark,
            };
            self.line.clear();
            describe(&meta, packet.payload, &mut self.line);
            sink(Record { time: packet.time, text: &self.line });
        }
        Ok(true)
    }
}

impl AsFd for Nflog {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The attributes of one logged packet.
#[derive(Debug, Default)]
struct Packet<'a> {
    mark: u32,
    time: Option<u64>,
    /// In, out, and the bridge ports likewise; 0 is none.
    interfaces: [u32; 4],
    payload: &'a [u8],
    prefix: &'a str,
    number: Option<u32>,
    header: &'a [u8],
}

impl<'a> Packet<'a> {
    fn parse(mut bytes: &'a [u8]) -> Packet<'a> {
        let mut packet = Packet::default();
        while let Some((kind, value, rest)) = next_attribute(bytes) {
            let number = || value.get(..4).map_or(0, |b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
            let long =
                |at: usize| value.get(at..at + 8).and_then(|b| b.try_into().ok()).map(u64::from_be_bytes);
            match kind {
                2 => packet.mark = number(),
                3 => {
                    packet.time = long(0)
                        .zip(long(8))
                        .map(|(sec, usec)| sec.saturating_mul(1_000_000).saturating_add(usec))
                }
                4..=7 => packet.interfaces[usize::from(kind) - 4] = number(),
                9 => packet.payload = value,
                10 => packet.prefix = text(value),
                12 => packet.number = Some(number()),
                16 => packet.header = value,
                _ => {}
            }
            bytes = rest;
        }
        packet
    }
}

/// A C string.
fn text(value: &[u8]) -> &str {
    let length = memchr::memchr(0, value).unwrap_or(value.len());
    std::str::from_utf8(&value[..length]).unwrap_or_default()
}

/// Kind, value, and what follows of the first attribute.
fn next_attribute(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = usize::from(u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?));
    let kind = u16::from_ne_bytes(bytes.get(2..4)?.try_into().ok()?) & 0x3FFF;
    let value = bytes.get(4..length)?;
    Some((kind, value, bytes.get(length.next_multiple_of(4)..).unwrap_or_default()))
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = (4 + value.len() as u16).to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// Kinds and bodies of the netlink messages in a datagram.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
        let kind = u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?);
        let body = bytes.get(16..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, body))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_of_a_packet() {
        let time = [1_u64.to_be_bytes(), 500_000_u64.to_be_bytes()].concat();
        let bytes = [
            attribute(1, &[8, 0, 1, 0]),
            attribute(3, &time),
            attribute(4, &3_u32.to_be_bytes()),
            attribute(10, b"pre \0"),
            attribute(12, &7_u32.to_be_bytes()),
            attribute(9, &[1, 2, 3]),
        ];
        let bytes = bytes.concat();
        let packet = Packet::parse(&bytes);
        assert_eq!((packet.time, packet.interfaces[0], packet.prefix), (Some(1_500_000), 3, "pre "));
        assert_eq!((packet.number, packet.payload), (Some(7), &[1, 2, 3][..]));
        assert!((0..bytes.len()).all(|length| Packet::parse(&bytes[..length]).payload.len() <= 3));
    }

    #[test]
    fn messages_of_a_datagram() {
        let mut bytes = 17_u32.to_ne_bytes().to_vec();
        bytes.extend([9, 0, 0, 0]);
        bytes.extend([0; 8]);
        bytes.extend([5, 0, 0, 0]);
        bytes.extend(16_u32.to_ne_bytes());
        bytes.extend([3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let found: Vec<(u16, &[u8])> = messages(&bytes).collect();
        assert_eq!(found, [(u16::from_ne_bytes([9, 0]), &[5][..]), (u16::from_ne_bytes([3, 0]), &[])]);
        assert_eq!(messages(&[1; 40]).count(), 0);
    }
}
