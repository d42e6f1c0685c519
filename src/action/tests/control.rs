//! Control commands about actions, and actions written in Python.

use super::*;

#[test]
fn control_commands_read_and_change_properties() {
    let mut jail = TestJail::new(INFO);
    jail.add("a", &[("timeout", "1m")]);
    let now = |value: Value| Reply::Now(Ok(value));
    assert_eq!(jail.actions.get("a", "timeout", 0), now(Value::Int(60)));
    assert_eq!(jail.actions.set("a", "name", Value::str("x"), 0), now(Value::str("x")));
    assert_eq!(jail.actions.get("a", "actionban", 0), now(Value::str("")));
    for (reply, text) in [
        (jail.actions.get("a", "bantime", 0), "'CommandAction' object has no attribute 'bantime'"),
        (jail.actions.get("b", "timeout", 0), "'Invalid Action name: b'"),
        (jail.actions.add("a", None, 0), "Action a already exists"),
    ] {
        let Reply::Now(Err(error)) = reply else { panic!("{reply:?}") };
        assert_eq!(error.message(), text);
    }
    let Reply::Now(Ok(names)) = jail.actions.properties("a", 0) else { panic!() };
    assert_eq!(
        names.to_string(),
        "['ESCAPE_CRE', 'ESCAPE_VN_CRE', 'actionban', 'actioncheck', 'actionflush', 'actionreban', 'actionreload', \
         'actionrepair', 'actionstart', 'actionstop', 'actionunban', 'banEpoch', 'name', 'timeout']"
    );
}

#[test]
fn methods_are_called_by_commands() {
    let folder = Folder::new("method");
    let mut jail = TestJail::new(INFO);
    noting(&mut jail, "a", &folder, &[]);
    assert!(jail.actions.is_method("a", "start") && !jail.actions.is_method("a", "actionstart"));
    assert_eq!(jail.actions.call("a", "start", None, 5), Reply::Later);
    let event = jail.events.recv().expect("an answer");
    assert_eq!(event, Event::Reply { jail: "j".into(), token: 5, result: Ok(Value::Bool(true)) });
    assert_eq!(done(&folder), ["a start "]);
}

/// The answer to a control command that only the worker can give.
fn later(jail: &TestJail, reply: Reply) -> Result<Value, String> {
    assert_eq!(reply, Reply::Later);
    loop {
        if let Event::Reply { result, .. } = jail.events.recv().expect("an answer") {
            return result.map_err(|error| error.message());
        }
    }
}

const NOTING: &str = "
from fail2ban.server.actions import ActionBase
class Action(ActionBase):
    def __init__(self, jail, name, file, word='x'):
        super().__init__(jail, name)
        self.file = file
        self.word = word
    def note(self, text):
        print('stray output')
        open(self.file, 'a').write(text + '\\n')
        return len(text)
    def start(self):
        self.note('start %s %s' % (self._jail.name, self._jail.actions.getBanTime()))
    def ban(self, aInfo):
        self._logSys.warning('banning %s', aInfo['ip'])
        aInfo.update({'word': self.word})
        self.note('ban %(ip)s %(word)s %(ipfailures)i %(time)s' % aInfo)
    def unban(self, aInfo):
        raise ValueError('no')
";

fn python_action(folder: &Folder) -> Python {
    let path = folder.file("noting.py");
    std::fs::write(&path, NOTING).expect("a writable folder");
    let options = format!("{{\"file\": \"{}\", \"word\": \"w\"}}", folder.file("log"));
    Python { path, options }
}

#[test]
fn python_actions_run_in_a_process_of_their_own() {
    let folder = Folder::new("python");
    let mut jail = TestJail::new(INFO);
    let reply = jail.actions.add("n", Some(python_action(&folder)), 3);
    assert_eq!(later(&jail, reply), Ok(Value::str("n")));
    jail.actions.start(JailState { bantime: 77, ..JailState::default() });
    jail.actions.ban(ban_of("192.0.2.1"));
    jail.actions.unban(ban_of("192.0.2.1"));
    let log = jail.take_log();
    assert_eq!(log[..3], ["25 [j] Ban 192.0.2.1", "30 banning 192.0.2.1", "25 [j] Unban 192.0.2.1"]);
    assert!(
        log[3].starts_with("40 Failed to execute unban jail 'j' action 'n' info 'ActionInfo({"),
        "{log:?}"
    );
    assert!(log[3].ends_with("': no"), "{log:?}");
    assert_eq!(done(&folder), ["start j 77", "ban 192.0.2.1 w 7 1700000000.0"]);
}

#[test]
fn python_actions_answer_control_commands() {
    let folder = Folder::new("python-control");
    let mut jail = TestJail::new(INFO);
    let reply = jail.actions.add("n", Some(python_action(&folder)), 3);
    assert_eq!(later(&jail, reply), Ok(Value::str("n")));
    let reply = jail.actions.set("n", "word", Value::str("v"), 4);
    assert_eq!(later(&jail, reply), Ok(Value::str("v")));
    let reply = jail.actions.call("n", "note", Some("{\"text\": \"abc\"}"), 5);
    assert_eq!(later(&jail, reply), Ok(Value::Int(3)));
    let reply = jail.actions.properties("n", 6);
    assert_eq!(later(&jail, reply).unwrap().to_string(), "['file', 'word']");
    let reply = jail.actions.methods("n", 7);
    assert_eq!(
        later(&jail, reply).unwrap().to_string(),
        "['ban', 'note', 'reban', 'start', 'stop', 'unban']"
    );

    let wrong = Python { options: "{}".into(), ..python_action(&folder) };
    let reply = jail.actions.add("m", Some(wrong), 8);
    let error = later(&jail, reply).unwrap_err();
    assert!(error.contains("missing 1 required positional argument: 'file'"), "{error}");
}
