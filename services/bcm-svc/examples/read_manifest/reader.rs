//! A reader that keeps what it read: what has not changed is not sent again, and while the service does not answer, what was read
//! is there.

use std::time::Duration;

use domain::manifest::Manifest;
use reqwest::{StatusCode, header};

/// Where a manifest came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// It was just sent.
    Network,
    /// The service says that it has not changed.
    Revalidated,
    /// The service does not answer.
    Kept,
}

/// What was read.
#[derive(Debug, Clone)]
pub struct Read {
    /// Record and content.
    pub manifest: Manifest,
    /// Where it came from.
    pub from: From,
    /// Whether it may be old: the service, or its database, does not answer.
    pub stale: bool,
}

/// Reads the manifest of one workspace.
pub struct Reader {
    http: reqwest::Client,
    url: String,
    token: String,
    workspace: Option<String>,
    kept: Option<(String, Manifest)>,
}

impl Reader {
    /// A reader that has read nothing yet. Without a workspace it is the oldest of the token's user.
    pub fn new(url: &str, token: &str, workspace: Option<String>) -> anyhow::Result<Self> {
        let http = service_kit::http_client(Duration::from_secs(10))?;
        Ok(Self { http, url: format!("{url}/api/context/manifest"), token: token.to_owned(), workspace, kept: None })
    }

    /// The manifest; an error when the service refuses, or does not answer and nothing was kept.
    pub async fn read(&mut self) -> anyhow::Result<Read> {
        let mut request = self.http.get(&self.url).bearer_auth(&self.token);
        if let Some(workspace) = &self.workspace {
            request = request.header("X-Workspace-Id", workspace);
        }
        if let Some((etag, _)) = &self.kept {
            request = request.header(header::IF_NONE_MATCH, etag);
        }
        let kept = |from, stale| self.kept.clone().map(|(_, manifest)| Read { manifest, from, stale });
        let answer = match request.send().await {
            Ok(answer) if answer.status().is_server_error() => {
                return kept(From::Kept, true).ok_or_else(|| anyhow::anyhow!("the service answered {}", answer.status()));
            }
            Ok(answer) => answer,
            Err(error) => return kept(From::Kept, true).ok_or(error.into()),
        };
        let stale = answer.headers().contains_key(header::WARNING);
        if answer.status() == StatusCode::NOT_MODIFIED
            && let Some(read) = kept(From::Revalidated, stale)
        {
            return Ok(read);
        }
        anyhow::ensure!(answer.status() == StatusCode::OK, "the service answered {}", answer.status());
        let etag = answer.headers().get(header::ETAG).and_then(|etag| etag.to_str().ok()).unwrap_or_default().to_owned();
        let manifest: Manifest = answer.json().await?;
        self.kept = Some((etag, manifest.clone()));
        Ok(Read { manifest, from: From::Network, stale })
    }
}
