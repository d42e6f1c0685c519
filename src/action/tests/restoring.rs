//! What happens when firewalld has forgotten its rules.

use super::*;

#[test]
fn actions_of_firewalld_start_and_ban_again() {
    let folder = Folder::new("restore");
    let mut jail = TestJail::new(INFO);
    noting(&mut jail, "a", &folder, &[("client", "firewall-cmd")]);
    noting(&mut jail, "b", &folder, &[]);
    assert!(jail.actions.uses_firewalld());
    jail.actions.start(JailState::default());
    let tickets = vec![ban_of("192.0.2.1"), ban_of("2001:db8::1")];
    tickets.iter().for_each(|ticket| jail.actions.ban(ticket.clone()));
    jail.take_log();
    std::fs::write(folder.file("log"), "").expect("the folder is ours");
    jail.actions.restore(tickets, JailState::default());
    jail.actions.unban(ban_of("2001:db8::1"));
    assert_eq!(
        jail.take_log(),
        ["25 [j] Restore 2 ban(s) after a reset of firewalld, action 'a'", "25 [j] Unban 2001:db8::1"]
    );
    assert_eq!(
        done(&folder),
        [
            "a start ",
            "a ban 192.0.2.1 inet4",
            "a ban 2001:db8::1 inet6",
            "a unban 2001:db8::1 inet6",
            "b unban 2001:db8::1 inet6"
        ]
    );
}

#[test]
fn what_waits_for_its_first_ban_goes_on_waiting() {
    let folder = Folder::new("restore-on-demand");
    let mut jail = TestJail::new(INFO);
    let more = [("client", "firewall-cmd"), ("actionstart_on_demand", "true")];
    noting(&mut jail, "a", &folder, &more);
    jail.actions.start(JailState::default());
    jail.actions.ban(ban_of("192.0.2.1"));
    jail.actions.restore(vec![ban_of("192.0.2.1")], JailState::default());
    jail.settle();
    let round = ["a start inet4", "a ban 192.0.2.1 inet4"];
    assert_eq!(done(&folder), [round, round].concat());
}
