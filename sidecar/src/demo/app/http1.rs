//! HTTP/1.1 by hand: no library would let it misbehave.

use std::{future::pending, io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy, sink},
    net::TcpStream,
    time::sleep,
};

use super::{Life, answer::*};

/// Between the part of a body that is sent and the crash: time for the part to travel.
const UNTIL_CRASH: Duration = Duration::from_millis(100);
/// Between two pieces of the slow answer.
const DRIP: Duration = Duration::from_millis(500);

/// Answers one request after the other until the caller, or the app, has had enough.
pub(super) async fn talk(stream: TcpStream, life: &Arc<Life>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(path) = request(&mut stream).await? {
        match Answer::to(&path) {
            Answer::Whole {
                status,
                retry_after,
                body,
            } => {
                let field = retry_after.map(|seconds| format!("retry-after: {seconds}\r\n"));
                say(&mut stream, status, &field.unwrap_or_default(), body).await?;
            }
            Answer::Hang => pending().await,
            Answer::Crash => return crash(&mut stream).await,
            Answer::Garbage => return stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n").await,
            Answer::Slow => dawdle(&mut stream).await?,
            Answer::Kill => {
                say(&mut stream, "200 OK", "connection: close\r\n", CLOSED).await?;
                // Not among this app's connections, which die with it.
                tokio::spawn(life.clone().pause(DEAD_FOR));
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Reads a request whole; its path without the query, or `None` if none came.
async fn request(stream: &mut BufReader<TcpStream>) -> io::Result<Option<String>> {
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let Some(target) = line.split(' ').nth(1) else {
        return Ok(None);
    };
    let path = target.split('?').next().unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        line.clear();
        stream.read_line(&mut line).await?;
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().unwrap_or(0);
            }
            Some(_) => {}
            None => break,
        }
    }
    copy(&mut stream.take(length), &mut sink()).await?;
    Ok(Some(path))
}

async fn say(stream: &mut BufReader<TcpStream>, status: &str, field: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\n{field}\r\n");
    stream.write_all((head + body).as_bytes()).await
}

async fn crash(stream: &mut BufReader<TcpStream>) -> io::Result<()> {
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {CRASH_LENGTH}\r\n\r\n");
    let begun = head + &"0123456789".repeat(CRASH_SENT / 10);
    stream.write_all(begun.as_bytes()).await?;
    sleep(UNTIL_CRASH).await;
    Ok(())
}

async fn dawdle(stream: &mut BufReader<TcpStream>) -> io::Result<()> {
    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(HEAD).await?;
    for _ in 0..BUSY.as_millis() / DRIP.as_millis() {
        stream.write_all(b"2\r\n.\n\r\n").await?;
        sleep(DRIP).await;
    }
    stream.write_all(b"0\r\n\r\n").await
}
