//! What registers routes: each worker of the listener, and the document.

use actix_web::{Route, dev::HttpServiceFactory, web};
use utoipa_actix_web::{OpenApiFactory, service_config};

/// Takes the routes of a service. A listener's workers only serve them: what describes them is made once, for the document,
/// and would stay in the memory of every worker.
pub trait Registration {
    /// An operation with its description.
    fn service(&mut self, operation: impl HttpServiceFactory + OpenApiFactory + 'static) -> &mut Self;

    /// A route that the document does not list.
    fn route(&mut self, path: &str, route: Route) -> &mut Self;
}

impl Registration for web::ServiceConfig {
    fn service(&mut self, operation: impl HttpServiceFactory + OpenApiFactory + 'static) -> &mut Self {
        Self::service(self, operation)
    }

    fn route(&mut self, path: &str, route: Route) -> &mut Self {
        Self::route(self, path, route)
    }
}

impl Registration for service_config::ServiceConfig<'_> {
    fn service(&mut self, operation: impl HttpServiceFactory + OpenApiFactory + 'static) -> &mut Self {
        Self::service(self, operation)
    }

    fn route(&mut self, path: &str, route: Route) -> &mut Self {
        Self::route(self, path, route)
    }
}
