use super::*;
use crate::value::{Exception, Value};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |c: u8| (c as char).to_digit(16).expect("hexadecimal") as u8;
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn ok(value: Value) -> Value {
    Value::Tuple(vec![Value::Int(0), value])
}

fn pair(name: &str, value: Value) -> Value {
    Value::Tuple(vec![Value::str(name), value])
}

/// Bytes as `pickle.dumps(value, 5)` of CPython 3.11 gives them.
#[test]
fn writes_what_cpython_writes() {
    let unknown =
        Exception { module: "fail2ban.exceptions", class: "UnknownJailException", args: vec!["x".into()] };
    let cases = [
        (Value::None, "80054e2e"),
        (ok("pong".into()), "8005950c000000000000004b008c04706f6e679486942e"),
        (
            ok(Value::List(vec![pair("Number of jail", Value::Int(0)), pair("Jail list", "".into())])),
            "8005952f000000000000004b005d94288c0e4e756d626572206f66206a61696c944b0086948c094a61696c206c697374948c009486946586942e",
        ),
        (
            Value::List(vec![Value::strings(["a"]), Value::List(vec![])]),
            "8005950e000000000000005d94285d948c016194615d94652e",
        ),
        (
            Value::Tuple(vec![
                Value::Int(255),
                Value::Int(256),
                Value::Int(65536),
                Value::Int(-1),
                Value::Int(2147483648),
                Value::Int(-2147483649),
                Value::Int(i64::MAX),
                Value::Float(1.5),
                Value::Bool(true),
                Value::Tuple(vec![]),
            ]),
            "8005953600000000000000284bff4d00014a000001004affffffff8a0500000080008a05ffffff7fff8a08ffffffffffffff7f473ff8000000000000882974942e",
        ),
        (
            Value::Dict(vec![("a".into(), Value::Int(1)), ("b".into(), Value::None)]),
            "80059510000000000000007d94288c0161944b018c0162944e752e",
        ),
        (Value::Dict(vec![("a".into(), Value::Int(1))]), "8005950a000000000000007d948c0161944b01732e"),
        (
            Value::Tuple(vec![Value::Int(1), unknown.into()]),
            "8005953c000000000000004b018c136661696c3262616e2e657863657074696f6e73948c14556e6b6e6f776e4a61696c457863657074696f6e9493948c0178948594529486942e",
        ),
    ];
    for (value, expected) in cases {
        assert_eq!(hex(&dumps(&value)), expected, "{value}");
        assert_eq!(loads_reply(&unhex(expected)), Ok(value));
    }
}

/// Lengths and SHA-1 of what CPython writes for values that need several frames or batches.
#[test]
fn big_values_are_framed_as_cpython_does() {
    let long = |length: usize| Value::str("x".repeat(length));
    let cases = [
        (Value::List((0..3000).map(Value::Int).collect()), "909cb61552242326bb6fa286c7567101210ba5f4"),
        (
            Value::strings((0..20000).map(|i| format!("10.0.{}.{}", i / 256, i % 256))),
            "313c482c8de3d90160243b8dbf5659cef528b6e7",
        ),
        (
            Value::List(vec![long(300), long(65535), long(65536), long(70000), "end".into()]),
            "5959e88d66cba34f2f61d8b7f4e20e75c99a536f",
        ),
        (
            Value::Dict((0..2001).map(|i| (Value::Int(i), Value::None)).collect()),
            "3106cbad8cf22277b0b71b862551df0da57830ae",
        ),
    ];
    for (value, expected) in cases {
        let pickle = dumps(&value);
        assert_eq!(sha1_smol::Sha1::from(&pickle).digest().to_string(), expected);
        assert_eq!(loads_request(&pickle), Ok(value));
    }
}

#[test]
fn reads_every_protocol() {
    // dumps(['status', 'jä', 1, -70000, 2**40, 1.5, True, None, ('a',), {'k': []}], protocol)
    let expected = Value::List(vec![
        "status".into(),
        "jä".into(),
        Value::Int(1),
        Value::Int(-70000),
        Value::Int(1 << 40),
        Value::Float(1.5),
        Value::Bool(true),
        Value::None,
        Value::Tuple(vec!["a".into()]),
        Value::Dict(vec![("k".into(), Value::List(vec![]))]),
    ]);
    let pickles = [
        "286c70300a567374617475730a70310a61566ae40a70320a6149310a61492d37303030300a614c313039393531313632373737364c0a6146312e350a614930310a614e612856610a70330a7470340a61286470350a566b0a70360a286c70370a73612e",
        "5d7100285806000000737461747573710158030000006ac3a471024b014a90eefeff4c313039393531313632373737364c0a473ff80000000000004930310a4e2858010000006171037471047d710558010000006b71065d710773652e",
        "80025d7100285806000000737461747573710158030000006ac3a471024b014a90eefeff8a06000000000001473ff8000000000000884e58010000006171038571047d710558010000006b71065d710773652e",
        "80035d7100285806000000737461747573710158030000006ac3a471024b014a90eefeff8a06000000000001473ff8000000000000884e58010000006171038571047d710558010000006b71065d710773652e",
        "8004953d000000000000005d94288c06737461747573948c036ac3a4944b014a90eefeff8a06000000000001473ff8000000000000884e8c01619485947d948c016b945d9473652e",
        "8005953d000000000000005d94288c06737461747573948c036ac3a4944b014a90eefeff8a06000000000001473ff8000000000000884e8c01619485947d948c016b945d9473652e",
    ];
    for pickle in pickles {
        assert_eq!(loads_request(&unhex(pickle)), Ok(expected.clone()));
    }
}

#[test]
fn reads_what_go_clients_send() {
    let ping = Value::strings(["ping"]);
    let status = Value::strings(["status", "sshd"]);
    for pickle in
        [b"(lp0\nS'ping'\np1\na.".as_slice(), b"\x80\x02]q\x00U\x04pinga.", b"(X\x04\x00\x00\x00pingl."]
    {
        assert_eq!(loads_request(pickle), Ok(ping.clone()));
    }
    for pickle in [b"\x80\x02(U\x06statusU\x04sshdl.".as_slice(), b"](U\x06statusT\x04\x00\x00\x00sshde."] {
        assert_eq!(loads_request(pickle), Ok(status.clone()));
    }
    assert_eq!(loads_request(b"S'a\\x41\\n\\101\\''\n."), Ok("aA\nA'".into()));
    assert_eq!(loads_request(b"V\\u20ac\xe9\n."), Ok("€é".into()));
    assert_eq!(loads_request(b"(I01\nI5\nL7L\nF2.5\nt."), {
        Ok(Value::Tuple(vec![Value::Bool(true), Value::Int(5), Value::Int(7), Value::Float(2.5)]))
    });
}

#[test]
fn refuses_what_is_not_data() {
    let text = |pickle: &[u8]| loads_request(pickle).expect_err("refused").to_string();
    assert_eq!(text(b"cos\nsystem\n(S'true'\ntR."), "load key 'c' is not allowed");
    assert_eq!(text(b"\x8c\x02os\x8c\x06system\x93."), "load key '\\x93' is not allowed");
    assert_eq!(text(b""), "Ran out of input");
    assert_eq!(text(b"garbage"), "pickle data was truncated");
    assert_eq!(text(b"\x80\x05\x95"), "pickle data was truncated");
    assert_eq!(text(b"?"), "invalid load key, '?'.");
    assert_eq!(text(b"\x01"), "invalid load key, '\\x01'.");
    assert_eq!(text(b"\x80\x06N."), "unsupported pickle protocol: 6");
    assert_eq!(text(b"h\x07."), "Memo value not found at index 7");
    assert_eq!(text(b"."), "unpickling stack underflow");
    assert_eq!(text(b"(."), "unpickling stack underflow");
    assert_eq!(text(b"a."), "unpickling stack underflow");
    assert_eq!(text(b"NNa."), "malformed container");
    assert_eq!(text(b"\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\x00."), "too big a number");
    assert_eq!(text(&[&b"]".repeat(200)[..], &b"a".repeat(199), b"."].concat()), "too deeply nested");
    // A list that contains itself.
    assert_eq!(text(b"]\x94h\x00a."), "too deeply nested");
}

/// Ten levels of "a list of ten times the level below" in a hundred bytes.
#[test]
fn shared_objects_cannot_explode() {
    let mut bomb = b"X\x03\x00\x00\x00lolq\x00".to_vec();
    for level in 0..10u8 {
        bomb.push(b'(');
        bomb.extend([b'h', level].repeat(10));
        bomb.extend([b'l', b'q', level + 1]);
    }
    bomb.push(b'.');
    assert_eq!(loads_request(&bomb).expect_err("refused").to_string(), "too much data");
}

#[test]
fn no_input_makes_the_reader_panic() {
    let seed = dumps(&Value::List(vec![
        Value::Dict(vec![("k".into(), Value::Float(1.0))]),
        Value::Set(vec!["x".repeat(300).into()]),
        Value::Tuple(vec![Exception::builtin("ValueError", "x").into()]),
    ]));
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    for _ in 0..50_000 {
        let mut pickle = seed.clone();
        for _ in 0..1 + random() % 8 {
            let at = random() % pickle.len();
            pickle[at] = random() as u8;
        }
        pickle.truncate(1 + random() % pickle.len());
        // Whatever comes out, it came out.
        let _ = (loads_request(&pickle), loads_reply(&pickle));
    }
}

#[test]
fn replies_carry_exceptions_and_addresses() {
    let read = |pickle: &str| loads_reply(&unhex(pickle)).expect("a reply");
    let exception = |value: Value| match value {
        Value::Tuple(items) => match items.into_iter().nth(1) {
            Some(Value::Exception(exception)) => exception,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    let missing = exception(read(
        "8005954d000000000000004b018c086275696c74696e73948c1146696c654e6f74466f756e644572726f729493944b028c194e6f20737563682066696c65206f72206469726563746f7279948c022f78948794529486942e",
    ));
    assert_eq!(missing.class, "FileNotFoundError");
    assert_eq!(missing.args, [Value::Int(2), "No such file or directory".into(), "/x".into()]);
    let json = exception(read(
        "80059547000000000000004b018c0c6a736f6e2e6465636f646572948c0f4a534f4e4465636f64654572726f729493948c0f457870656374696e672076616c7565948c045b0a2061944b038794529486942e",
    ));
    assert_eq!(json.args, ["Expecting value: line 2 column 2 (char 3)".into()]);
    let regex = exception(read(
        "80059531000000000000004b018c0b736f6d655f6d6f64756c65948c01589493948c047465787494859452947d948c046e6f7465944b01736286942e",
    ));
    assert_eq!((regex.class, regex.message().as_str()), ("Exception", "text"));
    assert_eq!(
        read(
            "80059527000000000000005d948c086275696c74696e73948c037374729493948c093139322e302e322e319485945294612e"
        ),
        Value::List(vec!["192.0.2.1".into()])
    );
}
