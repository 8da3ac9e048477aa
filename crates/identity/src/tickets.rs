//! Tickets for clients to resume with, none longer than the client's certificate vouches for it.
//!
//! A resumed handshake does not look at the certificate again, and the keys of tickets live for hours. So a ticket
//! carries the second at which the certificate that it stands for expires; later it is as good as none, and the
//! client makes a full handshake.

use std::sync::Arc;

use rustls::{Error, crypto::aws_lc_rs::Ticketer, server::ProducesTickets, time_provider::TimeProvider};

use crate::handshake;

const STAMP: usize = size_of::<i64>();

#[derive(Debug)]
pub(crate) struct Tickets {
    sealed: Arc<dyn ProducesTickets>,
    clock: Arc<dyn TimeProvider>,
}

impl Tickets {
    pub(crate) fn try_new(clock: Arc<dyn TimeProvider>) -> Result<Self, Error> {
        Ok(Self {
            sealed: Ticketer::new()?,
            clock,
        })
    }

    fn is_past(&self, until: i64) -> bool {
        let now = self
            .clock
            .current_time()
            .and_then(|now| i64::try_from(now.as_secs()).ok());
        now.is_none_or(|now| now > until)
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        self.sealed.lifetime()
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let until = handshake::vouched_until().unwrap_or(i64::MAX);
        self.sealed.encrypt(&[&until.to_be_bytes(), plain].concat())
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        let stamped = self.sealed.decrypt(cipher)?;
        let (stamp, plain) = stamped.split_first_chunk::<STAMP>()?;
        let until = i64::from_be_bytes(*stamp);
        if self.is_past(until) {
            return None;
        }
        // The tickets that this handshake hands out in turn rest on the same certificate.
        handshake::vouch_until(until);
        Some(plain.to_vec())
    }
}
