//! Log encodings: every name that Python knows, and every byte.

use std::collections::HashMap;

use compat_tests::Version;
use ferroban::filter::decode::Encoding;

/// For every name of a character encoding, in several spellings: what its codec makes of each byte alone.
const ORACLE: &str = r#"
import codecs, encodings, json, pkgutil
from encodings.aliases import aliases
names = set(aliases) | {module.name for module in pkgutil.iter_modules(encodings.__path__)}
names |= {name.replace("_", "-").upper() for name in names} | {" %s!" % name for name in names} | {"klingon", "koi8r"}
answers = {}
for name in sorted(names):
    try:
        codec = codecs.lookup(name)
        text = codec._is_text_encoding and [bytes([byte]).decode(name, "replace") for byte in range(256)]
        answers[name] = [codec.name, text or None]
    except (LookupError, UnicodeError, AssertionError):
        answers[name] = None
print(json.dumps(answers))
"#;

/// Name of the codec; text of each byte if it is for text.
type Codec = (String, Option<Vec<String>>);

/// Encodings of several bytes a character, of EBCDIC's family, and what is no encoding of text.
const UNKNOWN: &[&str] = &[
    "base64",
    "big5",
    "big5hkscs",
    "bz2",
    "charmap",
    "cp037",
    "cp1026",
    "cp1140",
    "cp273",
    "cp424",
    "cp500",
    "cp864",
    "cp875",
    "cp932",
    "cp949",
    "cp950",
    "euc_jis_2004",
    "euc_jisx0213",
    "euc_jp",
    "euc_kr",
    "gb18030",
    "gb2312",
    "gbk",
    "hex",
    "hz",
    "idna",
    "iso2022_jp",
    "iso2022_jp_1",
    "iso2022_jp_2",
    "iso2022_jp_2004",
    "iso2022_jp_3",
    "iso2022_jp_ext",
    "iso2022_kr",
    "johab",
    "mac-arabic",
    "mac-farsi",
    "punycode",
    "quopri",
    "raw-unicode-escape",
    "rot-13",
    "shift_jis",
    "shift_jis_2004",
    "shift_jisx0213",
    "undefined",
    "unicode-escape",
    "utf-7",
    "uu",
    "zlib",
];

#[test]
fn every_name_and_every_byte() {
    let output = Version::BASELINE.python(ORACLE).output().expect("/usr/bin/python3 runs");
    let said = String::from_utf8_lossy(&output.stderr);
    let answers: HashMap<String, Option<Codec>> =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert!(answers.len() > 500, "{} names", answers.len());
    let mut compared = 0;
    for (name, answer) in &answers {
        let ours = Encoding::parse(name);
        match (answer, ours) {
            (None, ours) => assert_eq!(ours, None, "{name}"),
            (Some((codec, _)), None) => assert!(UNKNOWN.contains(&&**codec), "{name}, which is {codec}"),
            (Some((codec, None)), Some(_)) => panic!("{name}, which is {codec}, is not for text"),
            (Some((_, Some(chars))), Some(encoding)) => {
                let ours: Vec<String> =
                    (0..=u8::MAX).map(|byte| encoding.decode(&[byte]).0.into_owned()).collect();
                assert_eq!(&ours, chars, "{name}");
                compared += 1;
            }
        }
    }
    assert!(compared > 300, "{compared} names compared");
}
