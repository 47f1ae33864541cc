//! Where a link in a mail may lead after the proof: to our own site, or to an address that the operator allowed.

use url::Url;

/// The allowed places.
#[derive(Debug, Clone)]
pub struct Redirects {
    site: String,
    allowed: Vec<Url>,
}

impl Redirects {
    /// Our own site and more prefixes, separated by commas.
    pub fn new(site: &str, allowed: &str) -> Self {
        let urls = std::iter::once(site).chain(allowed.split(',').map(str::trim)).filter_map(|url| Url::parse(url).ok());
        Self { site: site.trim_end_matches('/').to_owned(), allowed: urls.collect() }
    }

    /// Our own site, without a slash at the end.
    pub fn site(&self) -> &str {
        &self.site
    }

    /// The wish, if it is allowed; else our own site. A wish that is not allowed is no error: it tells nobody what is.
    pub fn choose(&self, wish: Option<&str>) -> String {
        let allowed = |url: &Url| self.allowed.iter().any(|prefix| is_below(url, prefix));
        match wish.and_then(|wish| Url::parse(wish).ok()).filter(allowed) {
            Some(url) => url.to_string(),
            None => self.site.clone(),
        }
    }
}

/// Whether the address has the prefix's scheme, host and port, no user of its own, and a path below the prefix's.
fn is_below(url: &Url, prefix: &Url) -> bool {
    let path = prefix.path().trim_end_matches('/');
    let same_place =
        url.scheme() == prefix.scheme() && url.host() == prefix.host() && url.port_or_known_default() == prefix.port_or_known_default();
    let below = url.path().strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    same_place && below && url.username().is_empty() && url.password().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_allowed_places_are_chosen_and_everything_else_is_our_own_site() {
        let redirects = Redirects::new("https://app.example.com", "https://preview.example.com/app, myapp://callback");
        for allowed in [
            "https://app.example.com/onboarding?flow=1",
            "https://preview.example.com/app",
            "https://preview.example.com/app/x",
            "myapp://callback/done",
        ] {
            assert_eq!(redirects.choose(Some(allowed)), allowed);
        }
        for refused in [
            "https://evil.example/",
            "http://app.example.com/",
            "https://app.example.com:8443/",
            "https://app.example.com.evil.example/",
            "https://app.example.com@evil.example/",
            "https://user@app.example.com/",
            "https://preview.example.com/apple",
            "https://preview.example.com/app/../admin",
            "//evil.example",
            "javascript:alert(1)",
            "",
        ] {
            assert_eq!(redirects.choose(Some(refused)), "https://app.example.com", "{refused}");
        }
        assert_eq!(redirects.choose(None), "https://app.example.com");
    }
}
