//! `?fields=` and `?provenance=true`: parts of a version, and where its leaves come from.

use domain::{
    ErrorCode,
    canonical::Checksum,
    manifest::{Provenance, is_content_pointer},
};
use serde_json::{Map, Value};
use service_kit::http::Problem;

use crate::{
    manifest::ReadError,
    tiers::{Found, View},
};

/// The most pointers of a request.
const MOST: usize = 50;

/// Pointers into the content, each once, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts(Vec<String>);

impl Parts {
    /// Reads pointers with commas between them; no key of the content holds one.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let refused = |detail: String| Problem::new(ErrorCode::FieldsUnknown).detail(detail);
        let mut pointers: Vec<String> = text.split(',').map(|pointer| pointer.trim().to_owned()).collect();
        if let Some(unknown) = pointers.iter().find(|pointer| pointer.is_empty() || !is_content_pointer(pointer)) {
            let shown: String = unknown.chars().take(80).collect();
            return Err(refused(format!("{shown:?} leads nowhere in a content; a pointer is like /company/name")));
        }
        pointers.sort();
        pointers.dedup();
        if pointers.len() > MOST { Err(refused(format!("at most {MOST} pointers"))) } else { Ok(Self(pointers)) }
    }

    /// Tells these pointers from others, in an entity tag.
    pub fn name(&self) -> String {
        Checksum::of(self.0.join(",").as_bytes()).to_string().chars().take(16).collect()
    }

    /// Whether a leaf is one of these parts or in one.
    fn hold(&self, leaf: &str) -> bool {
        self.0.iter().any(|part| leaf.strip_prefix(part.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    }
}

/// The record with the parts that are there, by pointer, or with the whole content; and the origins of their leaves.
pub fn body(found: &Found, parts: Option<&Parts>, provenance: Option<Provenance>) -> Result<Vec<u8>, Problem> {
    let content = found.document.plain(View::Content).map_err(ReadError::from)?;
    let content: Value = serde_json::from_slice(&content.bytes).map_err(Problem::internal)?;
    let mut body = Map::new();
    body.insert("record".to_owned(), serde_json::to_value(&found.document.record).map_err(Problem::internal)?);
    match parts {
        Some(Parts(pointers)) => {
            let there = pointers.iter().filter_map(|pointer| Some((pointer.clone(), content.pointer(pointer)?.clone())));
            body.insert("fields".to_owned(), Value::Object(there.collect()));
        }
        None => {
            body.insert("content".to_owned(), content);
        }
    }
    if let Some(mut provenance) = provenance {
        provenance.retain(|leaf, _| parts.is_none_or(|parts| parts.hold(leaf)));
        body.insert("provenance".to_owned(), serde_json::to_value(provenance).map_err(Problem::internal)?);
    }
    serde_json::to_vec(&body).map_err(Problem::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_put_in_order_and_what_leads_nowhere_is_refused() {
        let parts = Parts::parse("/offer, /company/name,/offer").unwrap();
        assert_eq!(parts, Parts(vec!["/company/name".into(), "/offer".into()]));
        assert_eq!(parts.name(), Parts::parse("/company/name,/offer").unwrap().name());
        for bad in ["", "company", "/nothing", "/company/name,", ",/company"] {
            assert_eq!(Parts::parse(bad).unwrap_err().code(), ErrorCode::FieldsUnknown, "{bad}");
        }
        let many: Vec<String> = (0..51).map(|n| format!("/facts/{n}")).collect();
        assert!(Parts::parse(&many.join(",")).is_err());
    }

    #[test]
    fn a_leaf_belongs_to_the_part_that_it_is_in() {
        let parts = Parts::parse("/icps/1,/company").unwrap();
        assert!(parts.hold("/icps/1/name") && parts.hold("/icps/1") && parts.hold("/company/name"));
        assert!(!parts.hold("/icps/10/name") && !parts.hold("/icps/0/name") && !parts.hold("/schema_version"));
    }
}
