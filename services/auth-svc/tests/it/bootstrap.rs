//! `migrate --bootstrap`.

use auth_svc::{
    AuthService,
    bootstrap::{self, RolePasswords},
};
use secrecy::SecretString;
use service_kit::config::{Environment, load};
use testkit::{Database, required};

#[tokio::test(flavor = "multi_thread")]
async fn the_bootstrap_is_safe_to_repeat_and_keeps_the_data() {
    let database = Database::create().await;
    let person = testkit::person(&database).await;
    let passwords = RolePasswords::parse(&SecretString::from(required("TEST_ROLE_PASSWORDS"))).unwrap();
    let admin = SecretString::from(database.admin_url());
    let (first, second) = tokio::join!(bootstrap::run(&admin, &passwords), bootstrap::run(&admin, &passwords));
    first.unwrap();
    second.unwrap();
    service_kit::db::connect(&SecretString::from(database.url("auth_svc"))).await.unwrap();
    assert_eq!(database.number(&format!("select count(*) from auth.users where id = '{}'", person.user)).await, 1);
}

#[test]
fn a_configuration_that_cannot_work_is_refused_by_name() {
    let base = [
        ("DATABASE_URL", "postgres://x"),
        ("REDIS_URL", "redis://x"),
        ("AMQP_URL", "amqp://x"),
        ("GROUNDWORK__AUTH__ISSUER", "http://localhost/auth/v1"),
        ("GROUNDWORK__AUTH__JWKS_URL", "http://localhost/jwks"),
    ];
    let lines = |name: &'static str, value: &'static str| {
        let environment = Environment::from_pairs(base.into_iter().chain([(name, value)]));
        match load::<<AuthService as service_kit::Service>::Config>("auth_svc", None, &environment) {
            Ok(_) => String::new(),
            Err(problems) => problems.lines().join("\n"),
        }
    };
    assert_eq!(lines("GROUNDWORK__PUBLIC_URL", "http://localhost"), "");
    for (name, value, key) in [
        ("GROUNDWORK__EMBEDDED__SITE_URL", "app", "embedded.site_url"),
        ("GROUNDWORK__EMBEDDED__REDIRECT_URLS", "https://app.example.com, nowhere", "embedded.redirect_urls"),
        ("GROUNDWORK__MAIL__RESEND_URL", "", "mail.resend_url"),
        ("GROUNDWORK__RATE__MAILS_PER_ACCOUNT_PER_MINUTE", "0", "rate.mails_per_account_per_minute"),
        ("GROUNDWORK__EMBEDDED__KEY_ENCRYPTION_SECRET", "short", "embedded.key_encryption_secret"),
        ("GROUNDWORK__EMBEDDED__BREACHED_PASSWORDS_URL", "nowhere", "embedded.breached_passwords_url"),
        ("GROUNDWORK__PROFILE", "production", "embedded.key_encryption_secret"),
        ("GROUNDWORK__EMBEDDED__PASSWORD_MIN_LENGTH", "3", "embedded.password_min_length"),
        ("GROUNDWORK__PUBLIC_URL", "http://elsewhere", "auth.issuer"),
        ("GROUNDWORK__BOOTSTRAP__ROLE_PASSWORDS", "postgres=x", "bootstrap.role_passwords"),
        ("GROUNDWORK__RATE__SIGN_UP_PER_ADDRESS_PER_HOUR", "0", "rate.sign_up_per_address_per_hour"),
    ] {
        let lines = lines(name, value);
        assert!(lines.contains(key), "{name}={value}: {lines}");
    }
}
