//! Which of Supabase Auth's errors each failure of a use case is.

use actix_web::http::StatusCode;
use service_kit::{auth::AuthError, db::DbError, lifecycle::Interrupted};

use super::error::{Refusal, session_not_found};
use crate::provider::{
    Fault, admin::AdminError, factor::FactorError, metadata::InvalidMetadata, password::UnusablePassword, pkce::ExchangeError,
    proof::MagicLinkError, reauthenticate::ReauthenticateError, refresh::RefreshError, service_role::NotAServer, sign_in::SignInError,
    sign_out::SignOutError, sign_up::SignUpError, update_user::UpdateUserError, verify::VerifyError,
};

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Absent => Self::new(StatusCode::NOT_FOUND, "feature_disabled", "The embedded identity provider is switched off"),
            Fault::Db(DbError::Unavailable(_) | DbError::LockTimeout) | Fault::Busy => Self::unavailable(fault),
            Fault::Db(DbError::Query(_)) | Fault::Crypto(_) => Self::internal(fault),
        }
    }
}

impl From<DbError> for Refusal {
    fn from(error: DbError) -> Self {
        Fault::from(error).into()
    }
}

impl From<Interrupted> for Refusal {
    fn from(error: Interrupted) -> Self {
        Self::internal(error)
    }
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Missing => Self::new(StatusCode::UNAUTHORIZED, "no_authorization", "This endpoint requires a valid Bearer token"),
            AuthError::Invalid | AuthError::Expired => Self::new(StatusCode::FORBIDDEN, "bad_jwt", format!("invalid JWT: {error}")),
            AuthError::KeysUnavailable => Self::unavailable(error),
        }
    }
}

impl From<NotAServer> for Refusal {
    fn from(error: NotAServer) -> Self {
        match error {
            NotAServer::Auth(error) => error.into(),
            NotAServer::NotAdmin => Self::forbidden("not_admin", "User not allowed"),
            NotAServer::Fault(fault) => fault.into(),
        }
    }
}

impl From<AdminError> for Refusal {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::UserNotFound => Self::not_found("user_not_found", "User not found"),
            AdminError::EmailExists => email_exists(),
            AdminError::IdTaken => Self::unprocessable("user_already_exists", "A user with this id exists already"),
            AdminError::NoAddress => Self::unprocessable("validation_failed", "The user has no email address"),
            AdminError::FactorNotFound => Self::not_found("mfa_factor_not_found", "Factor not found"),
            AdminError::LastOwner => {
                let message = "The user owns a workspace with other members: hand it over first";
                Self::new(StatusCode::CONFLICT, "conflict", message)
            }
            AdminError::InvalidMetadata(error) => error.into(),
            AdminError::UnusablePassword(error) => error.into(),
            AdminError::Workspace(error) => Self::internal(error),
            AdminError::Fault(fault) => fault.into(),
        }
    }
}

impl From<UnusablePassword> for Refusal {
    fn from(error: UnusablePassword) -> Self {
        match error {
            UnusablePassword::Missing => Self::bad_request("validation_failed", "Signup requires a valid password"),
            UnusablePassword::TooLong => Self::bad_request("validation_failed", "Password is too long"),
            UnusablePassword::TooShort(least) => Self::weak_password("length", format!("Password should be at least {least} characters.")),
            UnusablePassword::Common | UnusablePassword::Breached => {
                let message = "Password is known to be weak and easy to guess, please choose a different one.";
                Self::weak_password("pwned", message)
            }
        }
    }
}

impl From<InvalidMetadata> for Refusal {
    fn from(_: InvalidMetadata) -> Self {
        Self::bad_request("validation_failed", "data is too large, too deep, or has a NUL character")
    }
}

impl From<SignUpError> for Refusal {
    fn from(error: SignUpError) -> Self {
        match error {
            SignUpError::InvalidEmail => Self::bad_request("validation_failed", "Unable to validate email address: invalid format"),
            SignUpError::UnusablePassword(error) => error.into(),
            SignUpError::InvalidMetadata(error) => error.into(),
            SignUpError::UserExists => Self::unprocessable("user_already_exists", "User already registered"),
            SignUpError::Fault(fault) => fault.into(),
        }
    }
}

impl From<SignInError> for Refusal {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::InvalidCredentials => Self::bad_request("invalid_credentials", "Invalid login credentials"),
            SignInError::Banned => Self::bad_request("user_banned", "User is banned"),
            SignInError::EmailNotConfirmed => Self::bad_request("email_not_confirmed", "Email not confirmed"),
            SignInError::Fault(fault) => fault.into(),
        }
    }
}

impl From<RefreshError> for Refusal {
    fn from(error: RefreshError) -> Self {
        match error {
            RefreshError::Malformed => Self::bad_request("validation_failed", "Refresh token is not valid"),
            RefreshError::Foreign => Self::bad_request("validation_failed", "Invalid Refresh Token: Not Issued By This Server"),
            RefreshError::NotFound => Self::bad_request("refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found"),
            RefreshError::Reused => Self::bad_request("refresh_token_already_used", "Invalid Refresh Token: Already Used"),
            RefreshError::Expired => Self::bad_request("session_expired", "Invalid Refresh Token: Session Expired"),
            RefreshError::Banned => Self::bad_request("user_banned", "User is banned"),
            RefreshError::Fault(fault) => fault.into(),
        }
    }
}

impl From<SignOutError> for Refusal {
    fn from(error: SignOutError) -> Self {
        match error {
            SignOutError::SessionNotFound => session_not_found(),
            SignOutError::Fault(fault) => fault.into(),
        }
    }
}

impl From<MagicLinkError> for Refusal {
    fn from(error: MagicLinkError) -> Self {
        match error {
            MagicLinkError::InvalidMetadata(error) => error.into(),
            MagicLinkError::Fault(fault) => fault.into(),
        }
    }
}

impl From<ReauthenticateError> for Refusal {
    fn from(error: ReauthenticateError) -> Self {
        match error {
            ReauthenticateError::UserNotFound => user_not_found(),
            ReauthenticateError::SessionNotFound => session_not_found(),
            ReauthenticateError::NoAddress => Self::unprocessable("email_not_confirmed", "Please verify your email first."),
            ReauthenticateError::Fault(fault) => fault.into(),
        }
    }
}

impl From<VerifyError> for Refusal {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Expired => Self::forbidden("otp_expired", "Token has expired or is invalid"),
            VerifyError::Banned => Self::forbidden("user_banned", "User is banned"),
            VerifyError::EmailExists => email_exists(),
            VerifyError::Fault(fault) => fault.into(),
        }
    }
}

impl From<ExchangeError> for Refusal {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::Incomplete => {
                Self::bad_request("validation_failed", "invalid request: both auth code and code verifier should be non-empty")
            }
            ExchangeError::NotFound => Self::not_found("flow_state_not_found", "invalid flow state, no valid flow state found"),
            ExchangeError::Expired => Self::unprocessable("flow_state_expired", "invalid flow state, flow state has expired"),
            ExchangeError::BadVerifier => {
                Self::bad_request("bad_code_verifier", "code challenge does not match previously saved code verifier")
            }
            ExchangeError::Banned => Self::bad_request("user_banned", "User is banned"),
            ExchangeError::Fault(fault) => fault.into(),
        }
    }
}

impl From<UpdateUserError> for Refusal {
    fn from(error: UpdateUserError) -> Self {
        match error {
            UpdateUserError::UserNotFound => user_not_found(),
            UpdateUserError::SessionNotFound => session_not_found(),
            UpdateUserError::Banned => Self::forbidden("user_banned", "User is banned"),
            UpdateUserError::InsufficientAal => Self::new(
                StatusCode::UNAUTHORIZED,
                "insufficient_aal",
                "AAL2 session is required to update email or password when MFA is enabled.",
            ),
            UpdateUserError::ReauthenticationNeeded => {
                Self::bad_request("reauthentication_needed", "Password update requires reauthentication")
            }
            UpdateUserError::ReauthenticationNotValid => {
                Self::unprocessable("reauthentication_not_valid", "Nonce has expired or is invalid")
            }
            UpdateUserError::CurrentPasswordInvalid => Self::bad_request("current_password_invalid", "Current password is incorrect"),
            UpdateUserError::SamePassword => {
                Self::unprocessable("same_password", "New password should be different from the old password.")
            }
            UpdateUserError::UnusablePassword(error) => error.into(),
            UpdateUserError::EmailExists => email_exists(),
            UpdateUserError::InvalidMetadata(error) => error.into(),
            UpdateUserError::Fault(fault) => fault.into(),
        }
    }
}

impl From<FactorError> for Refusal {
    fn from(error: FactorError) -> Self {
        match error {
            FactorError::UserNotFound => user_not_found(),
            FactorError::SessionNotFound => session_not_found(),
            FactorError::InsufficientAal => Self::forbidden("insufficient_aal", "AAL2 required for this change of factors"),
            FactorError::Protected => Self::unprocessable("insufficient_aal", "AAL2 required to unenroll a verified factor"),
            FactorError::NameConflict => {
                Self::unprocessable("mfa_factor_name_conflict", "A factor with the friendly name already exists for this user")
            }
            FactorError::NameTooLong => Self::bad_request("validation_failed", "friendly_name is too long"),
            FactorError::TooMany => {
                Self::unprocessable("too_many_enrolled_mfa_factors", "Maximum number of factors reached, unenroll one to continue")
            }
            FactorError::NotFound => Self::not_found("mfa_factor_not_found", "Factor not found"),
            FactorError::ChallengeNotFound => {
                Self::unprocessable("mfa_factor_not_found", "MFA factor with the provided challenge ID not found")
            }
            FactorError::ChallengeExpired => Self::unprocessable(
                "mfa_challenge_expired",
                "MFA challenge has expired, verify against another challenge or create a new one.",
            ),
            FactorError::WrongCode => Self::unprocessable("mfa_verification_failed", "Invalid TOTP code entered"),
            FactorError::Fault(fault) => fault.into(),
        }
    }
}

pub(super) fn user_not_found() -> Refusal {
    Refusal::forbidden("user_not_found", "User from sub claim in JWT does not exist")
}

fn email_exists() -> Refusal {
    Refusal::unprocessable("email_exists", "A user with this email address has already been registered")
}
