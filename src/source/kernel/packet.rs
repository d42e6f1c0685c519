//! A packet as the kernel's `LOG` target writes it (`IN=eth0 OUT= MAC=… SRC=… PROTO=TCP SPT=…`), so
//! that a failregex for `kern.log` matches it as well.

use std::fmt::Write;
use std::net::Ipv4Addr;

/// What else is known of a packet than its bytes.
#[derive(Clone, Debug, Default)]
pub struct Meta<'a> {
    pub prefix: &'a str,
    pub input: &'a str,
    pub output: &'a str,
    /// Bridge ports.
    pub physical_input: &'a str,
    pub physical_output: &'a str,
    /// The link-layer header.
    pub header: &'a [u8],
    pub mark: u32,
}

/// Appends the text for a packet that starts with its IPv4 or IPv6 header; like the kernel's, it ends in a blank.
pub fn describe(meta: &Meta<'_>, packet: &[u8], text: &mut String) {
    // Writing to a string cannot fail.
    let _ = write!(text, "{}IN={} OUT={} ", meta.prefix, meta.input, meta.output);
    if !meta.physical_input.is_empty() {
        let _ = write!(text, "PHYSIN={} ", meta.physical_input);
    }
    if !meta.physical_output.is_empty() {
        let _ = write!(text, "PHYSOUT={} ", meta.physical_output);
    }
    if !meta.input.is_empty() {
        text.push_str("MAC=");
        for (n, byte) in meta.header.iter().enumerate() {
            let _ = write!(text, "{}{byte:02x}", if n > 0 { ":" } else { "" });
        }
        text.push(' ');
    }
    match packet.first().map(|byte| byte >> 4) {
        Some(4) => ipv4(packet, true, text),
        Some(6) => ipv6(packet, true, text),
        _ => text.push_str("TRUNCATED "),
    }
    if meta.mark != 0 {
        let _ = write!(text, "MARK={:#x} ", meta.mark);
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |b| u16::from_be_bytes([b[0], b[1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
}

fn address4(bytes: &[u8], at: usize) -> Ipv4Addr {
    u32_at(bytes, at).into()
}

/// `outer` is false for the packet quoted in an ICMP error.
fn ipv4(packet: &[u8], outer: bool, text: &mut String) {
    if packet.len() < 20 {
        return text.push_str("TRUNCATED ");
    }
    let (tos, fragment) = (packet[1], u16_at(packet, 6));
    let _ = write!(text, "SRC={} DST={} ", address4(packet, 12), address4(packet, 16));
    let _ = write!(text, "LEN={} TOS=0x{:02X} PREC=0x{:02X} ", u16_at(packet, 2), tos & 0x1E, tos & 0xE0);
    let _ = write!(text, "TTL={} ID={} ", packet[8], u16_at(packet, 4));
    for (bit, name) in [(0x8000, "CE "), (0x4000, "DF "), (0x2000, "MF ")] {
        text.push_str(if fragment & bit != 0 { name } else { "" });
    }
    let offset = fragment & 0x1FFF;
    if offset != 0 {
        let _ = write!(text, "FRAG:{offset} ");
    }
    let header = usize::from(packet[0] & 0x0F) * 4;
    let payload = packet.get(header..).unwrap_or_default();
    match packet[9] {
        1 => icmp(payload, offset != 0, outer, text),
        protocol => transport(protocol, payload, offset != 0, text),
    }
}

fn ipv6(packet: &[u8], outer: bool, text: &mut String) {
    if packet.len() < 40 {
        return text.push_str("TRUNCATED ");
    }
    for (name, at) in [("SRC", 8), ("DST", 24)] {
        let groups: Vec<String> = (0..8).map(|n| format!("{:04x}", u16_at(packet, at + 2 * n))).collect();
        let _ = write!(text, "{name}={} ", groups.join(":"));
    }
    let word = u32_at(packet, 0);
    let length = u32::from(u16_at(packet, 4)) + 40;
    let _ = write!(
        text,
        "LEN={length} TC={} HOPLIMIT={} FLOWLBL={} ",
        word >> 20 & 0xFF,
        packet[7],
        word & 0xF_FFFF
    );
    let (protocol, payload, fragment) = extensions(packet[6], &packet[40..], text);
    match protocol {
        58 => icmpv6(payload, fragment, outer, text),
        // Encrypted: the kernel says nothing.
        50 => {}
        59 => text.push_str("PROTO=59 "),
        protocol => transport(protocol, payload, fragment, text),
    }
}

/// Passes over extension headers: the protocol after them, what follows, whether it is a later fragment.
fn extensions<'a>(mut next: u8, mut rest: &'a [u8], text: &mut String) -> (u8, &'a [u8], bool) {
    while let 0 | 43 | 44 | 51 | 60 = next {
        let Some(after) = rest.first() else { break };
        let units = usize::from(rest.get(1).copied().unwrap_or(0));
        let mut length = if next == 51 { (units + 2) * 4 } else { (units + 1) * 8 };
        if next == 44 {
            let offset = u16_at(rest, 2);
            let _ = write!(text, "FRAG:{} ", offset & 0xFFF8);
            text.push_str(if offset & 1 != 0 { "INCOMPLETE " } else { "" });
            let _ = write!(text, "ID:{:08x} ", u32_at(rest, 4));
            if offset & 0xFFF8 != 0 {
                return (*after, &[], true);
            }
            length = 8;
        }
        next = *after;
        rest = rest.get(length..).unwrap_or_default();
    }
    (next, rest, false)
}

fn transport(protocol: u8, payload: &[u8], fragment: bool, text: &mut String) {
    let (name, least) = match protocol {
        6 => ("TCP", 20),
        17 => ("UDP", 8),
        136 => ("UDPLITE", 8),
        50 => ("ESP", 8),
        51 => ("AH", 12),
        other => {
            let _ = write!(text, "PROTO={other} ");
            return;
        }
    };
    let _ = write!(text, "PROTO={name} ");
    if fragment {
        return;
    }
    if payload.len() < least {
        let _ = write!(text, "INCOMPLETE [{} bytes] ", payload.len());
        return;
    }
    let _ = match protocol {
        50 => write!(text, "SPI={:#x} ", u32_at(payload, 0)),
        51 => write!(text, "SPI={:#x} ", u32_at(payload, 4)),
        _ => write!(text, "SPT={} DPT={} ", u16_at(payload, 0), u16_at(payload, 2)),
    };
    match protocol {
        6 => tcp(payload, text),
        17 | 136 => _ = write!(text, "LEN={} ", u16_at(payload, 4)),
        _ => {}
    }
}

fn tcp(header: &[u8], text: &mut String) {
    let flags = u16_at(header, 12);
    let _ = write!(text, "WINDOW={} RES=0x{:02x} ", u16_at(header, 14), flags >> 6 & 0x3C);
    let names = ["CWR ", "ECE ", "URG ", "ACK ", "PSH ", "RST ", "SYN ", "FIN "];
    for (n, name) in names.into_iter().enumerate() {
        text.push_str(if flags & 0x80 >> n != 0 { name } else { "" });
    }
    let _ = write!(text, "URGP={} ", u16_at(header, 18));
}

fn icmp(message: &[u8], fragment: bool, outer: bool, text: &mut String) {
    text.push_str("PROTO=ICMP ");
    if fragment {
        return;
    }
    if message.len() < 8 {
        let _ = write!(text, "INCOMPLETE [{} bytes] ", message.len());
        return;
    }
    let (kind, code) = (message[0], message[1]);
    let _ = write!(text, "TYPE={kind} CODE={code} ");
    match kind {
        0 | 8 => _ = write!(text, "ID={} SEQ={} ", u16_at(message, 4), u16_at(message, 6)),
        12 => _ = write!(text, "PARAMETER={} ", message[4]),
        5 => _ = write!(text, "GATEWAY={} ", address4(message, 4)),
        _ => {}
    }
    if let (3 | 4 | 5 | 11, true) = (kind, outer) {
        text.push('[');
        ipv4(&message[8..], false, text);
        text.push_str("] ");
    }
    if (kind, code) == (3, 4) {
        let _ = write!(text, "MTU={} ", u16_at(message, 6));
    }
}

fn icmpv6(message: &[u8], fragment: bool, outer: bool, text: &mut String) {
    text.push_str("PROTO=ICMPv6 ");
    if fragment {
        return;
    }
    if message.len() < 8 {
        let _ = write!(text, "INCOMPLETE [{} bytes] ", message.len());
        return;
    }
    let (kind, code) = (message[0], message[1]);
    let _ = write!(text, "TYPE={kind} CODE={code} ");
    match kind {
        128 | 129 => _ = write!(text, "ID={} SEQ={} ", u16_at(message, 4), u16_at(message, 6)),
        4 => _ = write!(text, "POINTER={:08x} ", u32_at(message, 4)),
        _ => {}
    }
    if let (1..=4, true) = (kind, outer) {
        text.push('[');
        ipv6(&message[8..], false, text);
        text.push_str("] ");
    }
    if kind == 2 {
        let _ = write!(text, "MTU={} ", u32_at(message, 4));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `IP header fields` with the payload given; checksums are of no interest.
    fn packet4(protocol: u8, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 20 + payload.len() as u8, 0x30, 0x39, 0x40, 0, 64, protocol, 0, 0];
        packet.extend([192, 0, 2, 1, 198, 51, 100, 7]);
        packet.extend(payload);
        packet
    }

    fn packet6(next: u8, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x60, 0x01, 0x23, 0x45, 0, payload.len() as u8, next, 63];
        for last in [1, 2] {
            packet.extend([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
        }
        packet.extend(payload);
        packet
    }

    const SYN: [u8; 20] = [0xD4, 0x31, 0, 22, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xFA, 0xF0, 0, 0, 0, 0];

    fn text(packet: &[u8]) -> String {
        let mut text = String::new();
        describe(&Meta { output: "eth0", ..Meta::default() }, packet, &mut text);
        text.strip_prefix("IN= OUT=eth0 ").unwrap().to_owned()
    }

    #[test]
    fn a_tcp_packet_with_all_about_it() {
        let meta = Meta {
            prefix: "SYN flood: ",
            input: "eth0",
            header: &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0],
            mark: 0x2A,
            ..Meta::default()
        };
        let mut line = String::new();
        describe(&meta, &packet4(6, &SYN), &mut line);
        assert_eq!(
            line,
            "SYN flood: IN=eth0 OUT= MAC=02:00:00:00:00:01:02:00:00:00:00:02:08:00 SRC=192.0.2.1 \
             DST=198.51.100.7 LEN=40 TOS=0x00 PREC=0x00 TTL=64 ID=12345 DF PROTO=TCP SPT=54321 DPT=22 \
             WINDOW=64240 RES=0x00 SYN URGP=0 MARK=0x2a "
        );
    }

    #[test]
    fn protocols_of_ipv4() {
        let ip = "SRC=192.0.2.1 DST=198.51.100.7 LEN=LL TOS=0x00 PREC=0x00 TTL=64 ID=12345 DF ";
        let udp = [0, 53, 0x80, 0, 0, 12, 0, 0];
        let unreachable = [&[3, 4, 0, 0, 0, 0, 5, 0xDC][..], &packet4(17, &udp)].concat();
        for (protocol, payload, expected) in [
            (17, &udp[..], "PROTO=UDP SPT=53 DPT=32768 LEN=12 ".to_owned()),
            (1, &[8, 0, 0, 0, 0, 7, 0, 3], "PROTO=ICMP TYPE=8 CODE=0 ID=7 SEQ=3 ".to_owned()),
            (6, &SYN[..10], "PROTO=TCP INCOMPLETE [10 bytes] ".to_owned()),
            (47, &[], "PROTO=47 ".to_owned()),
            (
                1,
                &unreachable,
                format!(
                    "PROTO=ICMP TYPE=3 CODE=4 [{}PROTO=UDP SPT=53 DPT=32768 LEN=12 ] MTU=1500 ",
                    ip.replace("LL", "28")
                ),
            ),
        ] {
            let ip = ip.replace("LL", &(20 + payload.len()).to_string());
            assert_eq!(text(&packet4(protocol, payload)), ip + &expected);
        }
    }

    #[test]
    fn packets_of_ipv6() {
        let ip = "SRC=2001:0db8:0000:0000:0000:0000:0000:0001 DST=2001:0db8:0000:0000:0000:0000:0000:0002 ";
        assert_eq!(
            text(&packet6(6, &SYN)),
            format!(
                "{ip}LEN=60 TC=0 HOPLIMIT=63 FLOWLBL=74565 PROTO=TCP SPT=54321 DPT=22 WINDOW=64240 RES=0x00 SYN URGP=0 "
            )
        );
        let fragment = [&[6, 0, 0, 1, 0, 0, 0, 9][..], &SYN].concat();
        assert!(text(&packet6(44, &fragment)).contains("FRAG:0 INCOMPLETE ID:00000009 PROTO=TCP SPT=54321"));
        assert!(
            text(&packet6(58, &[128, 0, 0, 0, 0, 1, 0, 2]))
                .ends_with("PROTO=ICMPv6 TYPE=128 CODE=0 ID=1 SEQ=2 ")
        );
    }

    #[test]
    fn no_packet_is_too_short() {
        let full = [
            packet4(1, &[&[3, 4, 0, 0, 0, 0, 5, 0xDC][..], &packet4(6, &SYN)].concat()),
            packet6(44, &[6; 40]),
        ];
        for packet in full {
            for length in 0..packet.len() {
                let mut line = String::new();
                describe(&Meta::default(), &packet[..length], &mut line);
            }
        }
    }
}
