//! Opening the database: creating, migrating, and repairing it (COMPAT §10).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{Error, Log, salvage, schema};
use crate::level::{DEBUG, ERROR, INFO, Level, WARNING};

const LOGGER: &str = "fail2ban.database";

/// How long SQLite itself waits for a locked database.
const BUSY: Duration = Duration::from_millis(500);
/// The same while opening, as long as Python's sqlite3 waits.
const BUSY_OPENING: Duration = Duration::from_secs(5);

/// Where a database is and whom to tell about it.
pub(super) struct Site {
    pub path: String,
    pub log: Log,
    /// Name of the copy that is made before anything risky; the same for all steps of one opening.
    backup: PathBuf,
}

impl Site {
    pub fn new(path: &str, log: Log) -> Self {
        let now = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S");
        Site { path: path.to_owned(), log, backup: PathBuf::from(format!("{path}.{now}")) }
    }

    pub fn say(&self, level: Level, text: String) {
        (self.log)(level, LOGGER, text);
    }

    /// Opens the database, creating, migrating or repairing it where that is needed.
    pub fn connect(&self) -> Result<Connection, Error> {
        let mut db = self.open_file()?;
        match prepare(&db).and_then(|()| schema::version(&db)) {
            Ok(schema::VERSION) => Ok(()),
            Ok(version) => self.migrate(&mut db, version),
            Err(error) if is_corrupt(&error) => {
                let text = text_of(&error);
                self.say(
                    ERROR,
                    format!("Error opening fail2ban persistent database '{}': {text}", self.path),
                );
                Err(Setback::Corrupt(Error::Sqlite(text)))
            }
            Err(_) => self.create(&mut db),
        }
        .or_else(|setback| match setback {
            Setback::Corrupt(_) if Path::new(&self.path).is_file() => {
                db = self.repair()?;
                Ok(())
            }
            Setback::Corrupt(error) | Setback::Final(error) => Err(error),
        })?;
        db.busy_timeout(BUSY).map_err(|error| Error::Sqlite(text_of(&error)))?;
        Ok(db)
    }

    fn open_file(&self) -> Result<Connection, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(&self.path, flags).map_err(|error| {
            let text = text_of(&error);
            self.say(
                ERROR,
                format!("Error connecting to fail2ban persistent database '{}': {text}", self.path),
            );
            Error::Sqlite(text)
        })?;
        self.say(INFO, format!("Connected to fail2ban persistent database '{}'", self.path));
        Ok(db)
    }

    fn create(&self, db: &mut Connection) -> Result<(), Setback> {
        let version = schema::create(db)?;
        self.say(WARNING, format!("New database created. Version '{version}'"));
        Ok(())
    }

    fn migrate(&self, db: &mut Connection, version: i64) -> Result<(), Setback> {
        if version > schema::VERSION {
            return Err(Setback::Final(Error::Future));
        }
        let backup = self.backup.display();
        self.say(INFO, format!("Upgrade database: {backup} from version '{version}'"));
        let upgraded =
            self.copy_to_backup().map_err(|error| Setback::Final(Error::Sqlite(error.to_string())));
        if let Err(setback) = upgraded.and_then(|()| Ok(schema::migrate(db, version)?)) {
            let (Setback::Final(error) | Setback::Corrupt(error)) = &setback;
            self.say(ERROR, format!("Failed to upgrade database '{}': {error}", self.path));
            return Err(setback);
        }
        self.say(WARNING, format!("Database updated from '{version}' to '{}'", schema::VERSION));
        Ok(())
    }

    /// Copies the file. No transaction may be open: closing the copied file drops this process's locks on it.
    fn copy_to_backup(&self) -> io::Result<()> {
        if !self.backup.is_file() && self.path != ":memory:" {
            fs::copy(&self.path, &self.backup)?;
            self.say(INFO, format!("  Database backup created: {}", self.backup.display()));
        }
        Ok(())
    }

    /// Moves a corrupt database away and opens a new one with everything that could be read of it.
    pub fn repair(&self) -> Result<Connection, Error> {
        self.say(INFO, format!("Trying to repair database {}", self.path));
        match self.try_repair() {
            Ok(db) => Ok(db),
            Err(text) => {
                self.say(ERROR, format!("  Error repairing of fail2ban database '{}': {text}", self.path));
                let _ = fs::remove_file(&self.path);
                self.reconnect()
            }
        }
    }

    fn try_repair(&self) -> Result<Connection, String> {
        let backup = self.backup.display();
        if self.backup.is_file() {
            fs::remove_file(&self.path).map_err(|error| error.to_string())?;
        } else {
            fs::rename(&self.path, &self.backup).map_err(|error| error.to_string())?;
            self.say(INFO, format!("  Database backup created: {backup}"));
        }
        let rescued = salvage::copy(&self.backup, Path::new(&self.path)).unwrap_or(0);
        let size = fs::metadata(&self.path).map_or(0, |meta| meta.len());
        if rescued == 0 {
            self.say(INFO, format!("  Repair seems to be failed, restored {size} byte(s)."));
            return Err("Recreate ...".into());
        }
        self.say(INFO, format!("  Repair seems to be successful, restored {size} byte(s)."));
        self.reconnect().map_err(|error| error.to_string())
    }

    /// Opens what a repair left, and checks it.
    fn reconnect(&self) -> Result<Connection, Error> {
        let mut db = self.open_file()?;
        let made = prepare(&db).and_then(|()| schema::version(&db));
        match made {
            Ok(schema::VERSION) => Ok(()),
            Ok(version) => self.migrate(&mut db, version),
            Err(_) => self.create(&mut db),
        }?;
        self.say(DEBUG, "  Create missing tables/indices ...".into());
        let sqlite = |error: rusqlite::Error| Error::Sqlite(text_of(&error));
        schema::create(&mut db).map_err(sqlite)?;
        self.say(DEBUG, "  -> ok".into());
        self.say(DEBUG, "  Check integrity ...".into());
        let mut statement = db.prepare("PRAGMA integrity_check").map_err(sqlite)?;
        let lines = statement.query_map([], |row| row.get::<_, String>(0)).map_err(sqlite)?;
        for line in lines.flatten() {
            self.say(DEBUG, format!("  -> {line}"));
        }
        drop(statement);
        Ok(db)
    }
}

/// Why a step of opening did not succeed.
enum Setback {
    /// Repairing may help.
    Corrupt(Error),
    Final(Error),
}

impl From<rusqlite::Error> for Setback {
    fn from(error: rusqlite::Error) -> Self {
        let text = Error::Sqlite(text_of(&error));
        if is_corrupt(&error) { Setback::Corrupt(text) } else { Setback::Final(text) }
    }
}

impl From<Setback> for Error {
    fn from(setback: Setback) -> Self {
        let (Setback::Corrupt(error) | Setback::Final(error)) = setback;
        error
    }
}

/// The settings upstream works with: speed before safety at a power failure, for data that a log can restore.
fn prepare(db: &Connection) -> rusqlite::Result<()> {
    db.busy_timeout(BUSY_OPENING)?;
    db.execute_batch(
        "PRAGMA foreign_keys = ON; PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY; \
         PRAGMA temp_store = MEMORY;",
    )
}

/// Whether the file itself is damaged.
pub(super) fn is_corrupt(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// SQLite's own words for an error, without the path that rusqlite adds when a file cannot be opened.
pub(super) fn text_of(error: &rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::CannotOpen) => "unable to open database file".into(),
        _ => error.to_string(),
    }
}
