//! An action that writes down what the actions before it in the same jail have just done.
use crate::sandbox::Sandbox;
use crate::wait;

/// An action for the end of a jail's list. Actions of a jail run one after the other, so what it has written
/// down is in the kernel already.
pub struct Witness<'s> {
    sandbox: &'s Sandbox,
}

impl<'s> Witness<'s> {
    /// Puts the action into the sandbox's configuration.
    pub fn new(sandbox: &'s Sandbox) -> Witness<'s> {
        let file = sandbox.path("witnessed");
        let command = |what: &str| format!("action{what} = echo '{what} <ip>' >>{}\n", file.display());
        sandbox.config(
            "action.d/witness.conf",
            &format!("[Definition]\n{}{}", command("ban"), command("unban")),
        );
        Witness { sandbox }
    }

    /// What the sandbox's witness has written down.
    pub fn at(sandbox: &'s Sandbox) -> Witness<'s> {
        Witness { sandbox }
    }

    /// `action`, witnessed: the value for a jail's option `action`.
    pub fn of(&self, action: &str) -> String {
        format!("{action}\n         witness")
    }

    /// Waits until `what` (`ban ADDRESS` or `unban ADDRESS`) has happened `times` times.
    ///
    /// # Panics
    /// When it does not happen within [`wait::PATIENCE`].
    pub fn wait(&self, what: &str, times: usize) {
        let count = || {
            let text = std::fs::read_to_string(self.sandbox.path("witnessed")).unwrap_or_default();
            (text.lines().filter(|line| *line == what).count() >= times).then_some(())
        };
        wait::until(wait::PATIENCE, count)
            .unwrap_or_else(|| panic!("did not happen {times} time(s): {what}"));
    }
}
