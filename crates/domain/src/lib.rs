//! What the business says, free of I/O: ids, money, tax, plans, state machines, the gate, event contracts,
//! the onboarding steps and their validation, the business context and the manifest.
//!
//! Nothing here knows a runtime, a database or a web framework; `tests/dependency_direction.rs` holds that.

mod text_enum;

pub mod answer;
pub mod canonical;
pub mod clock;
pub mod context;
pub mod error_code;
pub mod event;
pub mod financial_year;
pub mod gate;
pub mod gst;
pub mod ids;
pub mod invoice;
pub mod mandate;
pub mod manifest;
pub mod money;
pub mod onboarding;
pub mod order;
pub mod plan;
pub mod reduce;
pub mod refund;
pub mod role;
pub mod step;
pub mod subscription;

pub use clock::{Clock, SystemClock};
pub use error_code::ErrorCode;
pub use text_enum::UnknownName;
