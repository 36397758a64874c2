//! Who may talk to the page: itself, in a browser that is on it, and nobody else's script.
//!
//! Any site can have a browser send requests here. What tells them apart is in headers that no script
//! can set: `Host` (another name that was made to point here, "DNS rebinding", is refused where there
//! is no token), `Origin` and `Sec-Fetch-Site` (Fetch Metadata, W3C). A change needs a secret besides,
//! which only scripts of the page can read.

use std::net::IpAddr;

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{self, AsHeaderName},
        uri::Authority,
    },
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::{Source, Visit};

/// What every answer says to the browser: nothing from elsewhere, nothing in line, in nobody's frame, and
/// to be kept nowhere.
const ANSWERS: [(HeaderName, HeaderValue); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
             connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// Where requests are that a script makes.
const API: &str = "/api/";

/// Lets a request on, or says why not.
pub(super) async fn guard<S: Source>(
    State(visit): State<Visit<S>>,
    request: Request,
    next: Next,
) -> Response {
    let is_api = request.uri().path().starts_with(API);
    let is_locked = visit.page.door.is_locked();
    let refusal = refusal(request.method(), request.headers(), is_api, is_locked);
    let mut answer = match refusal {
        Some((status, why)) => (status, why).into_response(),
        None => next.run(request).await,
    };
    answer.headers_mut().extend(ANSWERS);
    answer
}

/// Why a request is not the page's own.
fn refusal(
    method: &Method,
    headers: &HeaderMap,
    is_api: bool,
    is_locked: bool,
) -> Option<(StatusCode, &'static str)> {
    let Some(host) = only(headers, header::HOST).and_then(|host| host.parse::<Authority>().ok())
    else {
        return Some((StatusCode::BAD_REQUEST, "a request names its host\n"));
    };
    if !is_locked && !is_loopback(&host) {
        return Some((
            StatusCode::MISDIRECTED_REQUEST,
            "without a token the page is at localhost, 127.0.0.1 or [::1]\n",
        ));
    }
    if method == Method::GET || method == Method::HEAD {
        return (is_api && is_from_elsewhere(headers)).then_some(FROM_ELSEWHERE);
    }
    if !is_from_here(headers, &host) || is_from_elsewhere(headers) {
        return Some(FROM_ELSEWHERE);
    }
    if only(headers, header::CONTENT_TYPE) != Some("application/json") {
        return Some((StatusCode::UNSUPPORTED_MEDIA_TYPE, "what is sent is application/json\n"));
    }
    None
}

const FROM_ELSEWHERE: (StatusCode, &str) =
    (StatusCode::FORBIDDEN, "only the page itself may ask this\n");

/// A header that is there once, as text.
pub(super) fn only(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Whether a name is this machine's own, whoever answers DNS queries (RFC 6761 §6.3).
fn is_loopback(host: &Authority) -> bool {
    let name = host.host();
    let literal = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || literal.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether the browser says that another site's script, or another port's, made the request.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
    headers.get_all(SITE).iter().any(|site| site != "same-origin" && site != "none")
}

/// Whether the page that a change was made on is this one. A proxy before it may speak TLS.
fn is_from_here(headers: &HeaderMap, host: &Authority) -> bool {
    let origin = only(headers, header::ORIGIN).unwrap_or_default();
    let origin = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    origin.is_some_and(|origin| origin.eq_ignore_ascii_case(host.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: [(&str, &str); 4] = [
        ("host", "127.0.0.1:9478"),
        ("origin", "http://127.0.0.1:9478"),
        ("content-type", "application/json"),
        ("sec-fetch-site", "same-origin"),
    ];

    /// The page's own headers with another, or without it.
    fn headers(name: &'static str, value: Option<&'static str>) -> HeaderMap {
        let others = OWN.into_iter().filter(|(other, _)| *other != name);
        let headers = others.chain(value.map(|value| (name, value)));
        headers
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    fn status(method: &Method, headers: &HeaderMap, is_locked: bool) -> Option<u16> {
        refusal(method, headers, true, is_locked).map(|(status, _)| status.as_u16())
    }

    #[track_caller]
    fn posted(name: &'static str, value: Option<&'static str>, expected: Option<u16>) {
        let headers = headers(name, value);
        assert_eq!(status(&Method::POST, &headers, false), expected, "{name}: {value:?}");
    }

    #[test]
    fn the_page_itself_is_let_in() {
        posted("x-other", None, None);
        // Browsers of before 2023.
        posted("sec-fetch-site", None, None);
    }

    #[test]
    fn other_pages_change_nothing() {
        for origin in [
            "http://evil.example",
            "http://127.0.0.1:8000",
            "http://127.0.0.1:9478.evil.example",
            "http://evil.example/http://127.0.0.1:9478",
            "ftp://127.0.0.1:9478",
            "127.0.0.1:9478",
            "null",
            "",
        ] {
            posted("origin", Some(origin), Some(403));
        }
        posted("origin", None, Some(403));
        for site in ["cross-site", "same-site", "none of these"] {
            posted("sec-fetch-site", Some(site), Some(403));
        }
        for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"] {
            posted("content-type", Some(kind), Some(415));
        }
        posted("content-type", None, Some(415));
    }

    #[test]
    fn names_that_were_made_to_point_here_are_refused() {
        for host in ["evil.example", "evil.example:9478", "localhost.evil.example", "192.168.1.2"] {
            posted("host", Some(host), Some(421));
        }
        posted("host", Some("user name"), Some(400));
        posted("host", None, Some(400));
        let get = |host| status(&Method::GET, &headers("host", Some(host)), false);
        for host in ["localhost", "LOCALHOST:9478", "127.1.2.3:80", "[::1]:9478", "[::1]"] {
            assert_eq!(get(host), None, "{host}");
        }
        assert_eq!(get("evil.example"), Some(421));
    }

    #[test]
    fn where_there_is_a_token_the_name_is_free() {
        let mut headers = headers("host", Some("cameras.example"));
        assert_eq!(status(&Method::POST, &headers, true), Some(403));
        let origin = HeaderValue::from_static("https://cameras.example");
        headers.insert(header::ORIGIN, origin);
        assert_eq!(status(&Method::POST, &headers, true), None);
    }

    #[test]
    fn other_pages_read_nothing() {
        let cross = headers("sec-fetch-site", Some("cross-site"));
        assert_eq!(status(&Method::GET, &cross, true), Some(403));
        assert!(refusal(&Method::GET, &cross, false, true).is_none(), "a link to the page");
        let twice: HeaderMap = [(header::HOST, "localhost"), (header::HOST, "evil.example")]
            .map(|(name, value)| (name, HeaderValue::from_static(value)))
            .into_iter()
            .collect();
        assert_eq!(status(&Method::GET, &twice, false), Some(400));
    }
}
