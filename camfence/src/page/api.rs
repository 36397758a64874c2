//! What the page's scripts ask for.

use std::time::Duration;

use axum::{
    body::Bytes,
    extract::{FromRequestParts, Path, State},
    http::{
        HeaderMap, StatusCode,
        header::{self, HeaderName},
        request::Parts,
    },
    response::{IntoResponse, Response},
};
use camfence_common::mac::Mac;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;
use tracing::info;

use super::{
    Source, Visit,
    guard::only,
    paced::Answer,
    session::{SESSION_LIFE, SignedIn},
};
use crate::daemon::protocol::{self, Failure, Request};

/// The session's cookie.
const COOKIE: &str = "camfence_session";

/// How long somebody with a wrong token waits for the answer.
const WRONG_TOKEN_PAUSE: Duration = Duration::from_secs(1);

/// What tells a change on the page from one that was forged.
const CSRF: HeaderName = HeaderName::from_static("x-camfence-csrf");

/// What the page is told of itself.
#[derive(Serialize)]
struct About {
    version: &'static str,
    /// Whether the fence can be changed here.
    changes: bool,
    /// Whether somebody has to sign in.
    locked: bool,
    csrf: String,
}

impl About {
    fn new<S>(visit: &Visit<S>, visitor: &SignedIn) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            changes: visit.page.changes,
            locked: visit.page.door.is_locked(),
            csrf: visitor.csrf.as_str().into(),
        }
    }
}

/// What is sent to sign in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    token: String,
}

/// Everybody else is told to sign in.
impl<S: Source> FromRequestParts<Visit<S>> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, visit: &Visit<S>) -> Result<Self, Response> {
        let visitor = visit.page.door.visitor(cookie(&parts.headers));
        visitor.ok_or_else(|| failure(StatusCode::UNAUTHORIZED, &sign_in_first()))
    }
}

fn sign_in_first() -> Failure {
    Failure::new("nobody has signed in", "sign in with the token in the page's token_file")
}

/// `GET /api/session`
pub(super) async fn session<S: Source>(
    visitor: SignedIn,
    State(visit): State<Visit<S>>,
) -> Response {
    answer(StatusCode::OK, &About::new(&visit, &visitor))
}

/// `POST /api/sign-in`
pub(super) async fn sign_in<S: Source>(
    State(visit): State<Visit<S>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Ok(Token { token }) = serde_json::from_slice(&body) else {
        let failure = &Failure::not_a_request("a token is expected");
        return self::failure(StatusCode::BAD_REQUEST, failure);
    };
    match visit.page.door.sign_in(&token, visit.client) {
        Ok(Some(visitor)) => {
            let is_tls = only(&headers, header::ORIGIN).is_some_and(|o| o.starts_with("https:"));
            let about = answer(StatusCode::OK, &About::new(&visit, &visitor));
            match &visitor.id {
                Some(id) => (set_cookie(id.as_str(), SESSION_LIFE, is_tls), about).into_response(),
                None => about,
            }
        }
        Ok(None) => {
            // Without being served meanwhile: who guesses makes way for others.
            sleep(WRONG_TOKEN_PAUSE).await;
            let hint = "it is in the page's token_file on the machine that runs camfence";
            failure(StatusCode::UNAUTHORIZED, &Failure::new("this is not the token", hint))
        }
        Err(error) => {
            let failure = Failure { message: error.to_string(), hint: None };
            self::failure(StatusCode::INTERNAL_SERVER_ERROR, &failure)
        }
    }
}

/// `POST /api/sign-out`
pub(super) async fn sign_out<S: Source>(
    visitor: SignedIn,
    State(visit): State<Visit<S>>,
    headers: HeaderMap,
) -> Response {
    if let Some(refused) = forged(&visitor, &headers) {
        return refused;
    }
    visit.page.door.sign_out(&visitor);
    (set_cookie("", Duration::ZERO, false), StatusCode::NO_CONTENT).into_response()
}

/// `GET /api/view`
pub(super) async fn view<S: Source>(_: SignedIn, State(visit): State<Visit<S>>) -> Response {
    let page = &visit.page;
    reading(visit.served.during(page.view.get((), page.source.clone().view())).await)
}

/// `GET /api/cameras/MAC/ledger`
pub(super) async fn ledger<S: Source>(
    _: SignedIn,
    State(visit): State<Visit<S>>,
    Path(mac): Path<String>,
) -> Response {
    let Ok(mac) = mac.parse::<Mac>() else { return nothing_there().await };
    let page = &visit.page;
    reading(visit.served.during(page.ledger.get(mac, page.source.clone().ledger(mac))).await)
}

/// `GET /api/cameras/MAC/timeline`
pub(super) async fn timeline<S: Source>(
    _: SignedIn,
    State(visit): State<Visit<S>>,
    Path(mac): Path<String>,
) -> Response {
    let Ok(mac) = mac.parse::<Mac>() else { return nothing_there().await };
    let page = &visit.page;
    reading(visit.served.during(page.timeline.get(mac, page.source.clone().timeline(mac))).await)
}

/// `POST /api/changes`
pub(super) async fn change<S: Source>(
    visitor: SignedIn,
    State(visit): State<Visit<S>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(refused) = forged(&visitor, &headers) {
        return refused;
    }
    let request = match serde_json::from_slice(&body) {
        Ok(request) if is_offered(&request) => request,
        Ok(_) => return not_a_request("the page does not offer this"),
        Err(error) => return not_a_request(&error.to_string()),
    };
    if !visit.page.changes {
        let hint = "changes = false under [page] says so";
        return failure(StatusCode::FORBIDDEN, &Failure::new("this page only shows", hint));
    }
    visit.served.during(ask(&visit, request)).await
}

/// Nothing is served under a path.
pub(super) async fn nothing_there() -> Response {
    let message = "there is nothing here".into();
    failure(StatusCode::NOT_FOUND, &Failure { message, hint: None })
}

async fn ask<S: Source>(visit: &Visit<S>, request: Request) -> Response {
    info!("page: {} asks: {}", visit.client, request.verb());
    let asked = visit.page.source.ask(request).await;
    visit.page.view.outdate().await;
    match asked {
        Ok(protocol::Response::Ok(summary)) => answer(StatusCode::OK, &summary),
        Ok(protocol::Response::Error(error)) => failure(StatusCode::UNPROCESSABLE_ENTITY, &error),
        Err(error) => failure(StatusCode::SERVICE_UNAVAILABLE, &error),
    }
}

/// Taking the fence down, and the like, is for the command line.
const fn is_offered(request: &Request) -> bool {
    matches!(
        request,
        Request::Add { .. } | Request::Remove { .. } | Request::Open { .. } | Request::Close { .. }
    )
}

/// The answer to a change that does not come from the page.
fn forged(visitor: &SignedIn, headers: &HeaderMap) -> Option<Response> {
    let is_own = only(headers, CSRF).is_some_and(|csrf| visitor.csrf.is(csrf));
    let hint = "load the page again";
    let refused =
        || failure(StatusCode::FORBIDDEN, &Failure::new("this does not come from the page", hint));
    (!is_own).then(refused)
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = cookies.flat_map(|cookies| cookies.split(';'));
    pairs
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value)
}

/// For this page alone, out of reach of scripts, and never sent from elsewhere.
fn set_cookie(value: &str, life: Duration, is_tls: bool) -> [(HeaderName, String); 1] {
    let secure = if is_tls { "; Secure" } else { "" };
    let life = life.as_secs();
    let cookie =
        format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={life}{secure}");
    [(header::SET_COOKIE, cookie)]
}

const JSON: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];

fn reading(answer: Answer) -> Response {
    match answer {
        Ok(json) => (JSON, json).into_response(),
        Err(error) => failure(StatusCode::SERVICE_UNAVAILABLE, &error),
    }
}

fn answer(status: StatusCode, value: &impl Serialize) -> Response {
    // What is answered has no maps with other keys than text, and so becomes JSON.
    (status, JSON, serde_json::to_vec(value).unwrap_or_default()).into_response()
}

fn failure(status: StatusCode, failure: &Failure) -> Response {
    answer(status, failure)
}

fn not_a_request(why: &str) -> Response {
    failure(StatusCode::BAD_REQUEST, &Failure::not_a_request(why))
}
