//! Which methods each path takes, read from the document that the registration of the routes gives.

use actix_web::{HttpRequest, HttpResponse, ResponseError, dev::ResourceDef, http::Method, web::Data};
use domain::ErrorCode;
use utoipa::openapi::{OpenApi, PathItem};

use super::problem::Problem;

/// The paths of a service with their methods.
#[derive(Debug)]
pub(super) struct Routes(Vec<(ResourceDef, Vec<Method>)>);

fn methods(item: &PathItem) -> Vec<Method> {
    let all = [
        (Method::GET, item.get.is_some()),
        (Method::HEAD, item.head.is_some()),
        (Method::POST, item.post.is_some()),
        (Method::PUT, item.put.is_some()),
        (Method::PATCH, item.patch.is_some()),
        (Method::DELETE, item.delete.is_some()),
        (Method::OPTIONS, item.options.is_some()),
    ];
    all.into_iter().filter(|(_, taken)| *taken).map(|(method, _)| method).collect()
}

impl Routes {
    /// The routes of the document, and the path that the document itself is read at.
    pub(super) fn new(document: &OpenApi, document_path: &str) -> Self {
        let listed = document.paths.paths.iter().map(|(path, item)| (ResourceDef::new(path.as_str()), methods(item)));
        Self(listed.chain([(ResourceDef::new(document_path), vec![Method::GET])]).collect())
    }

    /// A path without parameters hides the patterns that it would fit (OpenAPI 3.1, 4.8.8.1).
    fn matching(&self, path: &str) -> impl Iterator<Item = &(ResourceDef, Vec<Method>)> {
        let is_path = move |pattern: &ResourceDef| pattern.pattern() == Some(path);
        let listed = self.0.iter().any(|(pattern, _)| is_path(pattern));
        self.0.iter().filter(move |(pattern, _)| if listed { is_path(pattern) } else { pattern.is_match(path) })
    }

    fn allowed(&self, path: &str) -> Option<String> {
        let mut names: Vec<&str> = self.matching(path).flat_map(|(_, methods)| methods.iter().map(Method::as_str)).collect();
        names.sort_unstable();
        names.dedup();
        (!names.is_empty()).then(|| names.join(", "))
    }

    /// The pattern of the route that takes the request.
    pub(super) fn pattern(&self, method: &Method, path: &str) -> Option<&str> {
        self.matching(path).find(|(_, methods)| methods.contains(method)).and_then(|(pattern, _)| pattern.pattern())
    }
}

/// The methods that the request's path takes, as `Allow` lists them; nothing when the path is not one of ours.
pub fn allowed_methods(request: &HttpRequest) -> Option<String> {
    request.app_data::<Data<Routes>>()?.allowed(request.path())
}

/// What no route takes: another method than the path's is a 405 that names them (RFC 9110, 15.5.6), else nothing is here.
pub(super) async fn nothing_here(request: HttpRequest) -> HttpResponse {
    let problem = match allowed_methods(&request) {
        Some(allowed) => Problem::new(ErrorCode::MethodNotAllowed).header("Allow", allowed),
        None => Problem::new(ErrorCode::NotFound),
    };
    problem.error_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_without_parameters_takes_its_own_methods_only() {
        let routes = [("/letters/{id}", Method::GET), ("/letters/drop", Method::POST)];
        let routes = Routes(routes.map(|(path, method)| (ResourceDef::new(path), vec![method])).into());
        assert_eq!(routes.allowed("/letters/drop").as_deref(), Some("POST"));
        assert_eq!(routes.allowed("/letters/7").as_deref(), Some("GET"));
        assert_eq!(routes.allowed("/letters"), None);
    }
}
