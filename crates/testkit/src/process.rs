//! A real process of the system under test. It ends with the value, and with the test when that is killed.

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    process::{Child, Command},
    time::timeout,
};

/// A program with everything it is started with; it may be started again and again.
#[derive(Debug)]
pub struct Process {
    name: String,
    program: PathBuf,
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
    log: PathBuf,
    child: Option<Child>,
}

impl Process {
    /// Nothing runs yet. The process gets this environment and nothing of ours but `PATH`; what it prints is appended
    /// to `log`.
    pub fn new(name: &str, program: &Path, arguments: &[&str], environment: BTreeMap<String, String>, log: PathBuf) -> Self {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        Self { name: name.to_owned(), program: program.to_owned(), arguments, environment, log, child: None }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is started with.
    pub const fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// Starts it.
    ///
    /// # Panics
    /// When it runs already or cannot be started.
    pub fn start(&mut self) {
        let program = self.program.clone();
        self.start_as(&program, &[]);
    }

    /// Starts `program` instead of its own, with more variables.
    ///
    /// # Panics
    /// When it runs already or cannot be started.
    #[expect(clippy::disallowed_methods, reason = "the search path is not a setting")]
    pub fn start_as(&mut self, program: &Path, more: &[(&str, &str)]) {
        assert!(self.ended().is_some(), "{} runs already", self.name);
        let log = OpenOptions::new().create(true).append(true).open(&self.log).unwrap();
        // Without us nothing would end it.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program).args(&self.arguments).env_clear().envs(&self.environment);
        command.env("PATH", std::env::var("PATH").unwrap_or_default()).envs(more.iter().copied());
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).process_group(0).kill_on_drop(true);
        self.child = Some(command.spawn().unwrap_or_else(|error| panic!("{} cannot be started: {error}", self.name)));
    }

    /// Its pid while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// Whether it runs.
    pub fn runs(&mut self) -> bool {
        self.ended().is_none()
    }

    /// How it ended; `None` while it runs. One that was never started ended well.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        match &mut self.child {
            Some(child) => child.try_wait().unwrap(),
            None => Some(ExitStatus::default()),
        }
    }

    /// Ends it like a power cut, with the processes that it has started.
    pub async fn kill(&mut self) {
        self.kill_group();
        if let Some(mut child) = self.child.take() {
            let _ = child.wait().await;
        }
    }

    fn kill_group(&self) {
        if let Some(pid) = self.pid() {
            // What has just ended by itself needs no signal.
            let _ = std::process::Command::new("kill").args(["-s", "KILL", "--", &format!("-{pid}")]).stderr(Stdio::null()).status();
        }
    }

    /// Asks it to end, and kills it when it does not do so in time. `true` when it ended by itself, without an error.
    pub async fn terminate(&mut self, limit: Duration) -> bool {
        self.finish("TERM", limit).await
    }

    /// The same for a process that ends in order by another signal.
    pub async fn finish(&mut self, signal: &str, limit: Duration) -> bool {
        self.signal(signal);
        let Some(child) = &mut self.child else { return true };
        let Ok(status) = timeout(limit, child.wait()).await else {
            self.kill().await;
            return false;
        };
        self.child = None;
        status.is_ok_and(|status| status.success())
    }

    /// Sends a signal by name, for example `STOP`; a process that does not run gets none.
    ///
    /// # Panics
    /// When there is no `kill` command.
    pub fn signal(&self, name: &str) {
        if let Some(pid) = self.pid() {
            signal(pid, name);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_group();
    }
}

/// Sends the signal of this name (`STOP`, `CONT`, `TERM`) to a process of the test's own.
///
/// # Panics
/// When there is no such process.
pub fn signal(pid: u32, name: &str) {
    let status = std::process::Command::new("kill").args(["-s", name, &pid.to_string()]).status().unwrap();
    assert!(status.success(), "SIG{name} to {pid}");
}
