//! Which lines are tried: a text, a file, or the journal.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};

use super::Exit;
use super::regexes::short;
use super::tester::Tester;
use crate::clock;
use crate::config::options::texts;
use crate::config::split::extract_options;
use crate::filter::Dated;
use crate::filter::decode::{self, Encoding};
use crate::level;
use crate::source::{self, Event, JailId, LineEnd, Sources};
use crate::value::Exception;

/// A line to try.
pub enum Line {
    /// Of a log.
    Log(String),
    /// Of the journal, which knows its time.
    Dated { before: String, date: String, after: String, time: f64 },
    /// No line, but a warning about the next one.
    Warning(String),
}

impl Line {
    /// The whole text.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Line::Log(text) | Line::Warning(text) => Cow::Borrowed(text),
            Line::Dated { before, date, after, .. } => Cow::Owned([&**before, date, after].concat()),
        }
    }

    /// The line with its time, if it has one of its own.
    pub fn dated(&self) -> Option<Dated<'_>> {
        match self {
            Line::Log(_) | Line::Warning(_) => None,
            Line::Dated { before, date, after, time } => Some(Dated { before, date, after, time: *time }),
        }
    }
}

/// The lines to try.
pub type Lines = Box<dyn Iterator<Item = io::Result<Line>>>;

/// Opens what the LOG argument names, and says what it is.
pub fn open(tester: &mut Tester, log: &str) -> Result<Lines, Exit> {
    if Path::new(log).is_file() {
        return open_file(tester, log);
    }
    if log.starts_with("systemd-journal") {
        return open_journal(tester, log);
    }
    let single = tester.filter.max_lines() <= 1 && !log.contains('\n');
    let lines: Vec<String> = log.split('\n').map(str::to_owned).collect();
    if single {
        tester.say(&format!("Use      single line : {}", short(log)));
    } else {
        tester.say(&format!("Use      multi line : {} line(s)", lines.len()));
        for (i, line) in lines.iter().enumerate().take(SHOWN) {
            tester.say(&format!("| {:>2}: {}", i + 1, short(line)));
        }
        if lines.len() > SHOWN {
            tester.say("| ...");
        }
        tester.say("`-");
    }
    let trimmed = |line: String| Ok(Line::Log(line.trim_end_matches(['\r', '\n']).to_owned()));
    Ok(Box::new(lines.into_iter().map(trimmed)))
}

/// Lines of a text argument that are shown.
const SHOWN: usize = 5;

fn open_file(tester: &mut Tester, log: &str) -> Result<Lines, Exit> {
    let name = tester.options.encoding.clone();
    let unknown = || Exit::raised(format!("LookupError: unknown encoding: {name}"));
    let file = match File::open(log) {
        Ok(file) => file,
        Err(error) => {
            tester.out.line(&Exception::os(&error, log).message());
            return Err(Exit::failed());
        }
    };
    let encoding = Encoding::parse(&name).ok_or_else(unknown)?;
    tester.say(&format!("Use         log file : {log}"));
    tester.say(&format!("Use         encoding : {name}"));
    Ok(Box::new(FileLines {
        progress: Progress::new(&file),
        reader: BufReader::with_capacity(1 << 18, file),
        encoding,
        line_end: LineEnd::of_encoding(&name),
        bytes: Vec::new(),
        waiting: VecDeque::new(),
        warnings: Some((log.to_owned(), name)),
    }))
}

fn open_journal(tester: &mut Tester, log: &str) -> Result<Lines, Exit> {
    tester.say("Use         systemd journal");
    tester.say(&format!("Use         encoding : {}", tester.options.encoding));
    let (_, options) = extract_options(log).map_err(|e| Exit::raised(e.to_string()))?;
    let options: Vec<(String, String)> = texts(&options).collect();
    let text = format!("  encoding: {}", tester.options.encoding);
    tester.log(level::INFO, "fail2ban.filter", &text);
    tester.without_date_pattern();
    let mut sources = Sources::new().map_err(|e| Exit::raised(e.to_string()))?;
    let raised = |e: source::Error| Exit::raised(e.to_string());
    sources.add_entries(JAIL, "systemd", &options, None).map_err(raised)?;
    if let Some(words) = tester.journalmatch.clone().filter(|words| !words.is_empty()) {
        sources.add_journal_match(JAIL, &words).map_err(raised)?;
        tester.source_messages(&mut sources, level::INFO);
        tester.say(&format!("Use    journal match : {}", words.join(" ")));
    }
    sources.start(JAIL, 0.0, clock::now(), &mut |_| None);
    // the notice that there is no journalmatch is for jails
    tester.source_messages(&mut sources, level::WARNING);
    Ok(Box::new(Entries { sources, waiting: VecDeque::new() }))
}

/// The one whose source the journal is here.
const JAIL: JailId = JailId(0);

/// How long the journal may be silent before it counts as read.
const SILENCE: Duration = Duration::from_millis(500);

/// The entries of the journal.
struct Entries {
    sources: Sources,
    waiting: VecDeque<Line>,
}

impl Iterator for Entries {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<io::Result<Line>> {
        let mut waited = false;
        while self.waiting.is_empty() {
            let waiting = &mut self.waiting;
            let more = self.sources.process(clock::now(), &mut |event| {
                if let Event::Entry { time, date, text, .. } = event {
                    let (date, after) = (date.to_owned(), text.to_owned());
                    waiting.push_back(Line::Dated { before: String::new(), date, after, time });
                }
            });
            if waiting.is_empty() && !more {
                if waited {
                    return None;
                }
                waited = true;
                let mut descriptor = [PollFd::new(&self.sources, PollFlags::IN)];
                // whether it is readable or not, the next look decides
                let _ = rustix::event::poll(&mut descriptor, Some(&timeout(SILENCE)));
            }
        }
        self.waiting.pop_front().map(Ok)
    }
}

fn timeout(time: Duration) -> Timespec {
    Timespec { tv_sec: time.as_secs() as i64, tv_nsec: time.subsec_nanos().into() }
}

/// The complete lines of a file, decoded.
struct FileLines {
    reader: BufReader<File>,
    encoding: Encoding,
    line_end: LineEnd,
    bytes: Vec<u8>,
    progress: Option<Progress>,
    /// What has been read but not yet given away.
    waiting: VecDeque<Line>,
    /// Path and name of the encoding for the warnings, which come once.
    warnings: Option<(String, String)>,
}

impl Iterator for FileLines {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<io::Result<Line>> {
        if let Some(line) = self.waiting.pop_front() {
            return Some(Ok(line));
        }
        match self.read() {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => return Some(Err(error)),
        }
        if let Some(progress) = &mut self.progress {
            progress.advance(self.bytes.len());
        }
        let (text, clean) = self.encoding.decode(&self.bytes);
        if let Some((path, encoding)) = self.warnings.take_if(|_| !clean) {
            self.waiting.extend(decode::warnings(&path, &encoding, &self.bytes).map(Line::Warning));
        }
        self.waiting.push_back(Line::Log(text.trim_end_matches(['\r', '\n']).to_owned()));
        self.waiting.pop_front().map(Ok)
    }
}

impl FileLines {
    /// Reads the bytes of a complete line; `false` at the end of the file.
    fn read(&mut self) -> io::Result<bool> {
        self.bytes.clear();
        // a line feed byte may be a part of a wider character
        while self.line_end.first(&self.bytes).is_none() {
            if self.reader.read_until(b'\n', &mut self.bytes)? == 0 {
                // a carriage return is as good as a line feed at the end of the file
                return Ok(self.encoding.decode(&self.bytes).0.ends_with('\r'));
            }
            // the rest of the character whose first byte that was
            let missing = match self.line_end {
                LineEnd::Utf16Le => self.bytes.len() % 2,
                LineEnd::Utf32Le => (4 - self.bytes.len() % 4) % 4,
                _ => 0,
            };
            self.reader.by_ref().take(missing as u64).read_to_end(&mut self.bytes)?;
        }
        Ok(true)
    }
}

/// How far a long input has been read, for a person at a terminal.
struct Progress {
    total: u64,
    read: u64,
    next: Instant,
    shown: bool,
}

/// Seconds without news.
const PATIENCE: Duration = Duration::from_secs(1);

impl Progress {
    fn new(file: &File) -> Option<Progress> {
        let total = file.metadata().ok()?.len();
        (total > 0 && io::stderr().is_terminal()).then(|| Progress {
            total,
            read: 0,
            next: Instant::now() + PATIENCE,
            shown: false,
        })
    }

    fn advance(&mut self, bytes: usize) {
        self.read += bytes as u64;
        let due = self.read % 64 < bytes as u64 && Instant::now() >= self.next;
        if due {
            self.next += PATIENCE;
            self.shown = true;
            let done = (self.read * 40 / self.total).min(40) as usize;
            let percent = self.read * 100 / self.total;
            eprint!("\r[{:<40}] {percent:3} %", "#".repeat(done));
            let _ = io::stderr().flush();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            eprint!("\r{:48}\r", "");
        }
    }
}
