//! The inbox for people.

use std::fmt::Write as _;

use actix_web::{
    HttpResponse,
    http::header,
    web::{Data, Path},
};
use uuid::Uuid;

use super::mail::Mail;
use crate::{
    html::{Page, escape, time},
    state::Sandbox,
};

pub(crate) async fn list(sandbox: Data<Sandbox>) -> HttpResponse {
    let mails = sandbox.mails();
    let mut main = format!("<p class=fig>FIG. 03 · INBOX</p><h1>Mails <small>{}</small></h1>", mails.len());
    main.push_str(&table(&mails));
    Page::new("Inbox", main).answer()
}

/// The table of mails, also for the dashboard.
pub(crate) fn table(mails: &[Mail]) -> String {
    if mails.is_empty() {
        return "<p class=empty>No mail yet. Mails sent to <code>POST /resend/emails</code> land here.</p>".to_owned();
    }
    let mut table = "<div class=scroll><table><thead><tr><th scope=col>Received<th scope=col>To\
                     <th scope=col>Subject<th scope=col>Key</tr></thead><tbody>"
        .to_owned();
    for mail in mails {
        let _ = write!(
            table,
            "<tr><td>{}<td>{}<td><a href=\"/resend/inbox/{}\">{}</a><td><code>{}</code></tr>",
            time(mail.received_at),
            escape(&mail.to.join(", ")),
            mail.id,
            escape(&mail.subject),
            escape(mail.idempotency_key.as_deref().unwrap_or("–")),
        );
    }
    table.push_str("</tbody></table></div>");
    table
}

fn find(sandbox: &Sandbox, id: &str) -> Option<Mail> {
    let id: Uuid = id.parse().ok()?;
    let state = sandbox.state();
    state.mails.iter().find(|mail| mail.id == id).cloned()
}

fn missing() -> HttpResponse {
    Page::new("No such mail", "<h1>No such mail</h1>".to_owned()).not_found()
}

pub(crate) async fn view(sandbox: Data<Sandbox>, id: Path<String>) -> HttpResponse {
    let Some(mail) = find(&sandbox, &id) else {
        return missing();
    };
    let mut page = format!(
        "<p class=fig>FIG. 03 · MAIL</p><h1>{}</h1><dl>\
         <dt>From<dd>{}<dt>To<dd>{}<dt>Received<dd>{}<dt>Id<dd><code>{}</code>",
        escape(&mail.subject),
        escape(&mail.from),
        escape(&mail.to.join(", ")),
        time(mail.received_at),
        mail.id,
    );
    for (name, list) in [("Cc", &mail.cc), ("Bcc", &mail.bcc), ("Reply to", &mail.reply_to)] {
        if !list.is_empty() {
            let _ = write!(page, "<dt>{name}<dd>{}", escape(&list.join(", ")));
        }
    }
    if let Some(key) = &mail.idempotency_key {
        let _ = write!(page, "<dt>Idempotency key<dd><code>{}</code>", escape(key));
    }
    for (n, file) in mail.attachments.iter().enumerate() {
        let _ = write!(
            page,
            "<dt>Attached<dd><a href=\"/resend/inbox/{}/attachments/{n}\">{}</a>, {} bytes",
            mail.id,
            escape(&file.filename),
            file.content.len()
        );
    }
    page.push_str("</dl>");
    if let Some(text) = &mail.text {
        let _ = write!(page, "<h2>Text</h2><pre class=mail>{}</pre>", with_links(text));
    }
    if mail.html.is_some() {
        let _ = write!(
            page,
            "<h2>HTML</h2><iframe title=\"HTML part of the mail\" src=\"/resend/inbox/{}/html\" \
             sandbox=\"allow-popups allow-popups-to-escape-sandbox\"></iframe>",
            mail.id
        );
    }
    Page::new(&mail.subject, page).answer()
}

/// The HTML part by itself, shut in: no scripts, nothing loaded from elsewhere. Links open in a new tab.
pub(crate) async fn html_part(sandbox: Data<Sandbox>, id: Path<String>) -> HttpResponse {
    let Some(html) = find(&sandbox, &id).and_then(|mail| mail.html) else {
        return missing();
    };
    HttpResponse::Ok()
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
             sandbox allow-popups allow-popups-to-escape-sandbox",
        ))
        .content_type("text/html; charset=utf-8")
        .body(format!("<base target=\"_blank\">{html}"))
}

/// A file as it came. Nothing in it runs here.
pub(crate) async fn attachment(sandbox: Data<Sandbox>, path: Path<(String, usize)>) -> HttpResponse {
    let (id, n) = path.into_inner();
    let Some(file) = find(&sandbox, &id).and_then(|mail| mail.attachments.into_iter().nth(n)) else {
        return missing();
    };
    HttpResponse::Ok()
        .insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .content_type(file.content_type.as_deref().unwrap_or("application/octet-stream"))
        .body(file.content)
}

/// Web addresses in plain text become links, so that a person can follow a confirmation mail.
fn with_links(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end();
        let space = piece.strip_prefix(word).unwrap_or_default();
        if word.starts_with("http://") || word.starts_with("https://") {
            let word = escape(word);
            let _ = write!(out, "<a href=\"{word}\" rel=\"noreferrer\">{word}</a>");
        } else {
            out.push_str(&escape(word));
        }
        out.push_str(space);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::with_links;

    #[test]
    fn addresses_in_text_become_links_and_nothing_else_becomes_markup() {
        assert_eq!(
            with_links("see https://a.example/?x=1&y=2\n<b>"),
            "see <a href=\"https://a.example/?x=1&amp;y=2\" rel=\"noreferrer\">https://a.example/?x=1&amp;y=2</a>\n&lt;b&gt;"
        );
    }
}
