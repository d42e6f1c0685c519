//! Names of groups; those with a meaning are compared as numbers.

use ecow::EcoString;

/// Groups with a meaning of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `fid`: the identifier, any text.
    Fid,
    /// `ip4`: an IPv4 address.
    Ip4,
    /// `ip6`: an IPv6 address.
    Ip6,
    /// `dns`: a host name.
    Dns,
    /// `mlfid`: identifies the session that lines belong to.
    MlfId,
    /// `host`: an address or a name, as written for fail2ban before 0.10 (upstream refuses it now).
    Host,
    /// `cidr`: length of the network prefix to ban.
    Cidr,
    /// `mlfforget`: the session ends with this line.
    MlfForget,
    /// `mlfgained`: the session got access.
    MlfGained,
    /// `nofail`: the line is kept for its session, but is no failure.
    NoFail,
    /// `content`: what a prefregex leaves for the failregexes.
    Content,
    /// `user`: user name.
    User,
}

impl Role {
    pub(super) const ALL: [Role; 12] = [
        Role::Fid,
        Role::Ip4,
        Role::Ip6,
        Role::Dns,
        Role::MlfId,
        Role::Host,
        Role::Cidr,
        Role::MlfForget,
        Role::MlfGained,
        Role::NoFail,
        Role::Content,
        Role::User,
    ];
    pub(super) const IDENTIFIERS: [Role; 6] =
        [Role::Fid, Role::Ip4, Role::Ip6, Role::Dns, Role::MlfId, Role::Host];

    /// Name of the group in expressions, and key of its text in the data.
    pub fn name(self) -> &'static str {
        match self {
            Role::Fid => "fid",
            Role::Ip4 => "ip4",
            Role::Ip6 => "ip6",
            Role::Dns => "dns",
            Role::MlfId => "mlfid",
            Role::Host => "host",
            Role::Cidr => "cidr",
            Role::MlfForget => "mlfforget",
            Role::MlfGained => "mlfgained",
            Role::NoFail => "nofail",
            Role::Content => "content",
            Role::User => "user",
        }
    }
}

/// Name of a group, or of what is derived from groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    Role(Role),
    /// `ip`: the address beside a failure-id that is none.
    Ip,
    /// `users`: all users of a session.
    Users,
    Other(EcoString),
}

impl Name {
    pub fn as_str(&self) -> &str {
        match self {
            Name::Role(role) => role.name(),
            Name::Ip => "ip",
            Name::Users => "users",
            Name::Other(name) => name,
        }
    }
}

impl From<Role> for Name {
    fn from(role: Role) -> Self {
        Name::Role(role)
    }
}

impl From<&str> for Name {
    fn from(name: &str) -> Self {
        match name {
            "ip" => Name::Ip,
            "users" => Name::Users,
            name => match Role::ALL.into_iter().find(|role| role.name() == name) {
                Some(role) => Name::Role(role),
                None => Name::Other(name.into()),
            },
        }
    }
}
