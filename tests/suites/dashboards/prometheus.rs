//! A Prometheus in a namespace.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use camfence_tests::{Netns, kernel};
use serde_json::Value;
use tempfile::TempDir;

/// Where it listens, in its namespace.
const LISTEN: &str = "127.0.0.1:9090";
/// How long it is waited between two looks.
const POLL: Duration = Duration::from_millis(100);

/// One of Prometheus's programs: in the directory that `cargo xtask` says, or on PATH. Without it
/// the test skips itself.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let directory = env::var_os("CAMFENCE_PROMETHEUS").map(PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    let mut found = directory.into_iter().chain(env::split_paths(&path)).map(|d| d.join(name));
    let found = found.find(|program| program.is_file());
    if found.is_none() {
        kernel::skip(&format!("no {name} here: Debian's package prometheus has it"));
    }
    found
}

/// A running Prometheus that scrapes once a second.
pub(crate) struct Prometheus<'a> {
    netns: &'a Netns,
    child: Child,
    directory: TempDir,
}

impl<'a> Prometheus<'a> {
    /// Starts it with the alerts in `rules`, and waits until it answers. None without a program.
    pub(crate) fn start(netns: &'a Netns, target: &str, rules: &Path) -> Result<Option<Self>> {
        let Some(program) = program("prometheus") else { return Ok(None) };
        let directory = tempfile::tempdir()?;
        let rules = rules.canonicalize()?.join("camfence.rules.yml");
        let configuration = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\n\
             rule_files: [\"{}\"]\n\
             scrape_configs:\n- job_name: camfence\n  static_configs: [{{ targets: [\"{target}\"] }}]\n",
            rules.display()
        );
        let file = directory.path().join("prometheus.yml");
        fs::write(&file, configuration)?;
        let log = fs::File::create(directory.path().join("log"))?;
        let child = netns
            .command(program)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", directory.path().join("data").display()))
            .arg(format!("--web.listen-address={LISTEN}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("starting prometheus")?;
        let mut prometheus = Self { netns, child, directory };
        let deadline = Instant::now() + kernel::slowed(Duration::from_secs(30));
        while prometheus.get("/-/ready").is_err() {
            let running = prometheus.child.try_wait()?.is_none();
            ensure!(running && Instant::now() < deadline, "{}", prometheus.log());
            std::thread::sleep(POLL);
        }
        Ok(Some(prometheus))
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// The body of an answer. HTTP/1.0, so that it comes in one piece.
    fn get(&self, path: &str) -> Result<String> {
        let mut stream = self.netns.run(|| TcpStream::connect(LISTEN))?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("no body")?;
        ensure!(head.contains(" 200 "), "{path}: {answer}");
        Ok(body.to_owned())
    }

    /// The values of a query now.
    pub(crate) fn query(&self, query: &str) -> Result<Vec<f64>> {
        Ok(self.samples(query)?.into_iter().map(|(_, value)| value).collect())
    }

    /// What a query finds now: labels, and the value.
    pub(crate) fn samples(&self, query: &str) -> Result<Vec<(Value, f64)>> {
        let answer = self.get(&format!("/api/v1/query?query={}", encoded(query)))?;
        let answer: Value = serde_json::from_str(&answer)?;
        ensure!(answer["status"] == "success", "{query}: {answer}");
        let found = answer["data"]["result"].as_array().context("a vector")?;
        let value = |sample: &Value| sample["value"][1].as_str()?.parse().ok();
        let sample = |sample: &Value| Some((sample["metric"].clone(), value(sample)?));
        found.iter().map(|found| sample(found).context("a value")).collect()
    }

    /// Waits until a query has this one value.
    pub(crate) fn await_value(&self, query: &str, value: u32, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            let found = self.query(query)?;
            if found == [f64::from(value)] {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("{query}: {found:?}, not {value}");
            }
            std::thread::sleep(POLL);
        }
    }

    /// Fails unless all alerts were evaluated without a mistake.
    pub(crate) fn rules_are_healthy(&self) -> Result<()> {
        let deadline = Instant::now() + kernel::slowed(Duration::from_secs(20));
        loop {
            let answer: Value = serde_json::from_str(&self.get("/api/v1/rules")?)?;
            let rules = answer["data"]["groups"][0]["rules"].as_array().context("rules")?;
            if !rules.is_empty() && rules.iter().all(|rule| rule["health"] == "ok") {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "{rules:?}");
            std::thread::sleep(POLL);
        }
    }
}

impl Drop for Prometheus<'_> {
    fn drop(&mut self) {
        // Both fail if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Percent-encoded, all but letters and digits.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
