//! A process of the rig ends when it is told to, and with its value.

use std::{collections::BTreeMap, path::Path, time::Duration};

use testkit::Process;

fn sleeper() -> Process {
    let log = std::env::temp_dir().join(format!("testkit-process-{}.log", std::process::id()));
    Process::new("sleeper", Path::new("sleep"), &["1000"], BTreeMap::new(), log)
}

/// A process that nobody has waited for still has a folder.
fn lives(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|state| !state.contains(") Z "))
}

async fn ends(pid: u32) -> bool {
    for _ in 0..200 {
        if !lives(pid) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}

#[tokio::test]
async fn a_process_runs_until_it_is_killed_and_can_be_started_again() {
    let mut process = sleeper();
    assert!(!process.runs(), "nothing runs before the start");
    for _ in 0..2 {
        process.start();
        let pid = process.pid().unwrap();
        assert!(process.runs() && lives(pid));
        process.kill().await;
        assert!(!process.runs() && !lives(pid));
    }
}

#[tokio::test]
async fn a_process_that_does_not_heed_a_signal_is_killed_after_a_while() {
    let mut process = sleeper();
    process.start();
    let pid = process.pid().unwrap();
    process.signal("STOP");
    assert!(!process.terminate(Duration::from_millis(300)).await, "a stopped process cannot end in order");
    assert!(!lives(pid));
}

#[tokio::test]
async fn what_a_process_has_started_ends_with_it() {
    let folder = std::env::temp_dir().join(format!("testkit-processes-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let child = folder.join("child");
    let script = format!("sleep 1000 & echo $! >{0}.new && mv {0}.new {0}; wait", child.display());
    let mut process = Process::new("parent", Path::new("sh"), &["-c", &script], BTreeMap::new(), folder.join("log"));
    for by_drop in [false, true] {
        process.start();
        while !child.exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let pid = std::fs::read_to_string(&child).unwrap().trim().parse().unwrap();
        std::fs::remove_file(&child).unwrap();
        assert!(lives(pid));
        if by_drop {
            drop(process);
            return assert!(ends(pid).await, "a child outlived its parent's value");
        }
        process.kill().await;
        assert!(ends(pid).await, "a child outlived its parent");
    }
}

#[tokio::test]
async fn a_process_ends_with_its_value() {
    let mut process = sleeper();
    process.start();
    let pid = process.pid().unwrap();
    drop(process);
    assert!(ends(pid).await, "process {pid} outlived its value");
}
