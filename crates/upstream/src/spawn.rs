//! How HTTP/2 starts its tasks, on either side of a gateway.

use hyper::rt::Executor;

/// Spawns on tokio's current runtime what was put on the heap first: tokio copies a future several times on its
/// way into a task, and those of HTTP/2 are large.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spawn;

impl<F> Executor<F> for Spawn
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, future: F) {
        tokio::spawn(Box::pin(future));
    }
}
