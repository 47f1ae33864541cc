//! The two listeners and what every endpoint shares.

mod body;
mod client_address;
mod problem;
mod request;

use std::{sync::Arc, time::Duration};

use actix_web::{
    App, HttpResponse, HttpServer, ResponseError,
    dev::Server,
    middleware::from_fn,
    web::{self, Data, PathConfig, QueryConfig},
};
use domain::ErrorCode;
use utoipa::openapi::{
    OpenApi,
    security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};
use utoipa_actix_web::AppExt;

pub use body::{JsonBody, RawBody, parse_json};
pub use client_address::client_address;
pub use problem::{FieldError, Problem, ProblemBody};
pub use request::RequestId;

use crate::{kit::Kit, service::Service};

/// Slow clients are cut: a request's head must arrive within this time.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// Running requests get this long at a drain.
const DRAIN_S: u64 = 15;

/// The OpenAPI document of a service, from the same calls that register its routes.
pub fn openapi<S: Service>() -> OpenApi {
    let (_, mut document) = App::new().into_utoipa_app().openapi(S::openapi()).configure(S::routes).split_for_parts();
    let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build());
    document.components.get_or_insert_default().add_security_scheme("bearer", bearer);
    document
}

/// The public listener.
///
/// # Errors
/// When the address cannot be bound.
pub fn public<S: Service>(kit: &Kit, app: Arc<S>) -> anyhow::Result<(Server, std::net::SocketAddr)> {
    let document = serde_json::to_string(&openapi::<S>())?;
    let document: Arc<str> = document.into();
    let shared = kit.clone();
    let server = HttpServer::new(move || {
        let document = document.clone();
        App::new()
            .app_data(Data::new(shared.clone()))
            .app_data(Data::from(app.clone()))
            .app_data(PathConfig::default().error_handler(|error, _| Problem::new(ErrorCode::NotFound).detail(error.to_string()).into()))
            .app_data(
                QueryConfig::default().error_handler(|error, _| Problem::new(ErrorCode::MalformedRequest).detail(error.to_string()).into()),
            )
            .wrap(from_fn(request::around))
            .route(
                S::OPENAPI_PATH,
                web::get().to(move || {
                    let document = document.clone();
                    async move { HttpResponse::Ok().content_type("application/json").body(document.to_string()) }
                }),
            )
            .into_utoipa_app()
            .configure(S::routes)
            .into_app()
            .default_service(web::to(|| async { Problem::new(ErrorCode::NotFound).error_response() }))
    })
    .workers(kit.config.http.workers)
    .client_request_timeout(HEAD_LIMIT)
    .keep_alive(KEEP_ALIVE)
    .shutdown_timeout(DRAIN_S)
    .disable_signals()
    .bind(kit.config.http.public_addr)?;
    let address = server.addrs().first().copied().unwrap_or(kit.config.http.public_addr);
    Ok((server.run(), address))
}

/// The internal listener: liveness, readiness, metrics. The gateway never reaches it.
///
/// # Errors
/// When the address cannot be bound.
pub fn internal(kit: &Kit) -> anyhow::Result<(Server, std::net::SocketAddr)> {
    let shared = kit.clone();
    let server = HttpServer::new(move || {
        App::new()
            .app_data(Data::new(shared.clone()))
            .route("/livez", web::get().to(|| async { HttpResponse::Ok().body("ok\n") }))
            .route("/readyz", web::get().to(readyz))
            .route("/metrics", web::get().to(metrics))
    })
    .workers(1)
    .client_request_timeout(HEAD_LIMIT)
    .shutdown_timeout(1)
    .disable_signals()
    .bind(kit.config.http.internal_addr)?;
    let address = server.addrs().first().copied().unwrap_or(kit.config.http.internal_addr);
    Ok((server.run(), address))
}

async fn readyz(kit: Data<Kit>) -> HttpResponse {
    let report = kit.readiness.report().await;
    if report.ready { HttpResponse::Ok().json(report) } else { HttpResponse::ServiceUnavailable().json(report) }
}

async fn metrics(kit: Data<Kit>) -> HttpResponse {
    for (pool, db) in [("requests", &kit.db), ("worker", &kit.worker_db)] {
        let status = db.status();
        for (state, count) in [("size", status.size), ("available", status.available), ("waiting", status.waiting)] {
            kit.metrics.db_pool_connections.with_label_values(&[pool, state]).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(kit.metrics.exposition())
}
