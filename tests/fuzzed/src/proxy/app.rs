//! An app that records what it gets and answers with the bytes it was given.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};

use super::wire::{Read, Request, position};

/// How long an app that is not patient waits for the rest of a request.
const PATIENCE: Duration = Duration::from_millis(10);

/// What each connection is answered with.
#[derive(Clone, Debug)]
pub(super) struct Script {
    pub(super) answer: Arc<[u8]>,
    pub(super) patient: bool,
    pub(super) http2: bool,
}

type Records = Arc<Mutex<Vec<Vec<u8>>>>;

/// Serves connections until it is dropped.
pub(super) async fn serve(listener: &TcpListener, script: Script, records: Records) {
    let mut connections = JoinSet::new();
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            connections.spawn(answer(stream, script.clone(), records.clone()));
        }
    }
}

/// Records of all connections so far.
pub(super) fn taken(records: &Records) -> Vec<Vec<u8>> {
    records.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

async fn answer(mut stream: TcpStream, script: Script, records: Records) {
    let index = {
        let mut records = records.lock().unwrap_or_else(PoisonError::into_inner);
        records.push(Vec::new());
        records.len() - 1
    };
    let mut answered = false;
    let mut buffer = vec![0; 65536];
    loop {
        let read = stream.read(&mut buffer);
        let read = match answered || script.patient {
            true => Ok(read.await),
            false => timeout(PATIENCE, read).await,
        };
        let got = {
            let mut records = records.lock().unwrap_or_else(PoisonError::into_inner);
            match read {
                Ok(Ok(0) | Err(_)) => return,
                Ok(Ok(bytes)) => records[index].extend_from_slice(&buffer[..bytes]),
                Err(_) => {}
            }
            read.is_err() || script.is_due(&records[index])
        };
        if got && !answered {
            answered = true;
            let written = stream.write_all(&script.answer).await;
            if written.is_err() || stream.shutdown().await.is_err() {
                return;
            }
        }
    }
}

impl Script {
    /// Whether what was read is a whole request.
    fn is_due(&self, read: &[u8]) -> bool {
        match self.http2 {
            // With its first HEADERS: type 1 on stream 1.
            true => position(read, &[0, 0, 0, 1]).is_some(),
            false => !matches!(Request::read(read), Read::Part),
        }
    }
}
