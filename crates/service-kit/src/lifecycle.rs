//! One object that owns a process's life: drain, hard stop, tracked tasks, crash detection.

use std::{future::Future, process::ExitCode, time::Duration};

use tokio::{
    runtime::Handle,
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

/// How long running work may take to finish once draining has begun.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(20);

/// The lifetime of one process, shared by everything it runs.
///
/// *Draining* means: take no new work, finish what runs. *Stopped* means: drop everything. A tracked task that panics
/// or returns early while the process is not draining makes the process exit with 1.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    main: Handle,
    draining: CancellationToken,
    stopped: CancellationToken,
    tasks: TaskTracker,
    crashed: watch::Sender<Option<String>>,
}

impl Lifecycle {
    /// Binds to the runtime it is called on, which must be the multi-thread main runtime: every connection of the
    /// process is driven there (an actix worker's own runtime would starve it).
    ///
    /// # Panics
    /// When called outside a tokio runtime.
    pub fn on_this_runtime() -> Self {
        Self {
            main: Handle::current(),
            draining: CancellationToken::new(),
            stopped: CancellationToken::new(),
            tasks: TaskTracker::new(),
            crashed: watch::Sender::new(None),
        }
    }

    /// The main runtime.
    pub fn main(&self) -> &Handle {
        &self.main
    }

    /// Cancelled when the process should take no new work.
    pub fn draining(&self) -> CancellationToken {
        self.draining.clone()
    }

    /// Cancelled when whatever still runs is to be dropped.
    pub fn stopped(&self) -> CancellationToken {
        self.stopped.clone()
    }

    /// Begins draining.
    pub fn drain(&self) {
        self.draining.cancel();
    }

    /// Runs a task for the life of the process on the main runtime. Its early end is a crash.
    pub fn spawn_service<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let this = self.clone();
        let handle = self.tasks.spawn_on(task, &self.main);
        self.tasks.spawn_on(
            async move {
                let ended = handle.await;
                if !this.draining.is_cancelled() {
                    let reason = match ended {
                        Ok(()) => format!("task {name} ended while the process was running"),
                        Err(error) => format!("task {name} crashed: {error}"),
                    };
                    this.crashed.send_replace(Some(reason));
                    this.draining.cancel();
                }
            },
            &self.main,
        );
    }

    /// Starts a short piece of work on the main runtime that is drained at shutdown.
    pub fn spawn<F>(&self, task: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tasks.spawn_on(task, &self.main)
    }

    /// Runs `work` to its end even when the caller is dropped: a client that hangs up never cuts a transaction. It stays
    /// in the caller's span, so that what it logs and tells others belongs to the request's trace. A panic of the work
    /// is the caller's.
    ///
    /// # Errors
    /// [`Interrupted`] when the runtime was stopped.
    pub async fn detached<T, F>(&self, work: F) -> Result<T, Interrupted>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        self.spawn(work.in_current_span()).await.map_err(|error| match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => {
                tracing::error!(error = %error, "a detached use case did not finish");
                Interrupted
            }
        })
    }

    /// Waits for SIGINT, SIGTERM or a crash, then drains: running work gets [`DRAIN_LIMIT`], a second signal or the
    /// limit drops it. Returns the exit code of the process.
    pub async fn run_to_end(&self) -> ExitCode {
        self.wait_for_stop_signal().await;
        self.draining.cancel();
        self.tasks.close();
        tokio::select! {
            () = self.tasks.wait() => {}
            () = tokio::time::sleep(DRAIN_LIMIT) => tracing::warn!(limit_s = DRAIN_LIMIT.as_secs(), "drain limit reached, dropping what still runs"),
            () = next_signal() => tracing::warn!("second signal, dropping what still runs"),
        }
        self.stopped.cancel();
        let crash = self.crashed.borrow().clone();
        match crash {
            Some(reason) => {
                tracing::error!(reason, "stopped after a crash");
                ExitCode::FAILURE
            }
            None => ExitCode::SUCCESS,
        }
    }

    async fn wait_for_stop_signal(&self) {
        tokio::select! {
            () = next_signal() => tracing::info!("signal received, draining"),
            () = self.draining.cancelled() => {}
        }
    }
}

/// Work that did not reach its end: the process was stopped under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the work was interrupted")]
pub struct Interrupted;

async fn next_signal() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
