//! Mutual TLS with expiry alarms for a hyper client and a tonic channel.

mod calls;
mod server;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use outrigger::{Failure, identity::Identity};
use outrigger_certs_dev::{Authority, Request, Validity};
use tokio::{net::TcpListener, sync::mpsc};

pub use self::{
    calls::{alarms, connector, identity, over_hyper, over_tonic},
    server::serve,
};

/// An error of anyone.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Calls a service by both clients, well and with certificates that are not; what came of each, line by line.
///
/// # Errors
/// A folder or a port that cannot be had.
pub async fn tour() -> Result<Vec<String>, BoxError> {
    let certificates = Certificates::new()?;
    let orders = certificates.start("orders", LONG).await?;
    let expired = certificates.start("orders", EXPIRED).await?;
    let web = certificates.issue("web", LATE)?;
    let stranger = Certificates::new()?.trusting(&certificates)?;

    let mut lines = vec![format!("alarm: {}", first_alarm(&web).await)];
    for (what, identity, addr) in [
        ("well", &web, orders),
        ("the service's certificate has expired", &web, expired),
        ("the service does not know our authority", &stranger, orders),
    ] {
        let connector = connector(identity)?;
        let hyper = over_hyper(connector.clone(), addr).await;
        let tonic = over_tonic(connector, addr).await;
        lines.push(format!(
            "{what:<40} hyper: {:<20} tonic: {}",
            told(hyper),
            told(tonic)
        ));
    }
    Ok(lines)
}

fn told(result: Result<String, Failure>) -> String {
    result.unwrap_or_else(|failure| failure.reason().to_string())
}

async fn first_alarm(identity: &Identity) -> String {
    let (sender, mut alarm) = mpsc::unbounded_channel();
    let alarms = alarms(identity, move |line| {
        let _ = sender.send(line);
    });
    tokio::select! {
        () = alarms => String::new(),
        line = alarm.recv() => line.unwrap_or_default(),
    }
}

/// From when until when a certificate is valid, in minutes from now.
type Life = (i32, i32);
const LONG: Life = (-5, 24 * 60);
const EXPIRED: Life = (-120, -60);
/// An hour, of which five minutes are left.
const LATE: Life = (-55, 5);

/// An authority, and a folder for what it issues.
struct Certificates {
    authority: Authority,
    folder: tempfile::TempDir,
}

impl Certificates {
    fn new() -> Result<Self, BoxError> {
        Ok(Self {
            authority: Authority::new("shop")?,
            folder: tempfile::tempdir()?,
        })
    }

    fn write(&self, name: &str, (from, to): Life) -> Result<PathBuf, BoxError> {
        let request = Request::new(name)
            .with_spiffe(format!("spiffe://shop/ns/shop/sa/{name}"))
            .with_validity(Validity::between(minutes(from), minutes(to)));
        let folder = self.folder.path().join(format!("{name}{to}"));
        self.authority.issue(&request)?.write_to(&folder)?;
        Ok(folder)
    }

    fn issue(&self, name: &str, life: Life) -> Result<Identity, BoxError> {
        identity(&self.write(name, life)?)
    }

    /// One of ours that trusts another authority, which does not trust us.
    fn trusting(&self, other: &Self) -> Result<Identity, BoxError> {
        let ours = self.write("web", LONG)?;
        let bundle = |folder: &Path| std::fs::read_to_string(folder.join("ca.crt"));
        let both = bundle(&ours)? + &bundle(&other.write("web", LONG)?)?;
        std::fs::write(ours.join("ca.crt"), both)?;
        identity(&ours)
    }

    async fn start(&self, name: &str, life: Life) -> Result<SocketAddr, BoxError> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        tokio::spawn(serve(listener, &self.issue(name, life)?)?);
        Ok(addr)
    }
}

fn minutes(from_now: i32) -> SystemTime {
    let span = Duration::from_secs(60 * u64::from(from_now.unsigned_abs()));
    match from_now < 0 {
        true => SystemTime::now() - span,
        false => SystemTime::now() + span,
    }
}
