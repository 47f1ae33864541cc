//! What operators do with orders and money, under `/api/admin/payments`.

mod orders;
mod refunds;

use std::sync::Arc;

use domain::ErrorCode;
use service_kit::http::{Problem, Registration};
use uuid::Uuid;

use crate::{app::App, payment::operate::OperateError};

/// Registers the routes.
pub(super) fn routes(routes: &mut impl Registration) {
    routes
        .service(orders::show_order)
        .service(orders::reconcile_order)
        .service(orders::fix_order)
        .service(refunds::list_refunds)
        .service(refunds::create_refund)
        .service(refunds::show_refund);
}

type Shared = actix_web::web::Data<App>;

fn shared(app: Shared) -> Arc<App> {
    app.into_inner()
}

/// An id of a path. What is no id names nothing.
fn id<T: From<Uuid>>(text: &str, missing: ErrorCode) -> Result<T, Problem> {
    text.parse::<Uuid>().map(T::from).map_err(|_| Problem::new(missing))
}

impl From<OperateError> for Problem {
    fn from(error: OperateError) -> Self {
        let detail = error.to_string();
        match error {
            OperateError::NotFound => Self::new(ErrorCode::OrderNotFound),
            OperateError::NotQuarantined(_) | OperateError::NotPaid => Self::new(ErrorCode::Conflict).detail(detail),
            OperateError::Unavailable(_) => Self::new(ErrorCode::ProviderUnavailable).retry_after(5),
            OperateError::Store(error) => error.into(),
        }
    }
}
