//! `token-verify`: the extractor of a signed-in user, with tokens that no cache has, beside a bare verification.

use std::{hint::black_box, net::SocketAddr, time::Instant};

use actix_web::{FromRequest, HttpRequest, test::TestRequest, web::Data};
use anyhow::{Context as _, anyhow};
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{Clock, SystemClock};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::Deserialize;
use serde_json::json;
use service_kit::{
    Kit, Lifecycle, ServiceIdentity,
    auth::Authenticated,
    config::{self, Environment, KitConfig, Problems, ServiceConfig},
};
use tokio::{io::AsyncWriteExt, net::TcpListener};
use uuid::Uuid;

use super::Context;
use crate::{
    bar::{Bar, Limit},
    people,
};

/// Each is verified once by a kit, whose cache is empty at first.
const TOKENS: usize = 10_000;
const KEY_ID: &str = "bench";

/// What the bare verification reads of a token.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "reading them is what is measured")]
struct Bare {
    sub: Uuid,
    exp: i64,
    role: String,
}

#[derive(Debug, Clone, Deserialize)]
struct NoSettings {}

impl ServiceConfig for NoSettings {
    const DEFAULTS: &'static str = "";

    fn validate(&self, _: &KitConfig, _: &mut Problems) {}
}

/// A key as auth-svc has them, and tokens signed with it.
struct Signed {
    key_set: String,
    key: DecodingKey,
    tokens: Vec<String>,
}

impl Signed {
    fn new(issuer: &str) -> anyhow::Result<Self> {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref())?;
        let point = pair.public_key().as_ref();
        // Uncompressed: a byte that says so, then both coordinates (SEC 1, 2.3.3).
        let (x, y) = point.get(1..33).zip(point.get(33..65)).context("a public key of another form")?;
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let key_set = json!({"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": KEY_ID, "x": x, "y": y}]});
        let header = Header { kid: Some(KEY_ID.to_owned()), ..Header::new(Algorithm::ES256) };
        let signing = EncodingKey::from_ec_der(document.as_ref());
        let token = |_| Ok(encode(&header, &people::claims(Uuid::now_v7(), issuer, SystemClock.now()), &signing)?);
        let tokens = (0..TOKENS).map(token).collect::<anyhow::Result<_>>()?;
        Ok(Self { key_set: key_set.to_string(), key: DecodingKey::from_ec_components(&x, &y)?, tokens })
    }
}

/// Answers every request with the key set.
async fn publish(key_set: &str, lifecycle: &Lifecycle) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{key_set}",
        key_set.len()
    );
    lifecycle.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let sent = async {
                stream.write_all(answer.as_bytes()).await?;
                // Until the client has read all and closed.
                tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
            };
            if let Err(error) = sent.await {
                eprintln!("bench: the key set was not read: {error}");
            }
        }
    });
    Ok(address)
}

fn kit(run: &Context, issuer: &str, keys: SocketAddr, lifecycle: &Lifecycle) -> anyhow::Result<Kit> {
    let (keys, database) = (format!("http://{keys}/"), run.stack.setting("auth-svc", "DATABASE_URL")?);
    let pairs = [
        ("DATABASE_URL", database.as_str()),
        ("REDIS_URL", &run.stack.redis),
        ("AMQP_URL", &run.stack.amqp),
        ("GROUNDWORK__AUTH__ISSUER", issuer),
        ("GROUNDWORK__AUTH__JWKS_URL", &keys),
    ];
    let identity = ServiceIdentity { name: "bench", section: "bench", schema: "identity" };
    let config = config::load::<NoSettings>(identity.section, None, &Environment::from_pairs(pairs))?;
    Kit::new(identity, config.kit, lifecycle.clone())
}

async fn extract(request: &HttpRequest) -> anyhow::Result<()> {
    let user = Authenticated::extract(request).await.map_err(|error| anyhow!("not let in: {error}"))?;
    black_box(user);
    Ok(())
}

/// Microseconds of a request of ours.
async fn ours(kit: Kit, tokens: &[String]) -> anyhow::Result<f64> {
    let kit = Data::new(kit);
    let requests: Vec<HttpRequest> = tokens
        .iter()
        .map(|token| {
            TestRequest::default().app_data(kit.clone()).insert_header(("Authorization", format!("Bearer {token}"))).to_http_request()
        })
        .collect();
    let (first, others) = requests.split_first().context("no tokens")?;
    // Fetches the keys.
    extract(first).await?;
    let begun = Instant::now();
    for request in others {
        extract(request).await?;
    }
    per_token(begun, others.len())
}

fn per_token(begun: Instant, tokens: usize) -> anyhow::Result<f64> {
    Ok(begun.elapsed().as_secs_f64() * 1e6 / f64::from(u32::try_from(tokens)?))
}

fn bare(signed: &Signed, issuer: &str) -> anyhow::Result<f64> {
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&["authenticated"]);
    validation.set_issuer(&[issuer]);
    let begun = Instant::now();
    for token in &signed.tokens {
        black_box(decode::<Bare>(black_box(token), &signed.key, &validation)?);
    }
    per_token(begun, signed.tokens.len())
}

pub async fn measure(run: &Context) -> anyhow::Result<Vec<Bar>> {
    let issuer = run.stack.setting("auth-svc", "GROUNDWORK__AUTH__ISSUER")?;
    let signed = Signed::new(&issuer)?;
    let lifecycle = Lifecycle::on_this_runtime();
    let keys = publish(&signed.key_set, &lifecycle).await?;
    let (mut extracted, mut verified) = (Vec::new(), Vec::new());
    for pair in 0..run.pairs {
        let kit = kit(run, &issuer, keys, &lifecycle)?;
        if pair % 2 == 0 {
            extracted.push(ours(kit, &signed.tokens).await?);
            verified.push(bare(&signed, &issuer)?);
        } else {
            verified.push(bare(&signed, &issuer)?);
            extracted.push(ours(kit, &signed.tokens).await?);
        }
    }
    let rate = |times: &[f64]| times.iter().map(|time| 1e6 / time).collect::<Vec<_>>();
    let (ours, theirs) = (rate(&extracted), rate(&verified));
    let bar = Bar::ratio("token-verify", "extractions/s ÷ bare ES256 verifications", "1/s", (&ours, &theirs), Limit::AtLeast(0.80))?;
    Ok(vec![bar.noting("every token is new to the cache")])
}
