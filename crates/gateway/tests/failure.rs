//! A failure is found again however it is wrapped, and says what it knows.

use std::{error::Error, fmt, io};

use outrigger_gateway::{Failure, Reason};

/// Somebody else's error around another.
#[derive(Debug)]
struct Around(Box<dyn Error + Send + Sync>);

impl fmt::Display for Around {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("something around it")
    }
}

impl Error for Around {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

fn expired() -> Failure {
    Failure::new(Reason::CertificateExpired).with_detail("expired on 2026-01-02")
}

#[test]
fn it_is_found_in_any_chain() {
    let bare: Box<dyn Error + Send + Sync> = expired().into();
    let in_io = io::Error::other(expired());
    let deep = Around(Box::new(io::Error::other(Around(expired().into()))));

    for error in [&*bare, &in_io, &deep] as [&(dyn Error + 'static); 3] {
        assert_eq!(
            Failure::find(error).map(Failure::reason),
            Some(Reason::CertificateExpired),
            "{error}"
        );
    }
}

#[test]
fn what_carries_none_of_ours_is_our_own_fault() {
    let foreign = Around(Box::new(io::Error::other("disk full")));
    assert!(Failure::find(&foreign).is_none());

    let failure = Failure::from_error(foreign);
    assert_eq!(failure.reason(), Reason::Internal);
    assert_eq!(
        failure.source().map(ToString::to_string),
        Some("something around it".to_owned())
    );
}

#[test]
fn what_carries_one_of_ours_is_that_one() {
    let failure = Failure::from_error(Around(expired().into()));
    assert_eq!(failure.to_string(), "certificate_expired: expired on 2026-01-02");
}

#[test]
fn the_outermost_of_several_is_the_one_that_counts() {
    let retries_used_up = Failure::new(Reason::ResponseTimeout).with_source(expired());
    let found = Failure::find(&retries_used_up).map(Failure::reason);
    assert_eq!(found, Some(Reason::ResponseTimeout));
}

#[test]
fn the_sentence_is_its_own_only_for_those_who_may_read_it() {
    assert_eq!(expired().sentence(true), "expired on 2026-01-02");
    assert_eq!(expired().sentence(false), Reason::CertificateExpired.clause());
    assert_eq!(Failure::new(Reason::Loop).sentence(true), Reason::Loop.clause());
}

#[test]
fn proof_of_processing_can_be_stated_against_the_table() {
    assert!(expired().unprocessed());
    assert!(!expired().with_unprocessed(false).unprocessed());
    assert!(
        Failure::new(Reason::ClosedBeforeResponse)
            .with_unprocessed(true)
            .unprocessed()
    );
}
