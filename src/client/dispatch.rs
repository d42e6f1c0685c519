//! What the client itself does about a command before or instead of sending it (COMPAT §1.2).

use std::time::Duration;

use super::console;
use super::session::Session;
use crate::value::Value;

impl Session {
    /// Does one command; whether it succeeded. An error is what kept it from being tried.
    pub fn process(&mut self, words: Vec<String>) -> Result<bool, String> {
        match words.first().map(String::as_str) {
            Some("start") if words.len() == 1 => self.start(),
            Some("restart") if words.len() > 1 => {
                // One jail: that is a kind of reload.
                let reload = ["reload", "--restart"].map(str::to_owned).into_iter();
                Ok(self.reload(reload.chain(words.into_iter().skip(1)).collect()))
            }
            Some("restart") => self.restart(),
            Some("reload") => Ok(self.reload(words)),
            Some("ping") if words.len() > 1 => {
                let timeout = ping_timeout(&words[1])?;
                Ok(self.exchange(&[Value::strings(words)], true, timeout))
            }
            _ => Ok(self.exchange(&[Value::strings(words)], true, None)),
        }
    }

    fn restart(&mut self) -> Result<bool, String> {
        let interactive = self.settings.interactive;
        let announce = |text: &str| {
            if interactive {
                console::print(text);
            }
        };
        announce("  ## stop ... ");
        self.exchange(&[Value::strings(["stop"])], true, None);
        self.wait_for_server(false, || false)?;
        announce("  ## load configuration ... ");
        // At the prompt the configuration, with the place of the socket, may have changed since.
        if interactive {
            if let Some(done) = self.reset()? {
                return Ok(done);
            }
        }
        announce("  ## start ... ");
        self.start()
    }

    fn reload(&mut self, words: Vec<String>) -> bool {
        let is_option = |word: &String| matches!(word.as_str(), "--restart" | "--unban" | "--if-exists");
        let (options, rest): (Vec<String>, Vec<String>) = {
            let count = words[1..].iter().take_while(|word| is_option(word)).count();
            (words[1..=count].to_vec(), words[count + 1..].to_vec())
        };
        if rest.len() > 1 {
            self.console.error(&format!("Unexpected argument(s) for reload: {}", Value::strings(rest)));
            return false;
        }
        if !self.ping(None) {
            self.console.error("Could not find server");
            return false;
        }
        let jail = rest.into_iter().next().filter(|jail| jail != "--all");
        let reading = self.read_config(jail.as_deref());
        let (true, Some(stream)) = (reading.valid, reading.stream) else { return false };
        if self.settings.interactive {
            console::print("  ## reload ... ");
        }
        let command = Value::List(vec![
            "reload".into(),
            jail.unwrap_or("--all".into()).into(),
            Value::strings(options),
            Value::List(stream.commands),
        ]);
        self.exchange(&[command], true, None)
    }
}

/// The timeout given to `ping`; the errors are Python's.
fn ping_timeout(word: &str) -> Result<Option<Duration>, String> {
    let seconds: f64 = word
        .trim()
        .parse()
        .map_err(|_| format!("could not convert string to float: {}", Value::str(word)))?;
    if seconds == -1.0 {
        return Ok(None);
    }
    // A socket cannot wait for no time at all.
    let duration = Duration::try_from_secs_f64(seconds).map_err(|_| "Timeout value out of range")?;
    Ok(Some(duration.max(Duration::from_micros(1))))
}
