//! The gateway of the system: the stack's own configuration with several servers for each service.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use super::{Build, log};
use crate::Process;

/// nginx on `port`, in one process, so that ending it leaves no worker behind.
pub(super) fn process(build: &Build, port: u16, services: &BTreeMap<&'static str, Vec<(u16, u16)>>) -> Process {
    let (source, base) = (build.root.join("deploy/gateway"), build.folder.join("gateway"));
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
    let arguments =
        ["-p", &text(&base), "-c", &text(&configuration), "-e", &text(&base.join("error.log")), "-g", "daemon off; master_process off;"];
    Process::new("gateway", nginx, &arguments, BTreeMap::new(), log(build, "gateway"))
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
