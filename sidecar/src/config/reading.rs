//! One reading of a file: what all its sections share.

use std::{cell::RefCell, path::PathBuf};

use super::{
    claim::{self, Claimed},
    finding::{Kind, Note, Place},
};

/// What the sections of one file share.
#[derive(Debug)]
pub(super) struct Reading {
    /// Where relative paths count from.
    pub(super) folder: PathBuf,
    /// Whether there is an `[identity]`; without one nothing can be secured.
    pub(super) has_identity: bool,
    notes: RefCell<Vec<Note>>,
    claims: RefCell<Vec<Claimed>>,
}

impl Reading {
    pub(super) fn new(folder: PathBuf, has_identity: bool) -> Self {
        Self {
            folder,
            has_identity,
            notes: RefCell::default(),
            claims: RefCell::default(),
        }
    }

    /// Takes a note.
    pub(super) fn note(&self, kind: Kind, place: Place, message: impl Into<String>) {
        self.notes.borrow_mut().push(Note {
            kind,
            place,
            message: message.into(),
        });
    }

    /// Takes a claim down, to be checked when all are known.
    pub(super) fn claim(&self, claimed: Claimed) {
        self.claims.borrow_mut().push(claimed);
    }

    /// All notes taken, the clashes of claims among them; every section must be dropped before.
    pub(super) fn into_notes(self) -> Vec<Note> {
        claim::check(&self.claims.borrow(), &self);
        self.notes.into_inner()
    }
}
