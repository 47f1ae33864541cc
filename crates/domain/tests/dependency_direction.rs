//! The arrows between our crates, and what the domain may never know.

use std::collections::{BTreeSet, HashMap};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};

fn metadata_command() -> MetadataCommand {
    let mut command = MetadataCommand::new();
    command.manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    command
}

/// The graph for this machine's platform: that of the others would have to be downloaded first.
fn resolved() -> Metadata {
    let rustc = std::process::Command::new("rustc").arg("-vV").output();
    let version = rustc.unwrap_or_else(|error| panic!("rustc: {error}")).stdout;
    let version = String::from_utf8_lossy(&version);
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.unwrap_or_else(|| panic!("rustc names no host"));
    metadata_command()
        .other_options(["--filter-platform".to_owned(), host.to_owned()])
        .exec()
        .unwrap_or_else(|error| panic!("cargo metadata: {error}"))
}

/// The names of everything that `package` needs to be built, with itself.
fn normal_closure(metadata: &Metadata, package: &str) -> BTreeSet<String> {
    let names: HashMap<&PackageId, &str> = metadata.packages.iter().map(|package| (&package.id, package.name.as_str())).collect();
    let resolve = metadata.resolve.as_ref().unwrap_or_else(|| panic!("no dependency graph"));
    let nodes: HashMap<&PackageId, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();

    let root = metadata.workspace_packages().into_iter().find(|member| member.name == package);
    let mut open = vec![&root.unwrap_or_else(|| panic!("no crate {package}")).id];
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        let normal = |kinds: &[cargo_metadata::DepKindInfo]| kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
        let dependencies = nodes.get(id).map_or(&[][..], |node| &node.deps);
        open.extend(dependencies.iter().filter(|dep| normal(&dep.dep_kinds)).map(|dep| &dep.pkg));
    }
    seen.into_iter().filter_map(|id| names.get(id)).map(|&name| name.to_owned()).collect()
}

#[test]
fn the_domain_knows_no_runtime_no_database_no_broker_and_no_web() {
    let closure = normal_closure(&resolved(), "domain");
    assert!(closure.contains("serde") && closure.contains("chrono"), "the graph was not read: {closure:?}");
    for foreign in ["tokio", "diesel", "diesel-async", "actix-web", "lapin", "reqwest", "hyper", "redis", "deadpool-redis"] {
        assert!(!closure.contains(foreign), "domain depends on {foreign}");
    }
}

#[test]
fn the_foreign_crates_would_be_found_if_they_were_there() {
    let closure = normal_closure(&resolved(), "service-kit");
    for found in ["tokio", "diesel", "actix-web", "reqwest", "redis"] {
        assert!(closure.contains(found), "{found} is not found even where it is used");
    }
}

/// Our crates that each of our crates may depend on: normally, and in tests besides.
const ARROWS: &[(&str, &[&str], &[&str])] = &[
    ("domain", &[], &[]),
    ("service-kit", &["domain"], &["testkit"]),
    ("messaging", &["domain", "service-kit"], &["testkit"]),
    ("mail", &["domain", "service-kit"], &["testkit"]),
    ("testkit", &["domain", "service-kit"], &["payments-svc", "onboarding-svc", "bcm-svc", "sandbox"]),
    ("bench", &["domain", "service-kit"], &[]),
    ("sandbox", &["domain", "service-kit"], &["testkit"]),
    ("auth-svc", SERVICE, IN_SERVICE_TESTS),
    ("payments-svc", SERVICE, IN_SERVICE_TESTS),
    ("onboarding-svc", SERVICE, IN_SERVICE_TESTS),
    ("bcm-svc", SERVICE, IN_SERVICE_TESTS),
];
const SERVICE: &[&str] = &["domain", "service-kit", "messaging", "mail"];
const IN_SERVICE_TESTS: &[&str] = &["testkit", "sandbox"];

#[test]
fn our_crates_depend_on_each_other_only_along_the_arrows() {
    let metadata = metadata_command().no_deps().exec().unwrap_or_else(|error| panic!("cargo metadata: {error}"));
    let members = metadata.workspace_packages();
    let ours: BTreeSet<&str> = members.iter().map(|member| member.name.as_str()).collect();
    assert_eq!(ours, ARROWS.iter().map(|arrow| arrow.0).collect(), "a crate has no row here, or a row no crate");
    for member in members {
        for &(name, normal, in_tests) in ARROWS.iter().filter(|arrow| arrow.0 == member.name.as_str()) {
            for dependency in member.dependencies.iter().filter(|dependency| ours.contains(dependency.name.as_str())) {
                let on = dependency.name.as_str();
                let allowed = normal.contains(&on) || (dependency.kind == DependencyKind::Development && in_tests.contains(&on));
                assert!(allowed, "{name} must not depend on {on} ({:?})", dependency.kind);
            }
        }
    }
}
