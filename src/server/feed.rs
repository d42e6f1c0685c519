//! What sources deliver goes to the jails, and positions go to the database.

use indexmap::IndexMap;

use super::engine::Engine;
use super::logging;
use super::resolver::Resolver;
use super::running::Running;
use crate::file_name;
use crate::filter::Dated;
use crate::jail::Effect;
use crate::source::{Event, JailId, Mark, Position};
use crate::system::memory;

/// Seconds between savings of log positions.
pub(super) const SAVE_INTERVAL: f64 = 10.0;

/// A jail is not read on while more failures than these wait for names and commands, until fewer do.
const HOLD: usize = 500;
const RELEASE: usize = 100;

impl Engine {
    /// Reads what the sources have; whether there is more.
    pub(super) fn read_sources(&mut self) -> bool {
        self.hold_back();
        let now = self.now;
        let (jails, resolver) = (&mut self.jails, &mut self.resolver);
        let mut results: Vec<(String, Vec<Effect>)> = Vec::new();
        let more = self.sources.process(now, &mut |event| {
            deliver(event, jails, resolver, now, &mut results);
        });
        for jail in self.jails.values().filter(|jail| jail.idle) {
            // A jail that met too many errors rests from here on.
            self.sources.set_idle(jail.id, true);
        }
        for (name, effects) in results {
            self.carry_out(&name, effects);
        }
        self.write_source_messages();
        more
    }

    /// Leaves lines where they are, rather than piling up failures that wait: upstream, too, reads on when it has
    /// its answer.
    fn hold_back(&mut self) {
        for jail in self.jails.values_mut().filter(|jail| jail.kind.keeps_lines()) {
            let limit = if jail.held { RELEASE } else { HOLD };
            let held = jail.core.waiting() > limit;
            if std::mem::replace(&mut jail.held, held) != held {
                self.sources.set_idle(jail.id, jail.idle || held);
            }
        }
    }

    pub(super) fn write_source_messages(&mut self) {
        for message in self.sources.take_messages() {
            let name = message.jail.and_then(|id| self.jails.values().find(|jail| jail.id == id));
            let text = match name {
                Some(jail) => format!("[{}] {}", jail.core.name, message.text),
                None => message.text,
            };
            logging::write(message.level, message.logger, &text);
        }
    }

    pub(super) fn save_positions(&mut self) {
        self.next_save = self.now + SAVE_INTERVAL;
        let changed = self.sources.changed_positions();
        for (id, position) in changed {
            let name = self.jails.values().find(|jail| jail.id == id).map(|jail| jail.core.name.clone());
            if let Some(name) = name {
                self.save_position(&name, &position);
            }
        }
        // what the lines since needed just once, such as compiling an expression
        memory::give_back_code();
    }

    pub(super) fn save_position(&self, jail: &str, position: &Position) {
        let Some(store) = &self.store else { return };
        let path = file_name::decode(position.path.as_os_str());
        match position.mark {
            Mark::Offset(offset) => store.update_log(jail, &path, Some(&position.hash), offset),
            Mark::Time(time) => store.update_journal(jail, &path, time, &position.hash),
        }
    }
}

/// Hands an event of a source to the jails that watch it.
fn deliver(
    event: Event<'_>,
    jails: &mut IndexMap<String, Running>,
    resolver: &mut Resolver,
    now: f64,
    results: &mut Vec<(String, Vec<Effect>)>,
) {
    let readers = match &event {
        Event::Lines { readers, .. } | Event::Entry { readers, .. } => *readers,
    };
    for reader in readers {
        let Some(jail) = find(jails, reader.jail) else { continue };
        jail.core.filter.in_operation = reader.in_operation;
        let mut effects = Vec::new();
        match &event {
            Event::Lines { path, block, .. } => {
                jail.block(path, block, now, resolver, &mut effects);
            }
            Event::Entry { time, date, text, .. } => {
                let entry = Dated { before: "", date, after: text, time: *time };
                jail.entry(entry, now, resolver, &mut effects);
            }
        }
        results.push((jail.core.name.clone(), effects));
    }
}

fn find(jails: &mut IndexMap<String, Running>, id: JailId) -> Option<&mut Running> {
    jails.values_mut().find(|jail| jail.id == id)
}
