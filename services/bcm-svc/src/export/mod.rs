//! A content as a file for people and other programs.

pub mod markdown;
pub mod yaml;

use std::str::FromStr;

/// The form of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// Exactly the bytes that are hashed.
    #[default]
    Json,
    /// For people.
    Markdown,
    /// For people and programs.
    Yaml,
}

/// The text names no form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the formats are: json, markdown, yaml")]
pub struct UnknownFormat;

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "json" => Ok(Self::Json),
            "markdown" => Ok(Self::Markdown),
            "yaml" => Ok(Self::Yaml),
            _ => Err(UnknownFormat),
        }
    }
}

impl Format {
    /// The media type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Markdown => "text/markdown; charset=utf-8",
            Self::Yaml => "application/yaml",
        }
    }

    /// The end of the file's name.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Markdown => "md",
            Self::Yaml => "yaml",
        }
    }
}
