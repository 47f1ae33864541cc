//! What every mail looks like: one sheet of at most 600 pixels, in tables, as mail programs need it, in the dark too; and its
//! twin in plain text, from the same parts.
//!
//! Values are escaped where they enter, braces too, so that none becomes markup or a placeholder.

use std::fmt::Write as _;

use crate::html::escape_html;

const PAGE: &str = include_str!("layout/page.html");
/// Outlook does not inherit it into tables.
const FONT: &str = "font-family:Georgia,'Times New Roman',serif;font-size:16px;line-height:1.5";
const FOOTER: &str = "Groundwork. You get this mail because this address is used there.";
/// Fills up the line that an inbox shows beside the subject, which would go on with the headline.
const FILLER: &str = "&#847;&zwnj;&nbsp;";
const FILLERS: usize = 60;

/// A mail's content, part by part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    subject: String,
    preheader: String,
    headline: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Says(String),
    Facts(Vec<(&'static str, String)>),
    Button { label: &'static str, url: String },
    Code { lead: &'static str, code: String },
    Aside(String),
}

impl Layout {
    /// A mail with this subject and headline. `preheader` is what an inbox shows beside the subject.
    pub fn new(subject: impl Into<String>, headline: impl Into<String>, preheader: impl Into<String>) -> Self {
        Self { subject: subject.into(), headline: headline.into(), preheader: preheader.into(), parts: Vec::new() }
    }

    /// A paragraph.
    #[must_use]
    pub fn says(self, text: impl Into<String>) -> Self {
        self.with(Part::Says(text.into()))
    }

    /// Names and values, one below the other.
    #[must_use]
    pub fn facts(self, facts: impl Into<Vec<(&'static str, String)>>) -> Self {
        self.with(Part::Facts(facts.into()))
    }

    /// What to press, and where it leads.
    #[must_use]
    pub fn button(self, label: &'static str, url: impl Into<String>) -> Self {
        self.with(Part::Button { label, url: url.into() })
    }

    /// Something to be typed in.
    #[must_use]
    pub fn code(self, lead: &'static str, code: impl Into<String>) -> Self {
        self.with(Part::Code { lead, code: code.into() })
    }

    /// A paragraph that matters to few.
    #[must_use]
    pub fn aside(self, text: impl Into<String>) -> Self {
        self.with(Part::Aside(text.into()))
    }

    fn with(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }

    /// The subject.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The text body.
    pub fn text(&self) -> String {
        let parts = self.parts.iter().map(Part::text);
        let all: Vec<String> = [self.headline.clone()].into_iter().chain(parts).chain(["Groundwork".to_owned()]).collect();
        all.join("\n\n") + "\n"
    }

    /// The HTML body.
    pub fn html(&self) -> String {
        let parts: Vec<String> = self.parts.iter().map(Part::html).collect();
        PAGE.replace("{{font}}", FONT)
            .replace("{{footer}}", FOOTER)
            .replace("{{parts}}", &parts.join("\n"))
            .replace("{{subject}}", &escape_html(&self.subject))
            .replace("{{preheader}}", &(escape_html(&self.preheader) + &FILLER.repeat(FILLERS)))
            .replace("{{headline}}", &escape_html(&self.headline))
    }
}

impl Part {
    fn text(&self) -> String {
        match self {
            Self::Says(text) | Self::Aside(text) => text.clone(),
            Self::Facts(facts) => {
                let width = facts.iter().map(|(name, _)| name.chars().count() + 3).max().unwrap_or(0);
                let lines = facts.iter().map(|(name, value)| format!("{:width$}{value}", format!("{name}:")));
                lines.collect::<Vec<_>>().join("\n")
            }
            Self::Button { label, url } => format!("{label}:\n{url}"),
            Self::Code { lead, code } => format!("{lead}: {code}"),
        }
    }

    /// A row of the sheet.
    fn html(&self) -> String {
        let row = |class: &str, style: &str, content: &str| format!(r#"<tr><td class="{class}" style="{style}">{content}</td></tr>"#);
        match self {
            Self::Says(text) => row("ink", &format!("padding:0 0 16px;{FONT};color:#1a1a1a"), &escape_html(text)),
            Self::Aside(text) => row("quiet", &format!("padding:8px 0 0;{FONT};font-size:14px;color:#4a4a4a"), &escape_html(text)),
            Self::Facts(facts) => row("ink", "padding:0 0 24px", &table(facts)),
            Self::Button { label, url } => row("ink", "padding:8px 0 24px", &button(label, url)),
            Self::Code { lead, code } => {
                let code = format!(
                    r#"{}:<br><span style="font:28px/1.5 Menlo,Consolas,monospace;letter-spacing:6px">{}</span>"#,
                    escape_html(lead),
                    escape_html(code)
                );
                row("ink", &format!("padding:0 0 16px;{FONT};color:#1a1a1a"), &code)
            }
        }
    }
}

fn table(facts: &[(&'static str, String)]) -> String {
    let mut table = r#"<table width="100%" border="0" cellpadding="0" cellspacing="0" style="border-collapse:collapse">"#.to_owned();
    for (name, value) in facts {
        let (name, value) = (escape_html(name), escape_html(value));
        let cell = format!("vertical-align:top;border-bottom:1px solid #c8c6c0;{FONT}");
        // Writing to a string does not fail.
        let _ = write!(
            table,
            "\n<tr><th class=\"quiet line\" scope=\"row\" align=\"left\" style=\"padding:8px 16px 8px 0;font-weight:normal;white-space:nowrap;{cell};\
             color:#4a4a4a\">{name}</th><td class=\"ink line\" style=\"padding:8px 0;width:100%;word-break:break-word;{cell};color:#1a1a1a\">{value}</td></tr>",
        );
    }
    table + "\n</table>"
}

/// Outlook takes the padding from the cell, all others from the link, which is pressed as a whole that way.
fn button(label: &str, url: &str) -> String {
    let (label, url) = (escape_html(label), escape_html(url));
    format!(
        r##"<table role="presentation" border="0" cellpadding="0" cellspacing="0"><tr><td class="press" bgcolor="#3a5a7c" style="background-color:#3a5a7c;mso-padding-alt:12px 24px"><a href="{url}" style="display:inline-block;padding:12px 24px;{FONT};color:#fffef9;text-decoration:none">{label}</a></td></tr></table>"##
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Layout {
        Layout::new("Payment received", "Thank you.", "7,000 rupees have arrived.")
            .says("Onboarding is open.")
            .facts([("Plan", "Glide".to_owned()), ("Paid until", "1 March 2027".to_owned())])
            .button("Begin", "https://app.example.com/onboarding?a=1&b=2")
            .code("Or type this code", "012345")
            .aside("If it was not you, reply to this mail.")
    }

    #[test]
    fn the_text_says_all_that_the_page_says() {
        assert_eq!(
            full().text(),
            "Thank you.\n\nOnboarding is open.\n\nPlan:        Glide\nPaid until:  1 March 2027\n\n\
             Begin:\nhttps://app.example.com/onboarding?a=1&b=2\n\nOr type this code: 012345\n\n\
             If it was not you, reply to this mail.\n\nGroundwork\n"
        );
        let html = full().html();
        for said in
            ["Thank you.", "Onboarding is open.", "Glide", "1 March 2027", "a=1&amp;b=2", "012345", "If it was not you", "7,000 rupees"]
        {
            assert!(html.contains(said), "{said}");
        }
    }

    #[test]
    fn a_page_is_whole_and_has_the_dark_the_width_and_the_preview() {
        let html = full().html();
        assert!(!html.contains("{{") && !html.contains("}}"));
        for (open, close) in [("<table", "</table>"), ("<tr>", "</tr>"), ("<td", "</td>"), ("<th ", "</th>"), ("<div", "</div>")] {
            assert_eq!(html.matches(open).count(), html.matches(close).count(), "{open}");
        }
        for part in ["prefers-color-scheme: dark", r#"name="color-scheme" content="light dark""#, "max-width:600px", "mso-hide:all"] {
            assert!(html.contains(part), "{part}");
        }
        // Gmail cuts what is longer than 102 KB; its inbox shows some 100 characters.
        assert!(html.len() < 20_000, "{}", html.len());
    }

    #[test]
    fn no_value_becomes_markup_or_a_placeholder() {
        let hostile = r#"{{parts}}{{font}}"><script>'&"#;
        let html = Layout::new(hostile, hostile, hostile)
            .says(hostile)
            .facts([("Order", hostile.to_owned())])
            .button("Go on", hostile)
            .code("Code", hostile)
            .aside(hostile)
            .html();
        assert!(!html.contains("<script") && !html.contains("{{"), "{html}");
        let escaped = "&#123;&#123;parts&#125;&#125;&#123;&#123;font&#125;&#125;&quot;&gt;&lt;script&gt;&#39;&amp;";
        // Title, label, preheader, headline, and the five parts.
        assert_eq!(html.matches(escaped).count(), 9, "{html}");
    }
}
