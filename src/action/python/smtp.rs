//! The stock action `smtp.py` without Python: plain SMTP, as its default configuration speaks it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::action::Python;
use crate::action::host::{Host, level};
use crate::action::info::ActionInfo;
use crate::action::job::Call;
use crate::value::{Exception, Value};

const LOGGER: &str = "fail2ban.SMTPAction";

/// SHA-1 of the `smtp.py` that fail2ban 1.0.2, 1.1.0 and 1.1.1 ship; any other file may do anything.
const STOCK: [&str; 3] = [
    "3451577581c782b413d45c6c984edfc8b2c8c08b",
    "297ddd0446b1933248956681425f7de664793207",
    "46196b9b881f211d19c4f325c38f0c8c16111158",
];

/// How long the mail server may take for one answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Constructor argument, property, default.
const OPTIONS: [(&str, &str, &str); 5] = [
    ("host", "host", "localhost"),
    ("sendername", "fromname", "Fail2Ban"),
    ("sender", "fromaddr", "fail2ban"),
    ("dest", "toaddr", "root"),
    ("matches", "matches", ""),
];

const METHODS: [&str; 5] = ["ban", "reban", "start", "stop", "unban"];

/// A mail sender with the action's properties.
pub(super) struct Smtp {
    jail: String,
    properties: BTreeMap<String, Value>,
    host: Arc<dyn Host>,
}

impl Smtp {
    /// For the genuine file with options that need neither encryption nor a login.
    pub fn for_stock_file(jail: &str, python: &Python, host: Arc<dyn Host>) -> Option<Self> {
        let file = std::fs::read(&python.path).ok()?;
        if !STOCK.contains(&sha1_smol::Sha1::from(file).digest().to_string().as_str()) {
            return None;
        }
        Smtp::new(jail, &python.options, host)
    }

    fn new(jail: &str, options: &str, host: Arc<dyn Host>) -> Option<Self> {
        let given: serde_json::Value = serde_json::from_str(options).ok()?;
        let mut properties = BTreeMap::from([("norestored".to_owned(), Value::Int(1))]);
        for (argument, property, default) in OPTIONS {
            properties.insert(property.into(), Value::str(default));
            if argument == "matches" {
                properties.insert(property.into(), Value::None);
            }
        }
        for (argument, value) in given.as_object()? {
            let (_, property, _) = OPTIONS.into_iter().find(|(known, _, _)| known == argument)?;
            properties.insert(property.into(), Value::str(value.as_str()?));
        }
        for (property, value) in
            [("ssl", Value::Bool(false)), ("user", Value::None), ("password", Value::None)]
        {
            properties.insert(property.into(), value);
        }
        Some(Smtp { jail: jail.into(), properties, host })
    }

    pub fn start(&mut self) -> Result<(), Exception> {
        let text =
            format!("Hi,\n\nThe jail {} has been started successfully.\n\nRegards,\nFail2Ban", self.jail);
        self.send(&format!("started on {}", self.host.hostname(false)), &text)
    }

    pub fn stop(&mut self) -> Result<(), Exception> {
        let text = format!("Hi,\n\nThe jail {} has been stopped.\n\nRegards,\nFail2Ban", self.jail);
        self.send(&format!("stopped on {}", self.host.hostname(false)), &text)
    }

    pub fn ban(&mut self, info: &mut ActionInfo) -> Result<(), Exception> {
        if info.ticket.restored {
            return Ok(());
        }
        let ip = info.ticket.ip.to_string();
        let mut text = format!(
            "Hi,\n\nThe IP {ip} has just been banned for {} seconds\nby Fail2Ban after {} attempts against {}.\n",
            info.ticket.jail.bantime, info.ticket.failures, self.jail
        );
        let which = self.text("matches");
        let about = match which.as_str() {
            "matches" => Some("this ban".to_owned()),
            "ipmatches" => Some(ip.clone()),
            "ipjailmatches" => Some(format!("{ip} for jail {}", self.jail)),
            _ => None,
        };
        if let Some(about) = about {
            let lines = info.value(&which).map(|value| value.to_text()).unwrap_or_default();
            text += &format!("\nMatches for {about}:\n{lines}\n");
        }
        text += "\nRegards,\nFail2Ban";
        self.send(&format!("banned {ip} from {}", self.host.hostname(false)), &text)
    }

    /// Answers a control command.
    pub fn answer(&mut self, call: Call) -> Result<Value, Exception> {
        let missing = |name: &str| {
            let text = format!("'SMTPAction' object has no attribute {}", Value::str(name));
            Exception::builtin("AttributeError", text)
        };
        match call {
            Call::Method { name, .. } => match name.as_str() {
                "start" => self.start().map(|()| Value::None),
                "stop" => self.stop().map(|()| Value::None),
                _ => Err(Exception::builtin(
                    "NotImplementedError",
                    format!("method {name} cannot be called by a command"),
                )),
            },
            Call::Get(name) => self.properties.get(&name).cloned().ok_or_else(|| missing(&name)),
            Call::Set(name, _) if matches!(name.as_str(), "ssl" | "user" | "password") => {
                let text = format!("{name} can only be given as an option of the action");
                Err(Exception::builtin("ValueError", text))
            }
            Call::Set(name, value) => {
                self.properties.insert(name, value.clone());
                Ok(value)
            }
            Call::Properties => Ok(Value::strings(self.properties.keys().map(String::as_str))),
            Call::Methods | Call::Load => Ok(Value::strings(METHODS)),
        }
    }

    fn text(&self, property: &str) -> String {
        self.properties
            .get(property)
            .filter(|value| **value != Value::None)
            .map(Value::to_text)
            .unwrap_or_default()
    }

    fn send(&self, event: &str, text: &str) -> Result<(), Exception> {
        let subject = format!("[Fail2Ban] {}: {event}", self.jail);
        let receivers = self.text("toaddr");
        let message = message(&subject, &self.text("fromname"), &self.text("fromaddr"), &receivers, text);
        let address = self.text("host");
        let refused = Session::open(&address, &self.host.hostname(true))
            .and_then(|mut session| session.mail(&self.text("fromaddr"), &receivers, &message))
            .inspect_err(|error| {
                if matches!(error, Failure::Refused(_)) {
                    let text = format!(
                        "Error sending mail to host '{address}' from '{}' to '{receivers}'",
                        self.text("fromaddr")
                    );
                    self.host.log(level::ERROR, LOGGER, &text);
                }
            })
            .map_err(Failure::into_exception)?;
        if !refused.is_empty() {
            let text =
                format!("Email to '{receivers}' failed to following recipients: {}", refused.join(", "));
            self.host.log(level::WARNING, LOGGER, &text);
        }
        self.host.log(level::DEBUG, LOGGER, &format!("Email '{subject}' successfully sent"));
        Ok(())
    }
}

/// Why a mail was not sent.
enum Failure {
    Setting(String),
    Network(std::io::Error),
    /// The server's own words.
    Refused(String),
}

impl Failure {
    fn into_exception(self) -> Exception {
        match self {
            Failure::Setting(text) => Exception::builtin("ValueError", text),
            Failure::Network(error) => {
                let number = i64::from(error.raw_os_error().unwrap_or(0));
                let args = vec![Value::Int(number), crate::value::os_text(&error).into()];
                Exception { module: "builtins", class: "OSError", args }
            }
            Failure::Refused(text) => Exception::builtin("RuntimeError", text),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Failure::Network(error)
    }
}

/// A conversation with a mail server.
struct Session {
    stream: BufReader<TcpStream>,
}

impl Session {
    fn open(address: &str, name: &str) -> Result<Self, Failure> {
        let Some((host, port)) = address.split_once(':') else {
            return Err(Failure::Setting("not enough values to unpack (expected 2, got 1)".into()));
        };
        let port = port.parse().map_err(|_| Failure::Setting(format!("nonnumeric port: '{port}'")))?;
        let stream = TcpStream::connect((host, port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut session = Session { stream: BufReader::new(stream) };
        session.answer()?;
        if session.say(&format!("EHLO {name}")).is_err() {
            session.say(&format!("HELO {name}"))?;
        }
        Ok(session)
    }

    /// Sends a mail; the receivers that the server does not take, unless that is all of them.
    fn mail(&mut self, sender: &str, receivers: &str, message: &str) -> Result<Vec<String>, Failure> {
        if [sender, receivers].iter().any(|text| text.contains(char::is_control)) {
            let text = "command and arguments contain prohibited newline characters";
            return Err(Failure::Setting(text.into()));
        }
        self.say(&format!("MAIL FROM:<{sender}>"))?;
        let mut refused = Vec::new();
        let mut last = None;
        let receivers: Vec<&str> = receivers.split(", ").collect();
        for receiver in &receivers {
            match self.say(&format!("RCPT TO:<{receiver}>")) {
                Err(Failure::Refused(answer)) => {
                    refused.push(format!("'{receiver}': {answer}"));
                    last = Some(answer);
                }
                other => {
                    other?;
                }
            }
        }
        if let (true, Some(answer)) = (refused.len() == receivers.len(), last) {
            return Err(Failure::Refused(answer));
        }
        self.say("DATA")?;
        self.say(&format!("{}.", message.replace("\r\n.", "\r\n..")))?;
        // The mail is on its way, however the server takes leave.
        let _ = self.say("QUIT");
        Ok(refused)
    }

    fn say(&mut self, line: &str) -> Result<(), Failure> {
        self.stream.get_mut().write_all(format!("{line}\r\n").as_bytes())?;
        self.answer()
    }

    /// Reads an answer of one or more lines; an error unless it is a positive one.
    fn answer(&mut self) -> Result<(), Failure> {
        let mut text = String::new();
        // Far more lines than any server has extensions.
        for _ in 0..100 {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(Failure::Refused("Connection unexpectedly closed".into()));
            }
            text += line.trim_end();
            if line.as_bytes().get(3) != Some(&b'-') {
                let positive = line.starts_with(['2', '3']);
                return if positive { Ok(()) } else { Err(Failure::Refused(text)) };
            }
            text.push(' ');
        }
        Err(Failure::Refused(text))
    }
}

/// A mail with its headers. Texts beyond plain ASCII, or with long lines, travel as base64.
fn message(subject: &str, name: &str, sender: &str, receivers: &str, text: &str) -> String {
    let plain = text.is_ascii() && text.lines().all(|line| line.len() < 900) && !text.contains('\0');
    let body = if plain {
        text.lines().map(|line| format!("{}\r\n", line.trim_end_matches('\r'))).collect()
    } else {
        base64_lines(text.as_bytes())
    };
    let encoding = if plain { "7bit" } else { "base64" };
    let quoted = match name.bytes().all(|b| b.is_ascii_alphanumeric() || b" !#$%&'*+-/=?^_`{|}~".contains(&b))
    {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")),
    };
    let from = if name.is_empty() { sender.to_owned() } else { format!("{quoted} <{sender}>") };
    let date = Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S -0000");
    let headers = [
        "Content-Type: text/plain; charset=\"utf-8\"".to_owned(),
        format!("Content-Transfer-Encoding: {encoding}"),
        "MIME-Version: 1.0".to_owned(),
        format!("Subject: {}", header(subject)),
        format!("From: {}", header(&from)),
        format!("To: {}", header(receivers)),
        format!("Date: {date}"),
    ];
    format!("{}\r\n\r\n{body}", headers.join("\r\n"))
}

/// A header's value in one line; what is not ASCII as an encoded word (RFC 2047).
fn header(value: &str) -> String {
    let value: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if value.is_ascii() {
        value
    } else {
        format!("=?utf-8?b?{}?=", base64_lines(value.as_bytes()).replace("\r\n", ""))
    }
}

fn base64_lines(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut result = String::new();
    for line in bytes.chunks(57) {
        for group in line.chunks(3) {
            let byte = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
            let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
            for digit in 0..4 {
                let index = (bits >> (18 - 6 * digit)) & 63;
                result.push(if digit > group.len() { '=' } else { char::from(DIGITS[index as usize]) });
            }
        }
        result += "\r\n";
    }
    result
}

#[cfg(test)]
#[path = "smtp_tests.rs"]
mod tests;
