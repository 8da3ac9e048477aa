use std::{io, sync::Arc, time::Duration};

use outrigger_gateway::Reason;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex, split},
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_test::io::Builder;

use super::{Ending, Moved, Stuck, carry};
use crate::{endpoint::Endpoint, testing::Memory};

const IDLE: Duration = Duration::from_secs(60);

/// A tunnel, and the far ends of its two sides; neither holds more than `size` bytes on the way.
struct Tunnel {
    client: DuplexStream,
    upstream: DuplexStream,
    carrying: JoinHandle<(Ending, u64, u64)>,
}

impl Tunnel {
    fn new(size: usize) -> Self {
        let (client, near_client) = duplex(size);
        let (upstream, near_upstream) = duplex(size);
        Self {
            client,
            upstream,
            carrying: tokio::spawn(carried(near_client, near_upstream)),
        }
    }

    async fn ends(self) -> (Ending, u64, u64) {
        self.carrying.await.unwrap()
    }
}

async fn carried<C, U>(mut client: C, mut upstream: U) -> (Ending, u64, u64)
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    let moved = Moved::default();
    let ending = carry(&mut client, &mut upstream, IDLE, &moved).await;
    (ending, moved.up(), moved.down())
}

/// Bytes of which no two neighbours are alike.
fn bytes(length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| (at as u8) ^ (at >> 8) as u8 ^ (at >> 16) as u8)
        .collect()
}

async fn send_all(to: impl AsyncWrite + Unpin, bytes: &[u8]) {
    let mut to = to;
    to.write_all(bytes).await.unwrap();
    to.shutdown().await.unwrap();
}

async fn read_all(from: impl AsyncRead + Unpin) -> Vec<u8> {
    let (mut from, mut read) = (from, Vec::new());
    from.read_to_end(&mut read).await.unwrap();
    read
}

#[tokio::test(start_paused = true)]
async fn every_byte_arrives_both_ways_through_streams_that_take_little_at_once() {
    for size in [1, 7, 4096, 1 << 20] {
        let length = if size < 10 { 10_000 } else { 3_000_000 };
        let (up, down) = (bytes(length), bytes(length / 2));
        let mut tunnel = Tunnel::new(size);
        let (from_client, to_client) = split(&mut tunnel.client);
        let (from_upstream, to_upstream) = split(&mut tunnel.upstream);
        let ((), (), got_up, got_down) = tokio::join!(
            send_all(to_client, &up),
            send_all(to_upstream, &down),
            read_all(from_upstream),
            read_all(from_client),
        );
        assert!(got_up == up && got_down == down, "{size}");
        let (ending, moved_up, moved_down) = tunnel.ends().await;
        assert!(matches!(ending, Ending::Clean), "{ending:?}");
        assert_eq!((moved_up, moved_down), (length as u64, length as u64 / 2));
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_is_passed_on_while_the_other_way_goes_on() {
    let mut tunnel = Tunnel::new(64);
    send_all(&mut tunnel.client, b"question").await;
    assert_eq!(read_all(&mut tunnel.upstream).await, b"question");
    sleep(IDLE / 2).await;
    send_all(&mut tunnel.upstream, b"answer").await;
    assert_eq!(read_all(&mut tunnel.client).await, b"answer");
    assert!(matches!(tunnel.ends().await, (Ending::Clean, 8, 6)));
}

#[tokio::test(start_paused = true)]
async fn the_upstream_may_end_first() {
    let mut tunnel = Tunnel::new(64);
    send_all(&mut tunnel.upstream, b"banner").await;
    assert_eq!(read_all(&mut tunnel.client).await, b"banner");
    send_all(&mut tunnel.client, b"goodbye").await;
    assert_eq!(read_all(&mut tunnel.upstream).await, b"goodbye");
    assert!(matches!(tunnel.ends().await, (Ending::Clean, 7, 6)));
}

#[tokio::test(start_paused = true)]
async fn nothing_moving_for_the_idle_time_ends_it() {
    let mut tunnel = Tunnel::new(64);
    let begun = Instant::now();
    for _ in 0..3 {
        sleep(IDLE - Duration::from_millis(1)).await;
        tunnel.client.write_all(b"x").await.unwrap();
        assert_eq!(tunnel.upstream.read_u8().await.unwrap(), b'x');
    }
    let said_last = begun.elapsed();
    let (client, upstream) = (tunnel.client, tunnel.upstream);
    let (ending, ..) = tunnel.carrying.await.unwrap();
    assert!(matches!(ending, Ending::Silence(Stuck::Nobody)), "{ending:?}");
    assert_eq!(begun.elapsed(), said_last + IDLE);
    drop((client, upstream));
}

#[tokio::test(start_paused = true)]
async fn a_silence_names_who_does_not_listen() {
    let mut tunnel = Tunnel::new(8);
    tunnel.client.write_all(b"a few bytes").await.unwrap();
    let (ending, ..) = tunnel.carrying.await.unwrap();
    assert!(matches!(ending, Ending::Silence(Stuck::Upstream)), "{ending:?}");

    let mut tunnel = Tunnel::new(8);
    tunnel.upstream.write_all(b"a few bytes").await.unwrap();
    let (ending, ..) = tunnel.carrying.await.unwrap();
    assert!(matches!(ending, Ending::Silence(Stuck::Client)), "{ending:?}");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_either_side_is_told_as_that_sides_and_the_other_is_not_told_of_an_end() {
    let reset = || io::Error::from(io::ErrorKind::ConnectionReset);
    let (_far, near) = duplex(64);
    let broken = Builder::new().read(b"be").read_error(reset()).build();
    let (ending, ..) = carried(broken, near).await;
    assert!(matches!(ending, Ending::Client(_)), "{ending:?}");

    let (_far, near) = duplex(64);
    let broken = Builder::new().read(b"be").read_error(reset()).build();
    // Built without a word on being shut down: to be told of an end would be a panic.
    let (ending, up, down) = carried(near, broken).await;
    assert!(matches!(ending, Ending::Upstream(_)), "{ending:?}");
    assert_eq!((up, down), (0, 2), "what came before the error was passed on");
}

#[tokio::test(start_paused = true)]
async fn what_an_upstream_says_before_it_takes_no_more_still_arrives() {
    let refused = io::Error::from(io::ErrorKind::BrokenPipe);
    let reset = io::Error::from(io::ErrorKind::ConnectionReset);
    let upstream = Builder::new()
        .write_error(refused)
        .read(b"too many clients")
        .read_error(reset)
        .build();
    let (mut far, near) = duplex(64);
    far.write_all(b"let me in").await.unwrap();
    let (ending, ..) = carried(near, upstream).await;
    let Ending::Upstream(error) = ending else {
        panic!("{ending:?}");
    };
    // The error of reading, which knows more.
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(read_all(far).await, b"too many clients");
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_takes_no_more_is_broken_even_if_it_ends_well() {
    let refused = io::Error::from(io::ErrorKind::BrokenPipe);
    let upstream = Builder::new().write_error(refused).build();
    let (mut far, near) = duplex(64);
    far.write_all(b"let me in").await.unwrap();
    let (ending, ..) = carried(near, upstream).await;
    assert!(matches!(ending, Ending::Upstream(_)), "{ending:?}");
}

#[test]
fn an_ending_is_called_by_the_side_that_is_to_blame() {
    let endpoint = Endpoint::new("127.0.0.1:1".parse().unwrap());
    let (connector, _dials) = Memory::new(None);
    let reset = || io::Error::from(io::ErrorKind::ConnectionReset);
    let told = |ending: Ending, answered: bool| {
        let moved = Moved::default();
        moved.add_down(u64::from(answered));
        let failure = ending.failure(&*connector, &endpoint, &moved, IDLE);
        failure.map(|failure| failure.reason())
    };
    assert_eq!(told(Ending::Clean, false), None);
    assert_eq!(told(Ending::Client(reset()), true), Some(Reason::ClientGone));
    assert_eq!(
        told(Ending::Upstream(reset()), false),
        Some(Reason::ClosedBeforeResponse)
    );
    assert_eq!(
        told(Ending::Upstream(reset()), true),
        Some(Reason::ResponseIncomplete)
    );
    let silences = [
        (Stuck::Nobody, Reason::ReadTimeout),
        (Stuck::Upstream, Reason::WriteTimeout),
        (Stuck::Client, Reason::ClientGone),
    ];
    for (stuck, reason) in silences {
        assert_eq!(told(Ending::Silence(stuck), true), Some(reason));
    }
}

#[test]
fn how_a_client_left_is_told_in_plain_words() {
    let (connector, _dials) = Memory::new(None);
    let endpoint = Endpoint::new("127.0.0.1:1".parse().unwrap());
    let told = |kind: io::ErrorKind| {
        let error = io::Error::new(kind, "peer left: https://example.org/manual");
        let failure = Ending::Client(error).failure(&*connector, &endpoint, &Moved::default(), IDLE);
        failure.unwrap().detail().unwrap().to_owned()
    };
    assert_eq!(
        told(io::ErrorKind::UnexpectedEof),
        "the client closed the connection without TLS close_notify"
    );
    assert_eq!(
        told(io::ErrorKind::ConnectionReset),
        "the client reset the connection"
    );
    assert!(told(io::ErrorKind::TimedOut).starts_with("the client broke off: "));
}

#[test]
fn a_total_grows_with_each_of_its_tunnels() {
    let total = Arc::<Moved>::default();
    let [first, second] = [(); 2].map(|()| Moved::within(total.clone()));
    first.add_up(3);
    second.add_up(4);
    second.add_down(5);
    assert_eq!((first.up(), second.up(), second.down()), (3, 4, 5));
    assert_eq!((total.up(), total.down()), (7, 5));
}
