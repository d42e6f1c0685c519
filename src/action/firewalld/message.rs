//! The messages of D-Bus, as far as firewalld needs them: calls go out; replies, errors and signals come in.

use super::forms::Argument;

/// More than any reply of firewalld; who sends more has lost his place in the conversation.
const MAX_BYTES: usize = 16 << 20;

/// The bytes of a message that tell how long it is.
pub(super) const START: usize = 16;

/// What a call is for.
pub(super) struct Target<'t> {
    pub service: &'t str,
    pub path: &'t str,
    pub interface: &'t str,
    pub method: &'t str,
}

/// The bytes of a call with a number of its own; `None` if an argument has a NUL byte, which D-Bus has not.
pub(super) fn call(serial: u32, target: &Target<'_>, arguments: &[Argument]) -> Option<Vec<u8>> {
    let has_nul = |argument: &Argument| match argument {
        Argument::Text(text) => text.contains('\0'),
        Argument::Number(_) => false,
        Argument::Words(words) => words.iter().any(|word| word.contains('\0')),
    };
    if arguments.iter().any(has_nul) {
        return None;
    }
    let order = if cfg!(target_endian = "big") { b'B' } else { b'l' };
    let no_flags = 0;
    let version = 1;
    let mut message = Writer(vec![order, Kind::Call as u8, no_flags, version]);
    let size = message.later();
    message.number(serial);
    message.list(8, |fields| {
        fields.field(Field::Path, "o", target.path);
        fields.field(Field::Interface, "s", target.interface);
        fields.field(Field::Member, "s", target.method);
        fields.field(Field::Destination, "s", target.service);
        let types: String = arguments.iter().map(Argument::signature).collect();
        fields.field(Field::Signature, "g", &types);
    });
    message.align(8);
    let body = message.0.len();
    arguments.iter().for_each(|argument| message.argument(argument));
    message.set(size, message.0.len() - body);
    Some(message.0)
}

impl Argument {
    /// Its type, in D-Bus' letters.
    fn signature(&self) -> &'static str {
        match self {
            Argument::Text(_) => "s",
            Argument::Number(_) => "i",
            Argument::Words(_) => "as",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Call = 1,
    Reply,
    Error,
    Signal,
    /// One that is to be ignored.
    Unknown,
}

/// The numbers of the header's fields.
#[derive(Clone, Copy)]
enum Field {
    Path = 1,
    Interface,
    Member,
    ErrorName,
    ReplySerial,
    Destination,
    Signature = 8,
}

/// A message as it is written: everything stands at a multiple of its own size, from the first byte on.
struct Writer(Vec<u8>);

impl Writer {
    fn align(&mut self, to: usize) {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
    }

    fn number(&mut self, number: u32) {
        self.align(4);
        self.0.extend(number.to_ne_bytes());
    }

    /// A number that is not known yet: where it stands.
    fn later(&mut self) -> usize {
        self.number(0);
        self.0.len() - 4
    }

    fn set(&mut self, place: usize, size: usize) {
        // a command line, and so what is made of it, is shorter than 4 GiB
        self.0[place..place + 4].copy_from_slice(&(size as u32).to_ne_bytes());
    }

    /// A list, which begins with its size; `align` is that of its elements.
    fn list(&mut self, align: usize, elements: impl FnOnce(&mut Self)) {
        let size = self.later();
        self.align(align);
        let start = self.0.len();
        elements(self);
        self.set(size, self.0.len() - start);
    }

    fn text(&mut self, text: &str) {
        let size = self.later();
        self.0.extend(text.as_bytes());
        self.set(size, text.len());
        self.0.push(0);
    }

    /// A text that says types: few, all of them ours.
    fn types(&mut self, types: &str) {
        self.0.push(types.len() as u8);
        self.0.extend(types.as_bytes());
        self.0.push(0);
    }

    fn field(&mut self, field: Field, kind: &str, value: &str) {
        self.align(8);
        self.0.push(field as u8);
        self.types(kind);
        if kind == "g" { self.types(value) } else { self.text(value) }
    }

    fn argument(&mut self, argument: &Argument) {
        match argument {
            Argument::Text(text) => self.text(text),
            Argument::Number(number) => self.number(*number as u32),
            Argument::Words(words) => self.list(4, |list| words.iter().for_each(|word| list.text(word))),
        }
    }
}

/// A message that came in.
#[derive(Debug, PartialEq)]
pub(super) struct Message {
    pub kind: Kind,
    /// The number of the call that this answers.
    pub answers: Option<u32>,
    /// The name of the signal or of the error.
    pub name: String,
    /// Whether it was sent to us alone.
    pub personal: bool,
    bytes: Vec<u8>,
    body: usize,
    types: String,
}

impl Message {
    /// The size of the whole message that begins so; `None` if it is none, or too large.
    pub fn size(start: &[u8; START]) -> Option<usize> {
        let number = |at| Reader { bytes: start, at }.number();
        let fields = usize::try_from(number(12)?).ok()?.checked_next_multiple_of(8)?;
        let size = START.checked_add(fields)?.checked_add(usize::try_from(number(4)?).ok()?)?;
        (size <= MAX_BYTES).then_some(size)
    }

    /// Reads a whole message; `None` if it is none, or has fields of types that fields do not have.
    pub fn read(bytes: Vec<u8>) -> Option<Message> {
        let kind = match bytes.get(1)? {
            1 => Kind::Call,
            2 => Kind::Reply,
            3 => Kind::Error,
            4 => Kind::Signal,
            _ => Kind::Unknown,
        };
        let (mut answers, mut name, mut personal, mut types) = (None, String::new(), false, String::new());
        let mut reader = Reader { bytes: &bytes, at: 12 };
        let end = START + usize::try_from(reader.number()?).ok()?;
        while reader.at < end {
            reader.align(8);
            let field = reader.byte()?;
            let (text, number) = match reader.types()? {
                "s" | "o" => (reader.text()?, None),
                "g" => (reader.types()?, None),
                "u" => ("", Some(reader.number()?)),
                _ => return None,
            };
            match field {
                f if f == Field::Member as u8 || f == Field::ErrorName as u8 => name = text.to_owned(),
                f if f == Field::ReplySerial as u8 => answers = number,
                f if f == Field::Destination as u8 => personal = true,
                f if f == Field::Signature as u8 => types = text.to_owned(),
                _ => {}
            }
        }
        reader.align(8);
        let body = reader.at;
        Some(Message { kind, answers, name, personal, bytes, body, types })
    }

    /// The truth value that it consists of.
    pub fn truth(&self) -> Option<bool> {
        (self.types == "b").then(|| self.body().number())?.map(|number| number != 0)
    }

    /// The texts that it consists of, one after the other or in a list.
    pub fn texts(&self) -> Option<Vec<&str>> {
        let mut body = self.body();
        if self.types.bytes().all(|kind| kind == b's') {
            return self.types.bytes().map(|_| body.text()).collect();
        }
        if self.types != "as" {
            return None;
        }
        let end = usize::try_from(body.number()?).ok()?.checked_add(body.at)?;
        let mut texts = Vec::new();
        while body.at < end {
            texts.push(body.text()?);
        }
        Some(texts)
    }

    fn body(&self) -> Reader<'_> {
        Reader { bytes: &self.bytes, at: self.body }
    }
}

/// A message as it is read, in the byte order that its first byte names.
struct Reader<'m> {
    bytes: &'m [u8],
    at: usize,
}

impl<'m> Reader<'m> {
    fn align(&mut self, to: usize) {
        self.at = self.at.next_multiple_of(to);
    }

    fn take(&mut self, count: usize) -> Option<&'m [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|byte| byte[0])
    }

    fn number(&mut self) -> Option<u32> {
        self.align(4);
        let bytes = self.take(4)?.try_into().ok()?;
        match self.bytes[0] {
            b'l' => Some(u32::from_le_bytes(bytes)),
            b'B' => Some(u32::from_be_bytes(bytes)),
            _ => None,
        }
    }

    fn text(&mut self) -> Option<&'m str> {
        let size = self.number()?;
        self.terminated(usize::try_from(size).ok()?)
    }

    fn types(&mut self) -> Option<&'m str> {
        let size = self.byte()?;
        self.terminated(size.into())
    }

    fn terminated(&mut self, size: usize) -> Option<&'m str> {
        let text = std::str::from_utf8(self.take(size)?).ok()?;
        (self.byte()? == 0).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(bytes: &[u8]) -> Option<usize> {
        Message::size(bytes[..START].try_into().unwrap())
    }

    /// A message in either byte order, written out: `fields` and `body` as they stand there.
    fn message(order: u8, kind: u8, fields: &[u8], body: &[u8]) -> Vec<u8> {
        let number =
            |n: usize| if order == b'l' { (n as u32).to_le_bytes() } else { (n as u32).to_be_bytes() };
        let mut bytes = vec![order, kind, 0, 1];
        bytes.extend([number(body.len()), number(7), number(fields.len())].concat());
        bytes.extend(fields);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes.extend(body);
        bytes
    }

    const REPLY: &[u8] = b"\x05\x01u\0\x09\0\0\0\x08\x01g\0\x01b\0";
    const ERROR: &[u8] =
        b"\x04\x01s\0\0\0\0\x05a.b.c\0\0\0\x06\x01s\0\0\0\0\x04:1.2\0\0\0\0\x08\x01g\0\x01s\0";

    #[test]
    fn calls_stand_as_they_should() {
        let target = Target { service: "a.b", path: "/c", interface: "d.e", method: "f" };
        let words = Argument::Words(vec!["x".into(), "yz".into()]);
        let arguments = [Argument::Text("t".into()), Argument::Number(-2), words];
        let bytes = call(3, &target, &arguments).unwrap();
        let expected = [
            &b"l\x01\0\x01\x1f\0\0\0\x03\0\0\0\x4a\0\0\0"[..],
            b"\x01\x01o\0\x02\0\0\0/c\0\0\0\0\0\0",
            b"\x02\x01s\0\x03\0\0\0d.e\0\0\0\0\0",
            b"\x03\x01s\0\x01\0\0\0f\0\0\0\0\0\0\0",
            b"\x06\x01s\0\x03\0\0\0a.b\0\0\0\0\0",
            b"\x08\x01g\0\x04sias\0\0\0\0\0\0\0",
            b"\x01\0\0\0t\0\0\0\xfe\xff\xff\xff",
            b"\x0f\0\0\0\x01\0\0\0x\0\0\0\x02\0\0\0yz\0",
        ]
        .concat();
        if cfg!(target_endian = "little") {
            assert_eq!(bytes.escape_ascii().to_string(), expected.escape_ascii().to_string());
        }
        assert_eq!(start(&bytes), Some(bytes.len()));
        assert_eq!(call(3, &target, &[Argument::Text("a\0b".into())]), None);
    }

    #[test]
    fn replies_signals_and_errors_are_read() {
        let reply = Message::read(message(b'l', 2, REPLY, &[1, 0, 0, 0])).unwrap();
        assert_eq!((reply.kind, reply.answers, reply.truth()), (Kind::Reply, Some(9), Some(true)));
        assert_eq!(reply.texts(), None);
        let error = Message::read(message(b'B', 3, ERROR, b"\0\0\0\x02no\0")).unwrap();
        assert_eq!((error.kind, error.name.as_str(), error.personal), (Kind::Error, "a.b.c", true));
        assert_eq!((error.texts(), error.truth()), (Some(vec!["no"]), None));
        let list = message(b'l', 2, b"\x08\x01g\0\x02as\0", b"\x0d\0\0\0\x01\0\0\0x\0\0\0\0\0\0\0\0");
        assert_eq!(Message::read(list).unwrap().texts(), Some(vec!["x", ""]));
        let change = message(b'l', 4, b"\x08\x01g\0\x02ss\0", b"\x01\0\0\0x\0\0\0\x01\0\0\0y\0");
        assert_eq!(Message::read(change).unwrap().texts(), Some(vec!["x", "y"]));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let whole = message(b'B', 3, ERROR, b"\0\0\0\x02no\0");
        for size in 0..whole.len() {
            // cut off, nothing may be read that is not there
            let cut = Message::read(whole[..size].to_vec());
            assert!(cut.is_none_or(|cut| cut.texts().is_none()), "{size} bytes");
            // and so it is with any other byte in its place
            for byte in 0..=255 {
                let mut wrong = whole.clone();
                wrong[size] = byte;
                if let Some(message) = Message::read(wrong) {
                    let _ = (message.texts(), message.truth());
                }
            }
        }
        assert_eq!(start(b"l\x02\0\x01\xff\xff\xff\xff\x01\0\0\0\xff\xff\xff\xff"), None);
        assert_eq!(start(b"x\x02\0\x01\0\0\0\0\x01\0\0\0\0\0\0\0"), None);
        assert_eq!(start(b"l\x02\0\x01\0\0\0\x01\x01\0\0\0\0\0\0\0"), None);
    }
}
