//! Banning and unbanning by hand, and who is banned.

use super::Reply;
use super::args::Args;
use crate::action::{self, BanInfo};
use crate::address::Address;
use crate::bans::{Ban, NEVER, PERMANENT};
use crate::clock::local_text;
use crate::failures::Ticket;
use crate::filter::Data;
use crate::level;
use crate::server::engine::Engine;
use crate::server::logging;
use crate::server::message::Message;
use crate::value::{Exception, Value};

/// An identifier that somebody typed.
fn typed(text: &str) -> Result<Address, Exception> {
    Address::parse(text).map_err(|text| Exception::builtin("ValueError", text))
}

/// A number from 0 up to 1, different enough each time to spread the ends of bans (`bantime.rndtime`).
pub(in crate::server) fn random() -> f64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let bits = RandomState::new().build_hasher().finish();
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// Runs a jail's `ignorecommand` for a failure on a worker; the answer comes as a message.
pub(in crate::server) fn run_ignore_command(engine: &mut Engine, jail: &str, command: String, info: BanInfo) {
    let (sender, host, jail) = (engine.sender.clone(), engine.services.clone(), jail.to_owned());
    let work = {
        let (sender, jail) = (sender.clone(), jail.clone());
        move || {
            let ignored = action::run_ignore_command(&command, &info, &jail, &*host);
            sender.send(Message::Command { jail, ignored });
        }
    };
    let builder = std::thread::Builder::new().name("f2b/ignore".to_owned()).stack_size(512 * 1024);
    if let Err(error) = builder.spawn(work) {
        let text = format!("Unable to run ignorecommand: {error}");
        logging::write(level::ERROR, "fail2ban.filter", &text);
        sender.send(Message::Command { jail, ignored: false });
    }
}

impl Engine {
    /// `set JAIL attempt ID [LINES…]`.
    pub(super) fn attempt(&mut self, name: &str, args: Args) -> Reply {
        self.jail(name)?;
        if args.len() == 0 {
            let text = "Filter.addAttempt() missing 1 required positional argument: 'ip'";
            return Err(Exception::builtin("TypeError", text));
        }
        let id = typed(&args.text(0)?)?;
        let (lines, now) = (args.from(1).texts(), self.now);
        let counted =
            self.with_jail(name, |jail, resolver, out| jail.core.attempt(id, lines, now, resolver, out));
        Ok(Value::Int(counted.unwrap_or(false).into()))
    }

    /// `set JAIL banip ID…`: the number of new bans.
    pub(super) fn ban_by_hand(&mut self, name: &str, args: Args) -> Reply {
        self.jail(name)?;
        let ids = args.texts().iter().map(|text| typed(text)).collect::<Result<Vec<_>, _>>()?;
        let now = self.now;
        let count = self.with_jail(name, |jail, _, out| {
            let ban = |id| Ban::new(id, Ticket::new(now, Vec::new(), Data::default()));
            ids.into_iter().filter(|id| jail.core.ban(ban(id.clone()), now, out)).count()
        });
        Ok(Value::Int(count.unwrap_or(0) as i64))
    }

    /// `set JAIL unbanip [--report-absent] ID…`: the number of bans that ended.
    pub(super) fn unban_by_hand(&mut self, name: &str, args: Args) -> Reply {
        self.jail(name)?;
        let strict = args.text(0)? == "--report-absent";
        let ids = args.from(strict.into()).texts();
        let mut absent = Vec::new();
        let count = self.unban_ids(name, &ids, &mut absent)?;
        if strict && !absent.is_empty() {
            let text = format!("not banned: {}", Value::strings(absent));
            return Err(Exception::builtin("ValueError", text));
        }
        Ok(Value::Int(count))
    }

    /// `unban --all` or `unban ID…`, in all jails.
    pub(super) fn unban(&mut self, args: Args) -> Reply {
        if args.len() == 1 && args.text(0)? == "--all" {
            return Ok(Value::Int(self.unban_all(None)));
        }
        let ids = args.texts();
        let names: Vec<String> = self.jails.keys().cloned().collect();
        let mut count = 0;
        for name in names {
            count += self.unban_ids(&name, &ids, &mut Vec::new())?;
        }
        Ok(Value::Int(count))
    }

    /// Ends bans of one jail, or of all; the present command waits until the actions have run.
    fn unban_ids(&mut self, name: &str, ids: &[String], absent: &mut Vec<String>) -> Result<i64, Exception> {
        let token = self.token();
        let store = self.store.clone();
        let Some(jail) = self.jails.get_mut(name) else { return Ok(0) };
        let mut over: Vec<Ban> = Vec::new();
        let mut forgotten: Vec<String> = Vec::new();
        for text in ids {
            forgotten.push(text.clone());
            let id = typed(text)?;
            if let Some(ban) = jail.core.bans.take(&id) {
                over.push(ban);
                continue;
            }
            let within: Vec<Address> = match id.is_single() {
                true => Vec::new(),
                false => {
                    jail.core.bans.iter().map(|ban| ban.id.clone()).filter(|other| other.is_in(&id)).collect()
                }
            };
            if within.is_empty() {
                logging::write(level::MSG, "fail2ban.actions", &format!("{id} is not banned"));
                absent.push(text.clone());
            }
            for id in within {
                forgotten.push(id.to_string());
                over.extend(jail.core.bans.take(&id));
            }
        }
        for info in jail.infos(&over) {
            jail.actions.unban(info);
        }
        if !over.is_empty() {
            jail.actions.barrier(token);
            self.await_token(token);
        }
        if let Some(store) = store {
            store.del_bans(name, forgotten);
        }
        Ok(over.len() as i64)
    }

    /// Ends all bans of one jail, or of all jails: how many.
    pub(super) fn unban_all(&mut self, only: Option<&str>) -> i64 {
        let names: Vec<String> =
            self.jails.keys().filter(|name| only.is_none_or(|only| only == *name)).cloned().collect();
        let store = self.store.clone();
        let mut count = 0;
        for name in names {
            let token = self.token();
            let Some(jail) = self.jails.get_mut(&name) else { continue };
            let over = jail.core.bans.take_all();
            count += over.len() as i64;
            let (infos, state) = (jail.infos(&over), jail.state());
            jail.actions.flush(infos, state);
            jail.actions.barrier(token);
            self.await_token(token);
            if let Some(store) = &store {
                store.del_all_bans(&name);
            }
        }
        count
    }

    /// `banned [ID…]`.
    pub(super) fn banned(&mut self, args: Args) -> Reply {
        if args.len() == 0 {
            let lists = self.jails.iter().map(|(name, jail)| {
                let ids = Value::strings(jail.core.bans.iter().map(|ban| ban.id.to_string()));
                Value::Dict(vec![(name.as_str().into(), ids)])
            });
            return Ok(Value::List(lists.collect()));
        }
        let jails_of = |text: String| -> Reply {
            let id = typed(&text)?;
            let names = self.jails.iter().filter(|(_, jail)| jail.core.bans.get(&id).is_some());
            Ok(Value::strings(names.map(|(name, _)| name.as_str())))
        };
        Ok(Value::List(args.texts().into_iter().map(jails_of).collect::<Result<_, _>>()?))
    }

    /// `get JAIL banned [ID…]`.
    pub(super) fn get_banned(&self, name: &str, args: Args) -> Reply {
        let bans = &self.jail(name)?.core.bans;
        let flags = args
            .texts()
            .iter()
            .map(|text| Ok(Value::Int(bans.get(&typed(text)?).is_some().into())))
            .collect::<Result<Vec<_>, Exception>>()?;
        Ok(match flags.as_slice() {
            [] => Value::strings(bans.iter().map(|ban| ban.id.to_string())),
            [one] => one.clone(),
            _ => Value::List(flags),
        })
    }

    /// `get JAIL banip [--with-time]`: those that end first first.
    pub(super) fn get_ban_list(&self, name: &str, args: Args) -> Reply {
        let bans = &self.jail(name)?.core.bans;
        let default = bans.ban_time() as f64;
        let with_time = args.text(0).is_ok_and(|word| word == "--with-time");
        let line = |ban: &Ban| match with_time {
            false => ban.id.to_string(),
            true => {
                let length = ban.bantime.unwrap_or(default);
                let end = if length == PERMANENT { NEVER } else { ban.end(default) };
                let begin = local_text(ban.ticket.time);
                format!("{} \t{begin} + {} = {}", ban.id, length as i64, local_text(end))
            }
        };
        Ok(Value::strings(bans.by_end().map(line)))
    }
}
