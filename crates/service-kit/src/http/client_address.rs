//! Which address a request came from.

use std::net::IpAddr;

use actix_web::HttpRequest;

use crate::config::HttpConfig;

/// The peer's address, or `X-Real-IP` when the peer is one of `http.trusted_proxies` (decisions: *Addresses*).
pub fn client_address(request: &HttpRequest, config: &HttpConfig) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip();
    let trusted = config.trusted_proxies.split(',').any(|proxy| proxy.trim().parse() == Ok(peer));
    let forwarded = || request.headers().get("x-real-ip")?.to_str().ok()?.trim().parse().ok();
    if trusted { forwarded().or(Some(peer)) } else { Some(peer) }
}
