//! The mails that identity sends, as text and as HTML that reads well in a plain inbox and in the dark.

use mail::{Layout, Mail};

/// A mail before it has a layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The reason for it: one reason sends one mail.
    pub reason: String,
    /// The subject, which is its headline too.
    pub subject: String,
    /// What it says.
    pub says: String,
    /// What to press, and where it leads.
    pub button: Option<(&'static str, String)>,
    /// Six digits for typing in.
    pub code: Option<String>,
    /// What to do when it was not the reader who asked.
    pub otherwise: String,
}

impl Letter {
    /// The mail to `recipient`.
    pub fn to(self, recipient: &str) -> Mail {
        // The headline is the subject, so that an inbox shows beside it what the mail says.
        let mut layout = Layout::new(&*self.subject, &*self.subject, &*self.says).says(self.says);
        if let Some((label, url)) = self.button {
            layout = layout.button(label, url);
        }
        if let Some(code) = self.code {
            layout = layout.code("Or type this code", code);
        }
        let layout = layout.aside(self.otherwise);
        Mail {
            purpose_key: self.reason,
            recipient: recipient.to_owned(),
            subject: self.subject,
            html: layout.html(),
            text: layout.text(),
            attachment: None,
            workspace: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(url: &str) -> Mail {
        let letter = Letter {
            reason: "recovery/1".into(),
            subject: "Set a new password".into(),
            says: "Somebody, hopefully you, asked for a new password.".into(),
            button: Some(("Set a new password", url.into())),
            code: Some("012345".into()),
            otherwise: "If it was not you, ignore this mail.".into(),
        };
        letter.to("ann@example.test")
    }

    #[test]
    fn a_letter_reads_well() {
        let mail = letter("https://app.example.com/auth/confirm#token_hash=abc&type=recovery");
        insta::assert_snapshot!("recovery", format!("{}\n\n{}\n----\n{}", mail.subject, mail.text, mail.html));
    }

    #[test]
    fn no_placeholder_is_left_and_values_cannot_become_markup() {
        let mail = letter("https://app.example.com/?a=1&b=\"><script>");
        assert!(!mail.html.contains("{{") && !mail.html.contains("<script"));
        assert!(mail.html.contains("a=1&amp;b=&quot;&gt;&lt;script&gt;"));
    }

    /// Whoever names a workspace writes into the subject of its invitations.
    #[test]
    fn a_value_that_looks_like_a_placeholder_stays_what_it_is() {
        let says = "{{button}}{{code}}".to_owned();
        let letter = Letter { reason: "x/1".into(), subject: "{{says}}".into(), says, button: None, code: None, otherwise: String::new() };
        let mail = letter.to("ann@example.test");
        assert_eq!(mail.html.matches("&#123;&#123;says&#125;&#125;").count(), 3, "title, label and headline: {}", mail.html);
        assert_eq!(mail.html.matches("&#123;&#123;button&#125;&#125;").count(), 2, "beside the subject and below it: {}", mail.html);
    }
}
