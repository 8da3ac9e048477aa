//! What each command does.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use outrigger_certs_dev::{Authority, CERTIFICATE_FILE, Error, Request, Validity};

use crate::{
    cli::{Cli, Command, Init, Issue},
    inspect::{self, Described},
};

/// An error, and what to do about it where that is known.
pub(crate) struct Failed {
    pub(crate) error: Error,
    pub(crate) hint: Option<&'static str>,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        let hint = match &error {
            Error::NoAuthority { .. } => Some("make one with `init`, or name its folder with --dir"),
            Error::Exists { .. } => Some("`init --force` replaces it, and makes its leaves worthless"),
            Error::Nameless { .. } => {
                Some("--dns orders.shop.svc, --ip 127.0.0.1 or --spiffe spiffe://shop/orders")
            }
            Error::Outlives { .. } => {
                Some("ask for less with --valid-for, or make a new authority with `init --force`")
            }
            _ => None,
        };
        Self { error, hint }
    }
}

pub(crate) fn run(cli: &Cli) -> Result<(), Failed> {
    match &cli.command {
        Command::Init(options) => init(&cli.dir, options),
        Command::Issue(options) => issue(&cli.dir, options),
        Command::Revoke { names } => revoke(&cli.dir, names),
        Command::List => list(&cli.dir),
        Command::Show { name } => show(&cli.dir, name.as_deref()),
    }?;
    Ok(())
}

fn init(dir: &Path, options: &Init) -> Result<(), Error> {
    if let Some(path) = Authority::find(dir).filter(|_| !options.force) {
        return Err(Error::Exists { path });
    }
    let authority = Authority::with_validity(&options.name, Validity::lasting(options.valid_for))?;
    authority.save(dir)?;
    println!(
        "{}: a new authority, valid until {}",
        dir.display(),
        inspect::date(authority.not_after())
    );
    Ok(())
}

fn issue(dir: &Path, options: &Issue) -> Result<(), Error> {
    let authority = Authority::load(dir)?;
    let request = request(options);
    let issued = match options.fault {
        Some(fault) => authority.issue_faulty(fault, &request),
        None => authority.issue(&request),
    }?;
    let folder = dir.join(&options.name);
    issued.write_to(&folder)?;
    let leaf = inspect::first(&folder.join(CERTIFICATE_FILE))?;
    let fault = options
        .fault
        .map(|fault| format!(" ({})", fault.about()))
        .unwrap_or_default();
    println!(
        "{}: {}, {}{fault}",
        folder.display(),
        leaf.names(),
        leaf.lifetime()
    );
    Ok(())
}

fn request(options: &Issue) -> Request {
    let mut request = Request::new(&options.name).with_usage(options.usage.into());
    request = options.dns.iter().fold(request, Request::with_dns);
    request = options
        .ip
        .iter()
        .fold(request, |request, ip| request.with_ip(*ip));
    request = options.spiffe.iter().fold(request, Request::with_spiffe);
    options.valid_for.into_iter().fold(request, |request, time| {
        request.with_validity(Validity::lasting(time))
    })
}

fn revoke(dir: &Path, names: &[String]) -> Result<(), Error> {
    let authority = Authority::load(dir)?;
    let leaves = names
        .iter()
        .map(|name| inspect::first(&dir.join(name).join(CERTIFICATE_FILE)))
        .collect::<Result<Vec<_>, _>>()?;
    let path = dir.join("crl.pem");
    authority
        .revoke(leaves.iter().map(Described::serial))?
        .write_to(&path)?;
    println!("{}: {} revoked", path.display(), leaves.len());
    Ok(())
}

fn list(dir: &Path) -> Result<(), Error> {
    Authority::load(dir)?;
    for path in leaves(dir)? {
        let name = path
            .parent()
            .and_then(Path::file_name)
            .unwrap_or_default()
            .to_string_lossy();
        let leaf = inspect::first(&path)?;
        println!("{name:<20} {:<36} {}", leaf.lifetime(), leaf.names());
    }
    Ok(())
}

/// The certificate file of each folder that has one, by name.
fn leaves(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source: io::Error| Error::Io {
        doing: "list",
        path: dir.to_owned(),
        source,
    };
    let entries = fs::read_dir(dir)
        .map_err(failed)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    let files = entries.iter().map(|entry| entry.path().join(CERTIFICATE_FILE));
    let mut leaves: Vec<_> = files.filter(|path| path.exists()).collect();
    leaves.sort();
    Ok(leaves)
}

fn show(dir: &Path, name: Option<&str>) -> Result<(), Error> {
    Authority::load(dir)?;
    let files = match name {
        Some(name) => vec![dir.join(name).join(CERTIFICATE_FILE)],
        None => vec![dir.join("root.crt"), dir.join("intermediate.crt")],
    };
    for path in files {
        println!("{}", path.display());
        inspect::all(&path)?
            .iter()
            .for_each(|certificate| println!("{certificate}"));
    }
    Ok(())
}
