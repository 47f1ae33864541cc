//! The transport against aiosmtpd, which reads the mails with Python's own parser.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
};

use lettre::transport::smtp::client::Certificate;
use serde_json::{Value, json};

use super::*;
use crate::transport;

/// A running server; it ends when its input is closed.
struct Server {
    child: Child,
    output: BufReader<ChildStdout>,
    port: u16,
    certificate: PathBuf,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let cache = std::env::var_os("XDG_CACHE_HOME")
            .map_or_else(|| PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache"), PathBuf::from);
        let python = cache.join("groundwork/venv/bin/python");
        assert!(python.exists(), "the packages of deploy/test/requirements.txt are not installed: `make test` does it");
        let mut child = Command::new(python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/src/smtp/witness.py"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut server = Self { child, output, port: 0, certificate: PathBuf::new() };
        let says = server.says();
        server.port = says["port"].as_u64().unwrap().try_into().unwrap();
        server.certificate = says["certificate"].as_str().unwrap().into();
        server
    }

    fn says(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// A transport that trusts the server's certificate.
    fn transport(&self, url: &str) -> Smtp {
        let mut smtp = untrusting(&url.replace("PORT", &self.port.to_string()));
        if self.certificate.exists() {
            let root = Certificate::from_pem(&std::fs::read(&self.certificate).unwrap()).unwrap();
            smtp.tls = TlsParameters::builder(smtp.server.host.clone()).add_root_certificate(root).build().unwrap();
        }
        smtp
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

fn untrusting(url: &str) -> Smtp {
    Smtp::new(SmtpUrl::parse(url).unwrap(), "Gründwork <hello@groundwork.test>".parse().unwrap()).unwrap()
}

fn mail() -> Outgoing {
    Outgoing {
        purpose_key: "payment-confirmation/1".into(),
        recipient: "asha@example.test".into(),
        subject: "Bezahlt – धन्यवाद".into(),
        html: "<p>Danke, धन्यवाद</p>".into(),
        text: "Danke, धन्यवाद\n.\nEnde".into(),
        attachment: None,
    }
}

/// To this machine, where nothing would have to be encrypted: [`by_starttls`] does all the same.
const STARTTLS: &str = "smtp://groundwork:s3cr%25t%40@127.0.0.1:PORT";

fn by_starttls(server: &Server) -> Smtp {
    let mut smtp = server.transport(STARTTLS);
    smtp.server.encryption = Encryption::StartTls;
    smtp
}

#[tokio::test]
async fn a_mail_arrives_whole_in_both_forms_under_an_id_of_its_purpose() {
    let mut server = Server::start(&["plain"]);
    let smtp = server.transport("smtp://localhost:PORT");
    let id = smtp.send(&mail()).await.unwrap();
    let seen = server.says();
    assert_eq!(
        (&seen["from"], &seen["to"], &seen["hello"]),
        (&json!("hello@groundwork.test"), &json!(["asha@example.test"]), &json!("groundwork.test"))
    );
    assert_eq!((seen["text"].as_str().unwrap(), seen["html"].as_str().unwrap()), ("Danke, धन्यवाद\n.\nEnde", "<p>Danke, धन्यवाद</p>"));
    assert_eq!(seen["headers"]["subject"], "Bezahlt – धन्यवाद");
    assert_eq!(seen["headers"]["from"], "Gründwork <hello@groundwork.test>");
    assert_eq!(seen["headers"]["message-id"], format!("<{id}@groundwork.test>"));
    assert_eq!((&seen["ascii"], &seen["has_date"], &seen["encrypted"]), (&json!(true), &json!(true), &json!(false)));

    assert_eq!(smtp.send(&mail()).await.unwrap(), id, "a repeat can be told by its id");
    assert_eq!(server.says()["headers"]["message-id"], seen["headers"]["message-id"]);
}

#[tokio::test]
async fn a_file_arrives_byte_for_byte_beside_both_forms() {
    let mut server = Server::start(&["plain"]);
    let smtp = server.transport("smtp://localhost:PORT");
    let file = transport::Attachment { file_name: "GW-1.pdf".into(), content_type: "application/pdf", bytes: b"%PDF\r\n\xff\0".to_vec() };
    smtp.send(&Outgoing { attachment: Some(file), ..mail() }).await.unwrap();
    let seen = server.says();
    assert_eq!(seen["attachments"], json!([{ "name": "GW-1.pdf", "type": "application/pdf", "content": "%PDF\r\n\u{ff}\0" }]));
    assert_eq!((seen["text"].as_str().unwrap(), seen["html"].as_str().unwrap()), ("Danke, धन्यवाद\n.\nEnde", "<p>Danke, धन्यवाद</p>"));
}

#[tokio::test]
async fn both_ways_of_encryption_sign_in_with_the_decoded_password() {
    let mut server = Server::start(&["starttls"]);
    by_starttls(&server).send(&mail()).await.unwrap();
    let seen = server.says();
    assert_eq!((&seen["encrypted"], &seen["user"]), (&json!(true), &json!("groundwork")));

    let mut server = Server::start(&["implicit"]);
    server.transport("smtps://groundwork:s3cr%25t%40@localhost:PORT").send(&mail()).await.unwrap();
    let seen = server.says();
    assert_eq!((&seen["encrypted"], &seen["user"]), (&json!(true), &json!("groundwork")));
}

async fn paused(smtp: &Smtp) -> String {
    match smtp.send(&mail()).await {
        Err(SendError::Transient { reason, retry_after: Some(OPERATOR_PAUSE) }) => reason,
        other => panic!("not left to an operator: {other:?}"),
    }
}

#[tokio::test]
async fn what_an_operator_has_to_mend_loses_no_mail() {
    let server = Server::start(&["starttls"]);
    let wrong = STARTTLS.replace("PORT", &server.port.to_string());
    let mut stranger = untrusting(&wrong);
    stranger.server.encryption = Encryption::StartTls;
    assert_eq!(paused(&stranger).await, "STARTTLS: no trusted encryption");

    let mut mistyped = server.transport("smtp://groundwork:mistyped@127.0.0.1:PORT");
    mistyped.server.encryption = Encryption::StartTls;
    assert_eq!(paused(&mistyped).await, "AUTH: 535");

    let plain = Server::start(&["plain"]);
    let mut downgraded = plain.transport("smtp://127.0.0.1:PORT");
    downgraded.server.encryption = Encryption::StartTls;
    assert_eq!(paused(&downgraded).await, "STARTTLS: not offered by the server");

    let unwelcome = Server::start(&["plain", "refuse", "MAIL", "550"]);
    assert_eq!(paused(&unwelcome.transport("smtp://localhost:PORT")).await, "MAIL: 550");
}

#[tokio::test]
async fn a_refusal_of_the_mail_is_final_when_the_server_says_so_and_repeats_none_of_its_words() {
    for (command, name) in [("RCPT", "RCPT"), ("DATA", "the text")] {
        let server = Server::start(&["plain", "refuse", command, "550"]);
        assert_eq!(server.transport("smtp://localhost:PORT").send(&mail()).await, Err(SendError::Permanent(format!("{name}: 550"))));
        let server = Server::start(&["plain", "refuse", command, "451"]);
        let later = SendError::Transient { reason: format!("{name}: 451"), retry_after: None };
        assert_eq!(server.transport("smtp://localhost:PORT").send(&mail()).await, Err(later));
    }
    let server = Server::start(&["plain"]);
    let mut international = mail();
    international.recipient = "अशा@example.test".into();
    assert!(matches!(server.transport("smtp://localhost:PORT").send(&international).await, Err(SendError::Permanent(_))));
}

#[tokio::test]
async fn a_server_that_is_away_or_silent_is_tried_again_and_holds_nobody_longer_than_an_attempt() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = untrusting(&format!("smtp://{}", listener.local_addr().unwrap()));
    let begun = std::time::Instant::now();
    let expected = SendError::Transient { reason: "no answer in time".into(), retry_after: None };
    assert_eq!(silent.send(&mail()).await, Err(expected));
    assert!(begun.elapsed() < ATTEMPT_LIMIT);
    drop(listener);
    let expected = SendError::Transient { reason: "connecting: the connection failed".into(), retry_after: None };
    assert_eq!(silent.send(&mail()).await, Err(expected));
}

#[test]
fn a_url_says_how_the_connection_is_encrypted_and_a_password_never_goes_out_unencrypted() {
    let read = |url: &str| {
        SmtpUrl::parse(url).map(|server| (server.encryption, server.port, server.is_private())).map_err(|error| error.to_string())
    };
    assert_eq!(read("smtps://u:p@mail.example.com"), Ok((Encryption::Implicit, 465, true)));
    assert_eq!(read("smtp://u:p@mail.example.com"), Ok((Encryption::StartTls, 587, true)));
    assert_eq!(read("smtp://mail.example.com:2525"), Ok((Encryption::StartTls, 2525, true)));
    assert_eq!(read("smtp://localhost"), Ok((Encryption::None, 25, true)));
    assert_eq!(read("smtp://[::1]:2525"), Ok((Encryption::None, 2525, true)));
    assert_eq!(read("smtp://relay?tls=none"), Ok((Encryption::None, 25, false)));
    assert_eq!(read("smtp://127.example.com"), Ok((Encryption::StartTls, 587, true)), "a name is no address of this machine");
    for (url, problem) in [
        ("smtp://u:p@relay?tls=none", "would send a password unencrypted"),
        ("smtp://u@mail.example.com", "has a user and no password"),
        ("smtps://mail.example.com?tls=none", "has a tls that is not none, which only smtp:// may have"),
        ("https://mail.example.com", "is neither smtp:// nor smtps://"),
        ("mail.example.com", "is no URL"),
        ("smtp:mail", "names no host"),
    ] {
        assert_eq!(read(url), Err(problem.to_owned()), "{url}");
    }
}
