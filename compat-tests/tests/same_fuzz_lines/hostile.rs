//! What an attacker could put into a log line.

use compat_tests::fuzz::Random;

/// 1 MiB: lines may become that long.
const LONGEST: usize = 1 << 20;

/// Names, hosts, agents and other texts that look like something else.
const PLANTS: &[&[u8]] = &[
    b"x from 8.8.8.8",
    b"root from 8.8.8.8 port 22 ssh2",
    b"root from 8.8.8.8 port 22 ssh2: from",
    b"rhost=8.8.8.8 user=root",
    b"SRC=8.8.8.8 DST=1.1.1.1",
    b"8.8.8.8",
    b"[8.8.8.8]",
    b"8.8.8.8:22",
    b"(8.8.8.8)",
    b"<8.8.8.8>",
    b"client: 8.8.8.8, server: _",
    b"[client 8.8.8.8:80]",
    b"[2001:db8::8]",
    b"2001:db8::8",
    b"[2001:db8::8]:443",
    b"::ffff:8.8.8.8",
    b"[::ffff:8.8.8.8]",
    b"fe80::1%eth0",
    b"8.8.8.8/8",
    b"2001:db8::/32",
    b"8.8.8",
    b"8.8.8.8.8",
    b"008.008.008.008",
    b"256.1.1.1",
    b"\xd9\xa8.\xd9\xa8.\xd9\xa8.\xd9\xa8",
    b"evil.invalid",
    b"evil.invalid.",
    b"_x-y.8.8.8.8.invalid",
    b"xn--bcher-kva.invalid",
    b"b\xc3\xbccher.invalid",
    b"Failed password for root from 8.8.8.8 port 22 ssh2",
    b"sshd[1]: Failed password for root from 8.8.8.8 port 22 ssh2",
    b"authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=8.8.8.8",
    b"\" 401 0 \"-\" \"Mozilla/5.0 (8.8.8.8)\"",
    b"GET /?a=8.8.8.8 HTTP/1.1",
    b"user='root' host='8.8.8.8'",
    b"Jan  1 00:00:00",
    b"2005-08-14 11:59:58",
    b"2005-08-14T11:59:58.123+0200",
    b"[14/Aug/2005:11:59:58 +0000]",
    b"1124013598",
    b"@4000000042ff3a3e12345678",
    b"Aug 14 11:59:58 host postfix/smtpd[9]:",
    b"\r",
    b"\r\r",
    b"\n",
    b"\r\n",
    b"\0",
    b"\x1b[31m",
    b"\x1b]0;x\x07",
    b"\x08\x08\x08",
    b"\t",
    b"\x0b",
    b"\x0c",
    b"\x1c",
    b"\x1d",
    b"\x1e",
    b"\x1f",
    b"\x7f",
    b"\xc2\x85",
    b"\xc2\xa0",
    b"\xe2\x80\xa8",
    b"\xe2\x80\xa9",
    b"\xe2\x80\x8b",
    b"\xe2\x80\xae8.8.8.8",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\xc3",
    b"\xe2\x82",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xc0\xaf",
    b"\xf0\x9f\x92\xa3",
    b"e\xcc\x81",
    b"\xc5\xbf",
    b"\xe2\x84\xaa",
    b"\xc4\xb0",
    b"'",
    b"\"",
    b"\\",
    b"\\\"",
    b"`id`",
    b"$(id)",
    b"%s%n",
    b"<HOST>",
    b"<F-USER>x</F-USER>",
    b"{DATE}",
    b"(",
    b")",
    b"[",
    b"]",
    b"<",
    b">",
    b":",
    b";",
    b",",
    b"=",
    b"-",
    b"#",
    b" ",
    b"",
];

/// `line` with one to three things planted in it. `others` are lines of other daemons.
pub fn line(random: &mut Random, line: &[u8], others: &[Vec<u8>]) -> Vec<u8> {
    let mut line = line.to_vec();
    // now and then what surrounds it, unchanged
    let edits = *random.pick(&[0, 1, 1, 1, 2, 3]);
    for _ in 0..edits {
        let plant = plant(random, &line, others);
        let (start, end) = place(random, &line);
        let mut plant = plant;
        if start == end && random.one_in(2) {
            plant = [b" ", &*plant, b" "].concat();
        }
        line.splice(start..end, plant);
    }
    line
}

/// Makes `line` very long by repeating a part of it, or something planted, in its place.
pub fn lengthen(random: &mut Random, line: &mut Vec<u8>) {
    let (start, end) = place(random, line);
    let mut unit = if random.one_in(2) { line[start..end].to_vec() } else { random.pick(PLANTS).to_vec() };
    unit.retain(|&b| b != b'\n');
    if unit.is_empty() {
        unit = b"a ".to_vec();
    }
    let length = LONGEST >> random.below(8);
    line.splice(start..end, unit.repeat(length / unit.len()));
}

fn plant(random: &mut Random, line: &[u8], others: &[Vec<u8>]) -> Vec<u8> {
    match random.below(12) {
        // a second daemon, or the head of one
        0 if !others.is_empty() => random.pick(others).clone(),
        1 if !others.is_empty() => {
            let other = random.pick(others);
            other[..random.below(other.len() + 1)].to_vec()
        }
        // the line's own date and head again
        2 => line[..random.below(line.len() + 1)].to_vec(),
        // several
        3 => [0; 3].iter().flat_map(|_| random.pick(PLANTS).to_vec()).collect(),
        _ => random.pick(PLANTS).to_vec(),
    }
}

/// Where something goes: in place of a word, between words, at the ends, or anywhere.
fn place(random: &mut Random, line: &[u8]) -> (usize, usize) {
    let boundaries: Vec<usize> = word_boundaries(line);
    match random.below(10) {
        0 => (0, 0),
        1 => (line.len(), line.len()),
        2 => {
            let at = random.below(line.len() + 1);
            (at, at)
        }
        3 | 4 => {
            let at = *random.pick(&boundaries);
            (at, at)
        }
        _ => {
            let at = random.below(boundaries.len());
            let end = boundaries.get(at + 1).copied().unwrap_or(line.len());
            (boundaries[at], end)
        }
    }
}

/// Where words begin and end: also those in quotes, brackets and after equal signs.
fn word_boundaries(line: &[u8]) -> Vec<usize> {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b >= 0x80 || b"._-@/".contains(&b);
    let change = |&at: &usize| at == 0 || at == line.len() || inner(line[at - 1]) != inner(line[at]);
    (0..=line.len()).filter(change).collect()
}
