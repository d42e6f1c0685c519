//! The statements: what is written and read, in upstream's terms (COMPAT §10).

use rusqlite::types::{Value as Sql, ValueRef};
use rusqlite::{Connection, OptionalExtension, Result, Row, params, params_from_iter};

use super::rows::{get, limit_matches, matches_of, raw_matches, with};
use super::{BanRow, History, Merged, RestoreQuery, json};
use crate::value::Value;

/// So many times its length a ban must be over before a purge forgets the id.
const OUTDATED_FACTOR: i64 = 3;

/// Marks all jails as disabled.
pub(super) fn disable_jails(db: &Connection) -> Result<()> {
    db.execute("UPDATE jails SET enabled = 0", []).map(drop)
}

pub(super) fn add_jail(db: &Connection, jail: &str) -> Result<()> {
    let added =
        db.prepare_cached("INSERT OR IGNORE INTO jails(name, enabled) VALUES(?1, 1)")?.execute([jail])?;
    if added == 0 {
        db.prepare_cached("UPDATE jails SET enabled = 1 WHERE name = ?1 AND enabled != 1")?
            .execute([jail])?;
    }
    Ok(())
}

pub(super) fn del_jail(db: &Connection, jail: &str) -> Result<()> {
    db.prepare_cached("UPDATE jails SET enabled = 0 WHERE name = ?1")?.execute([jail]).map(drop)
}

/// A row of `logs`: how far a file was read (bytes), or a journal (time).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Position {
    /// SHA-1 of the first line; for a journal the time as text.
    pub hash: Option<String>,
    pub pos: f64,
}

/// All stored positions as (jail, path, position).
pub(super) fn positions(db: &Connection) -> Result<Vec<(String, String, Position)>> {
    let mut statement = db.prepare("SELECT jail, path, firstlinemd5, lastfilepos FROM logs")?;
    let rows = statement.query_map([], |row| {
        let hash = (!matches!(row.get_ref(2)?, ValueRef::Null)).then(|| text(row, 2)).transpose()?;
        Ok((text(row, 0)?, text(row, 1)?, Position { hash, pos: number(row, 3)? }))
    })?;
    rows.collect()
}

pub(super) fn set_position(db: &Connection, jail: &str, path: &str, at: &Position) -> Result<()> {
    let changed = db
        .prepare_cached("UPDATE logs SET firstlinemd5 = ?1, lastfilepos = ?2 WHERE jail = ?3 AND path = ?4")?
        .execute(params![at.hash, at.pos, jail, path])?;
    if changed == 0 {
        db.prepare_cached(
            "INSERT OR REPLACE INTO logs(jail, path, firstlinemd5, lastfilepos) VALUES(?1, ?2, ?3, ?4)",
        )?
        .execute(params![jail, path, at.hash, at.pos])?;
    }
    Ok(())
}

/// Adds a ban to `bans` and makes it the one in `bips`. Data is bytes: upstream's reader expects a BLOB (trap 28).
pub(super) fn add_ban(db: &Connection, jail: &str, ban: &BanRow) -> Result<()> {
    let data = json::dump(&ban.data).into_bytes();
    let time = ban.time.round_ties_even() as i64;
    db.prepare_cached(
        "INSERT INTO bans(jail, ip, timeofban, bantime, bancount, data) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![jail, ban.ip, time, ban.bantime, ban.bancount, data])?;
    db.prepare_cached(
        "INSERT OR REPLACE INTO bips(jail, ip, timeofban, bantime, bancount, data) \
         VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![jail, ban.ip, time, ban.bantime, ban.bancount, data])?;
    Ok(())
}

pub(super) fn del_ban(db: &Connection, jail: &str, ip: &str) -> Result<()> {
    for table in ["bips", "bans"] {
        db.prepare_cached(&format!("DELETE FROM {table} WHERE jail = ?1 AND ip = ?2"))?
            .execute([jail, ip])?;
    }
    Ok(())
}

pub(super) fn del_all_bans(db: &Connection, jail: &str) -> Result<()> {
    for table in ["bips", "bans"] {
        db.prepare_cached(&format!("DELETE FROM {table} WHERE jail = ?1"))?.execute([jail])?;
    }
    Ok(())
}

/// The bans that are still running, with corrected lengths; see [`RestoreQuery`]. `unreadable` hears of damaged data.
pub(super) fn restore(
    db: &Connection,
    query: &RestoreQuery,
    unreadable: &dyn Fn(String),
) -> Result<Vec<BanRow>> {
    let since = match query.younger_than {
        Some(seconds) if seconds != -1.0 => query.now - seconds,
        _ => f64::NEG_INFINITY,
    };
    let mut statement = db.prepare_cached(
        "SELECT ip, timeofban, bantime, bancount, data FROM bips \
         WHERE jail = ?1 AND (timeofban + bantime > ?2 OR bantime <= -1) AND timeofban > ?3 \
         GROUP BY ip ORDER BY ip, timeofban DESC",
    )?;
    let mut rows = statement.query(params![query.jail, query.now, since])?;
    let mut bans = Vec::new();
    while let Some(row) = rows.next()? {
        let ban = BanRow {
            ip: text(row, 0)?,
            time: number(row, 1)?,
            bantime: corrected(number(row, 2)?, query),
            bancount: number(row, 3)? as i64,
            data: limit_matches(data(row, 4, unreadable)?, query.max_matches),
        };
        let over = ban.bantime != -1.0 && ban.time + ban.bantime <= query.now;
        if !ban.ip.is_empty() && !over {
            bans.push(ban);
        }
    }
    Ok(bans)
}

fn corrected(bantime: f64, query: &RestoreQuery) -> f64 {
    match query.max_bantime {
        _ if bantime == -2.0 => query.bantime,
        Some(max) if max > 0.0 && (bantime == -1.0 || bantime > max) => max,
        _ => bantime,
    }
}

/// What is known of an id in one jail, or in all together.
pub(super) fn history(db: &Connection, ip: &str, jail: Option<&str>) -> Result<Option<History>> {
    let found = |row: &Row| {
        Ok(History { count: number(row, 0)? as i64, time: number(row, 1)?, bantime: number(row, 2)? })
    };
    match jail {
        Some(jail) => db
            .prepare_cached("SELECT bancount, timeofban, bantime FROM bips WHERE ip = ?1 AND jail = ?2")?
            .query_row([ip, jail], found),
        None => db
            .prepare_cached(
                "SELECT sum(bancount), max(timeofban), sum(bantime) FROM bips WHERE ip = ?1 GROUP BY ip",
            )?
            .query_row([ip], found),
    }
    .optional()
}

/// All bans of an id as one. As upstream merges: failures add up, other keys are those of the oldest ban.
pub(super) fn merged(
    db: &Connection,
    ip: &str,
    jail: Option<&str>,
    max_matches: usize,
    unreadable: &dyn Fn(String),
) -> Result<Option<Merged>> {
    let filter = if jail.is_some() { " AND jail = ?2" } else { "" };
    let mut statement = db.prepare_cached(&format!(
        "SELECT timeofban, data FROM bans WHERE ip = ?1{filter} ORDER BY timeofban DESC"
    ))?;
    let mut rows = statement.query(params_from_iter([Some(ip), jail].into_iter().flatten()))?;
    let mut last = None;
    let (mut failures, mut matches, mut all) = (0, Vec::new(), Value::Dict(Vec::new()));
    while let Some(row) = rows.next()? {
        last = Some(number(row, 0)?);
        let data = data(row, 1, unreadable)?;
        let earlier = raw_matches(&data);
        let room = max_matches.saturating_sub(matches.len()).min(earlier.len());
        matches.splice(0..0, earlier[earlier.len() - room..].iter().cloned());
        failures += match get(&data, "failures") {
            Some(Value::Int(count)) => *count,
            _ => 1,
        };
        if let Value::Dict(pairs) = data {
            for (key, value) in pairs {
                all = with(all, key.as_str().unwrap_or_default(), Some(value));
            }
        }
    }
    all = with(all, "failures", Some(Value::Int(failures)));
    all = with(all, "matches", Some(Value::List(matches)));
    Ok(last.map(|time| Merged { time, failures, matches: matches_of(&all), data: all }))
}

/// Removes what is out of date; returns the jails that are gone with their log positions.
pub(super) fn purge(db: &Connection, now: f64, age: f64) -> Result<Vec<String>> {
    db.execute("DELETE FROM bans WHERE timeofban < ?1", [now - age])?;
    db.execute(
        "DELETE FROM bips WHERE timeofban < ?1 AND bantime != -1 AND timeofban + bantime * ?2 < ?1",
        params![now.trunc() - age, OUTDATED_FACTOR],
    )?;
    let mut statement = db.prepare(
        "DELETE FROM jails WHERE enabled = 0 \
         AND NOT EXISTS(SELECT 1 FROM bans WHERE jail = jails.name) \
         AND NOT EXISTS(SELECT 1 FROM bips WHERE jail = jails.name) RETURNING name",
    )?;
    let gone = statement.query_map([], |row| text(row, 0))?;
    gone.collect()
}

/// A column's text, whatever its type and encoding.
fn text(row: &Row, column: usize) -> Result<String> {
    Ok(match row.get_ref(column)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Null => String::new(),
    })
}

/// A column's number; 0 when it is none.
fn number(row: &Row, column: usize) -> Result<f64> {
    Ok(match row.get::<_, Sql>(column) {
        Ok(Sql::Integer(number)) => number as f64,
        Ok(Sql::Real(number)) => number,
        _ => 0.0,
    })
}

/// A column's ticket data; empty when it cannot be read, as upstream has it.
fn data(row: &Row, column: usize, unreadable: &dyn Fn(String)) -> Result<Value> {
    let empty = Value::Dict(Vec::new());
    Ok(match row.get_ref(column)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => json::load(bytes).unwrap_or_else(|reason| {
            unreadable(reason);
            empty
        }),
        _ => empty,
    })
}
