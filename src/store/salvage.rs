//! Reading what can be read of a damaged database.

use std::collections::HashSet;
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, Result, params_from_iter};

use super::schema::TABLES;

/// Copies the tables of `from` that are this program's, with all readable rows, to the new file `to`.
///
/// Returns the number of tables found; an unreadable list of tables is an error.
pub(super) fn copy(from: &Path, to: &Path) -> Result<usize> {
    let old = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    // Makes SQLite read a file that is shorter than its header says.
    old.pragma_update(None, "writable_schema", true)?;
    let mut new = Connection::open(to)?;
    new.pragma_update(None, "foreign_keys", false)?;
    let transaction = new.transaction()?;
    let mut found = 0;
    for table in TABLES {
        let creation = old.query_row(
            "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?1",
            [table],
            |row| row.get::<_, String>(0),
        );
        match creation {
            Ok(sql) => transaction.execute_batch(&sql)?,
            Err(rusqlite::Error::QueryReturnedNoRows) => continue,
            Err(error) => return Err(error),
        }
        found += 1;
        copy_rows(&old, &transaction, table)?;
    }
    transaction.commit()?;
    Ok(found)
}

/// Copies the rows of a table from both ends, up to the damage.
fn copy_rows(old: &Connection, new: &Connection, table: &str) -> Result<()> {
    let mut seen = HashSet::new();
    for order in ["", " ORDER BY rowid DESC"] {
        let Ok(mut statement) = old.prepare(&format!("SELECT rowid, * FROM {table}{order}")) else {
            continue;
        };
        let width = statement.column_count();
        let marks = vec!["?"; width - 1].join(", ");
        let mut insert = new.prepare(&format!("INSERT OR IGNORE INTO {table} VALUES({marks})"))?;
        let Ok(mut rows) = statement.query([]) else { continue };
        let complete = loop {
            match rows.next() {
                Ok(Some(row)) => {
                    if row.get(0).is_ok_and(|id: i64| seen.insert(id)) {
                        let values: Result<Vec<Value>> = (1..width).map(|i| row.get(i)).collect();
                        if let Ok(values) = values {
                            insert.execute(params_from_iter(values))?;
                        }
                    }
                }
                Ok(None) => break true,
                Err(_) => break false,
            }
        };
        if complete {
            break;
        }
    }
    Ok(())
}
