//! The OpenAPI document of a service: what its routes say, and what is true of every route.

use actix_web::App;
use domain::ErrorCode;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Content, OpenApi, Ref, RefOr, Response, ResponseBuilder,
        path::{Operation, PathItem},
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_actix_web::AppExt;

use super::problem::{FieldError, ProblemBody};
use crate::service::Service;

const PROBLEM: &str = "application/problem+json";

/// What any request may be answered, by the gateway or by the kit.
const OF_EVERY_REQUEST: [ErrorCode; 8] = [
    ErrorCode::MalformedRequest,
    ErrorCode::UriTooLong,
    ErrorCode::RateLimited,
    ErrorCode::HeadersTooLarge,
    ErrorCode::Internal,
    ErrorCode::BadGateway,
    ErrorCode::ServiceUnavailable,
    ErrorCode::GatewayTimeout,
];
/// What any request with a body may be answered besides.
const OF_A_BODY: [ErrorCode; 3] = [ErrorCode::RequestTimeout, ErrorCode::PayloadTooLarge, ErrorCode::UnsupportedMediaType];

/// The document, from the same calls that register the routes.
pub fn openapi<S: Service>() -> OpenApi {
    let (_, mut document) = App::new().into_utoipa_app().openapi(S::openapi()).configure(|routes| S::routes(routes)).split_for_parts();
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            complete(operation);
        }
    }
    let components = document.components.get_or_insert_default();
    let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build());
    components.add_security_scheme("bearer", bearer);
    components.schemas.insert(ProblemBody::name().into_owned(), ProblemBody::schema());
    components.schemas.insert(FieldError::name().into_owned(), FieldError::schema());
    for code in OF_EVERY_REQUEST.iter().chain(&OF_A_BODY) {
        let response = ResponseBuilder::new().description(code.title()).content(PROBLEM, problem()).build();
        components.responses.insert(name(*code), response.into());
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [get, put, post, delete, patch].into_iter().flatten()
}

fn complete(operation: &mut Operation) {
    let body: &[ErrorCode] = if operation.request_body.is_some() { &OF_A_BODY } else { &[] };
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            name_media_type(response);
        }
    }
    for code in OF_EVERY_REQUEST.iter().chain(body) {
        match operation.responses.responses.get_mut(&code.status().to_string()) {
            Some(RefOr::T(response)) if response.content.contains_key(PROBLEM) => {}
            Some(RefOr::T(response)) => {
                response.content.insert(PROBLEM.to_owned(), problem().into());
            }
            Some(RefOr::Ref(_)) => {}
            None => {
                let reference = RefOr::Ref(Ref::from_response_name(name(*code)));
                operation.responses.responses.insert(code.status().to_string(), reference);
            }
        }
    }
}

/// Problems have a media type of their own (RFC 9457, 6.1), whatever an annotation left out.
fn name_media_type(response: &mut Response) {
    let is_problem = |content: &RefOr<Content>| matches!(content, RefOr::T(content) if content.schema == problem().schema);
    if response.content.get("application/json").is_some_and(is_problem) {
        response.content.shift_remove("application/json");
        response.content.insert(PROBLEM.to_owned(), problem().into());
    }
}

fn problem() -> Content {
    Content::new(Some(Ref::from_schema_name(ProblemBody::name())))
}

/// The name of the shared response, `GW-0021` for example.
fn name(code: ErrorCode) -> String {
    code.as_str().to_owned()
}
