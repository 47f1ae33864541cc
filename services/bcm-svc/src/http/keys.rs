//! `GET /api/context/keys`: the public keys that signed exports verify with.

use actix_web::{HttpResponse, get, web};
use domain::ErrorCode;
use service_kit::http::{Problem, ProblemBody};

use crate::{BcmService, signing::keys::KeysError};

impl From<KeysError> for Problem {
    fn from(error: KeysError) -> Self {
        match error {
            KeysError::Db(error) => error.into(),
            error @ (KeysError::Vault(_) | KeysError::Key(_) | KeysError::None) => {
                tracing::error!(%error, "exports cannot be signed");
                Self::new(ErrorCode::SigningUnavailable).retry_after(60)
            }
        }
    }
}

/// Every public key that ever signed an export, as a JSON Web Key Set. For everybody: keep it beside the files.
#[utoipa::path(
    tag = "manifest",
    responses(
        (status = 200, description = "The key set; the key that signs now is the first", body = Object),
        (status = 503, description = "A dependency is down, or exports cannot be signed (BCM-0012)", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
#[get("/api/context/keys")]
pub async fn keys(app: web::Data<BcmService>) -> Result<HttpResponse, Problem> {
    let keyring = app.signing.current().await?;
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "public, max-age=300")).json(&keyring.key_set))
}
