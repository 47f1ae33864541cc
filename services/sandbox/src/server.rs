//! Starting and stopping.

use std::{
    net::{IpAddr, SocketAddr},
    process::ExitCode,
    time::Duration,
};

use actix_web::{
    App, HttpResponse, HttpServer,
    web::{self, Data},
};
use anyhow::Context;
use service_kit::{Lifecycle, http_client};

use crate::{config::SandboxConfig, control, dashboard, html, pay_page, phonepe, resend, state::Sandbox, webhook::ANSWER_LIMIT};

/// How often what is due is done.
const CATCH_UP_INTERVAL: Duration = Duration::from_millis(250);

/// A sandbox that runs. It stops when this is dropped.
pub struct Running {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Base of its addresses, without a slash at the end.
    pub url: String,
    sandbox: Sandbox,
    lifecycle: Lifecycle,
}

impl Running {
    /// What steers it.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Runs until a signal or a crash, and returns the process's exit code.
    pub async fn run_to_end(&self) -> ExitCode {
        self.lifecycle.run_to_end().await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.lifecycle.drain();
    }
}

/// Starts a sandbox on the runtime it is called on, with a lifecycle of its own.
///
/// # Errors
/// When the address is taken.
pub fn start(config: SandboxConfig) -> anyhow::Result<Running> {
    let lifecycle = Lifecycle::on_this_runtime();
    let listener = std::net::TcpListener::bind(config.addr).with_context(|| format!("cannot listen on {}", config.addr))?;
    let addr = listener.local_addr()?;
    let url = config.public_url.as_ref().map_or_else(|| format!("http://{}", reachable(addr)), ToString::to_string);
    let url = url.trim_end_matches('/').to_owned();
    let sandbox = Sandbox::new(config, url.clone(), http_client(ANSWER_LIMIT)?, lifecycle.clone());
    let shared = sandbox.clone();
    let server = HttpServer::new(move || App::new().app_data(Data::new(shared.clone())).configure(routes))
        .workers(2)
        .shutdown_timeout(1)
        .disable_signals()
        .listen(listener)?
        .run();
    run_listener(&lifecycle, server);
    run_time(&lifecycle, sandbox.clone());
    Ok(Running { addr, url, sandbox, lifecycle })
}

fn routes(routes: &mut web::ServiceConfig) {
    routes
        .configure(phonepe::routes)
        .configure(resend::routes)
        .configure(control::routes)
        .route("/", web::get().to(dashboard::show))
        .route("/style.css", web::get().to(html::style))
        .route("/livez", web::get().to(async || HttpResponse::Ok().body("ok\n")))
        .route("/pay/{token}", web::get().to(pay_page::show))
        .route("/pay/{token}", web::post().to(pay_page::choose))
        .default_service(web::to(phonepe::no_such_path));
}

/// An unspecified address cannot be connected to everywhere; the loopback one of its family can.
fn reachable(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}

fn run_listener(lifecycle: &Lifecycle, mut server: actix_web::dev::Server) {
    let handle = server.handle();
    let draining = lifecycle.draining();
    lifecycle.spawn_service("listener", async move {
        tokio::select! {
            ended = &mut server => if let Err(error) = ended {
                tracing::error!(%error, "the listener failed");
            },
            () = draining.cancelled() => {
                let ((), ended) = tokio::join!(handle.stop(true), server);
                if let Err(error) = ended {
                    tracing::warn!(%error, "the listener stopped with an error");
                }
            }
        }
    });
}

fn run_time(lifecycle: &Lifecycle, sandbox: Sandbox) {
    let draining = lifecycle.draining();
    lifecycle.spawn_service("time", async move {
        loop {
            tokio::select! {
                () = tokio::time::sleep(CATCH_UP_INTERVAL) => sandbox.catch_up(),
                () = draining.cancelled() => return,
            }
        }
    });
}
