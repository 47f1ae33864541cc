//! Answers that come from elsewhere as a whole, and leave as a whole.

pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod workspace;

use std::collections::BTreeMap;

use domain::step::Slug;
use serde_json::Value;

/// The name of the schema of an export.
pub(crate) const SCHEMA: &str = "urn:groundwork:schema:answers:1";

/// Answers by step, as they are given: neither checked nor of steps that must exist.
pub(crate) type Given = serde_json::Map<String, Value>;

/// Answers by step.
pub(crate) type Answers = BTreeMap<Slug, Value>;
