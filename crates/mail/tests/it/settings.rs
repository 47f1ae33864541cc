//! The settings of outgoing mail, as a service reads them.

use mail::MailSettings;
use serde::Deserialize;
use service_kit::config::{self, Environment, KitConfig, Problems, ServiceConfig};

#[derive(Debug, Clone, Deserialize)]
struct Settings {
    mail: MailSettings,
}

impl ServiceConfig for Settings {
    const DEFAULTS: &'static str = "[mail]\nsmtp_url = \"\"\nresend_url = \"https://api.resend.com\"\nresend_api_key = \"\"\n\
                                    webhook_secret = \"\"\n\
                                    from = \"Groundwork <hello@groundwork.example>\"\n";

    fn validate(&self, kit: &KitConfig, problems: &mut Problems) {
        self.mail.validate(kit, problems);
    }
}

fn read(profile: &str, changes: &[(&str, &str)]) -> Result<MailSettings, Vec<String>> {
    let base = [
        ("DATABASE_URL", "postgres://payments_svc@db/groundwork"),
        ("REDIS_URL", "redis://cache"),
        ("AMQP_URL", "amqp://broker"),
        ("SUPABASE_URL", "https://auth.example.com"),
        ("GROUNDWORK__PROFILE", profile),
    ];
    let environment = Environment::from_pairs(base.into_iter().chain(changes.iter().copied()));
    let read = config::load::<Settings>("payments", None, &environment);
    read.map(|config| config.service.mail).map_err(|problems| problems.lines().to_vec())
}

const SENDER: (&str, &str) = ("GROUNDWORK__MAIL__FROM", "Groundwork <hello@example.com>");

#[test]
fn production_sends_by_a_key_or_by_a_server_and_a_developer_may_wait() {
    read("development", &[]).unwrap();
    read("production", &[SENDER, ("RESEND_API_KEY", "re_1")]).unwrap();
    for url in ["smtps://groundwork:secret@mail.example.com", "smtp://mail.example.com:587", "smtp://localhost:25"] {
        assert!(read("production", &[SENDER, ("SMTP_URL", url)]).is_ok(), "{url}");
    }
    assert_eq!(
        read("production", &[SENDER]).unwrap_err(),
        ["mail.resend_api_key: is not set (environment: GROUNDWORK__MAIL__RESEND_API_KEY)"]
    );
}

#[test]
fn each_unusable_value_is_refused_by_its_name_and_none_is_repeated() {
    for (profile, name, value, key) in [
        ("development", "SMTP_URL", "https://mail.example.com/s3cret", "mail.smtp_url"),
        ("development", "SMTP_URL", "smtp://user:s3cret@relay?tls=none", "mail.smtp_url"),
        ("production", "SMTP_URL", "smtp://relay?tls=none", "mail.smtp_url"),
        ("development", "GROUNDWORK__MAIL__FROM", "", "mail.from"),
        ("development", "GROUNDWORK__MAIL__FROM", "Groundwork", "mail.from"),
        ("production", "GROUNDWORK__MAIL__FROM", "Groundwork <hello@groundwork.example>", "mail.from"),
        ("development", "RESEND_URL", "", "mail.resend_url"),
        ("production", "RESEND_URL", "http://localhost:8090/resend", "mail.resend_url"),
        ("development", "RESEND_WEBHOOK_SECRET", "whsec_s3cret", "mail.webhook_secret"),
    ] {
        let problems = read(profile, &[SENDER, ("RESEND_API_KEY", "re_1"), (name, value)]).unwrap_err();
        assert!(matches!(problems.as_slice(), [problem] if problem.starts_with(key)), "{name}={value}: {problems:?}");
        assert!(!problems.concat().contains("s3cret"), "{problems:?}");
    }
}
