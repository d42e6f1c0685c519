//! The results at the end.

use super::Exit;
use super::tester::{Regex, Tester};
use crate::clock;
use crate::date::{Entry, Stamp};
use crate::filter::decode::Encoding;
use crate::pattern::{self, replace_tags};
use crate::text::strip_end;

impl Tester<'_> {
    /// The error is what upstream raises on times beyond the calendar of the C library.
    pub(super) fn report(&mut self) -> Result<(), Exit> {
        for line in ["", "Results", "======="] {
            self.out.line(line);
        }
        self.report_prefix();
        let verbose = self.options.verbose > 0;
        let blocks = [
            ("Failregex", regex_lines(&self.failregex, verbose)?),
            ("Ignoreregex", regex_lines(&self.ignoreregex, verbose)?),
        ];
        for (title, (total, lines)) in blocks {
            self.out.line(&format!("\n{title}: {total} total"));
            self.block(&lines, Some(" #) [# of hits] regular expression"));
        }
        self.report_dates();
        if let Some(profile) = self.profile.take() {
            for line in profile.report(&self.filter) {
                self.out.line(&line);
            }
        }
        let lines = &self.lines;
        let counts = format!(
            "\nLines: {} lines, {} ignored, {} matched, {} missed",
            lines.tested, lines.ignored.count, lines.matched.count, lines.missed.count
        );
        self.out.line(&counts);
        self.out.line(&format!("[processed in {:.2} sec]", self.elapsed));
        self.out.line("");
        self.report_lines();
        Ok(())
    }

    fn report_prefix(&mut self) {
        let Some(pre) = self.filter.prefregex() else { return };
        let mut lines = vec![pre.as_str().to_owned()];
        lines.extend(self.prefixes.iter().map(|groups| format!("    {groups}")));
        self.out.line(&format!("\nPrefregex: {} total", self.prefix_hits));
        self.block(&lines, None);
    }

    fn report_dates(&mut self) {
        let Some(detector) = &self.filter.detector else { return };
        let mut lines = Vec::new();
        for entry in detector.templates().iter().filter(|e| e.hits > 0 || self.options.verbose > 0) {
            lines.push(format!("[{}] {}", entry.hits, entry.template.name));
            if self.options.verbose_date {
                lines.extend(date_details(entry));
            }
        }
        self.out.line("\nDate template hits:");
        self.block(&lines, Some("[# of hits] date format"));
    }

    fn report_lines(&mut self) {
        let options = &self.options;
        let kinds = [
            ("matched", options.print_all_matched, options.print_all_matched),
            ("ignored", !options.print_no_ignored, options.print_all_ignored),
            ("missed", !options.print_no_missed, options.print_all_missed),
        ];
        for (name, shown, all) in kinds {
            if shown {
                self.report_kind(name, all);
            }
        }
    }

    fn report_kind(&mut self, name: &str, all: bool) {
        let (kind, regexes) = match name {
            "matched" => (&self.lines.matched, &self.failregex),
            "ignored" => (&self.lines.ignored, &self.ignoreregex),
            _ => (&self.lines.missed, &self.failregex),
        };
        if kind.count == 0 {
            return;
        }
        let header = format!("{}{} line(s):", name[..1].to_uppercase(), &name[1..]);
        if kind.count >= self.limit() && !all {
            let count = kind.count;
            self.out.line(&format!(
                "{header} too many to print.  Use --print-all-{name} to print all {count} lines"
            ));
            return;
        }
        let lines: Vec<String> = if self.options.debuggex {
            let with =
                |line: &String| regexes.iter().map(|regex| self.debuggex(line, regex)).collect::<Vec<_>>();
            kind.lines.iter().flat_map(with).collect()
        } else {
            kind.lines.iter().map(|line| strip_end(line).to_owned()).collect()
        };
        self.block(&lines, Some(&header));
    }

    /// A line, a regex, and where to try them with pictures.
    fn debuggex(&self, line: &str, regex: &Regex) -> String {
        let use_dns = match self.options.usedns.as_deref() {
            Some("no") => pattern::UseDns::No,
            _ => pattern::UseDns::Yes,
        };
        // an unknown one has ended the run where it would have decoded a file
        let encoding = Encoding::parse(&self.options.encoding).unwrap_or(Encoding::Utf8);
        let mut url = format!(
            "https://www.debuggex.com/?re={}&str={}&flavor=python",
            quote(replace_tags(&regex.text, use_dns).as_bytes()),
            quote(&encoding.encode(line))
        );
        if self.filter.max_lines() > 1 {
            url += "&flags=m";
        }
        strip_end(&format!("{line} | {} |  {url}", regex.text)).to_owned()
    }

    /// Lines within a frame; nothing for none.
    fn block(&mut self, lines: &[String], header: Option<&str>) {
        if lines.is_empty() {
            return;
        }
        if let Some(header) = header {
            self.out.line(&format!("|- {header}"));
        }
        for line in lines {
            self.out.line(&format!("|  {line}"));
        }
        self.out.line("`-");
    }
}

const TOO_LATE: &str = "OSError: [Errno 75] Value too large for defined data type";

/// The number of hits of all regexes, and what is shown of them.
fn regex_lines(regexes: &[Regex], verbose: bool) -> Result<(u64, Vec<String>), Exit> {
    let mut lines = Vec::new();
    for (i, regex) in regexes.iter().enumerate().filter(|(_, regex)| verbose || regex.hits > 0) {
        lines.push(format!("{:2}) [{}] {}", i + 1, regex.hits, regex.text));
        for matched in &regex.matches {
            let time = matched.time.map_or_else(clock::now, Stamp::seconds);
            let time = clock::ctime(time).ok_or_else(|| Exit::raised(TOO_LATE))?;
            let multiple = if matched.multiple { " (multiple regex matched)" } else { "" };
            lines.push(format!("    {}  {}{multiple}", matched.id, time));
        }
    }
    Ok((regexes.iter().map(|regex| regex.hits).sum(), lines))
}

fn date_details(entry: &Entry) -> [String; 2] {
    let template = &entry.template;
    [
        format!(
            "    # weight: {:.3} ({:.3}), pattern: {}",
            entry.weight(),
            entry.hit_weight(),
            template.pattern.as_deref().unwrap_or_default()
        ),
        format!("    # regex:   {}", template.regex),
    ]
}

/// Python's `urllib.parse.quote_plus`.
fn quote(text: &[u8]) -> String {
    let mut quoted = String::new();
    for &byte in text {
        match byte {
            b' ' => quoted.push('+'),
            b'_' | b'.' | b'-' | b'~' => quoted.push(byte.into()),
            byte if byte.is_ascii_alphanumeric() => quoted.push(byte.into()),
            byte => quoted += &format!("%{byte:02X}"),
        }
    }
    quoted
}
