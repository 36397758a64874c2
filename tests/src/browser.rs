//! Chromium without a window, inside a namespace, driven over the pipe of its `DevTools` protocol.
//!
//! What it said on its console, what it asked for and what its policies refused is kept, for the test to
//! look at.

use std::env;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::kernel;
use crate::leftovers;
use crate::netns::Netns;

/// How long the browser may take to answer, and a page to become what is waited for.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often it is looked whether a page is as it should be.
const LOOK: Duration = Duration::from_millis(50);

/// What keeps Chromium quiet and small, besides what root needs to run it at all.
const FLAGS: [&str; 14] = [
    "--headless=new",
    "--no-sandbox",
    "--remote-debugging-pipe",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-default-apps",
    "--no-first-run",
    "--no-default-browser-check",
    "--hide-scrollbars",
    "--password-store=basic",
];

/// A running Chromium with one tab.
#[derive(Debug)]
pub struct Browser {
    process: Child,
    input: ChildStdin,
    output: Receiver<Value>,
    session: String,
    next: u64,
    seen: Seen,
    _profile: TempDir,
}

/// What a tab did.
#[derive(Debug, Default, Clone)]
pub struct Seen {
    /// What it asked for.
    pub requests: Vec<String>,
    /// Errors and warnings: of scripts, of the network, of policies.
    pub complaints: Vec<String>,
}

impl Browser {
    /// Starts one; none where there is none, which is told. Names are resolved as `resolver` says
    /// (`MAP evil.example 127.0.0.1`).
    pub fn start(netns: &Netns, resolver: &str) -> Result<Option<Self>> {
        let Some(program) = chromium() else {
            kernel::skip("no chromium here: Debian's package chromium has it");
            return Ok(None);
        };
        let profile = leftovers::temp_dir("chromium")?;
        // The pipe's ends are descriptors 3 and 4.
        let mut command = netns.command("sh");
        command.args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null"]);
        command.arg(&program.path).args(FLAGS).arg("about:blank");
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        command.arg(format!("--host-resolver-rules={resolver}"));
        command.env("HOME", profile.path());
        if let Some(libraries) = &program.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        let (process, input, output) = spawn(command, profile.path())?;
        let (session, next, seen) = (String::new(), 0, Seen::default());
        let mut browser = Self { process, input, output, session, next, seen, _profile: profile };
        browser.attach()?;
        Ok(Some(browser))
    }

    fn attach(&mut self) -> Result<()> {
        let target = self.call("Target.createTarget", &json!({"url": "about:blank"}))?;
        let arguments = json!({"targetId": target["targetId"], "flatten": true});
        let session = self.call("Target.attachToTarget", &arguments)?;
        session["sessionId"].as_str().context("no session")?.clone_into(&mut self.session);
        for domain in ["Page", "Runtime", "Network", "Log"] {
            self.call(&format!("{domain}.enable"), &json!({}))?;
        }
        Ok(())
    }

    /// Calls a method of the protocol.
    pub fn call(&mut self, method: &str, parameters: &Value) -> Result<Value> {
        self.next += 1;
        let id = self.next;
        let mut message = json!({"id": id, "method": method, "params": parameters});
        if !self.session.is_empty() && !method.starts_with("Target.") {
            message["sessionId"] = json!(self.session);
        }
        self.input.write_all(format!("{message}\0").as_bytes())?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut message = self.output.recv_timeout(left).with_context(|| method.to_owned())?;
            if message["id"] != json!(id) {
                self.seen.note(&message);
                continue;
            }
            if let Some(error) = message.get("error") {
                bail!("{method}: {error}");
            }
            return Ok(message["result"].take());
        }
    }

    /// Goes to an address. That it cannot be reached is an error.
    pub fn go(&mut self, url: &str) -> Result<()> {
        let went = self.call("Page.navigate", &json!({"url": url}))?;
        ensure!(went.get("errorText").is_none(), "{url}: {}", went["errorText"]);
        self.wait("document.readyState === \"complete\"")
    }

    /// The value of an expression of JavaScript, which may be a promise.
    pub fn eval(&mut self, expression: &str) -> Result<Value> {
        let arguments =
            json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let mut answer = self.call("Runtime.evaluate", &arguments)?;
        if let Some(exception) = answer.get("exceptionDetails") {
            bail!("{expression}: {exception}");
        }
        Ok(answer["result"]["value"].take())
    }

    /// Waits until an expression is true.
    pub fn wait(&mut self, expression: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        // While a page is left there is nothing to ask.
        while self.eval(expression).ok() != Some(json!(true)) {
            if Instant::now() > deadline {
                let text = self.eval("document.body.innerText").unwrap_or_default();
                bail!("never true: {expression}\n{text}\n{:#?}", self.seen.complaints);
            }
            thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Presses a key, named as in `KeyboardEvent.key`.
    pub fn press(&mut self, key: &str) -> Result<()> {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            "Escape" => (27, ""),
            " " => (32, " "),
            other => (0, other),
        };
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({"type": kind, "key": key, "windowsVirtualKeyCode": code});
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = json!(text);
            }
            self.call("Input.dispatchKeyEvent", &event)?;
        }
        Ok(())
    }

    /// Goes from one element to the next by the Tab key until the focus is on one that the selector fits.
    pub fn tab_to(&mut self, selector: &str) -> Result<()> {
        const MOST: usize = 200;
        let is_there = format!("document.activeElement.matches({})", json!(selector));
        for _ in 0..MOST {
            if self.eval(&is_there)? == json!(true) {
                return Ok(());
            }
            self.press("Tab")?;
        }
        bail!("the Tab key never gets to {selector}")
    }

    /// Types text where the focus is.
    pub fn type_text(&mut self, text: &str) -> Result<()> {
        self.call("Input.insertText", &json!({"text": text}))?;
        Ok(())
    }

    /// The size of the window, in pixels, and whether dark colours are liked.
    pub fn look_like(&mut self, width: u32, height: u32, dark: bool) -> Result<()> {
        let mobile = width < 600;
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile});
        self.call("Emulation.setDeviceMetricsOverride", &size)?;
        let scheme = if dark { "dark" } else { "light" };
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call("Emulation.setEmulatedMedia", &features)?;
        Ok(())
    }

    /// Writes a picture of the whole page, if `$CAMFENCE_SCREENSHOTS` names a directory.
    pub fn screenshot(&mut self, name: &str) -> Result<()> {
        let Some(directory) = env::var_os("CAMFENCE_SCREENSHOTS") else { return Ok(()) };
        let arguments = json!({"format": "png", "captureBeyondViewport": true});
        let picture = self.call("Page.captureScreenshot", &arguments)?;
        let data = picture["data"].as_str().context("no picture")?;
        fs::create_dir_all(&directory)?;
        fs::write(Path::new(&directory).join(format!("{name}.png")), from_base64(data)?)?;
        Ok(())
    }

    /// What the tab did so far.
    pub fn seen(&mut self) -> Result<&Seen> {
        // What came before the answer to this is noted by then.
        self.eval("0")?;
        Ok(&self.seen)
    }

    /// Forgets what it did.
    pub fn forget(&mut self) -> Result<()> {
        self.eval("0")?;
        self.seen = Seen::default();
        Ok(())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends by itself when nobody holds the pipe any more; both fail if it has.
        let _ = self.call("Browser.close", &json!({}));
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Seen {
    fn note(&mut self, message: &Value) {
        let parameters = &message["params"];
        match message["method"].as_str().unwrap_or_default() {
            "Network.requestWillBeSent" => {
                self.requests.extend(parameters["request"]["url"].as_str().map(str::to_owned));
            }
            "Runtime.exceptionThrown" => self.complain(&parameters["exceptionDetails"]),
            "Runtime.consoleAPICalled" if parameters["type"] != "log" => {
                self.complain(&parameters["args"]);
            }
            "Log.entryAdded" => self.complain(&parameters["entry"]),
            _ => {}
        }
    }

    fn complain(&mut self, of: &Value) {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = write!(text, "{of}");
        self.complaints.push(text);
    }
}

/// Starts Chromium; what it says comes by the channel, a message at a time.
fn spawn(mut command: Command, profile: &Path) -> Result<(Child, ChildStdin, Receiver<Value>)> {
    let log = File::create(profile.join("stderr"))?;
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
    let mut process = command.spawn().context("starting chromium")?;
    let input = process.stdin.take().context("stdin")?;
    let mut output = BufReader::new(process.stdout.take().context("stdout")?);
    let (send, received) = mpsc::channel();
    thread::spawn(move || {
        let mut message = Vec::new();
        while output.read_until(0, &mut message).is_ok_and(|length| length > 0) {
            message.pop();
            let Ok(value) = serde_json::from_slice(&message) else { break };
            if send.send(value).is_err() {
                break;
            }
            message.clear();
        }
    });
    Ok((process, input, received))
}

struct Program {
    path: PathBuf,
    libraries: Option<OsString>,
}

/// Installed or unpacked. `usr/bin/chromium` is a script that knows only of an installed one.
fn chromium() -> Option<Program> {
    const AT: &str = "lib/chromium/chromium";
    let unpacked = env::var_os("CAMFENCE_CHROMIUM").map(PathBuf::from);
    if let Some(usr) = unpacked.as_deref().and_then(Path::parent) {
        // PulseAudio's library looks for its other half only where it is when installed.
        let at = format!("lib/{}-linux-gnu", env::consts::ARCH);
        let libraries = [usr.join(&at), usr.join("..").join(&at), usr.join(&at).join("pulseaudio")];
        let libraries = env::join_paths(libraries).ok();
        return Some(Program { path: usr.join(AT), libraries });
    }
    let path = Path::new("/usr").join(AT);
    path.is_file().then_some(Program { path, libraries: None })
}

/// RFC 4648 §4.
fn from_base64(text: &str) -> Result<Vec<u8>> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for letter in text.bytes().filter(|letter| *letter != b'=') {
        let value = ALPHABET.iter().position(|known| *known == letter).context("no base64")?;
        bits = bits << 6 | u32::try_from(value)?;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff).try_into()?);
        }
    }
    Ok(bytes)
}
