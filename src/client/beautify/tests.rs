use super::*;

fn shown(command: &str, reply: Value) -> String {
    let command: Vec<Value> = command.split(' ').map(Value::from).collect();
    match beautify(&command, &reply, false) {
        Beautified::Text(text) => text,
        Beautified::Odd(text) => format!("odd: {text}"),
    }
}

fn list(items: &[&str]) -> Value {
    Value::strings(items.iter().copied())
}

fn pair(name: &str, value: Value) -> Value {
    Value::Tuple(vec![name.into(), value])
}

fn jail_facts() -> Value {
    let filter = vec![pair("Currently failed", Value::Int(1)), pair("File list", list(&["/a", "/b"]))];
    let actions = vec![pair("Banned IP list", list(&["192.0.2.1", "192.0.2.2"]))];
    Value::List(vec![pair("Filter", Value::List(filter)), pair("Actions", Value::List(actions))])
}

#[test]
fn simple_replies() {
    let cases = [
        ("ping", "pong".into(), "Server replied: pong"),
        ("version", "1.1.1".into(), "1.1.1"),
        ("start a", Value::None, "Jail started"),
        ("stop", Value::None, "Shutdown successful"),
        ("stop a", Value::None, "Jail stopped"),
        ("add a", "a".into(), "Added jail a"),
        ("flushlogs", "rolled over".into(), "logs: rolled over"),
        ("echo a b", list(&["a", "b"]), "a b"),
        ("banned", Value::List(vec![Value::Dict(vec![("a".into(), list(&["::1"]))])]), "[{'a': ['::1']}]"),
        ("unban --all", Value::Int(3), "3"),
        ("set a idle on", Value::Bool(true), "True"),
        ("get loglevel", "INFO".into(), "Current logging level is 'INFO'"),
        ("get loglevel", Value::Int(7), "Current logging level is 'TRACE'"),
        ("get logtarget", "/log".into(), "Current logging target is:\n`- /log"),
        ("get syslogsocket", "auto".into(), "Current syslog socket is:\n`- auto"),
        ("get dbfile", Value::None, "Database currently disabled"),
        ("get dbfile", "/db".into(), "Current database file is:\n`- /db"),
        ("get dbpurgeage", Value::Float(86400.5), "Current database purge age is:\n`- 86400seconds"),
        ("get dbpurgeage", Value::None, "Database currently disabled"),
        ("get a bantime", Value::Int(600), "600"),
        ("get a ignorecommand", Value::None, "None"),
    ];
    for (command, reply, text) in cases {
        assert_eq!(shown(command, reply), text);
    }
}

#[test]
fn replies_about_a_jail() {
    let cases = [
        ("get a logpath", list(&[]), "No file is currently monitored"),
        ("get a logpath", list(&["/x", "/y"]), "Current monitored log file(s):\n|- /x\n`- /y"),
        ("get a logencoding", "UTF-8".into(), "Current log encoding is set to:\nUTF-8"),
        ("get a journalmatch", list(&[]), "No journal match filter set"),
        (
            "set a addjournalmatch x",
            Value::List(vec![list(&["a=1", "b=2"]), list(&["c=3"])]),
            "Current match filter:\na=1 b=2 + c=3",
        ),
        ("get a datepattern", Value::None, "Current date pattern set to: Not set/required"),
        (
            "get a datepattern",
            Value::Tuple(vec![Value::None, "Default Detectors".into()]),
            "Current date pattern set to: Default Detectors",
        ),
        (
            "get a datepattern",
            Value::Tuple(vec!["%Y".into(), "Year".into()]),
            "Current date pattern set to: %Y (Year)",
        ),
        ("get a ignoreip", list(&[]), "No IP address/network is ignored"),
        ("get a ignoreip", list(&["::1"]), "These IP addresses/networks are ignored:\n`- ::1"),
        ("get a failregex", list(&[]), "No regular expression is defined"),
        (
            "get a failregex",
            list(&["x", "y"]),
            "The following regular expression are defined:\n|- [0]: x\n`- [1]: y",
        ),
        ("get a actions", list(&[]), "No actions for jail a"),
        ("get a actions", list(&["x", "y"]), "The jail a has the following actions:\nx, y"),
        ("get a actionmethods x", list(&[]), "No methods for jail a action x"),
        (
            "get a actionproperties x",
            list(&["p", "q"]),
            "The jail a action x has the following properties:\np, q",
        ),
        ("get a banip", list(&["::1", "::2"]), "::1 ::2"),
        ("get a banip ,", list(&["::1", "::2"]), "::1,::2"),
        ("get a banip --with-time", list(&["::1", "::2"]), "::1\n::2"),
        ("set a banip ::1", Value::Int(1), "1"),
    ];
    for (command, reply, text) in cases {
        assert_eq!(shown(command, reply), text);
    }
}

#[test]
fn status_is_a_tree() {
    let mut server = vec![pair("Number of jail", Value::Int(1)), pair("Jail list", "a".into())];
    assert_eq!(
        shown("status", Value::List(server.clone())),
        "Status\n|- Number of jail:\t1\n`- Jail list:\ta"
    );
    let jail = "\
Status for the jail: a
|- Filter
|  |- Currently failed:\t1
|  `- File list:\t/a /b
`- Actions
   `- Banned IP list:\t192.0.2.1 192.0.2.2";
    assert_eq!(shown("status a", jail_facts()), jail);
    server.push(Value::Dict(vec![("a".into(), jail_facts())]));
    let all = "\
Status
|- Number of jail:\t1
|- Jail list:\ta
`- Status for the jails:
   `- Jail: a
      |- Filter
      |  |- Currently failed:\t1
      |  `- File list:\t/a /b
      `- Actions
         `- Banned IP list:\t192.0.2.1 192.0.2.2";
    assert_eq!(shown("status --all", Value::List(server)), all);
}

#[test]
fn statistics_are_a_table() {
    let counters = |a, b| Value::Tuple(vec![Value::Int(a), Value::Int(b)]);
    let facts = Value::List(vec!["systemd".into(), counters(1, 12345), counters(0, 7)]);
    let reply = Value::Dict(vec![("a".into(), facts)]);
    let table = "          |          | Filter      | Actions  \n Jail     | Backend  |-------------x-----------\n          \
         |          | cur |   tot | cur | tot\n----------x----------x-------------x-----------\n a        | \
         systemd  |   1 | 12345 |   0 |   7\n-----------------------------------------------";
    assert_eq!(shown("stats", reply), table);
    assert_eq!(shown("statistics", Value::Dict(vec![])), "No jails found.");
}

#[test]
fn odd_replies_are_shown_raw() {
    let stats = Value::List(vec!["polling".into(), Value::Tuple(vec![Value::Int(0), Value::Int(0)])]);
    let text = "odd: ['Status for the jail: a', '|- p']['polling', (0, 0)]";
    assert_eq!(shown("status a stats", stats), text);
    assert_eq!(shown("ping", Value::Int(1)), "odd: 11");
    assert_eq!(shown("get logtarget", Value::None), "odd: 'Current logging target is:\\n'None");
    let mixed = Value::List(vec!["/x".into(), Value::None, "/y".into()]);
    let text = "odd: 'Current monitored log file(s):\\n|- /x\\n'['/x', None, '/y']";
    assert_eq!(shown("get a logpath", mixed), text);
}

#[test]
fn failures_have_sentences() {
    let text =
        |module, class, arg: &str| beautify_error(&Exception { module, class, args: vec![arg.into()] });
    let own = "fail2ban.exceptions";
    let unknown = "Sorry but the jail 'x' does not exist";
    assert_eq!(text(own, "UnknownJailException", "x").as_deref(), Ok(unknown));
    assert_eq!(text(own, "DuplicateJailException", "x").as_deref(), Ok("The jail 'x' already exists"));
    let invalid = "Sorry but the command is invalid";
    assert_eq!(text("builtins", "IndexError", "list index out of range").as_deref(), Ok(invalid));
    assert_eq!(text("builtins", "Exception", "Invalid command").as_deref(), Ok("Invalid command"));
}
