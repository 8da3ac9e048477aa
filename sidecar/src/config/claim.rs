//! What may be taken only once: listen addresses, names of upstreams, routes.

use std::{collections::HashMap, fmt, net::SocketAddr};

use toml::de::DeValue;

use super::{
    HostPattern, Name, PathPrefix, Route,
    finding::{Kind, Place},
    reading::Reading,
    section::Section,
    value::Read,
};

/// Something that a section takes for itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Claim {
    /// An address to listen at.
    Listener(SocketAddr),
    /// The name of the app beside us.
    App(Name),
    /// The name of an upstream.
    Upstream(Name),
    /// Requests: for one host or every one, below one path or every one.
    Route(Option<HostPattern>, Option<PathPrefix>),
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listener(address) => write!(f, "`{address}`"),
            Self::App(name) | Self::Upstream(name) => write!(f, "`{name}`"),
            Self::Route(None, None) => f.write_str("every request"),
            Self::Route(None, Some(path)) => write!(f, "every host with `{path}`"),
            Self::Route(Some(host), None) => write!(f, "`{host}`"),
            Self::Route(Some(host), Some(path)) => write!(f, "`{host}` with `{path}`"),
        }
    }
}

/// A claim and who makes it.
#[derive(Clone, Debug)]
pub(super) struct Claimed {
    claim: Claim,
    place: Place,
    /// Whether the file says so; a default gives way in what is reported.
    explicit: bool,
}

impl Section<'_> {
    /// Reads `listen` and takes the address, unless there is none.
    pub(super) fn listen<T>(&mut self, default: T, rule: impl Fn(&DeValue<'_>) -> Read<T>) -> T
    where
        T: Copy + Into<Option<SocketAddr>>,
    {
        let read = self.optional("listen", rule);
        let is_wrong = read.is_none() && self.has("listen");
        let listen = read.unwrap_or(default);
        if let (false, Some(address)) = (is_wrong, listen.into()) {
            self.claim("listen", Claim::Listener(address));
        }
        listen
    }

    /// Takes every pair of host and path.
    pub(super) fn claim_route(&self, route: &Route) {
        for host in each_or_none(&route.hosts) {
            for path in each_or_none(&route.paths) {
                self.claim("hosts", Claim::Route(host.clone(), path));
            }
        }
    }

    /// Takes something for the key.
    pub(super) fn claim(&self, key: &str, claim: Claim) {
        self.reading.claim(Claimed {
            claim,
            place: self.place_of(key),
            explicit: self.has(key),
        });
    }
}

/// Each element; of none, `None`.
fn each_or_none<T: Clone>(list: &[T]) -> Vec<Option<T>> {
    if list.is_empty() {
        vec![None]
    } else {
        list.iter().cloned().map(Some).collect()
    }
}

/// Notes every claim that another one was made before.
pub(super) fn check(claims: &[Claimed], reading: &Reading) {
    let mut first: HashMap<&Claim, &Claimed> = HashMap::new();
    let mut listeners: Vec<&Claimed> = Vec::new();
    for claimed in claims {
        let other = match &claimed.claim {
            Claim::Listener(address) => {
                let other = listeners.iter().copied().find(|other| other.overlaps(*address));
                listeners.push(claimed);
                other
            }
            claim => match first.get(claim) {
                Some(other) => Some(*other),
                None => {
                    first.insert(claim, claimed);
                    None
                }
            },
        };
        if let Some(other) = other {
            claimed.report(other, reading);
        }
    }
}

impl Claimed {
    /// Whether a listener at the address would be in this one's way. Port 0 is a free port, in nobody's way.
    fn overlaps(&self, address: SocketAddr) -> bool {
        let Claim::Listener(own) = self.claim else {
            return false;
        };
        let same_ip = own.ip() == address.ip() || own.ip().is_unspecified() || address.ip().is_unspecified();
        own.port() != 0 && own.port() == address.port() && own.is_ipv4() == address.is_ipv4() && same_ip
    }

    fn report(&self, earlier: &Self, reading: &Reading) {
        let (told, other) = if self.explicit || !earlier.explicit {
            (self, earlier)
        } else {
            (earlier, self)
        };
        let message = format!("{} is taken by `{}`", told.claim, other.place.key);
        reading.note(Kind::Whole, told.place.clone(), message);
    }
}
