//! Public keys by JWKS: each is used with its own algorithm only, new ones are found, forged ids cost the provider nothing.

use std::time::Duration;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use testkit::{Database, Running, config};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::path};

use crate::probe::Probe;

struct SigningKey {
    jwk: Value,
    algorithm: Algorithm,
    private: EncodingKey,
    id: &'static str,
}

fn pem(der: &[u8]) -> Vec<u8> {
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", BASE64_STANDARD.encode(der)).into_bytes()
}

impl SigningKey {
    fn es256(id: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        // An uncompressed point: a byte that says so, then both coordinates.
        let (x, y) = pair.public_key().as_ref().split_at(1).1.split_at(32);
        let (x, y) = (BASE64_URL_SAFE_NO_PAD.encode(x), BASE64_URL_SAFE_NO_PAD.encode(y));
        let private = EncodingKey::from_ec_pem(&pem(pair.to_pkcs8v1().unwrap().as_ref())).unwrap();
        Self {
            jwk: json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": id, "x": x, "y": y}),
            algorithm: Algorithm::ES256,
            private,
            id,
        }
    }

    fn rs256(id: &'static str) -> Self {
        let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
        let public = pair.public_key();
        let n = BASE64_URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero());
        let e = BASE64_URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero());
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let private = EncodingKey::from_rsa_pem(&pem(der.as_ref())).unwrap();
        Self { jwk: json!({"kty": "RSA", "alg": "RS256", "kid": id, "n": n, "e": e}), algorithm: Algorithm::RS256, private, id }
    }

    fn token(&self) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.id.to_owned());
        encode(&header, &claims(), &self.private).unwrap()
    }
}

fn claims() -> Value {
    let user = uuid::Uuid::now_v7();
    json!({"sub": user, "aud": "authenticated", "role": "authenticated", "iss": "http://auth.test/auth/v1", "exp": 4_000_000_000_i64})
}

async fn serve(provider: &MockServer, keys: &[&SigningKey]) {
    let keys: Vec<_> = keys.iter().map(|key| key.jwk.clone()).collect();
    provider.reset().await;
    Mock::given(path("/jwks.json")).respond_with(ResponseTemplate::new(200).set_body_json(json!({"keys": keys}))).mount(provider).await;
}

async fn probe(provider: &MockServer) -> (Database, Running) {
    let database = Database::create().await;
    let url = format!("{}/jwks.json", provider.uri());
    let settings = [("SUPABASE_JWT_SECRET", ""), ("GROUNDWORK__AUTH__JWKS_URL", url.as_str())];
    let running = Running::start::<Probe>(config::<Probe>(&database, None, &settings), false);
    (database, running)
}

async fn status(running: &Running, token: &str) -> u16 {
    let client = service_kit::http_client(Duration::from_secs(10)).unwrap();
    client.get(format!("{}/whoami", running.url)).bearer_auth(token).send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn es256_and_rs256_tokens_are_let_in_and_other_keys_are_not() {
    let provider = MockServer::start().await;
    let (elliptic, rsa, stranger) = (SigningKey::es256("e1"), SigningKey::rs256("r1"), SigningKey::es256("e1"));
    serve(&provider, &[&elliptic, &rsa]).await;
    let (_database, running) = probe(&provider).await;
    assert_eq!(status(&running, &elliptic.token()).await, 200);
    assert_eq!(status(&running, &rsa.token()).await, 200);
    assert_eq!(status(&running, &stranger.token()).await, 401, "the same key id with another key");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_never_used_with_another_algorithm() {
    let provider = MockServer::start().await;
    let rsa = SigningKey::rs256("r1");
    serve(&provider, &[&rsa]).await;
    let (_database, running) = probe(&provider).await;
    // The classic confusion: the public key, known to all, taken as an HMAC secret.
    let secret = serde_json::to_vec(&rsa.jwk).unwrap();
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("r1".to_owned());
    let confused = encode(&header, &claims(), &EncodingKey::from_secret(&secret)).unwrap();
    assert_eq!(status(&running, &confused).await, 401);
    let mut posing = SigningKey::es256("r1");
    posing.algorithm = Algorithm::ES256;
    assert_eq!(status(&running, &posing.token()).await, 401);
    assert_eq!(status(&running, &rsa.token()).await, 200);
}

async fn slow_provider(key: &SigningKey) -> MockServer {
    let provider = MockServer::start().await;
    let keys = ResponseTemplate::new(200).set_body_json(json!({"keys": [key.jwk]})).set_delay(Duration::from_millis(300));
    Mock::given(path("/jwks.json")).respond_with(keys).mount(&provider).await;
    provider
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_does_not_take_the_question_for_the_keys_along() {
    let key = SigningKey::es256("e1");
    let provider = slow_provider(&key).await;
    let (_database, running) = probe(&provider).await;
    let impatient = service_kit::http_client(Duration::from_millis(100)).unwrap();
    assert!(impatient.get(format!("{}/whoami", running.url)).bearer_auth(key.token()).send().await.unwrap_err().is_timeout());
    assert_eq!(status(&running, &key.token()).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_told_nothing_else_while_the_provider_is_slow_to_say_so() {
    let (known, forged) = (SigningKey::es256("e1"), SigningKey::es256("forged"));
    let provider = slow_provider(&known).await;
    let (_database, running) = probe(&provider).await;
    let client = service_kit::http_client(Duration::from_secs(10)).unwrap();
    let post = async |token: &str| {
        let request = client.post(format!("{}/signed-echo", running.url)).bearer_auth(token).body("no JSON");
        request.send().await.unwrap().json::<Value>().await.unwrap()["status"].clone()
    };
    assert_eq!(post(&forged.token()).await, json!(401));
    assert_eq!(post(&known.token()).await, json!(415));
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_key_ids_do_not_make_the_provider_work() {
    let provider = MockServer::start().await;
    let key = SigningKey::es256("e1");
    serve(&provider, &[&key]).await;
    let (_database, running) = probe(&provider).await;
    assert_eq!(status(&running, &key.token()).await, 200);
    for _ in 0..20 {
        assert_eq!(status(&running, &SigningKey::es256("forged").token()).await, 401);
    }
    let asked = provider.received_requests().await.unwrap().len();
    assert!(asked <= 2, "the provider was asked {asked} times");
}
