//! The parts of a page that tell of its company: JSON-LD, microdata, Open Graph, the description.

use html5gum::{DefaultEmitter, HtmlString, Spanned, StartTag, Token, Tokenizer};
use serde_json::Value;

use super::microdata::Microdata;

/// More of a kind than any honest page has.
const MOST: usize = 200;
/// The longest value that is kept; no field holds as much.
const LONGEST: usize = 16 * 1024;

/// What was found in a page.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Page {
    /// `property` or `name` of each `meta`, in lower case, with its `content`.
    pub(super) metas: Vec<(String, String)>,
    /// The JSON-LD documents.
    pub(super) json_ld: Vec<Value>,
    /// The items of microdata, in the shape of JSON-LD.
    pub(super) items: Vec<Value>,
}

/// The value of an attribute.
pub(super) fn attribute(tag: &StartTag<()>, name: &str) -> Option<String> {
    let value: &Spanned<HtmlString, ()> = tag.attributes.get(name.as_bytes())?;
    let text = String::from_utf8_lossy(value);
    (text.len() <= LONGEST).then(|| text.into_owned())
}

/// Reads a page, whatever it is: what is not understood is passed over.
pub(super) fn read(html: &[u8]) -> Page {
    let mut emitter = DefaultEmitter::default();
    // Without it the text of scripts would be read as tags.
    emitter.naively_switch_states(true);
    let (mut page, mut microdata, mut script) = (Page::default(), Microdata::default(), None::<Vec<u8>>);
    for Ok(token) in Tokenizer::new_with_emitter(html, emitter) {
        match token {
            Token::StartTag(tag) => {
                if tag.name.as_slice() == b"meta" {
                    note_meta(&mut page, &tag);
                }
                let kind = attribute(&tag, "type").unwrap_or_default();
                let holds_json_ld = kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/ld+json"));
                if tag.name.as_slice() == b"script" && holds_json_ld {
                    script = Some(Vec::new());
                }
                microdata.open(&tag);
            }
            Token::EndTag(tag) => {
                if tag.name.as_slice() == b"script"
                    && let Some(text) = script.take()
                    && page.json_ld.len() < MOST
                    && let Ok(document) = serde_json::from_slice(&text)
                {
                    page.json_ld.push(document);
                }
                microdata.close(&tag.name);
            }
            Token::String(text) => match &mut script {
                Some(script) => script.extend_from_slice(&text),
                None => microdata.text(&String::from_utf8_lossy(&text)),
            },
            Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
        }
    }
    page.items = microdata.finish();
    page
}

fn note_meta(page: &mut Page, tag: &StartTag<()>) {
    let name = attribute(tag, "property").or_else(|| attribute(tag, "name"));
    if let (Some(name), Some(content)) = (name, attribute(tag, "content"))
        && page.metas.len() < MOST
    {
        page.metas.push((name.trim().to_lowercase(), content));
    }
}
