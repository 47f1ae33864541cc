//! Time-based one-time passwords (RFC 6238) as every authenticator app makes them: SHA-1, six digits, thirty seconds.

use chrono::{DateTime, Utc};
use totp_rs::{Algorithm, Builder, Totp, TotpError};

use super::{Fault, random};

const DIGITS: u8 = 6;
const STEP_S: u64 = 30;
/// RFC 4226, section 4: at least 128 bits, 160 recommended.
const SECRET_BYTES: usize = 20;

/// A new shared secret.
///
/// # Errors
/// [`Fault::Crypto`] without random bytes.
pub fn new_secret() -> Result<Vec<u8>, Fault> {
    Ok(random::<SECRET_BYTES>()?.to_vec())
}

/// What an app needs to know.
#[derive(Debug)]
pub struct Enrolment {
    /// The secret in base32, for typing in.
    pub secret: String,
    /// `otpauth://…`, for a link.
    pub uri: String,
    /// The same as a QR code, an SVG image.
    pub qr_code: String,
}

/// How the secret gets into an app, which shows it as `issuer: account`.
///
/// # Errors
/// [`Fault::Crypto`] when it cannot be written as a code.
pub fn enrolment(secret: &[u8], issuer: &str, account: &str) -> Result<Enrolment, Fault> {
    // A colon separates the two in the link.
    let builder = builder(secret).with_account_name(account.replace(':', " ")).with_issuer(Some(issuer.replace(':', " ")));
    let totp = builder.build().map_err(refused)?;
    let uri = totp.to_url().map_err(refused)?;
    let code = qrcode::QrCode::new(uri.as_bytes()).map_err(|error| Fault::Crypto(format!("no QR code: {error}")))?;
    let qr_code = code.render::<qrcode::render::svg::Color<'_>>().min_dimensions(200, 200).build();
    Ok(Enrolment { secret: totp.secret().to_base32(), uri, qr_code })
}

/// The time step whose code it is, one step early or late included; none for a wrong code or one of a step that is not
/// after `last`: a code is good once (OWASP ASVS 6.5.1).
///
/// # Errors
/// [`Fault::Crypto`] for a secret that is none.
pub fn accept(secret: &[u8], code: &str, last: i64, now: DateTime<Utc>) -> Result<Option<i64>, Fault> {
    let totp: Totp = builder(secret).build().map_err(refused)?;
    let step = totp.check(code, u64::try_from(now.timestamp()).unwrap_or_default());
    Ok(step.and_then(|step| i64::try_from(step).ok()).filter(|step| *step > last))
}

fn builder(secret: &[u8]) -> Builder {
    Builder::new().with_algorithm(Algorithm::SHA1).with_digits(DIGITS).with_skew(1).with_step_duration(STEP_S).with_secret(secret)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn refused(error: TotpError) -> Fault {
    Fault::Crypto(format!("not a one-time password: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238, appendix B, whose codes are cut to six digits here.
    const SECRET: &[u8] = b"12345678901234567890";

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    #[test]
    fn codes_are_those_of_the_specification() {
        for (second, code) in [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (2_000_000_000, "279037")] {
            assert_eq!(accept(SECRET, code, 0, at(second)).unwrap(), Some(second / 30), "{second}");
        }
    }

    #[test]
    fn a_code_is_good_once_and_one_step_around_its_time() {
        assert_eq!(accept(SECRET, "287082", 0, at(89)).unwrap(), Some(1), "one step late");
        assert_eq!(accept(SECRET, "287082", 0, at(29)).unwrap(), Some(1), "one step early");
        assert_eq!(accept(SECRET, "287082", 0, at(90)).unwrap(), None, "two steps late");
        assert_eq!(accept(SECRET, "287082", 1, at(59)).unwrap(), None, "a second time");
        assert_eq!(accept(SECRET, "287083", 0, at(59)).unwrap(), None);
        assert_eq!(accept(SECRET, "", 0, at(59)).unwrap(), None);
    }

    #[test]
    fn an_app_learns_the_secret_by_link_picture_or_typing() {
        let enrolment = enrolment(SECRET, "Groundwork", "ann@example.test").unwrap();
        assert_eq!(enrolment.secret, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert!(enrolment.uri.starts_with("otpauth://totp/Groundwork:ann%40example.test?"), "{}", enrolment.uri);
        assert!(enrolment.qr_code.contains("<svg"));
    }
}
