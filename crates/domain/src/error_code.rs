//! The stable codes of our problem details (RFC 9457). A code never changes its meaning and is never reused;
//! each has a page in `docs/ERRORS.md`, which `tests/error_pages.rs` holds.

use std::fmt;

macro_rules! error_codes {
    ($($variant:ident = $code:literal, $status:literal, $title:literal;)+) => {
        /// A stable error code: what a client may branch on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $(#[doc = concat!("`", $code, "` (", stringify!($status), "): ", $title, ".")] $variant,)+
        }

        impl ErrorCode {
            /// Every code, in the order of the registry.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The code as clients see it, such as `PAY-0003`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The HTTP status it is answered with.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)+ }
            }

            /// The problem's title: the same sentence for every occurrence.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }
        }
    };
}

error_codes! {
    Internal = "GW-0001", 500, "Something went wrong on our side";
    NotFound = "GW-0002", 404, "There is nothing here";
    MethodNotAllowed = "GW-0003", 405, "This method is not allowed here";
    Unauthenticated = "GW-0004", 401, "A valid access token is needed";
    Forbidden = "GW-0005", 403, "Your role does not allow this";
    ValidationFailed = "GW-0006", 422, "Some fields are not valid";
    MalformedJson = "GW-0007", 400, "The body is not valid JSON";
    UnsupportedMediaType = "GW-0008", 415, "This content type or encoding is not supported";
    PayloadTooLarge = "GW-0009", 413, "The body is too large";
    RateLimited = "GW-0010", 429, "Too many requests";
    DependencyUnavailable = "GW-0011", 503, "A part of the system that this needs is unavailable";
    IdempotencyKeyReused = "GW-0012", 422, "The idempotency key was used for another request";
    IdempotencyInFlight = "GW-0013", 409, "A request with the same idempotency key is still running";
    PreconditionFailed = "GW-0014", 412, "The resource has changed since it was read";
    PreconditionRequired = "GW-0015", 428, "The request must say which revision it changes";
    Conflict = "GW-0016", 409, "The request conflicts with the present state";
    WorkspaceHeaderInvalid = "GW-0017", 400, "The X-Workspace-Id header is not a UUID";
    HeadersTooLarge = "GW-0018", 431, "The request's headers are too large";
    GatewayTimeout = "GW-0019", 504, "The service did not answer in time";
    BadGateway = "GW-0020", 502, "The service gave no usable answer";
    MalformedRequest = "GW-0021", 400, "A path segment, query parameter or header is not valid";
    NotAcceptable = "GW-0022", 406, "No representation fits the Accept header";
    UriTooLong = "GW-0023", 414, "The address is too long";
    ServiceUnavailable = "GW-0024", 503, "The service is starting, stopping or overloaded";
    WorkspaceRequired = "GW-0025", 400, "The request must name a workspace";
    RequestTimeout = "GW-0026", 408, "The request took too long to arrive";
    IdempotencyKeyInvalid = "GW-0027", 400, "The idempotency key is not valid";
    SecondFactorRequired = "GW-0028", 403, "This needs a session with a second factor";
    CursorInvalid = "GW-0029", 400, "The cursor is not valid";
    DeliveryUnauthenticated = "GW-0030", 401, "The signature of the webhook about a mail is not valid";

    EmailUnconfirmed = "AUTH-0001", 403, "The e-mail address is not confirmed";
    ProvisioningFailed = "AUTH-0002", 503, "The workspace could not be prepared";
    LastOwner = "AUTH-0003", 409, "The last owner cannot leave, be removed or step down";
    InvitationInvalid = "AUTH-0004", 404, "The invitation does not exist or is not for you";
    InvitationExpired = "AUTH-0005", 410, "The invitation has expired or was used";
    AlreadyMember = "AUTH-0006", 409, "This person is already a member";
    SeatLimitReached = "AUTH-0007", 402, "The plan has no free seat";
    MemberNotFound = "AUTH-0008", 404, "There is no such member";
    SlugTaken = "AUTH-0009", 409, "The workspace address is taken";
    RecentSignInRequired = "AUTH-0010", 403, "Sign in again to do this";
    DeletionPending = "AUTH-0011", 409, "The account is about to be deleted";
    SessionNotFound = "AUTH-0012", 404, "There is no such session";
    NotInPlan = "AUTH-0013", 402, "The plan does not include this";

    PlanUnknown = "PAY-0001", 422, "There is no such plan or cycle";
    OrderOpen = "PAY-0002", 409, "Another order is open";
    OrderNotFound = "PAY-0003", 404, "There is no such order";
    ProviderUnavailable = "PAY-0004", 503, "The payment provider does not answer";
    CheckTooSoon = "PAY-0005", 429, "The order was checked a moment ago";
    WebhookUnauthenticated = "PAY-0006", 401, "The webhook's credentials are not valid";
    WebhookInvalid = "PAY-0007", 400, "The webhook's body is not valid";
    WebhookTooLarge = "PAY-0008", 413, "The webhook's body is too large";
    OrderNotAbandonable = "PAY-0009", 409, "Only an open order can be abandoned";
    ProviderRefused = "PAY-0010", 502, "The payment provider refused the order";
    OrderNotRefundable = "PAY-0011", 409, "The order cannot be refunded in its present state";
    RefundTooLarge = "PAY-0012", 422, "The refunds would exceed what was paid";
    RefundOpen = "PAY-0013", 409, "Another refund of this order is open";
    RefundNotFound = "PAY-0014", 404, "There is no such refund";
    SubscriptionNotFound = "PAY-0015", 404, "The workspace has no subscription";
    SubscriptionConflict = "PAY-0016", 409, "The subscription does not allow this in its present state";
    AlreadySubscribed = "PAY-0017", 409, "The workspace has already paid for this period";
    AutopayUnavailable = "PAY-0018", 422, "Autopay is not possible for this plan and cycle";
    TrialUnavailable = "PAY-0019", 409, "The workspace cannot start a trial";
    InvoiceNotFound = "PAY-0020", 404, "There is no such invoice";

    OnboardingLocked = "ONB-0001", 402, "Onboarding opens when the payment is confirmed";
    OnboardingSuspended = "ONB-0002", 402, "Onboarding rests until the subscription is active again";
    StepUnknown = "ONB-0003", 404, "There is no such step";
    AnswerInvalid = "ONB-0004", 422, "The answer is not valid";
    RevisionStale = "ONB-0005", 412, "The step was changed elsewhere";
    StepNotSkippable = "ONB-0006", 409, "This step cannot be skipped";
    OnboardingIncomplete = "ONB-0007", 422, "Some steps are not complete";
    FinalizeRunning = "ONB-0008", 409, "The answers are being finalized";
    AnswerTooLarge = "ONB-0009", 413, "The answer is too large";
    ContextTooLarge = "ONB-0010", 413, "The answers together are too large";
    RevisionRequired = "ONB-0011", 428, "The save must say which revision it changes";
    ContextNotFound = "ONB-0012", 404, "There is no such business context";
    SchemaChanged = "ONB-0013", 409, "The steps have another version";
    NothingToUndo = "ONB-0014", 409, "There is nothing to go back to";

    ManifestMissing = "BCM-0001", 404, "There is no manifest yet";
    ManifestVersionNotFound = "BCM-0002", 404, "There is no such version of the manifest";
    RebuildTooSoon = "BCM-0003", 429, "The manifest was rebuilt within the last hour";
    ManifestPaymentRequired = "BCM-0004", 402, "Changing the manifest needs an active subscription";
    ManifestCorrupt = "BCM-0005", 500, "The stored manifest does not match its checksum";
    ManifestSourceMissing = "BCM-0006", 409, "There are no finalized answers to build from";
    JobNotFound = "BCM-0007", 404, "There is no such job";
    FieldsUnknown = "BCM-0008", 400, "A requested field is not a JSON pointer into the manifest";
    ExportFormatUnknown = "BCM-0009", 400, "There is no such export format";
    TokenBudgetInvalid = "BCM-0010", 422, "The token budget is out of range";
    AlreadyCurrent = "BCM-0011", 409, "This version is already the current one";
    SigningUnavailable = "BCM-0012", 503, "Exports cannot be signed at present";
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
