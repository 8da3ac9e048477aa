//! What each layer allocates for a request that meets no trouble, and how large what it hands on becomes: exact, and
//! the same on every machine of a kind.
//!
//! The same services and names as in `layers`; `nothing`, which they all wrap, allocates nothing. Counted is one
//! request, after others have gone the same way; an allocation that grows counts as well. `future` and `body` are the
//! bytes of the response's future and body, which are moved whenever a layer above passes them on: they cost time
//! that is spent in no layer.

mod stacks;

use std::{alloc::System, fmt::Debug, sync::Arc};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use outrigger_layers::hop::Client;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::runtime::Builder;
use tower::Service;

use self::stacks::{Each, Question, after_a_wait, ask, client, question, visit_all};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    let runtime = Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime without sockets needs nothing");
    let _timers = runtime.enter();
    println!("{:<30} allocations   bytes  future    body", "a request through");
    visit_all(&mut Counted { client: client() }, &after_a_wait());
}

struct Counted {
    client: Arc<Client>,
}

impl Each for Counted {
    fn visit<S, B>(&mut self, name: &str, service: S)
    where
        S: Service<Question, Response = Response<B>, Error: Debug> + Clone,
        B: Body<Data = Bytes>,
    {
        (0..10).for_each(|_| ask(&service, question(&self.client)));
        let question = question(&self.client);
        let region = Region::new(ALLOCATOR);
        ask(&service, question);
        let counted = region.change();
        let times = counted.allocations + counted.reallocations;
        let (bytes, future, body) = (counted.bytes_allocated, size_of::<S::Future>(), size_of::<B>());
        println!("{name:<30} {times:>11} {bytes:>7} {future:>7} {body:>7}");
    }
}
