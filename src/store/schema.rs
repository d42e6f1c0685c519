//! Tables of the database and the way to them from older versions (COMPAT §10).

use rusqlite::{Connection, Result};

/// Version of the schema.
pub(super) const VERSION: i64 = 4;

const VERSION_TABLE: &str = "CREATE TABLE IF NOT EXISTS fail2banDb(version INTEGER);";

const JAILS: &str = "\
    CREATE TABLE IF NOT EXISTS jails(name TEXT NOT NULL UNIQUE, enabled INTEGER NOT NULL DEFAULT 1);
    CREATE INDEX IF NOT EXISTS jails_name ON jails(name);";

const LOGS: &str = "\
    CREATE TABLE IF NOT EXISTS logs(jail TEXT NOT NULL, path TEXT, firstlinemd5 TEXT, \
        lastfilepos INTEGER DEFAULT 0, \
        FOREIGN KEY(jail) REFERENCES jails(name) ON DELETE CASCADE, \
        UNIQUE(jail, path), UNIQUE(jail, path, firstlinemd5));
    CREATE INDEX IF NOT EXISTS logs_path ON logs(path);
    CREATE INDEX IF NOT EXISTS logs_jail_path ON logs(jail, path);";

const BANS: &str = "\
    CREATE TABLE IF NOT EXISTS bans(jail TEXT NOT NULL, ip TEXT, timeofban INTEGER NOT NULL, \
        bantime INTEGER NOT NULL, bancount INTEGER NOT NULL default 1, data JSON, \
        FOREIGN KEY(jail) REFERENCES jails(name));
    CREATE INDEX IF NOT EXISTS bans_jail_timeofban_ip ON bans(jail, timeofban);
    CREATE INDEX IF NOT EXISTS bans_jail_ip ON bans(jail, ip);
    CREATE INDEX IF NOT EXISTS bans_ip ON bans(ip);";

const BIPS: &str = "\
    CREATE TABLE IF NOT EXISTS bips(ip TEXT NOT NULL, jail TEXT NOT NULL, timeofban INTEGER NOT NULL, \
        bantime INTEGER NOT NULL, bancount INTEGER NOT NULL default 1, data JSON, \
        PRIMARY KEY(ip, jail), FOREIGN KEY(jail) REFERENCES jails(name));
    CREATE INDEX IF NOT EXISTS bips_timeofban ON bips(timeofban);
    CREATE INDEX IF NOT EXISTS bips_ip ON bips(ip);";

/// Names of the tables, those that others refer to first.
pub(super) const TABLES: [&str; 5] = ["fail2banDb", "jails", "logs", "bans", "bips"];

/// Creates what is missing; returns the version that the database then has.
pub(super) fn create(db: &mut Connection) -> Result<i64> {
    let transaction = db.transaction()?;
    for script in [VERSION_TABLE, JAILS, LOGS, BANS, BIPS] {
        transaction.execute_batch(script)?;
    }
    transaction.execute(
        "INSERT INTO fail2banDb(version) SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM fail2banDb)",
        [VERSION],
    )?;
    let version = version(&transaction)?;
    transaction.commit()?;
    Ok(version)
}

/// The version a database says it has.
pub(super) fn version(db: &Connection) -> Result<i64> {
    db.query_row("SELECT version FROM fail2banDb LIMIT 1", [], |row| row.get(0))
}

/// Brings a database of an older version to the current one, in one transaction.
///
/// Version 1 lacks a key of `logs`; up to 2, `bans` does not know lengths and counts (the length becomes -2,
/// unknown); up to 3 there is no `bips`, which begins with the last ban of each id.
pub(super) fn migrate(db: &mut Connection, from: i64) -> Result<()> {
    let transaction = db.transaction()?;
    if from < 2 && has_table(&transaction, "logs")? {
        rebuild(&transaction, "logs", LOGS, "*")?;
    }
    if from < 3 && has_table(&transaction, "bans")? {
        rebuild(&transaction, "bans", BANS, "jail, ip, timeofban, -2, 1, data")?;
    }
    if from < 4 && !has_table(&transaction, "bips")? {
        transaction.execute_batch(BIPS)?;
        if has_table(&transaction, "bans")? {
            transaction.execute_batch(
                "INSERT OR REPLACE INTO bips(ip, jail, timeofban, bantime, bancount, data) \
                 SELECT ip, jail, timeofban, bantime, bancount, data FROM bans ORDER BY timeofban;",
            )?;
        }
    }
    transaction.execute("UPDATE fail2banDb SET version = ?1", [VERSION])?;
    transaction.commit()
}

/// Replaces a table by one that `script` creates, with the rows of the old one read as `columns`.
fn rebuild(db: &Connection, table: &str, script: &str, columns: &str) -> Result<()> {
    db.execute_batch(&format!(
        "CREATE TEMPORARY TABLE old_{table} AS SELECT {columns} FROM {table};
         DROP TABLE {table};
         {script}
         INSERT INTO {table} SELECT * FROM old_{table};
         DROP TABLE old_{table};"
    ))
}

fn has_table(db: &Connection, table: &str) -> Result<bool> {
    db.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1")?.exists([table])
}
