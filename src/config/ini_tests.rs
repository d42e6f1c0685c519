//! A second reader beside our own: the `configparser` crate finds the same sections and options in every
//! file that this project ships. (It keeps no order, no lines and no duplicates, so it cannot be the reader itself.)

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

type Options = BTreeMap<String, BTreeSet<String>>;

fn shipped() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["filter.d", "action.d", "packaging/config"].map(|folder| root.join(folder));
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).expect("it is in the repository"));
    files
        .map(|file| file.expect("it is readable").path())
        .filter(|file| file.extension().is_some_and(|end| end == "conf"))
        .collect()
}

fn ours(path: &Path) -> Options {
    let text = std::fs::read(path).expect("it is readable");
    let Ok(file) = super::ini::parse(&text, &path.to_string_lossy(), path) else {
        panic!("{} does not parse", path.display());
    };
    let keys =
        |section: &super::ini::Section| section.keys().map(|key| key.to_string()).collect::<BTreeSet<_>>();
    let sections = file.sections.iter().map(|(name, section)| (name.to_string(), keys(section)));
    let defaults = ("DEFAULT".to_owned(), keys(&file.defaults));
    let all = sections.chain([defaults]).map(|(name, mut keys)| {
        // Every section has its own name as an option.
        keys.remove("__name__");
        (name, keys)
    });
    all.filter(|(_, keys)| !keys.is_empty()).collect()
}

fn theirs(path: &Path) -> Options {
    let mut ini = configparser::ini::Ini::new();
    let mut settings = ini.defaults();
    settings.multiline = true;
    settings.case_sensitive = true;
    settings.inline_comment_symbols = Some(vec![]);
    ini.load_defaults(settings);
    let sections = ini.load(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let options = |(name, options): (String, std::collections::HashMap<String, Option<String>>)| {
        let keys: BTreeSet<String> = options.into_keys().map(|key| key.to_lowercase()).collect();
        (name, keys)
    };
    sections.into_iter().map(options).filter(|(_, options)| !options.is_empty()).collect()
}

#[test]
fn sections_and_options_are_those_of_configparser() {
    let files = shipped();
    assert!(files.len() > 20, "only {} files", files.len());
    for path in files {
        if path.ends_with("iptables-xt_recent-echo.conf") {
            // The crate takes a continued line that begins with `[` for a section.
            assert_ne!(ours(&path), theirs(&path), "the crate has learnt it: this exception can go");
            continue;
        }
        assert_eq!(ours(&path), theirs(&path), "{}", path.display());
    }
}
