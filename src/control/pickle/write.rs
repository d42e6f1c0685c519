//! Writing pickles: protocol 5, framed and memoized as CPython's own pickler does it.

use super::opcode::*;
use super::text::to_utf8;
use crate::value::{Exception, Value};

/// A frame is closed after the first object that makes it this long.
const FRAME_TARGET: usize = 64 * 1024;
/// Shorter frames are left out.
const FRAME_MIN: usize = 4;
/// Containers are filled in batches of this many items.
const BATCH: usize = 1000;

/// The pickle of `value`.
pub fn dumps(value: &Value) -> Vec<u8> {
    let mut writer = Writer { out: vec![PROTO, 5], frame: None };
    writer.save(value);
    writer.op(STOP);
    writer.end_frame();
    writer.out
}

struct Writer {
    out: Vec<u8>,
    /// Where the open frame's header begins.
    frame: Option<usize>,
}

impl Writer {
    fn write(&mut self, bytes: &[u8]) {
        if self.frame.is_none() {
            self.frame = Some(self.out.len());
            self.out.extend_from_slice(&[0; 9]);
        }
        self.out.extend_from_slice(bytes);
    }

    fn op(&mut self, opcode: u8) {
        self.write(&[opcode]);
    }

    fn end_frame(&mut self) {
        let Some(start) = self.frame.take() else { return };
        let length = self.out.len() - start - 9;
        if length < FRAME_MIN {
            self.out.drain(start..start + 9);
            return;
        }
        self.out[start] = FRAME;
        self.out[start + 1..start + 9].copy_from_slice(&(length as u64).to_le_bytes());
    }

    /// One object has been written: a place where a frame may end.
    fn boundary(&mut self) {
        if self.frame.is_some_and(|start| self.out.len() - start - 9 >= FRAME_TARGET) {
            self.end_frame();
        }
    }

    fn save(&mut self, value: &Value) {
        match value {
            Value::None => self.op(NONE),
            Value::Bool(true) => self.op(NEWTRUE),
            Value::Bool(false) => self.op(NEWFALSE),
            Value::Int(number) => self.int(*number),
            Value::Float(number) => {
                self.op(BINFLOAT);
                self.write(&number.to_be_bytes());
            }
            Value::Str(text) => self.str(text),
            Value::Bytes(bytes) => self.payload([SHORT_BINBYTES, BINBYTES, BINBYTES8], bytes),
            Value::List(items) => self.list(items),
            Value::Tuple(items) => self.tuple(items),
            Value::Set(items) => self.set(items),
            Value::Dict(pairs) => self.dict(pairs),
            Value::Exception(exception) => self.exception(exception),
        }
        self.boundary();
    }

    fn int(&mut self, number: i64) {
        if let Ok(small) = u8::try_from(number) {
            self.write(&[BININT1, small]);
        } else if let Ok(short) = u16::try_from(number) {
            self.op(BININT2);
            self.write(&short.to_le_bytes());
        } else if let Ok(int) = i32::try_from(number) {
            self.op(BININT);
            self.write(&int.to_le_bytes());
        } else {
            let bytes = number.to_le_bytes();
            let fits = |n: &usize| (number << (64 - 8 * n)) >> (64 - 8 * n) == number;
            let length = (1..=8).find(fits).unwrap_or(8);
            self.write(&[LONG1, length as u8]);
            self.write(&bytes[..length]);
        }
    }

    fn str(&mut self, text: &str) {
        self.payload([SHORT_BINUNICODE, BINUNICODE, BINUNICODE8], &to_utf8(text));
    }

    /// A text or bytes object. The opcodes are for lengths of one, four and eight bytes. Big payloads stand
    /// outside of frames.
    fn payload(&mut self, [short, long, huge]: [u8; 3], bytes: &[u8]) {
        let mut head = Vec::with_capacity(9);
        match bytes.len() {
            length @ 0..=0xff => head.extend([short, length as u8]),
            length @ 0x100..=0xffff_ffff => {
                head.push(long);
                head.extend((length as u32).to_le_bytes());
            }
            length => {
                head.push(huge);
                head.extend((length as u64).to_le_bytes());
            }
        }
        if bytes.len() >= FRAME_TARGET {
            self.end_frame();
            self.out.extend_from_slice(&head);
            self.out.extend_from_slice(bytes);
        } else {
            self.write(&head);
            self.write(bytes);
        }
        self.op(MEMOIZE);
    }

    fn list(&mut self, items: &[Value]) {
        self.op(EMPTY_LIST);
        self.op(MEMOIZE);
        if let [one] = items {
            self.save(one);
            self.op(APPEND);
            return;
        }
        for batch in items.chunks(BATCH) {
            self.op(MARK);
            batch.iter().for_each(|item| self.save(item));
            self.op(APPENDS);
        }
    }

    fn tuple(&mut self, items: &[Value]) {
        if items.is_empty() {
            self.op(EMPTY_TUPLE);
            return;
        }
        if items.len() > 3 {
            self.op(MARK);
        }
        items.iter().for_each(|item| self.save(item));
        self.op([TUPLE, TUPLE1, TUPLE2, TUPLE3].get(items.len()).copied().unwrap_or(TUPLE));
        self.op(MEMOIZE);
    }

    fn set(&mut self, items: &[Value]) {
        self.op(EMPTY_SET);
        self.op(MEMOIZE);
        for batch in items.chunks(BATCH) {
            self.op(MARK);
            batch.iter().for_each(|item| self.save(item));
            self.op(ADDITEMS);
        }
    }

    fn dict(&mut self, pairs: &[(Value, Value)]) {
        self.op(EMPTY_DICT);
        self.op(MEMOIZE);
        let pair = |this: &mut Self, (key, value): &(Value, Value)| {
            this.save(key);
            this.save(value);
        };
        if let [one] = pairs {
            pair(self, one);
            self.op(SETITEM);
            return;
        }
        for batch in pairs.chunks(BATCH) {
            self.op(MARK);
            batch.iter().for_each(|one| pair(self, one));
            self.op(SETITEMS);
        }
    }

    /// An exception is the call of its class with its arguments.
    fn exception(&mut self, exception: &Exception) {
        self.class(exception.module, exception.class);
        self.tuple(&exception.args);
        self.boundary();
        self.op(REDUCE);
        self.op(MEMOIZE);
    }

    fn class(&mut self, module: &str, class: &str) {
        self.str(module);
        self.boundary();
        self.str(class);
        self.boundary();
        self.op(STACK_GLOBAL);
        self.op(MEMOIZE);
        self.boundary();
    }
}
