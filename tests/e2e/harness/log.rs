//! What a process says on stderr, kept for questions and shown when a test fails.

use std::{
    io::{BufRead, BufReader, Read},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use serde_json::Value;
use tokio::sync::watch;

/// The lines so far; a thread of its own reads on.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    news: watch::Receiver<()>,
}

impl Log {
    /// Reads to the end of `stderr`.
    pub(crate) fn of(stderr: impl Read + Send + 'static) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (told, news) = watch::channel(());
        let kept = lines.clone();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(line);
                told.send_replace(());
            }
        });
        Self { lines, news }
    }

    /// Everything so far.
    pub(crate) fn text(&self) -> String {
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .join("\n")
    }

    /// The JSON lines so far.
    pub(crate) fn records(&self) -> Vec<Value> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines
            .iter()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// The first JSON line that satisfies `wanted`; `None` if the process ends without it.
    pub(crate) async fn find(&self, wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        let mut news = self.news.clone();
        loop {
            let ended = news.has_changed().is_err();
            news.mark_unchanged();
            if let Some(found) = self.records().into_iter().find(&wanted) {
                return Some(found);
            }
            if ended || news.changed().await.is_err() {
                return self.records().into_iter().find(&wanted);
            }
        }
    }

    /// What it said of panics, the process being dead: blocks until all it said is read.
    pub(crate) fn panics(&self) -> Vec<Value> {
        while self.news.has_changed().is_ok() {
            thread::sleep(Duration::from_millis(1));
        }
        let is_panic = |line: &Value| line["target"] == "outrigger_sidecar::panics";
        self.records().into_iter().filter(is_panic).collect()
    }

    /// Everything, once the process has closed its stderr.
    pub(crate) async fn to_end(&self) -> String {
        let mut news = self.news.clone();
        while news.changed().await.is_ok() {}
        self.text()
    }
}
