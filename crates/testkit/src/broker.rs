//! A RabbitMQ node of one test: restarts, alarms and lost disks would disturb every other test on the stack's.

use std::{
    fs::{self, File},
    io::Read,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tokio::{net::TcpStream, time::sleep};
use uuid::Uuid;

use crate::{ports::free_ports, vhost::Vhost};

/// On a machine that compiles meanwhile a node takes a while.
const START_LIMIT: Duration = Duration::from_secs(120);
const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
const CONTROL: &str = "/usr/lib/rabbitmq/bin/rabbitmqctl";

/// A node with ports, data, cookie and epmd of its own, without plugins. It is killed, and its data deleted, with the
/// value.
#[derive(Debug)]
pub struct Broker {
    folder: PathBuf,
    name: String,
    port: u16,
    dist_port: u16,
    epmd_port: u16,
    epmd: Child,
    node: Option<Child>,
}

impl Broker {
    /// Starts a fresh node and waits until it accepts connections.
    ///
    /// # Panics
    /// When RabbitMQ is not installed or the node does not start.
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// The same with more lines of `rabbitmq.conf`.
    ///
    /// # Panics
    /// When RabbitMQ is not installed or the node does not start.
    pub async fn start_with(settings: &str) -> Self {
        let id = Uuid::now_v7().simple().to_string();
        let folder = std::env::temp_dir().join(format!("groundwork-broker-{id}"));
        fs::create_dir_all(&folder).unwrap();
        let [port, dist_port, epmd_port] = free_ports();
        let configuration = format!(
            "listeners.tcp.1 = 127.0.0.1:{port}\ndisk_free_limit.absolute = 64MB\n\
             vm_memory_high_watermark.absolute = 768MB\n{settings}\n"
        );
        fs::write(folder.join("rabbitmq.conf"), configuration).unwrap();
        fs::write(folder.join("enabled_plugins"), "[].\n").unwrap();
        fs::write(folder.join("rabbitmq-env.conf"), "").unwrap();
        let epmd = tied_to_this_test("epmd").args(["-port", &epmd_port.to_string(), "-address", "127.0.0.1"]).spawn().unwrap();
        let mut broker = Self { folder, name: format!("test-{id}@localhost"), port, dist_port, epmd_port, epmd, node: None };
        listens(epmd_port, START_LIMIT).await.unwrap_or_else(|()| panic!("epmd does not listen"));
        broker.run().await;
        broker
    }

    /// AMQP URL of its default vhost.
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port)
    }

    /// Its default vhost, which knows its AMQP URL and nothing of management.
    pub fn vhost(&self) -> Vhost {
        Vhost::without_management("/", &self.url())
    }

    /// Starts the killed node on the data it had, and waits until it accepts connections.
    ///
    /// # Panics
    /// When it does not start; the end of its log is shown.
    pub async fn run(&mut self) {
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        let mut command = tied_to_this_test("env");
        command
            // The script then execs the Erlang VM, so that the pid is the node's.
            .arg("RUNNING_UNDER_SYSTEMD=1")
            .args(self.environment())
            .arg(SERVER)
            .current_dir(&self.folder)
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        self.node = Some(command.spawn().unwrap());
        let deadline = Instant::now() + START_LIMIT;
        while listens(self.port, Duration::from_millis(100)).await.is_err() {
            let ended = self.node.as_mut().is_none_or(|node| node.try_wait().unwrap().is_some());
            assert!(!ended && Instant::now() < deadline, "the private broker did not start:\n{}", self.end_of_log());
        }
    }

    /// Ends it at once, as a power cut does.
    pub fn kill(&mut self) {
        if let Some(mut node) = self.node.take() {
            let _ = node.kill();
            let _ = node.wait();
        }
    }

    /// Deletes what a killed node knew, messages and topology.
    ///
    /// # Panics
    /// When the node runs.
    pub fn forget(&self) {
        assert!(self.node.is_none(), "a running node keeps its data");
        fs::remove_dir_all(self.folder.join("data")).unwrap();
    }

    /// Runs `rabbitmqctl` and returns what it says.
    ///
    /// # Panics
    /// When it fails.
    pub async fn control(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("env");
        command.args(self.environment()).args([CONTROL, "--quiet", "--node", &self.name]).args(arguments).stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "rabbitmqctl {arguments:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
        said
    }

    /// Messages in a queue, delivered ones included.
    ///
    /// # Panics
    /// When there is no such queue.
    pub async fn held(&self, queue: &str) -> u64 {
        let queues = self.control(&["list_queues", "--no-table-headers", "name", "messages"]).await;
        let line = queues.lines().find_map(|line| line.strip_prefix(queue)?.strip_prefix('\t'));
        line.unwrap_or_else(|| panic!("no queue {queue} in {queues}")).trim().parse().unwrap()
    }

    fn environment(&self) -> Vec<String> {
        let folder = self.folder.display();
        vec![
            format!("HOME={folder}"),
            format!("ERL_EPMD_PORT={}", self.epmd_port),
            "ERL_EPMD_ADDRESS=127.0.0.1".to_owned(),
            format!("RABBITMQ_NODENAME={}", self.name),
            format!("RABBITMQ_DIST_PORT={}", self.dist_port),
            format!("RABBITMQ_MNESIA_BASE={folder}/data"),
            format!("RABBITMQ_LOG_BASE={folder}/log"),
            "RABBITMQ_LOGS=-".to_owned(),
            format!("RABBITMQ_CONFIG_FILE={folder}/rabbitmq"),
            format!("RABBITMQ_CONF_ENV_FILE={folder}/rabbitmq-env.conf"),
            format!("RABBITMQ_ENABLED_PLUGINS_FILE={folder}/enabled_plugins"),
            // Channels look every second, not every minute, whether a delivery was held too long.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1} -rabbit channel_tick_interval 1000 \
             +S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none"
                .to_owned(),
        ]
    }

    fn log(&self) -> PathBuf {
        self.folder.join("node.log")
    }

    fn end_of_log(&self) -> String {
        let mut text = String::new();
        let _ = File::open(self.log()).map(|mut file| file.read_to_string(&mut text));
        let lines: Vec<_> = text.lines().collect();
        lines.get(lines.len().saturating_sub(40)..).unwrap_or_default().join("\n")
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // The node first: one that loses its epmd starts another.
        self.kill();
        let _ = self.epmd.kill();
        let _ = self.epmd.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The kernel kills it when the thread that runs the test ends, however that happens.
fn tied_to_this_test(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", program]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

async fn listens(port: u16, limit: Duration) -> Result<(), ()> {
    let deadline = Instant::now() + limit;
    loop {
        if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(());
        }
        sleep(Duration::from_millis(50)).await;
    }
}
