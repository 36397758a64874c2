//! Serves the metrics over HTTP.

use std::future::Future;

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use tokio::{net::TcpListener, task::spawn_blocking};

use super::metrics::{Format, Snapshot};
use crate::{admission::Served, http};

/// What the metrics are read from.
pub trait Source: Clone + Send + Sync + 'static {
    /// Reads them; an error says why not, on one line.
    fn snapshot(&self) -> impl Future<Output = Result<Snapshot, String>> + Send;
}

/// Serves `/metrics` until dropped.
pub async fn serve<S: Source>(listener: TcpListener, source: S) {
    let app = |_, served| router(Scrape { source: source.clone(), served });
    http::serve(listener, "metrics", app).await;
}

/// What a connection asks, and whether it is being answered.
#[derive(Clone)]
struct Scrape<S> {
    source: S,
    served: Served,
}

fn router<S: Source>(scrape: Scrape<S>) -> Router {
    Router::new()
        .route("/metrics", get(metrics::<S>))
        .method_not_allowed_fallback(|| async {
            (StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are served\n")
        })
        .fallback(|| async { (StatusCode::NOT_FOUND, "the metrics are at /metrics\n") })
        .with_state(scrape)
}

async fn metrics<S: Source>(State(scraped): State<Scrape<S>>, headers: HeaderMap) -> Response {
    let format = negotiate(&headers);
    match scraped.served.during(scrape(&scraped.source, format)).await {
        Ok(text) => ([(header::CONTENT_TYPE, format.content_type())], text).into_response(),
        Err(error) => {
            let line = error.lines().collect::<Vec<_>>().join(" ");
            (StatusCode::SERVICE_UNAVAILABLE, line + "\n").into_response()
        }
    }
}

/// The text is written on a thread of its own: of very many cameras it takes a while.
async fn scrape(source: &impl Source, format: Format) -> Result<String, String> {
    let snapshot = source.snapshot().await?;
    let encoded = spawn_blocking(move || snapshot.encode(format)).await;
    encoded.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}

/// `OpenMetrics` for whoever asks for it and likes it as well as plain text.
fn negotiate(headers: &HeaderMap) -> Format {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let (mut open_metrics, mut text) = (0.0, 0.0);
    for range in accepted.flat_map(|value| value.split(',')) {
        let (media_type, quality) = media_range(range);
        if media_type.eq_ignore_ascii_case("application/openmetrics-text") {
            open_metrics = quality.max(open_metrics);
        } else if media_type.eq_ignore_ascii_case("text/plain") {
            text = quality.max(text);
        }
    }
    if open_metrics > 0.0 && open_metrics >= text { Format::OpenMetrics } else { Format::Text }
}

/// A media type of an Accept header and its quality.
fn media_range(range: &str) -> (&str, f32) {
    let mut parts = range.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    let quality = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
    (media_type, quality.map_or(1.0, |quality| quality.parse().unwrap_or(0.0)))
}

#[cfg(test)]
mod tests;
