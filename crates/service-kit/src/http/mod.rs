//! The two listeners and what every endpoint shares.

mod body;
mod client_address;
mod document;
mod problem;
mod registration;
mod request;
mod routes;
mod streams;
mod unique;

use std::{any::Any, sync::Arc, time::Duration};

use actix_web::{
    App, HttpResponse, HttpServer,
    dev::{Extensions, Server},
    middleware::from_fn,
    rt::net::TcpStream,
    web::{self, Data, PathConfig, QueryConfig},
};
use domain::ErrorCode;
use socket2::SockRef;

pub use body::{JsonBody, RawBody, parse_json};
pub use client_address::client_address;
pub use document::openapi;
pub use problem::{FieldError, Problem, ProblemBody};
pub use registration::Registration;
pub use request::RequestId;
pub use routes::allowed_methods;
pub use streams::{EventStreams, StreamSlot};
pub use unique::UniqueJson;

use crate::{kit::Kit, service::Service};

/// Slow clients are cut: a request's head must arrive within this time.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// A client that takes nothing of its answer for this long is cut.
const SILENCE_LIMIT: Duration = Duration::from_secs(30);
/// Running requests get this long at a drain.
const DRAIN_S: u64 = 15;

/// Slow readers are cut by the kernel: what was sent must be taken within [`SILENCE_LIMIT`] (tcp(7), `TCP_USER_TIMEOUT`).
fn cut_slow_readers(connection: &dyn Any, _: &mut Extensions) {
    if let Some(socket) = connection.downcast_ref::<TcpStream>()
        && let Err(error) = SockRef::from(socket).set_tcp_user_timeout(Some(SILENCE_LIMIT))
    {
        tracing::warn!(error = %error, "a connection has no limit for slow readers");
    }
}

/// The public listener.
///
/// # Errors
/// When the address cannot be bound.
pub fn public<S: Service>(kit: &Kit, app: Arc<S>) -> anyhow::Result<(Server, std::net::SocketAddr)> {
    let document = openapi::<S>();
    let routes = Data::new(routes::Routes::new(&document, S::OPENAPI_PATH));
    let document: Arc<str> = serde_json::to_string(&document)?.into();
    let shared = kit.clone();
    let server = HttpServer::new(move || {
        let document = document.clone();
        App::new()
            .app_data(Data::new(shared.clone()))
            .app_data(Data::from(app.clone()))
            .app_data(routes.clone())
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
            .configure(S::routes::<web::ServiceConfig>)
            .default_service(web::to(routes::nothing_here))
    })
    .workers(kit.config.http.workers)
    .on_connect(cut_slow_readers)
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
    let readiness = kit.readiness.report().await;
    kit.metrics.service_ready.set(i64::from(readiness.ready));
    kit.metrics.service_degraded.set(i64::from(!readiness.degraded.is_empty()));
    for (state, count) in kit.cache.states() {
        kit.metrics.cache_connections.with_label_values(&[state]).set(count);
    }
    kit.metrics.cache_breaker_open.set(i64::from(kit.cache.is_given_up()));
    for (pool, db) in [("requests", &kit.db), ("worker", &kit.worker_db)] {
        let status = db.status();
        for (state, count) in [("size", status.size), ("available", status.available), ("waiting", status.waiting)] {
            kit.metrics.db_pool_connections.with_label_values(&[pool, state]).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(kit.metrics.exposition())
}
