//! Configuration errors are found at start, all at once, and name the setting.

use service_kit::config::{Config, Environment, Problems, is_local_host, load};

use crate::probe::ProbeConfig;

const GOOD: [(&str, &str); 5] = [
    ("DATABASE_URL", "postgres://u:database-secret@127.0.0.1/x"),
    ("REDIS_URL", "redis://:redis-secret@127.0.0.1"),
    ("AMQP_URL", "amqp://u:broker-secret@127.0.0.1"),
    ("GROUNDWORK__AUTH__ISSUER", "http://issuer.test"),
    ("SUPABASE_JWT_SECRET", "token-secret-token-secret-token-secret"),
];

fn read(more: &[(&'static str, &'static str)]) -> Result<Config<ProbeConfig>, Problems> {
    load("auth_svc", None, &Environment::from_pairs(GOOD.into_iter().chain(more.iter().copied())))
}

#[test]
fn everything_that_is_wrong_is_reported_at_once() {
    let environment = Environment::from_pairs([("GROUNDWORK__AUTH__JWT_SECRET", "short"), ("GROUNDWORK__HTTP__WORKERS", "0")]);
    let problems = load::<ProbeConfig>("auth_svc", None, &environment).unwrap_err();
    let text = problems.to_string();
    for expected in ["database.url", "redis.url", "amqp.url", "auth.issuer", "auth.jwt_secret: is shorter", "http.workers"] {
        assert!(text.contains(expected), "{expected} is missing in: {text}");
    }
}

#[test]
fn an_unknown_setting_is_refused_by_name() {
    let problems = read(&[("GROUNDWORK__DATABASE__POOOL_SIZE", "3")]).unwrap_err();
    assert_eq!(problems.lines(), ["database.poool_size: is not a setting (from the environment)"]);
}

#[test]
fn the_variable_of_one_service_wins_and_is_not_read_by_another() {
    assert_eq!(read(&[("GROUNDWORK__GREETING", "all"), ("GROUNDWORK__AUTH_SVC__GREETING", "mine")]).unwrap().service.greeting, "mine");
    assert_eq!(read(&[("GROUNDWORK__BCM__GREETING", "theirs")]).unwrap().service.greeting, "hello");
}

#[test]
fn a_production_profile_refuses_load_limits() {
    let problems = read(&[("GROUNDWORK__PROFILE", "production"), ("GROUNDWORK__LIMITS__PROFILE", "load")]).unwrap_err();
    assert!(problems.to_string().contains("limits.profile"), "{problems}");
}

#[test]
fn no_secret_is_printed() {
    let printed = format!("{:#?}", read(&[]).unwrap());
    for secret in ["database-secret", "redis-secret", "broker-secret", "token-secret"] {
        assert!(!printed.contains(secret), "{secret} is printed");
    }
    insta::assert_snapshot!(printed);
}

#[test]
fn a_host_is_local_by_its_address_and_not_by_how_its_name_begins() {
    for local in
        ["http://localhost:8090/x", "http://127.0.0.1", "http://127.9.9.9", "smtp://[::1]:25", "smtp://127.0.0.1", "http://app.localhost"]
    {
        assert!(is_local_host(local), "{local}");
    }
    for remote in
        ["http://127.example.com", "https://127.0.0.1.example.com", "http://10.0.0.1", "http://localhost.example.com", "localhost", ""]
    {
        assert!(!is_local_host(remote), "{remote}");
    }
}
