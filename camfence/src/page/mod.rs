//! The page that `camfence run` can serve: cameras with their rates, whom they talk to, ports, unknown
//! sources; opening, closing, adding and removing.
//!
//! A browser is trusted as little as what runs in it: `guard` lets in what comes from the page itself
//! and from nowhere else, [`session`] whoever has the token where one is needed. What is shown is read
//! from the kernel at most once a second, for all who look (`paced`), and never while nobody does.
//! Changes go where those of the control socket go.

mod api;
mod assets;
mod guard;
mod paced;
pub mod session;
mod view;

use std::{future::Future, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::from_fn_with_state,
    routing::{get, post},
};
use camfence_common::mac::Mac;
use tokio::net::TcpListener;

pub use self::view::{MOST_CAMERAS, MOST_EVENTS, MOST_FLOWS, MOST_UNKNOWN, Told, Unknown, View};
use self::{paced::Paced, session::Door};
use crate::{
    admission::Served,
    daemon::protocol::{Failure, Request, Response},
    http,
    telemetry::{history::HistoryReport, ledger::Ledger},
};

/// Longest body of a request, in bytes.
pub const MAX_BODY_BYTES: usize = 4 * 1024;

/// What the page shows, and who carries out what is asked on it. A reading has a source of its own, as it
/// goes on when whoever asked is gone.
pub trait Source: Clone + Send + Sync + 'static {
    /// Reads the fence.
    fn view(self) -> impl Future<Output = Result<View, Failure>> + Send;

    /// Reads whom a camera talked to, at most [`MOST_FLOWS`]. None if there is no such camera.
    fn ledger(self, mac: Mac) -> impl Future<Output = Result<Option<Ledger>, Failure>> + Send;

    /// Reads what passed and was dropped of a camera in each five minutes of the last day.
    fn timeline(self, mac: Mac) -> impl Future<Output = Result<HistoryReport, Failure>> + Send;

    /// Has a change made.
    fn ask(&self, request: Request) -> impl Future<Output = Result<Response, Failure>> + Send;
}

/// What all connections share.
struct Page<S> {
    source: S,
    door: Door,
    changes: bool,
    view: Paced<()>,
    ledger: Paced<Mac>,
    timeline: Paced<Mac>,
}

/// A connection.
struct Visit<S> {
    page: Arc<Page<S>>,
    client: SocketAddr,
    served: Served,
}

impl<S> Clone for Visit<S> {
    fn clone(&self) -> Self {
        let Self { page, client, served } = self;
        Self { page: Arc::clone(page), client: *client, served: served.clone() }
    }
}

/// Serves the page until dropped. Without `changes` it only shows.
pub async fn serve<S: Source>(listener: TcpListener, source: S, door: Door, changes: bool) {
    let (view, ledger, timeline) = (Paced::default(), Paced::default(), Paced::default());
    let page = Arc::new(Page { source, door, changes, view, ledger, timeline });
    let app = |client, served| router(Visit { page: Arc::clone(&page), client, served });
    http::serve(listener, "page", app).await;
}

fn router<S: Source>(visit: Visit<S>) -> Router {
    assets::routes()
        .route("/api/session", get(api::session))
        .route("/api/sign-in", post(api::sign_in))
        .route("/api/sign-out", post(api::sign_out))
        .route("/api/view", get(api::view))
        .route("/api/cameras/{mac}/ledger", get(api::ledger))
        .route("/api/cameras/{mac}/timeline", get(api::timeline))
        .route("/api/changes", post(api::change))
        .fallback(api::nothing_there)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(visit.clone(), guard::guard))
        .with_state(visit)
}

#[cfg(test)]
mod tests;
