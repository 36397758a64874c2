use std::collections::BTreeMap;

use axum::http::HeaderValue;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::*;
use crate::{
    events::hub::Counts, fence::Standing, history::writer::Status, http::MAX_REQUEST_BYTES,
};

#[derive(Clone)]
struct Fake(Result<(), String>);

impl Source for Fake {
    async fn snapshot(&self) -> Result<Snapshot, String> {
        self.0.clone()?;
        let config = crate::config::Config::parse("camfence.toml".as_ref(), "[fence]\n").unwrap();
        let standing = Standing { ports: vec![], cameras: BTreeMap::new() };
        let (unfenced, counts) = (BTreeMap::new(), Counts::default());
        Ok(Snapshot::new(&config, standing, unfenced, counts, Status::default(), Vec::new()))
    }
}

/// What a server answers to these bytes until it closes.
async fn exchange(source: Fake, request: &[u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(serve(listener, source));
    let mut client = TcpStream::connect(address).await.unwrap();
    // A server that has seen enough may close before all is sent.
    let _ = client.write_all(request).await;
    let mut answer = Vec::new();
    let _ = client.read_to_end(&mut answer).await;
    server.abort();
    String::from_utf8(answer).unwrap()
}

fn ask(request: &[u8]) -> String {
    answer(Fake(Ok(())), request)
}

fn answer(source: Fake, request: &[u8]) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(exchange(source, request))
}

#[test]
fn metrics_are_served() {
    let answer = ask(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").to_lowercase();
    assert!(answer.starts_with("http/1.1 200 ok\r\n"), "{answer}");
    assert!(answer.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    assert!(answer.contains("\ncamfence_build_info{"), "{answer}");
}

#[test]
fn who_asks_for_open_metrics_gets_it() {
    let request =
        b"GET /metrics HTTP/1.1\r\nHost: a\r\nAccept: application/openmetrics-text\r\n\r\n";
    let answer = ask(request);
    assert!(answer.contains(Format::OpenMetrics.content_type()), "{answer}");
    assert!(answer.contains("# EOF"), "{answer}");
}

#[test]
fn a_head_has_no_body() {
    let answer = ask(b"HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}

#[test]
fn nothing_else_is_served() {
    let other = ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(other.starts_with("HTTP/1.1 404"), "{other}");
    assert!(other.ends_with("\r\n\r\nthe metrics are at /metrics\n"), "{other}");
    let post = ask(b"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    assert!(post.starts_with("HTTP/1.1 405"), "{post}");
}

#[test]
fn garbage_and_endless_headers_are_refused() {
    assert!(ask(b"\x16\x03\x01\r\n\r\n").starts_with("HTTP/1.1 400"));
    let mut endless = b"GET /metrics HTTP/1.1\r\nX: ".to_vec();
    endless.resize(10 * MAX_REQUEST_BYTES, b'x');
    let answer = ask(&endless);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[test]
fn an_unreadable_fence_is_said_in_one_line() {
    let error = Fake(Err("no fence stands\nunder /sys/fs/bpf".into()));
    let answer = answer(error, b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nno fence stands under /sys/fs/bpf\n"), "{answer}");
}

#[test]
fn the_format_is_the_one_the_client_likes_best() {
    let accepts = |value: &'static str| {
        negotiate(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(value))]))
    };
    let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,\
                      application/openmetrics-text;version=0.0.1;q=0.4,\
                      text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
    assert_eq!(accepts(prometheus), Format::OpenMetrics);
    assert_eq!(accepts("Application/OpenMetrics-Text; version=1.0.0"), Format::OpenMetrics);
    assert_eq!(accepts("text/plain, application/openmetrics-text;q=0.5"), Format::Text);
    assert_eq!(accepts("application/openmetrics-text;q=0"), Format::Text);
    assert_eq!(accepts("application/openmetrics-text;q=much"), Format::Text);
    assert_eq!(accepts("*/*"), Format::Text);
    assert_eq!(negotiate(&HeaderMap::new()), Format::Text);
}
