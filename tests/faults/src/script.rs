//! A fault as a script: wait for something, say something, end somehow.

use std::{borrow::Cow, io, time::Duration};

use tokio::time::sleep;

use crate::wire::Wire;

/// A RST may make its receiver throw away what it has not read yet. So long the part before it can be read.
pub(crate) const UNTIL_READ: Duration = Duration::from_millis(50);

/// What to wait for.
#[derive(Clone, Copy)]
pub(crate) enum When {
    Accepted,
    FirstBytes,
    /// The head of an HTTP/1 request.
    Head,
    /// A whole HTTP/1 request.
    Request,
}

/// What to do when all is said.
#[derive(Clone)]
pub(crate) enum End {
    Close,
    Cut,
    Reset,
    /// Reset after this time.
    ResetAfter(Duration),
    /// Close with whatever came in unread.
    Abandon,
    /// Read on, say nothing.
    Listen,
    /// Neither read nor write.
    Hold,
    /// Back to the beginning: the connection is kept.
    Again,
    /// Close after this time.
    CloseAfter(Duration),
    /// Close when the next bytes come.
    CloseOnNext,
    /// After this time say this, and close.
    BlurtAfter(Duration, &'static [u8]),
    /// Say this, a byte each time that has passed, and read on.
    Drip(&'static [u8], Duration),
    /// Say this again and again, and read meanwhile.
    Flood(Vec<u8>),
}

/// When, what, and then.
pub(crate) struct Script {
    when: When,
    pause: Duration,
    say: Cow<'static, [u8]>,
    every: Option<Duration>,
    end: End,
}

impl Script {
    pub(crate) fn new(when: When, say: impl Into<Cow<'static, [u8]>>, end: End) -> Self {
        Self {
            when,
            pause: Duration::ZERO,
            say: say.into(),
            every: None,
            end,
        }
    }

    /// Waits this long before it says anything.
    pub(crate) fn after(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Says it one byte at a time.
    pub(crate) fn dripping(mut self, every: Duration) -> Self {
        self.every = Some(every);
        self
    }

    /// Plays it to its end, or until the peer is gone.
    pub(crate) async fn play(self, mut wire: Wire) -> io::Result<()> {
        loop {
            self.wait(&mut wire).await?;
            sleep(self.pause).await;
            match self.every {
                Some(every) => wire.drip(&self.say, every).await?,
                None => wire.write(&self.say).await?,
            }
            if !matches!(self.end, End::Again) {
                return self.end.play(wire).await;
            }
        }
    }

    async fn wait(&self, wire: &mut Wire) -> io::Result<()> {
        match self.when {
            When::Accepted => Ok(()),
            When::FirstBytes => wire.first_bytes().await,
            When::Head => crate::http1::read_head(wire).await.map(drop),
            When::Request => crate::http1::read_request(wire).await,
        }
    }
}

impl End {
    pub(crate) async fn play(self, mut wire: Wire) -> io::Result<()> {
        match self {
            Self::Close => wire.close().await,
            Self::Cut => wire.cut().await,
            Self::Reset => wire.reset(),
            Self::ResetAfter(time) => {
                sleep(time).await;
                wire.reset()
            }
            Self::Abandon => {
                drop(wire);
                Ok(())
            }
            Self::Listen | Self::Again => wire.discard().await,
            Self::Hold => wire.hold().await,
            Self::CloseAfter(time) => {
                sleep(time).await;
                wire.close().await
            }
            Self::CloseOnNext => {
                wire.first_bytes().await?;
                wire.close().await
            }
            Self::BlurtAfter(time, bytes) => {
                sleep(time).await;
                wire.write(bytes).await?;
                wire.close().await
            }
            Self::Drip(bytes, every) => {
                wire.drip(bytes, every).await?;
                wire.discard().await
            }
            Self::Flood(bytes) => wire.flood(&bytes).await,
        }
    }
}
