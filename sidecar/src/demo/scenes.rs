//! What the demo does to the hop, one scene after the other, and what its caller must get each time.

use super::{
    app::{CRASH_LENGTH, CRASH_SENT, HELLO, OWN_502, OWN_503, OWN_RETRY_AFTER},
    caller::{NoAnswer, Seen},
    expect::{Body, Expect, RetryAfter},
    row::Row,
    world::World,
};

/// A client certificate that is refused under TLS 1.3 must be told so every time, not most times: it is asked often.
const TIMES: usize = 10;

/// Plays every scene, and shows the row of each as soon as it is known.
pub(super) async fn walk<E>(world: &World, mut show: impl FnMut(&Row) -> Result<(), E>) -> Result<(), E> {
    show(&healthy(world).await)?;
    show(&killed(world).await)?;
    show(&crash(world).await)?;
    show(&never_answers(world).await)?;
    show(&garbage(world).await)?;
    show(&overload(world).await)?;
    show(&own_503(world).await)?;
    show(&own_502(world).await)?;
    show(&expired_certificate(world).await)?;
    show(&wrong_name(world).await)?;
    show(&foreign_client(world).await)?;
    show(&unresolvable(world).await)?;
    show(&grpc_to_a_dead_app(world).await)
}

async fn healthy(world: &World) -> Row {
    let expect = Expect {
        status: 200,
        body: Body::App(HELLO),
        ..Expect::default()
    };
    Row::new(
        "nothing: all is well",
        world.caller().get("app", "/").await,
        &expect,
    )
    .saying("Through both sidecars and the mutual TLS between them, and back.")
}

async fn killed(world: &World) -> Row {
    world.app.kill().await;
    let seen = world.caller().get("app", "/").await;
    world.app.revive().await;

    let expect = Expect {
        status: 502,
        told: &["server;error=connection_refused", "client;received-status=502"],
        reason: Some("connection_refused"),
        details: &["127.0.0.1"],
        ..Expect::default()
    };
    Row::new("the app is killed", seen, &expect)
        .saying("502: asked, got nothing. Nobody listens at the app's port any more.")
}

async fn crash(world: &World) -> Row {
    let seen = world.caller().get("app", "/crash").await;
    let is_counted = world.server_counted("response_incomplete").await;

    let expect = Expect {
        status: 200,
        body: Body::Cut { after: CRASH_SENT },
        ..Expect::default()
    };
    let row = Row::new("a crash in mid-response", seen, &expect).saying(format!(
        "The head was out already; the body breaks off after {CRASH_SENT} of {CRASH_LENGTH} bytes, and is never \
         made to look whole. Metrics and log say response_incomplete."
    ));
    if is_counted {
        row
    } else {
        row.complaining("the server's metrics do not count response_incomplete")
    }
}

async fn never_answers(world: &World) -> Row {
    let expect = Expect {
        status: 504,
        told: &["server;error=http_response_timeout", "client;received-status=504"],
        reason: Some("response_timeout"),
        details: &["1s"],
        ..Expect::default()
    };
    Row::new(
        "an app that never answers",
        world.caller().get("app", "/hang").await,
        &expect,
    )
    .saying("504: asked, gave up waiting. It may take 1 s here; the default is 30 s.")
}

async fn garbage(world: &World) -> Row {
    let expect = Expect {
        status: 502,
        told: &["server;error=http_protocol_error", "client;received-status=502"],
        reason: Some("protocol_error"),
        details: &["SSH"],
        ..Expect::default()
    };
    Row::new(
        "garbage instead of HTTP",
        world.caller().get("app", "/garbage").await,
        &expect,
    )
    .saying("502: asked, got nothing usable. The details guess what answered.")
}

async fn overload(world: &World) -> Row {
    // Its head is here, its body is not at its end: the one place there is is taken.
    let held = world.caller().begin("narrow", "/slow").await;
    let seen = world.caller().get("narrow", "/").await;
    drop(held);

    let wait = seen.as_ref().ok().and_then(|seen| seen.field("retry-after"));
    let plain = format!(
        "503: asked, was told no. One request may be in flight here, and one is. Retry-After: {}.",
        wait.unwrap_or("none")
    );
    let expect = Expect {
        status: 503,
        told: &[
            "server;error=proxy_internal_response",
            "client;received-status=503",
        ],
        reason: Some("overload"),
        retry_after: RetryAfter::Seconds,
        ..Expect::default()
    };
    Row::new("overload", seen, &expect).saying(plain)
}

async fn own_503(world: &World) -> Row {
    let expect = Expect {
        status: 503,
        told: &["server;received-status=503", "client;received-status=503"],
        body: Body::App(OWN_503),
        retry_after: RetryAfter::App(OWN_RETRY_AFTER),
        ..Expect::default()
    };
    Row::new(
        "the app's own 503",
        world.caller().get("app", "/503").await,
        &expect,
    )
    .saying("The app said no. Its answer passes untouched, and no hop claims an error.")
}

async fn own_502(world: &World) -> Row {
    let expect = Expect {
        status: 502,
        told: &["server;received-status=502", "client;received-status=502"],
        body: Body::App(OWN_502),
        ..Expect::default()
    };
    Row::new(
        "the app's own 502",
        world.caller().get("app", "/502").await,
        &expect,
    )
    .saying("The same status as a dead app's, and plainly not the same cause.")
}

async fn expired_certificate(world: &World) -> Row {
    let expect = Expect {
        status: 502,
        told: &["client;error=tls_certificate_error"],
        reason: Some("certificate_expired"),
        details: &["expired", &world.expired_at],
        ..Expect::default()
    };
    Row::new(
        "an expired server certificate",
        world.caller().get("expired", "/").await,
        &expect,
    )
    .saying("Told as what it is, with its date, and never as \"connection refused\".")
}

async fn wrong_name(world: &World) -> Row {
    let expect = Expect {
        status: 502,
        told: &["client;error=tls_certificate_error"],
        reason: Some("certificate_wrong_name"),
        details: &["app.test", "billing.test"],
        ..Expect::default()
    };
    Row::new(
        "a certificate of another name",
        world.caller().get("wrong-name", "/").await,
        &expect,
    )
    .saying("The address answers, and is somebody else: the details name both.")
}

async fn foreign_client(world: &World) -> Row {
    let expect = Expect {
        status: 502,
        told: &["stranger;error=tls_alert_received;alert-id=48;alert-message=unknown_ca"],
        reason: Some("tls_alert"),
        details: &["certificate"],
        ..Expect::default()
    };
    let (mut told, mut seen): (usize, Result<Seen, NoAnswer>) = (0, Err("not asked".to_owned()));
    while told < TIMES {
        seen = world.caller_at_the_stranger().get("app", "/").await;
        if !expect.complaints(&seen).is_empty() {
            break;
        }
        told += 1;
    }
    Row::new("a client from a foreign CA", seen, &expect).saying(format!(
        "The server lets no stranger in, and the stranger learns why: {told} times out of {TIMES}, not most times."
    ))
}

async fn unresolvable(world: &World) -> Row {
    let expect = Expect {
        status: 502,
        told: &["client;error=dns_error;rcode=\"NXDOMAIN\""],
        reason: Some("dns_error"),
        details: &["nowhere.test"],
        ..Expect::default()
    };
    Row::new(
        "a name that does not resolve",
        world.caller().get("unresolvable", "/").await,
        &expect,
    )
    .saying("The name server was asked, and says that there is no such name.")
}

async fn grpc_to_a_dead_app(world: &World) -> Row {
    world.app.kill().await;
    let seen = world.caller().grpc("app", "/demo.App/Greet").await;
    world.app.revive().await;

    let expect = Expect {
        status: 200,
        told: &["server;error=connection_refused"],
        reason: Some("connection_refused"),
        details: &["127.0.0.1"],
        grpc: Some("14"),
        ..Expect::default()
    };
    Row::new("a gRPC call to a dead app", seen, &expect)
        .saying("gRPC reads no HTTP status: it gets 14, UNAVAILABLE, in a response of trailers only.")
}
