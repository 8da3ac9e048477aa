//! What each layer allocates for a request that meets no trouble: exact, and the same on every machine.
//!
//! The same services and names as in `layers`; `nothing`, which they all wrap, allocates nothing. Counted is one
//! request, after others have gone the same way; growing an allocation in place or elsewhere counts as well.

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
    println!("{:<30} {:>11} {:>7}", "a request through", "allocations", "bytes");
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
        println!("{name:<30} {times:>11} {:>7}", counted.bytes_allocated);
    }
}
