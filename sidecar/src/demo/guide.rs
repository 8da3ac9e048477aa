//! What is running where, and what to try by hand.

use super::{
    app::DEAD_FOR,
    screen::{Ink, Screen},
    world::{World, inbound, outbound},
};

/// Of the column before the command lines.
const ABOUT: usize = 24;

/// The introduction.
pub(super) fn introduction(screen: Screen, world: &World) -> String {
    let (client, server) = (outbound(&world.client), inbound(&world.server, 0));
    let mut text = screen.paint(
        Ink::Title,
        "Two sidecars, and everything that goes wrong between them",
    );
    text += "\n\n";
    for (name, at, what) in [
        (
            "client",
            client.to_string(),
            "the sidecar beside the caller: plain HTTP in, mutual TLS out",
        ),
        (
            "server",
            server.to_string(),
            "the sidecar beside the app: mutual TLS in, plain HTTP out",
        ),
        (
            "app",
            world.app.addr().to_string(),
            "a small app that misbehaves when asked to",
        ),
    ] {
        let title = screen.paint(Ink::Title, &format!("{name:8}"));
        text += &format!("  {title}{at:18}{what}\n");
    }
    text += "\n";
    let way = "Every request below goes caller -> client -> server -> app, over real sockets. The first hop that \
               fails says why; the hops before it pass that on.";
    text += &screen.paragraph(None, 2, way);
    text + "\n"
}

/// What to try, as long as the demo stays up.
pub(super) fn suggestions(screen: Screen, world: &World) -> String {
    let mut text = screen.paint(
        Ink::Title,
        "The app is healthy again. Now you, from another terminal:",
    );
    text += "\n\n";
    for (about, line) in lines(world) {
        if screen.width >= 100 {
            let about = screen.paint(Ink::Faint, &format!("{about:ABOUT$}"));
            text += &format!("  {about}  {line}\n");
        } else {
            text += &format!("  {}\n    {line}\n", screen.paint(Ink::Faint, &about));
        }
    }
    text + "\n  Ctrl-C ends it.\n"
}

fn lines(world: &World) -> Vec<(String, String)> {
    let at = outbound(&world.client);
    let get = |host: &str, path: &str| format!("curl -i -H 'Host: {host}' http://{at}{path}");
    let grpc = "--http2-prior-knowledge -X POST -H 'content-type: application/grpc'";
    let stranger = outbound(&world.stranger);
    let metrics = |name: &str, at| {
        (
            format!("the {name}'s metrics"),
            format!("curl http://{at}/metrics"),
        )
    };
    let lines = [
        ("all is well", get("app", "/")),
        ("crash in mid-response", get("app", "/crash")),
        ("no answer for 1 s", get("app", "/hang")),
        ("garbage", get("app", "/garbage")),
        ("the app's own 503", get("app", "/503")),
        (
            "one request at a time",
            format!(
                "curl -so /dev/null -H 'Host: narrow' http://{at}/slow & sleep 1; {}",
                get("narrow", "/")
            ),
        ),
        ("expired certificate", get("expired", "/")),
        ("wrong name", get("wrong-name", "/")),
        (
            "foreign client",
            format!("curl -i -H 'Host: app' http://{stranger}/"),
        ),
        ("name that is nowhere", get("unresolvable", "/")),
        ("no such service", get("nobody", "/")),
    ];
    let mut lines: Vec<_> = lines.map(|(about, line)| (about.to_owned(), line)).into();
    let dead = DEAD_FOR.as_secs();
    lines.push((format!("kill the app for {dead} s"), get("app", "/kill")));
    lines.push((
        "gRPC, alive or dead".to_owned(),
        format!("curl -sD - -o /dev/null {grpc} -H 'Host: app' http://{at}/demo.App/Greet"),
    ));
    lines.push(metrics("client", world.client.admin()));
    lines.push(metrics("server", world.server.admin()));
    lines
}
