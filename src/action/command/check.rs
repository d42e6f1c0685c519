//! Consistency of what an action has set up, and its repair. Run only after a command has failed, or
//! because a banned host goes on (trap 5).

use super::{CommandAction, Place, STARTED};
use crate::action::ACTIONS;
use crate::action::host::level;
use crate::action::info::FamilyKey;
use crate::value::Exception;

const LOGGER: &str = "fail2ban.CommandAction";

/// What a failed check is told about first, instead of being repaired.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::action) enum Purpose {
    Any,
    Unban,
    FlushAtStop,
}

/// The result of a check.
#[derive(PartialEq, Eq)]
pub(super) enum Check {
    /// In order, perhaps after a repair.
    Sane,
    /// Broken, and not repaired for this purpose.
    Refused,
    /// Broken for good.
    Broken,
}

impl CommandAction {
    /// Checks every started family and repairs it if it must be; false when one stays broken.
    pub fn check(&mut self, purpose: Purpose, place: &mut Place) -> Result<bool, Exception> {
        let mut sane = true;
        if !self.properties.is_set("actioncheck") {
            return Ok(sane);
        }
        for family in self.started_families() {
            if self.check_family(&family, purpose, true, place)? == Check::Broken {
                self.set_state(family.clone(), 0);
                self.record("<actionstart>", &family, None);
                sane = false;
            }
        }
        Ok(sane)
    }

    pub(super) fn check_family(
        &mut self,
        family: &FamilyKey,
        purpose: Purpose,
        force_start: bool,
        place: &mut Place,
    ) -> Result<Check, Exception> {
        if !force_start && family.is_some() && !self.started.iter().any(|(known, _)| known == family) {
            return Ok(Check::Sane);
        }
        let check = self.operation_command("<actioncheck>", family, place)?;
        if check.script.is_empty() || self.execute(&check, place)? {
            return Ok(Check::Sane);
        }
        if let Some((logger, text)) = self.refusal(purpose) {
            place.host.log(level::ERROR, logger, text);
            return Ok(Check::Refused);
        }
        place.host.log(level::ERROR, LOGGER, "Invariant check failed. Trying to restore a sane environment");
        self.invalidate_bans(place);
        if !self.restore(family, force_start, place)?
            || (self.state(family) != 0 && !self.execute(&check, place)?)
        {
            place.host.log(level::CRITICAL, LOGGER, "Unable to restore environment");
            return Ok(Check::Broken);
        }
        Ok(Check::Sane)
    }

    /// Bans made until now count as lost: they are repeated when the banned go on.
    pub(super) fn invalidate_bans(&mut self, place: &mut Place) {
        *place.epoch += 1;
        self.ban_epoch = *place.epoch;
    }

    /// Why something broken is not repaired for this purpose, and who says so.
    fn refusal(&self, purpose: Purpose) -> Option<(&'static str, &'static str)> {
        if self.properties.is_set("actionrepair_on_unban") {
            return None;
        }
        match purpose {
            Purpose::Any => None,
            Purpose::Unban => Some((LOGGER, "Invariant check failed. Unban is impossible.")),
            Purpose::FlushAtStop => Some((ACTIONS, "Invariant check failed. Flush is impossible.")),
        }
    }

    /// Repairs a family by the action's own command, or else by stopping and starting it.
    fn restore(
        &mut self,
        family: &FamilyKey,
        force_start: bool,
        place: &mut Place,
    ) -> Result<bool, Exception> {
        let repair = self.operation_command("<actionrepair>", family, place)?;
        if !repair.script.is_empty() {
            let repaired = self.execute(&repair, place)?;
            self.set_state(family.clone(), if repaired { STARTED } else { 0 });
            return Ok(repaired);
        }
        // What cannot be stopped may still start.
        let _ = self.stop_for(family, place);
        let force = force_start || !self.properties.start_on_demand();
        self.start_for(Some(family.clone()), force, place)?;
        Ok(true)
    }
}
