//! Reading pickles: an allow-list of opcodes that can only build data, with limits on size and depth.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::exceptions::exception;
use super::opcode::*;
use super::text;
use crate::value::Value;

/// Deepest nesting of containers.
const DEPTH_LIMIT: usize = 100;
/// Most objects in one pickle.
const OBJECT_LIMIT: usize = 4_000_000;
/// Most bytes of the resulting values, counting an object as often as it appears.
const WEIGHT_LIMIT: usize = 256 << 20;
/// What an object weighs beside its text.
const OBJECT_WEIGHT: usize = 64;

/// Why a pickle was refused; the texts are Python's where Python would refuse it too.
#[derive(Clone, Debug, PartialEq)]
pub enum Error {
    /// No end of the pickle.
    Ended,
    /// An object is cut off.
    Truncated,
    /// Not an opcode.
    Opcode(u8),
    /// An opcode or a class that a peer may not send, because it could do more than carry data.
    Forbidden(String),
    /// An operation without its operands.
    Stack,
    /// A reference to an object never stored.
    Memo(u64),
    Protocol(u8),
    /// Malformed or undecodable text or number.
    Malformed(&'static str),
    /// One of the limits.
    TooBig(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Ended => f.write_str("Ran out of input"),
            Error::Truncated => f.write_str("pickle data was truncated"),
            Error::Opcode(byte @ b' '..=b'~') if *byte != b'\'' => {
                write!(f, "invalid load key, '{}'.", *byte as char)
            }
            Error::Opcode(byte) => write!(f, "invalid load key, '\\x{byte:02x}'."),
            Error::Forbidden(what) => write!(f, "{what} is not allowed"),
            Error::Stack => f.write_str("unpickling stack underflow"),
            Error::Memo(index) => write!(f, "Memo value not found at index {index}"),
            Error::Protocol(version) => write!(f, "unsupported pickle protocol: {version}"),
            Error::Malformed(what) => write!(f, "malformed {what}"),
            Error::TooBig(what) => write!(f, "too {what}"),
        }
    }
}

impl std::error::Error for Error {}

/// Reads a request: data only, no classes at all.
pub fn loads_request(pickle: &[u8]) -> Result<Value, Error> {
    Reader::new(pickle, false).load()
}

/// Reads a server's reply: data, exceptions, and the text objects as which addresses travel.
pub fn loads_reply(pickle: &[u8]) -> Result<Value, Error> {
    Reader::new(pickle, true).load()
}

/// Position of an object in [`Reader::objects`]; the same object may stand in several places.
type Id = u32;

/// Makes a container of its items.
type Make = fn(Vec<Value>) -> Value;

enum Object {
    Plain(Value),
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Set(Vec<Id>),
    Dict(Vec<Id>),
    Class(String, String),
    Call(String, String, Id),
}

struct Reader<'a> {
    input: &'a [u8],
    classes: bool,
    objects: Vec<Object>,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
    weight: usize,
}

impl<'a> Reader<'a> {
    fn new(input: &'a [u8], classes: bool) -> Self {
        let (objects, stack, marks) = Default::default();
        Reader { input, classes, objects, stack, marks, memo: HashMap::new(), weight: 0 }
    }

    fn load(mut self) -> Result<Value, Error> {
        loop {
            let (&opcode, rest) = self.input.split_first().ok_or(Error::Ended)?;
            self.input = rest;
            if opcode == STOP {
                let top = self.pop()?;
                return self.value(top, 0);
            }
            self.step(opcode)?;
        }
    }

    fn step(&mut self, opcode: u8) -> Result<(), Error> {
        match opcode {
            PROTO => match self.byte()? {
                0..=5 => Ok(()),
                version => Err(Error::Protocol(version)),
            },
            FRAME => self.take(8).map(drop),
            MARK => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            POP if self.marks.last() == Some(&self.stack.len()) => self.pop_mark().map(drop),
            POP => self.pop().map(drop),
            POP_MARK => self.pop_mark().map(drop),
            DUP => {
                let top = self.top()?;
                self.stack.push(top);
                Ok(())
            }
            NONE | NEWTRUE | NEWFALSE | INT | BININT | BININT1 | BININT2 | LONG | LONG1 | LONG4 | FLOAT
            | BINFLOAT => {
                let number = self.number(opcode)?;
                self.push(Object::Plain(number))
            }
            STRING | BINSTRING | SHORT_BINSTRING | UNICODE | BINUNICODE | SHORT_BINUNICODE | BINUNICODE8 => {
                let text = self.text(opcode)?;
                self.push(Object::Plain(Value::str(text)))
            }
            BINBYTES | SHORT_BINBYTES | BINBYTES8 | BYTEARRAY8 => {
                let bytes = self.sized(opcode)?.to_vec();
                self.push(Object::Plain(Value::Bytes(bytes)))
            }
            PUT | BINPUT | LONG_BINPUT | MEMOIZE | GET | BINGET | LONG_BINGET => self.memo(opcode),
            GLOBAL | STACK_GLOBAL | REDUCE | BUILD => self.class(opcode),
            _ => self.container(opcode),
        }
    }

    fn number(&mut self, opcode: u8) -> Result<Value, Error> {
        Ok(match opcode {
            NONE => Value::None,
            NEWTRUE => Value::Bool(true),
            NEWFALSE => Value::Bool(false),
            BININT => Value::Int(i32::from_le_bytes(self.array()?).into()),
            BININT1 => Value::Int(self.byte()?.into()),
            BININT2 => Value::Int(u16::from_le_bytes(self.array()?).into()),
            BINFLOAT => Value::Float(f64::from_be_bytes(self.array()?)),
            LONG1 | LONG4 => {
                let length = if opcode == LONG1 { self.byte()? as usize } else { self.length4()? };
                text::long(self.take(length)?)?
            }
            FLOAT => Value::Float(text::parse(self.line()?, "float")?),
            _ => text::int(self.line()?)?,
        })
    }

    fn text(&mut self, opcode: u8) -> Result<String, Error> {
        match opcode {
            STRING => text::quoted(self.line()?),
            UNICODE => text::raw_unicode(self.line()?),
            _ => Ok(text::utf8(self.sized(opcode)?)),
        }
    }

    fn memo(&mut self, opcode: u8) -> Result<(), Error> {
        let index = match opcode {
            MEMOIZE => self.memo.len() as u64,
            PUT | GET => text::parse(self.line()?, "memo index")?,
            BINPUT | BINGET => self.byte()?.into(),
            _ => u32::from_le_bytes(self.array()?).into(),
        };
        if matches!(opcode, GET | BINGET | LONG_BINGET) {
            let id = *self.memo.get(&index).ok_or(Error::Memo(index))?;
            self.stack.push(id);
        } else {
            let top = self.top()?;
            self.memo.insert(index, top);
        }
        Ok(())
    }

    fn container(&mut self, opcode: u8) -> Result<(), Error> {
        match opcode {
            EMPTY_LIST => self.push(Object::List(Vec::new())),
            EMPTY_TUPLE => self.push(Object::Tuple(Vec::new())),
            EMPTY_DICT => self.push(Object::Dict(Vec::new())),
            EMPTY_SET => self.push(Object::Set(Vec::new())),
            TUPLE1 | TUPLE2 | TUPLE3 => {
                let items = self.pop_many((opcode - TUPLE1 + 1).into())?;
                self.push(Object::Tuple(items))
            }
            LIST | TUPLE | DICT | FROZENSET => {
                let items = self.pop_mark()?;
                self.push(match opcode {
                    LIST => Object::List(items),
                    TUPLE => Object::Tuple(items),
                    FROZENSET => Object::Set(items),
                    _ => Object::Dict(items),
                })
            }
            APPEND | SETITEM => {
                let items = self.pop_many(if opcode == APPEND { 1 } else { 2 })?;
                self.extend(opcode, items)
            }
            APPENDS | SETITEMS | ADDITEMS => {
                let items = self.pop_mark()?;
                self.extend(opcode, items)
            }
            other => Err(Error::Opcode(other)),
        }
    }

    /// Adds items to the container on top of the stack.
    fn extend(&mut self, opcode: u8, items: Vec<Id>) -> Result<(), Error> {
        let top = self.top()?;
        match (&mut self.objects[top as usize], opcode) {
            (Object::List(list), APPEND | APPENDS) => list.extend(items),
            (Object::Dict(pairs), SETITEM | SETITEMS) => pairs.extend(items),
            (Object::Set(set), ADDITEMS) => set.extend(items),
            _ => return Err(Error::Malformed("container")),
        }
        Ok(())
    }

    /// Classes, and calling them.
    fn class(&mut self, opcode: u8) -> Result<(), Error> {
        if !self.classes {
            return Err(Error::Forbidden(format!("load key '{}'", opcode.escape_ascii())));
        }
        match opcode {
            GLOBAL => {
                let module = text::utf8(self.line()?);
                let name = text::utf8(self.line()?);
                self.push(Object::Class(module, name))
            }
            STACK_GLOBAL => {
                let names = self.pop_many(2)?;
                let name = |id: Id| match &self.objects[id as usize] {
                    Object::Plain(Value::Str(name)) => Ok(name.to_string()),
                    _ => Err(Error::Malformed("class name")),
                };
                let (module, name) = (name(names[0])?, name(names[1])?);
                self.push(Object::Class(module, name))
            }
            REDUCE => {
                let operands = self.pop_many(2)?;
                match &self.objects[operands[0] as usize] {
                    Object::Class(module, name) => {
                        let call = Object::Call(module.clone(), name.clone(), operands[1]);
                        self.push(call)
                    }
                    _ => Err(Error::Malformed("call")),
                }
            }
            // The attributes of an exception beside its arguments: nobody asks for them.
            _ => self.pop().map(drop),
        }
    }

    /// The object `id` and all that it contains.
    fn value(&mut self, id: Id, depth: usize) -> Result<Value, Error> {
        if depth > DEPTH_LIMIT {
            return Err(Error::TooBig("deeply nested"));
        }
        self.weight += OBJECT_WEIGHT;
        let (make, ids): (Make, Vec<Id>) = match &self.objects[id as usize] {
            Object::Plain(value) => {
                let value = value.clone();
                self.weight += match &value {
                    Value::Str(text) => text.len(),
                    Value::Bytes(bytes) => bytes.len(),
                    _ => 0,
                };
                return if self.weight > WEIGHT_LIMIT { Err(Error::TooBig("much data")) } else { Ok(value) };
            }
            Object::List(ids) => (Value::List, ids.clone()),
            Object::Tuple(ids) => (Value::Tuple, ids.clone()),
            Object::Set(ids) => (set, ids.clone()),
            Object::Dict(ids) if ids.len() % 2 != 0 => return Err(Error::Malformed("dictionary")),
            Object::Dict(ids) => (dict, ids.clone()),
            Object::Class(module, name) => return Err(Error::Forbidden(format!("{module}.{name}"))),
            Object::Call(module, name, args) => {
                let (module, name, args) = (module.clone(), name.clone(), *args);
                return call(&module, &name, self.value(args, depth + 1)?);
            }
        };
        if self.weight > WEIGHT_LIMIT {
            return Err(Error::TooBig("much data"));
        }
        let items: Result<Vec<Value>, Error> = ids.into_iter().map(|id| self.value(id, depth + 1)).collect();
        Ok(make(items?))
    }

    fn push(&mut self, object: Object) -> Result<(), Error> {
        if self.objects.len() >= OBJECT_LIMIT {
            return Err(Error::TooBig("many objects"));
        }
        self.stack.push(self.objects.len() as Id);
        self.objects.push(object);
        Ok(())
    }

    /// How far the stack may be popped: not below the last mark.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Result<Id, Error> {
        self.pop_many(1).map(|ids| ids[0])
    }

    fn pop_many(&mut self, count: usize) -> Result<Vec<Id>, Error> {
        match self.stack.len().checked_sub(count) {
            Some(left) if left >= self.floor() => Ok(self.stack.split_off(left)),
            _ => Err(Error::Stack),
        }
    }

    fn pop_mark(&mut self) -> Result<Vec<Id>, Error> {
        let mark = self.marks.pop().ok_or(Error::Stack)?;
        Ok(self.stack.split_off(mark))
    }

    fn top(&self) -> Result<Id, Error> {
        self.stack[self.floor()..].last().copied().ok_or(Error::Stack)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) = self.input.split_at_checked(length).ok_or(Error::Truncated)?;
        self.input = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    fn byte(&mut self) -> Result<u8, Error> {
        self.array().map(|[byte]| byte)
    }

    fn length4(&mut self) -> Result<usize, Error> {
        usize::try_from(i32::from_le_bytes(self.array()?)).map_err(|_| Error::Malformed("length"))
    }

    /// The argument of an opcode that begins with its length.
    fn sized(&mut self, opcode: u8) -> Result<&'a [u8], Error> {
        let length = match opcode {
            SHORT_BINSTRING | SHORT_BINUNICODE | SHORT_BINBYTES => self.byte()?.into(),
            BINUNICODE8 | BINBYTES8 | BYTEARRAY8 => {
                usize::try_from(u64::from_le_bytes(self.array()?)).map_err(|_| Error::Truncated)?
            }
            _ => self.length4()?,
        };
        self.take(length)
    }

    /// The argument of a text opcode: up to the end of the line.
    fn line(&mut self) -> Result<&'a [u8], Error> {
        let end = memchr::memchr(b'\n', self.input).ok_or(Error::Truncated)?;
        let line = self.take(end + 1)?;
        Ok(&line[..end])
    }
}

/// Calling `module.name` with `args`; the only calls we know are those that make text or an exception.
fn call(module: &str, name: &str, args: Value) -> Result<Value, Error> {
    match (module, name, args) {
        ("builtins" | "__builtin__", "str", Value::Tuple(args)) if args.len() == 1 => {
            Ok(Value::str(args[0].to_text()))
        }
        (_, _, Value::Tuple(args)) => Ok(exception(module, name, args).into()),
        _ => Err(Error::Malformed("call")),
    }
}

/// A set: equal items once.
fn set(items: Vec<Value>) -> Value {
    let mut seen = HashSet::new();
    Value::Set(items.into_iter().filter(|item| seen.insert(item.to_string())).collect())
}

/// A dictionary of keys and values in turn: of equal keys the first one's place and the last one's value.
fn dict(items: Vec<Value>) -> Value {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut pairs: Vec<(Value, Value)> = Vec::new();
    let mut items = items.into_iter();
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        let place = *places.entry(key.to_string()).or_insert(pairs.len());
        match pairs.get_mut(place) {
            Some(pair) => pair.1 = value,
            None => pairs.push((key, value)),
        }
    }
    Value::Dict(pairs)
}
