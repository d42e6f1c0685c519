//! What a database of bans holds, as text that compares.
use std::path::Path;

use crate::output::Output;

/// Prints a database as text: its tables with their columns and keys, and what is in them. Times become TIME when
/// they are of these days, and digests of dated lines HASH, so that two runs compare.
const DUMP: &str = r#"
import re, sqlite3, sys, time
db = sqlite3.connect(sys.argv[1])
for name, sql in sorted(db.execute("select name, sql from sqlite_master where sql is not null")):
    sql = re.sub(r"\s*([(),])\s*", r"\1", sql.replace("IF NOT EXISTS ", ""))
    print(name, re.sub(r"\s+", " ", sql).rstrip(";"))
def show(value):
    if isinstance(value, bytes):
        return "blob " + re.sub(r"\w{3} [ \d]\d \d\d:\d\d:\d\d", "TIME", value.decode())
    if isinstance(value, (int, float)) and abs(value - time.time()) < 1e6:
        return "TIME"
    return re.sub("[0-9a-f]{40}", "HASH", repr(value))
order = {"jails": "name", "logs": "jail, path", "bans": "jail, ip, timeofban, rowid", "bips": "jail, ip", "fail2banDb": "1"}
for table, by in order.items():
    for row in db.execute("select * from %s order by %s" % (table, by)):
        print(table, *map(show, row))
"#;

/// The database as such a text.
///
/// # Panics
/// When it cannot be read.
pub fn dump(database: &Path) -> String {
    let mut python = std::process::Command::new("/usr/bin/python3");
    Output::of(python.args(["-c", DUMP]).arg(database)).success()
}
