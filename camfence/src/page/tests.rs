use std::{fs, os::unix::fs::PermissionsExt as _, sync::Mutex};

use camfence_common::abi::Tally;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::*;
use crate::{
    daemon::protocol::Summary,
    telemetry::{
        ledger::Evicted,
        report::{Count, StatusReport},
        unknown::UnknownReport,
    },
};

const TOKEN: &str = "0123456789abcdefghij";

/// A fence that remembers what it was asked.
#[derive(Clone, Default)]
struct Fake(Arc<Mutex<Vec<Request>>>);

impl Source for Fake {
    async fn view(self) -> Result<View, Failure> {
        let status = StatusReport { interfaces: vec![], cameras: vec![] };
        let unknown = Unknown::new(false, UnknownReport { unknown: vec![] });
        Ok(View::new(5, status, vec!["default".into()], unknown))
    }

    async fn ledger(self, _: Mac) -> Result<Option<Ledger>, Failure> {
        let none = Count::from(Tally::default());
        let evicted = Evicted { entries: 0, count: none };
        Ok(Some(Ledger { entries: vec![], evicted, lost: none }))
    }

    async fn timeline(self, _: Mac) -> Result<HistoryReport, Failure> {
        Ok(HistoryReport { by: "5min", buckets: vec![] })
    }

    async fn ask(&self, request: Request) -> Result<Response, Failure> {
        self.0.lock().unwrap().push(request);
        Ok(Response::Ok(Summary::default()))
    }
}

/// A page that is served, and what was asked on it.
struct Served {
    at: SocketAddr,
    asked: Fake,
}

impl Served {
    async fn new(token: Option<&str>, changes: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        fs::write(&path, token.unwrap_or_default()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let door = Door::new(token.map(|_| path.as_path())).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (at, asked) = (listener.local_addr().unwrap(), Fake::default());
        tokio::spawn(serve(listener, asked.clone(), door, changes));
        Self { at, asked }
    }

    /// The whole answer to a request of the page's own, with other headers besides.
    async fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> String {
        let (at, length) = (self.at, body.len());
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {at}\r\nOrigin: http://{at}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        );
        let mut client = TcpStream::connect(at).await.unwrap();
        client.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

fn body(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_page_and_its_readings_are_served() {
    let page = Served::new(None, true).await;
    let index = page.ask("GET", "/", "", "").await;
    assert!(index.contains("content-type: text/html") && index.contains("<h1>camfence"), "{index}");
    let view = body(&page.ask("GET", "/api/view", "", "").await);
    assert_eq!((&view["clock_ms"], &view["cameras"]), (&json!(5), &json!([])));
    let ledger = page.ask("GET", "/api/cameras/b0:c5:54:25:5b:0e/ledger", "", "").await;
    assert_eq!(body(&ledger)["entries"], json!([]));
    for path in ["/api/cameras/driveway/ledger", "/api/cameras//ledger", "/x", "/api/changes/"] {
        assert_eq!(status(&page.ask("GET", path, "", "").await), 404, "{path}");
    }
    assert_eq!(status(&page.ask("GET", "/api/changes", "", "").await), 405);
}

#[tokio::test]
async fn a_change_takes_the_secret_and_is_one_that_is_offered() {
    let page = Served::new(None, true).await;
    let csrf = body(&page.ask("GET", "/api/session", "", "").await)["csrf"].clone();
    let secret = format!("X-Camfence-Csrf: {}\r\n", csrf.as_str().unwrap());
    let remove = r#"{"verb": "remove", "camera": "a"}"#;
    for headers in ["", "X-Camfence-Csrf: 0\r\n", &format!("{secret}{secret}")] {
        assert_eq!(status(&page.ask("POST", "/api/changes", headers, remove).await), 403);
    }
    for other in [r#"{"verb": "down"}"#, r#"{"verb": "reload"}"#, "", "[]"] {
        assert_eq!(status(&page.ask("POST", "/api/changes", &secret, other).await), 400, "{other}");
    }
    let long = " ".repeat(MAX_BODY_BYTES + 1);
    assert_eq!(status(&page.ask("POST", "/api/changes", &secret, &long).await), 413);
    assert!(page.asked.0.lock().unwrap().is_empty());
    assert_eq!(status(&page.ask("POST", "/api/changes", &secret, remove).await), 200);
    assert_eq!(*page.asked.0.lock().unwrap(), [Request::Remove { camera: "a".into() }]);
}

#[tokio::test]
async fn a_page_that_only_shows_asks_for_nothing() {
    let page = Served::new(None, false).await;
    let about = body(&page.ask("GET", "/api/session", "", "").await);
    assert_eq!(about["changes"], false);
    let secret = format!("X-Camfence-Csrf: {}\r\n", about["csrf"].as_str().unwrap());
    let close = r#"{"verb": "close", "camera": "a"}"#;
    assert_eq!(status(&page.ask("POST", "/api/changes", &secret, close).await), 403);
    assert!(page.asked.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn whoever_signs_in_gets_a_cookie() {
    let page = Served::new(Some(TOKEN), true).await;
    for path in ["/api/session", "/api/view", "/api/cameras/b0:c5:54:25:5b:0e/ledger"] {
        assert_eq!(status(&page.ask("GET", path, "", "").await), 401, "{path}");
    }
    let token = json!({"token": TOKEN}).to_string();
    let answer = page.ask("POST", "/api/sign-in", "", &token).await;
    let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Strict; Max-Age=43200");
    let cookie = format!("Cookie: other=1; {pair}\r\n");
    let about = body(&page.ask("GET", "/api/session", &cookie, "").await);
    assert_eq!(about["csrf"], body(&answer)["csrf"]);
    let secret = format!("{cookie}X-Camfence-Csrf: {}\r\n", about["csrf"].as_str().unwrap());
    assert_eq!(status(&page.ask("POST", "/api/sign-out", &cookie, "").await), 403);
    assert_eq!(status(&page.ask("POST", "/api/sign-out", &secret, "").await), 204);
    assert_eq!(status(&page.ask("GET", "/api/session", &cookie, "").await), 401);
}
