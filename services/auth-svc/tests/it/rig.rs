//! A running auth-svc and a client of it.

use std::{net::TcpListener, sync::Arc};

use auth_svc::{AuthCommand, AuthService};
use clap::Parser;
use diesel_async::SimpleAsyncConnection;
use reqwest::{Method, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use service_kit::{Kit, Lifecycle, Service};
use testkit::{Database, Running, config};
use uuid::Uuid;

pub const PASSWORD: &str = "correct horse battery";

pub struct Rig {
    pub database: Database,
    pub running: Running,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn text(&self, pointer: &str) -> String {
        self.body.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no text at {pointer}: {self:?}")).to_owned()
    }

    /// The error code in Supabase's old shape.
    pub fn error_code(&self) -> &str {
        self.body["error_code"].as_str().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// The text of a mail.
#[derive(Debug)]
pub struct Letter(pub String);

impl Letter {
    pub fn code(&self) -> String {
        self.0.split_once("type this code: ").unwrap_or_else(|| panic!("no code: {}", self.0)).1.chars().take(6).collect()
    }

    pub fn link(&self) -> url::Url {
        let link = self.0.split_whitespace().find(|word| word.contains("/auth/confirm#"));
        link.unwrap_or_else(|| panic!("no link: {}", self.0)).parse().unwrap()
    }

    /// A member of the link's fragment.
    pub fn of_link(&self, name: &str) -> String {
        let link = self.link();
        let mut members = url::form_urlencoded::parse(link.fragment().unwrap().as_bytes());
        members.find(|(member, _)| member == name).unwrap_or_else(|| panic!("no {name}: {link}")).1.into_owned()
    }
}

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: AuthCommand,
}

impl Rig {
    /// Runs a command of the service on its database; gives what it wrote, or why it failed.
    pub async fn console(&self, arguments: &[&str], more: &[(&str, &str)]) -> Result<String, String> {
        let config = config::<AuthService>(&self.database, None, more);
        let kit = Kit::new(AuthService::IDENTITY, config.kit, Lifecycle::on_this_runtime()).unwrap();
        let app = Arc::new(AuthService::build(kit, config.service).unwrap());
        let mut out = Vec::new();
        let ran = match Cli::try_parse_from(["auth-svc"].iter().chain(arguments)).map_err(|usage| usage.to_string())?.command {
            AuthCommand::Operators(command) => command.run(&app, &mut out).await,
            AuthCommand::ServiceKeys(command) => command.run(&app, &mut out).await,
            other => panic!("{other:?}"),
        };
        ran.map_err(|error| error.to_string())?;
        Ok(String::from_utf8(out).unwrap())
    }

    /// The service as a value, for calling its use cases directly.
    pub fn app(&self) -> AuthService {
        let config = config::<AuthService>(&self.database, None, &[]);
        AuthService::build(Kit::new(AuthService::IDENTITY, config.kit, Lifecycle::on_this_runtime()).unwrap(), config.service).unwrap()
    }

    /// Makes a secret key of a server; gives its id and the key.
    pub async fn service_key(&self) -> (String, String) {
        let made = self.console(&["service-keys", "create", "a test", "--why", "a test", "--json"], &[]).await.unwrap();
        let made: Value = serde_json::from_str(&made).unwrap();
        (made["id"].as_str().unwrap().to_owned(), made["key"].as_str().unwrap().to_owned())
    }

    /// With wide rate limits, so that a test meets only what it asks about.
    pub async fn start() -> Self {
        Self::start_with(&[("GROUNDWORK__LIMITS__PROFILE", "load")]).await
    }

    pub async fn start_with(more: &[(&str, &str)]) -> Self {
        let database = Database::create().await;
        let running = serve(&database, more);
        Self { database, running }
    }

    /// A kit on the same database, as a command at the console has one.
    pub fn kit(&self) -> Kit {
        let config = config::<AuthService>(&self.database, None, &[]);
        Kit::new(AuthService::IDENTITY, config.kit, Lifecycle::on_this_runtime()).unwrap()
    }

    pub async fn send(&self, method: Method, path: &str, token: Option<&str>, body: Option<&Value>) -> Answer {
        let mut request = client().request(method, format!("{}{path}", self.running.url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        answer(request).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, None, Some(&body)).await
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        self.send(Method::GET, path, Some(token), None).await
    }

    /// Signs a new user up and gives the session.
    pub async fn sign_up(&self) -> Answer {
        let email = format!("{}@example.test", Uuid::now_v7().simple());
        let answer = self.post("/auth/v1/signup", json!({"email": email, "password": PASSWORD})).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer
    }

    /// Follows a link as a browser does, up to where it leads.
    pub async fn follow(&self, path: &str) -> Answer {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        answer(client.get(format!("{}{path}", self.running.url))).await
    }

    /// Changes something behind the service's back.
    pub async fn run(&self, sql: &str) {
        self.database.admin().await.batch_execute(sql).await.unwrap();
    }

    pub async fn sign_in(&self, email: &str, password: &str) -> Answer {
        self.post("/auth/v1/token?grant_type=password", json!({"email": email, "password": password})).await
    }

    /// With confirmation by mail and wide rate limits.
    pub async fn start_confirming() -> Self {
        Self::start_with(&[("GROUNDWORK__LIMITS__PROFILE", "load"), ("GROUNDWORK__EMBEDDED__EMAIL_CONFIRMATION", "true")]).await
    }

    /// Signs a new user up who has not confirmed the address yet; gives the address.
    pub async fn sign_up_unconfirmed(&self) -> String {
        let email = format!("{}@example.test", Uuid::now_v7().simple());
        let answer = self.post("/auth/v1/signup", json!({"email": email, "password": PASSWORD})).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.body.get("access_token").is_none(), "{answer:?}");
        email
    }

    /// The newest mail to an address.
    pub async fn mail_to(&self, address: &str) -> Letter {
        let sql = format!("select body_text as value from identity.mail_outbox where recipient = '{address}' order by id desc limit 1");
        Letter(self.database.text(&sql).await.unwrap_or_else(|| panic!("no mail to {address}")))
    }

    pub async fn mails_to(&self, address: &str) -> i64 {
        self.database.number(&format!("select count(*) from identity.mail_outbox where recipient = '{address}'")).await
    }

    pub async fn verify(&self, kind: &str, email: &str, code: &str) -> Answer {
        self.post("/auth/v1/verify", json!({"type": kind, "email": email, "token": code})).await
    }

    pub async fn verify_link(&self, letter: &Letter) -> Answer {
        self.post("/auth/v1/verify", json!({"type": letter.of_link("type"), "token_hash": letter.of_link("token_hash")})).await
    }

    pub async fn put_user(&self, token: &str, changes: Value) -> Answer {
        self.send(Method::PUT, "/auth/v1/user", Some(token), Some(&changes)).await
    }

    pub async fn refresh(&self, token: &str) -> Answer {
        self.post("/auth/v1/token?grant_type=refresh_token", json!({"refresh_token": token})).await
    }
}

/// Starts a replica on the database.
pub fn serve(database: &Database, more: &[(&str, &str)]) -> Running {
    // The service verifies its own tokens by its own key set, so its address must be known before it starts.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let key_set = format!("http://{address}/auth/v1/.well-known/jwks.json");
    let mut pairs = vec![
        ("GROUNDWORK__HTTP__PUBLIC_ADDR", address.as_str()),
        ("GROUNDWORK__AUTH__JWKS_URL", key_set.as_str()),
        ("GROUNDWORK__EMBEDDED__EMAIL_CONFIRMATION", "false"),
    ];
    pairs.extend_from_slice(more);
    Running::start::<AuthService>(config::<AuthService>(database, None, &pairs), false)
}

pub async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = response.bytes().await.unwrap();
    Answer { status, headers, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) }
}

pub fn client() -> reqwest::Client {
    service_kit::http_client(std::time::Duration::from_secs(30)).unwrap()
}
