//! The signature against Svix's own vector, and against its Python library.

use std::{path::PathBuf, process::Command};

use super::*;

/// From Svix's own tests; its libraries for Python and Node agree.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const TIMESTAMP: &str = "1614265330";
const BODY: &[u8] = br#"{"test": 2432232314}"#;
const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

fn keys(secrets: &str) -> WebhookKeys {
    WebhookKeys::parse(&secrets.to_owned().into()).unwrap()
}

fn proof(signatures: &str) -> Proof<'_> {
    Proof { id: ID, timestamp: TIMESTAMP, signatures }
}

fn seconds_later(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(TIMESTAMP.parse::<i64>().unwrap() + seconds, 0).unwrap()
}

fn verified(secrets: &str, proof: Proof<'_>, body: &[u8]) -> Result<(), Unproven> {
    keys(secrets).verify(Some(proof), body, seconds_later(0))
}

#[test]
fn the_signature_is_svixs_own() {
    assert_eq!(verified(SECRET, proof(SIGNATURE), BODY), Ok(()));
}

#[test]
fn one_of_several_secrets_and_one_of_several_signatures_are_enough() {
    assert_eq!(verified(&format!("{OTHER}, {SECRET}"), proof(SIGNATURE), BODY), Ok(()));
    let several = format!("v1a,g0hM9SsE v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= {SIGNATURE}");
    assert_eq!(verified(SECRET, proof(&several), BODY), Ok(()));
}

#[test]
fn whatever_is_not_signed_as_it_came_is_refused() {
    for wrong in ["", "v1,", "v1", &SIGNATURE[3..], &SIGNATURE.replace("v1", "v2"), &SIGNATURE.replace("g0h", "g0H"), "v1,Z3Jv", "v1,*"] {
        assert_eq!(verified(SECRET, proof(wrong), BODY), Err(Unproven::Wrong), "{wrong}");
    }
    assert_eq!(verified(OTHER, proof(SIGNATURE), BODY), Err(Unproven::Wrong));
    assert_eq!(verified(SECRET, proof(SIGNATURE), br#"{"test":2432232314}"#), Err(Unproven::Wrong));
    assert_eq!(verified(SECRET, Proof { id: "msg_another", ..proof(SIGNATURE) }, BODY), Err(Unproven::Wrong));
    assert_eq!(verified(SECRET, Proof { timestamp: "1614265331", ..proof(SIGNATURE) }, BODY), Err(Unproven::Wrong));
    let long = "m".repeat(LONGEST_ID + 1);
    for malformed in [
        Proof { id: "", ..proof(SIGNATURE) },
        Proof { id: &long, ..proof(SIGNATURE) },
        Proof { timestamp: "", ..proof(SIGNATURE) },
        Proof { timestamp: "yesterday", ..proof(SIGNATURE) },
        Proof { timestamp: "9223372036854775807", ..proof(SIGNATURE) },
    ] {
        assert_eq!(verified(SECRET, malformed, BODY), Err(Unproven::Malformed), "{malformed:?}");
    }
    assert_eq!(keys(SECRET).verify(None, BODY, seconds_later(0)), Err(Unproven::Malformed));
}

#[test]
fn a_webhook_is_good_for_five_minutes_either_way() {
    let at = |seconds| keys(SECRET).verify(Some(proof(SIGNATURE)), BODY, seconds_later(seconds));
    assert_eq!([at(300), at(-300)], [Ok(()), Ok(())]);
    assert_eq!([at(301), at(-301)], [Err(Unproven::OutOfTime), Err(Unproven::OutOfTime)]);
}

#[test]
fn without_a_secret_nobody_is_believed() {
    for none in ["", " , "] {
        assert_eq!(verified(none, proof(SIGNATURE), BODY), Err(Unproven::NoSecret));
    }
}

#[test]
fn a_secret_that_cannot_be_one_is_refused_and_not_shown() {
    for bad in ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_MfKQ9r8G", "whsec_not base64 at all", &format!("{SECRET},x")] {
        let error = WebhookKeys::parse(&(*bad).to_owned().into()).unwrap_err();
        assert!(!error.to_string().contains("MfKQ"), "{error}");
    }
    assert!(!format!("{:?}", keys(SECRET)).contains("49"), "the key's bytes");
}

/// Bodies that a library could serialise otherwise, or trim.
#[test]
fn svixs_own_library_signs_what_we_believe() {
    let cache =
        std::env::var_os("XDG_CACHE_HOME").map_or_else(|| PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache"), PathBuf::from);
    let python = cache.join("groundwork/venv/bin/python");
    let signs = "import datetime, sys, svix\n\
                 at = datetime.datetime.fromtimestamp(int(sys.argv[3]), datetime.timezone.utc)\n\
                 print(svix.Webhook(sys.argv[1]).sign(sys.argv[2], at, sys.argv[4]), end='')";
    for body in [r#"{"test": 2432232314}"#, "", " {\"a\" : \"धन्यवाद\"}\r\n", r#"{"a":1.0,"a":2}"#] {
        let said = Command::new(&python).args(["-c", signs, SECRET, ID, TIMESTAMP, body]).output().unwrap();
        assert!(
            said.status.success(),
            "the packages of deploy/test/requirements.txt are not installed (`make test` does it): {}",
            String::from_utf8_lossy(&said.stderr)
        );
        let signature = String::from_utf8(said.stdout).unwrap();
        assert_eq!(verified(SECRET, proof(&signature), body.as_bytes()), Ok(()), "{body:?}: {signature}");
    }
}
