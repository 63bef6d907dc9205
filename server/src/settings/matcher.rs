//! The criteria of a `Match` line (sshd_config(5), "Match").

use std::net::IpAddr;

use super::pattern::PatternList;

/// For whom the settings are read: what `Match` can ask about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// Login name.
    pub user: String,
    /// Names of all the user's groups.
    pub groups: Vec<String>,
    /// Where the client logged in from, and to; `None` outside a login by SSH.
    pub connection: Option<Connection>,
}

/// The four values of `SSH_CONNECTION`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The client's address.
    pub remote: IpAddr,
    /// The server's address.
    pub local: IpAddr,
    /// The server's port.
    pub local_port: u16,
}

/// Whether a block applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Applies,
    /// A criterion is unknown, or what it asks about is.
    Unknown,
    DoesNotApply,
}

impl Connection {
    /// Reads the value of `SSH_CONNECTION`: client address, client port, server address, server port. IPv4 in IPv6 form
    /// and zones are reduced to the plain address.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        let remote = address(words.next()?)?;
        let _remote_port = words.next()?.parse::<u16>().ok()?;
        let local = address(words.next()?)?;
        let local_port = words.next()?.parse().ok()?;
        Some(Self {
            remote,
            local,
            local_port,
        })
    }
}

impl Verdict {
    /// Both must hold.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::DoesNotApply, _) | (_, Self::DoesNotApply) => Self::DoesNotApply,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Applies, Self::Applies) => Self::Applies,
        }
    }
}

/// Judges the words behind `Match`, and says which criterion could not be judged.
pub(super) fn judge(
    args: &[String],
    subject: &Subject,
    use_dns: bool,
) -> (Verdict, Option<String>) {
    if let [all] = args
        && all.eq_ignore_ascii_case("all")
    {
        return (Verdict::Applies, None);
    }
    let mut verdict = Verdict::Applies;
    let mut unknown = None;
    let mut words = args.iter();
    while let Some(word) = words.next() {
        let (criterion, value) = match word.split_once('=') {
            Some((criterion, value)) => (criterion, Some(value)),
            None if word.eq_ignore_ascii_case("invalid-user") => (word.as_str(), Some("")),
            None => (word.as_str(), words.next().map(String::as_str)),
        };
        let one = value.map_or(Verdict::Unknown, |value| {
            criterion_holds(criterion, value, subject, use_dns)
        });
        if one == Verdict::Unknown {
            unknown.get_or_insert_with(|| criterion.to_owned());
        }
        verdict = verdict.and(one);
    }
    (verdict, unknown)
}

fn criterion_holds(criterion: &str, value: &str, subject: &Subject, use_dns: bool) -> Verdict {
    let list = PatternList::parse(value);
    let connected = |holds: &dyn Fn(&Connection) -> bool| subject.connection.as_ref().map(holds);
    let holds = match criterion.to_ascii_lowercase().as_str() {
        "user" => Some(list.matches(&subject.user)),
        "group" => Some(any_group(&list, &subject.groups)),
        "address" => connected(&|connection| list.matches_address(connection.remote)),
        // Without UseDNS sshd knows a client by its address only.
        "host" if !use_dns => connected(&|connection| list.matches(&connection.remote.to_string())),
        "localaddress" => connected(&|connection| list.matches_address(connection.local)),
        "localport" => value
            .parse()
            .ok()
            .and_then(|port: u16| connected(&|it| it.local_port == port)),
        // A user who is logged in exists.
        "invalid-user" => Some(false),
        _ => None,
    };
    match holds {
        Some(true) => Verdict::Applies,
        Some(false) => Verdict::DoesNotApply,
        None => Verdict::Unknown,
    }
}

/// A negated pattern that matches any group rules the user out; otherwise one group that matches is enough.
fn any_group(list: &PatternList, groups: &[String]) -> bool {
    let ruled_out = list
        .patterns()
        .iter()
        .filter_map(|pattern| pattern.strip_prefix('!'))
        .any(|negated| {
            groups
                .iter()
                .any(|group| super::pattern::wildcard(negated, group))
        });
    !ruled_out && groups.iter().any(|group| list.matches(group))
}

fn address(text: &str) -> Option<IpAddr> {
    let plain = text.split_once('%').map_or(text, |(plain, _zone)| plain);
    plain
        .parse::<IpAddr>()
        .ok()
        .map(|address| address.to_canonical())
}
