//! The mail action against a mail server in the same process.

use super::*;
use crate::action::testing::{TestHost, ban_of};
use std::net::TcpListener;
use std::thread::JoinHandle;

#[test]
fn base64_is_base64() {
    for (text, coded) in
        [("", ""), ("f", "Zg==\r\n"), ("fo", "Zm8=\r\n"), ("foo", "Zm9v\r\n"), ("fooba", "Zm9vYmE=\r\n")]
    {
        assert_eq!(base64_lines(text.as_bytes()), coded);
    }
}

#[test]
fn a_mail_has_its_headers_and_no_others() {
    let mail = message("[Fail2Ban] x\r\nBcc: y", "Fail2Ban", "fail2ban", "root", "Hi,\n.\nü");
    let (headers, body) = mail.split_once("\r\n\r\n").expect("an empty line");
    let expected = "\r\nSubject: [Fail2Ban] x  Bcc: y\r\nFrom: Fail2Ban <fail2ban>\r\nTo: root\r\nDate: ";
    assert!(headers.contains(expected), "{headers}");
    assert!(headers.contains("base64") && body == "SGksCi4Kw7w=\r\n", "{body}");
}

/// A mail server for one mail; what it was told.
fn server(listener: TcpListener) -> JoinHandle<Vec<String>> {
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client");
        let mut stream = BufReader::new(stream);
        let mut said = Vec::new();
        let mut in_data = false;
        stream.get_mut().write_all(b"220 ready\r\n").expect("the client reads");
        loop {
            let mut line = String::new();
            let length = stream.read_line(&mut line).expect("the client writes");
            let line = line.trim_end_matches("\r\n").to_owned();
            let answer = match line.as_str() {
                "." => "250 queued",
                _ if in_data => "",
                "DATA" => "354 go on",
                "QUIT" => "221 bye",
                line if line.starts_with("EHLO") => "250-here\r\n250 SIZE",
                line if line.contains("nobody") => "550 who?",
                _ => "250 ok",
            };
            in_data = (in_data || line == "DATA") && line != ".";
            if !answer.is_empty() {
                stream.get_mut().write_all(format!("{answer}\r\n").as_bytes()).expect("the client reads");
            }
            let end = line == "QUIT" || length == 0;
            said.push(line);
            if end {
                return said;
            }
        }
    })
}

#[test]
fn a_ban_is_mailed() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    let options = serde_json::json!({"host": address, "dest": "root, nobody", "matches": "matches"});
    let (host, _events) = TestHost::new(level::INFO);
    let mut smtp = Smtp::new("j", &options.to_string(), host.clone()).expect("simple options");
    let server = server(listener);
    let ban = ban_of("192.0.2.1");
    smtp.ban(&mut ActionInfo::new(&ban, "j", &*host)).expect("sent");
    let said = server.join().expect("no panic");
    let envelope =
        ["EHLO box.example.com", "MAIL FROM:<fail2ban>", "RCPT TO:<root>", "RCPT TO:<nobody>", "DATA"];
    assert_eq!(said[..5], envelope);
    let subject = "Subject: [Fail2Ban] j: banned 192.0.2.1 from box";
    assert!(said.iter().any(|line| line == subject), "{said:?}");
    let body = said.iter().position(String::is_empty).expect("the end of the headers") + 1;
    assert_eq!(
        said[body..].join("\n"),
        "Hi,\n\nThe IP 192.0.2.1 has just been banned for 600 seconds\nby Fail2Ban after 3 attempts against j.\n\n\
         Matches for this ban:\nfirst\na DATE b\n\nRegards,\nFail2Ban\n.\nQUIT"
    );
    let log = host.lines.lock().unwrap().clone();
    assert_eq!(log, ["30 Email to 'root, nobody' failed to following recipients: 'nobody': 550 who?"]);
}

#[test]
fn encryption_and_login_are_left_to_python() {
    let (host, _events) = TestHost::new(level::INFO);
    assert!(Smtp::new("j", "{\"ssl\": \"1\"}", host.clone()).is_none());
    assert!(Smtp::new("j", "{\"user\": \"x\"}", host).is_none());
}

#[test]
fn a_missing_server_is_an_os_error() {
    let (host, _events) = TestHost::new(level::INFO);
    let mut smtp = Smtp::new("j", "{\"host\": \"127.0.0.1:1\"}", host).expect("simple options");
    assert_eq!(smtp.start().unwrap_err().message(), "[Errno 111] Connection refused");
}
