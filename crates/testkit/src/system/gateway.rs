//! The gateway of the system: the stack's own configuration with several servers for each service.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::ensure;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{Build, log};
use crate::Process;

/// How long a line may take into the access log, whose buffer is written every second.
const LOG_LIMIT: Duration = Duration::from_secs(10);

/// The running gateway.
#[derive(Debug)]
pub(super) struct Gateway {
    pub(super) process: Process,
    /// `host:port`.
    pub(super) address: String,
    access_log: PathBuf,
    /// Bytes of the access log that were looked at.
    read: usize,
}

impl Gateway {
    /// nginx on `port`, called `name`.
    pub(super) fn new(build: &Build, name: &str, port: u16, services: &BTreeMap<&'static str, Vec<(u16, u16)>>) -> Self {
        let access_log = build.folder.join(name).join("access.log");
        Self { process: process(build, name, port, services), address: format!("127.0.0.1:{port}"), access_log, read: 0 }
    }

    /// Lets it answer what it has begun, and end. `false` when it had to be killed or failed.
    pub(super) async fn drain(&mut self, limit: Duration) -> bool {
        self.process.finish("QUIT", limit).await
    }

    /// The requests since the last call that were answered with 500, by the log.
    pub(super) async fn internal_errors(&mut self) -> anyhow::Result<Vec<String>> {
        // The last line: everything before it is in the log when it is.
        let mark = format!("read-until-{}", uuid::Uuid::now_v7().simple());
        service_kit::http_client(LOG_LIMIT)?
            .get(format!("http://{}/gateway/last", self.address))
            .header("x-request-id", &mark)
            .send()
            .await?;
        let begun = Instant::now();
        let text = loop {
            let text = fs::read_to_string(&self.access_log)?;
            if text.contains(&mark) {
                break text;
            }
            ensure!(begun.elapsed() < LOG_LIMIT, "the gateway's access log has no line of a request that was answered");
            // Opens the log anew, which writes the buffer.
            self.process.signal("USR1");
            sleep(Duration::from_millis(100)).await;
        };
        let new = text.get(self.read..).unwrap_or(&text);
        self.read = text.len();
        let lines = new.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        Ok(lines
            .filter(|line| line.get("status").and_then(Value::as_u64) == Some(500))
            .map(|line| ["method", "path", "request_id"].map(|name| line.get(name).and_then(Value::as_str).unwrap_or_default()).join(" "))
            .collect())
    }
}

/// As our own user, also when that is root: the workers need nothing but what we wrote.
fn process(build: &Build, name: &str, port: u16, services: &BTreeMap<&'static str, Vec<(u16, u16)>>) -> Process {
    let (source, base) = (build.root.join("deploy/gateway"), build.folder.join(name));
    let _ = fs::remove_dir_all(&base);
    copy(&source.join("snippets"), &base.join("conf/snippets"));
    copy(&source.join("html"), &base.join("html"));
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let mut variables = BTreeMap::from([
        ("GATEWAY_LISTEN".to_owned(), format!("127.0.0.1:{port}")),
        ("GATEWAY_STATE".to_owned(), text(&base)),
        ("GATEWAY_LOG".to_owned(), text(&base)),
        ("GATEWAY_CONF".to_owned(), text(&base.join("conf"))),
        ("GATEWAY_HTML".to_owned(), text(&base.join("html"))),
        ("GATEWAY_LIMITS".to_owned(), "load".to_owned()),
        ("GATEWAY_WORKERS".to_owned(), "1".to_owned()),
    ]);
    for (service, listening) in services {
        let servers: Vec<_> = listening.iter().map(|(public, _)| format!("127.0.0.1:{public}")).collect();
        // `render` repeats the line for each word.
        variables.insert(format!("GATEWAY_{}", service.trim_end_matches("-svc").to_uppercase()), servers.join(" "));
    }
    let rendered = Command::new(source.join("render")).envs(&variables).output().unwrap();
    assert!(rendered.status.success(), "the gateway's template: {}", String::from_utf8_lossy(&rendered.stderr));
    let configuration = base.join("conf/nginx.conf");
    fs::write(&configuration, rendered.stdout).unwrap();
    let nginx =
        ["/usr/sbin/nginx", "/usr/bin/nginx"].map(Path::new).into_iter().find(|path| path.exists()).expect("nginx is not installed");
    let user = Command::new("id").arg("-un").output().unwrap();
    let globally = format!("daemon off; user {};", String::from_utf8_lossy(&user.stdout).trim());
    let arguments = ["-p", &text(&base), "-c", &text(&configuration), "-e", &text(&base.join("error.log")), "-g", &globally];
    Process::new(name, nginx, &arguments, BTreeMap::new(), log(build, name))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}
