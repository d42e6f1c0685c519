//! The kinds of messages that the kernel gives.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use super::kmsg::Kmsg;
use super::nflog::Nflog;
use crate::source::Error;

/// What is listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Kmsg,
    /// The group of packet logs.
    Nflog(u16),
}

impl Kind {
    /// `kmsg`, or `nflog` with the option `group` (0 if not given); `None` for other backends.
    pub fn parse(backend: &str, options: &[(String, String)]) -> Result<Option<Kind>, Error> {
        let mut kind = match backend {
            "kmsg" => Kind::Kmsg,
            "nflog" => Kind::Nflog(0),
            _ => return Ok(None),
        };
        for (name, value) in options {
            match (&mut kind, name.as_str(), value.trim().parse()) {
                (Kind::Nflog(group), "group", Ok(number)) => *group = number,
                (Kind::Nflog(_), "group", Err(_)) => {
                    return Err(Error::Source(format!("backend nflog: '{value}' is no group (0 to 65535)")));
                }
                _ => return Err(Error::Source(format!("backend {backend} has no option '{name}'"))),
            }
        }
        Ok(Some(kind))
    }

    /// Its name in the `logs` table.
    pub fn path(self) -> &'static str {
        match self {
            Kind::Kmsg => "kmsg",
            Kind::Nflog(_) => "nflog",
        }
    }

    /// Who speaks in the log.
    pub fn logger(self) -> &'static str {
        match self {
            Kind::Kmsg => "fail2ban.filterkmsg",
            Kind::Nflog(_) => "fail2ban.filternflog",
        }
    }

    /// Opens it.
    pub fn open(self) -> io::Result<Source> {
        match self {
            Kind::Kmsg => Kmsg::open().map(Source::Kmsg),
            Kind::Nflog(group) => Nflog::open(group).map(Source::Nflog),
        }
    }

    /// Why it could not be opened or read.
    pub fn reason(self, error: &io::Error) -> String {
        let Kind::Nflog(group) = self else { return format!("Unable to read /dev/kmsg: {error}") };
        let why = match error.raw_os_error() {
            Some(libc::EPERM | libc::EBUSY) => {
                "another program listens to it already, or CAP_NET_ADMIN is missing"
            }
            Some(libc::EPROTONOSUPPORT | libc::EINVAL | libc::ENOENT) => "this kernel has no nfnetlink_log",
            _ => "",
        };
        format!("Unable to listen to nflog group {group}: {why} ({error})")
    }
}

/// It, opened.
#[derive(Debug)]
pub enum Source {
    Kmsg(Kmsg),
    Nflog(Nflog),
}

impl AsFd for Source {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Source::Kmsg(kmsg) => kmsg.as_fd(),
            Source::Nflog(nflog) => nflog.as_fd(),
        }
    }
}
