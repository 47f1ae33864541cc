//! The frame of every page: plain HTML without scripts.

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY},
};
use chrono::{DateTime, Utc};

const STYLE: &str = include_str!("style.css");

/// A page.
pub(crate) struct Page {
    title: String,
    main: String,
}

impl Page {
    /// `title` is text, `main` is markup.
    pub fn new(title: &str, main: String) -> Self {
        Self { title: escape(title), main }
    }

    pub fn answer(self) -> HttpResponse {
        self.with(&mut HttpResponse::Ok())
    }

    pub fn not_found(self) -> HttpResponse {
        self.with(&mut HttpResponse::NotFound())
    }

    pub fn conflict(self) -> HttpResponse {
        self.with(&mut HttpResponse::Conflict())
    }

    /// No `form-action` in the policy: browsers apply it to the redirect to the shop as well.
    fn with(self, answer: &mut HttpResponseBuilder) -> HttpResponse {
        let Self { title, main } = self;
        answer
            .insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'self'; frame-src 'self'; base-uri 'none'"))
            .insert_header((REFERRER_POLICY, "strict-origin-when-cross-origin"))
            .content_type("text/html; charset=utf-8")
            .body(format!(
                "<!doctype html><html lang=en><head><meta charset=utf-8>\
                 <meta name=viewport content=\"width=device-width, initial-scale=1\">\
                 <title>{title} · Sandbox</title><link rel=stylesheet href=\"/style.css\"></head>\
                 <body><header><strong>Sandbox</strong><span>no money moves here</span>\
                 <nav aria-label=Sandbox><a href=\"/\">Control</a><a href=\"/resend/inbox\">Inbox</a></nav>\
                 </header><main>{main}</main></body></html>"
            ))
    }
}

/// The pages' style sheet.
pub(crate) async fn style() -> HttpResponse {
    HttpResponse::Ok().content_type("text/css; charset=utf-8").body(STYLE)
}

/// Text as it may stand in an element or a quoted attribute.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// An instant, for people.
pub(crate) fn time(at: DateTime<Utc>) -> String {
    format!("<time datetime=\"{}\">{}</time>", at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true), at.format("%d %b %Y %H:%M:%S UTC"))
}
