//! `camfence run`: what it serves, what it survives, and that the fence does not need it.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use camfence_tests::home::{
    ATTIC, DRIVEWAY, Home, METRICS, SOON, ask, config, get, run, say, socket, socket_path,
};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

/// Value of the camera's `not-local` packet counter.
fn dropped(home: &Home, camera: &str) -> Result<u64> {
    let text = get(home.lab.box_ns(), "/metrics")?;
    let wanted = format!("camfence_packets_total{{camera=\"{camera}\",");
    let line =
        text.lines().find(|line| line.starts_with(&wanted) && line.contains("\"not-local\""));
    Ok(line.and_then(|line| line.rsplit_once(' ')).map_or(Ok(0), |(_, value)| value.parse())?)
}

#[test]
fn it_fences_and_counts() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let _daemon = run(&camfence)?;
    home.assert_fenced(&["driveway"])?;
    let answer = get(home.lab.box_ns(), "/metrics")?;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(dropped(&home, "driveway")? > 0, "{answer}");
    for host in ["driveway", "attic", "gw"] {
        for direction in ["outbound", "inbound"] {
            let port = home.lab.port(host);
            let series = format!(
                "camfence_enforcing{{interface=\"{port}\",direction=\"{direction}\",hook=\"tc\""
            );
            let line = answer.lines().find(|line| line.starts_with(&series));
            assert!(line.is_some_and(|line| line.ends_with(" 1")), "{series} {answer}");
        }
    }
    assert!(get(home.lab.box_ns(), "/")?.starts_with("HTTP/1.1 404"));
    Ok(())
}

#[test]
fn cameras_come_and_go_through_the_daemon() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let daemon = run(&camfence)?;
    camfence.run(["add", &ATTIC.to_string(), "--name", "attic"])?.success()?;
    ensure!(daemon.log()?.contains("attic"), "the daemon did it: {}", daemon.log()?);
    home.assert_fenced(&["driveway", "attic"])?;
    assert!(fs::read_to_string(camfence.config_path())?.contains("attic"));
    assert!(dropped(&home, "attic")? > 0);

    let again = camfence.run(["add", &ATTIC.to_string(), "--name", "loft"])?;
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.stderr.starts_with("error: ") && again.stderr.contains("\nhint: "), "{again:?}");

    camfence.run(["remove", "attic"])?.success()?;
    home.assert_fenced(&["driveway"])?;
    assert!(!fs::read_to_string(camfence.config_path())?.contains("attic"));
    Ok(())
}

#[test]
fn a_reload_follows_the_file() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let _daemon = run(&camfence)?;
    camfence.configure(&config(&[("attic", ATTIC)]))?;
    let answer = ask(&camfence, json!({"verb": "reload"}))?;
    assert_eq!(answer["ok"]["replaced"], true, "{answer}");
    home.assert_fenced(&["attic"])?;
    camfence.configure("[fence\n")?;
    let outcome = camfence.run(["reload"])?;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    home.assert_fenced(&["attic"])
}

#[test]
fn a_hangup_reloads_and_a_bad_file_changes_nothing() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let mut daemon = run(&camfence)?;
    camfence.configure("[fence]\ninterfaces = [\"br-cam\"]\nmistake = 1\n")?;
    daemon.signal(Signal::SIGHUP)?;
    daemon.wait_for_log(SOON, |log| log.contains("reload failed") && log.contains("mistake"))?;
    assert!(daemon.is_running()?);
    home.assert_fenced(&["driveway"])?;

    camfence.configure(&config(&[("driveway", DRIVEWAY), ("attic", ATTIC)]))?;
    daemon.signal(Signal::SIGHUP)?;
    let deadline = Instant::now() + SOON;
    while home.reaches_internet("attic")? {
        ensure!(Instant::now() < deadline, "{}", daemon.log()?);
    }
    home.assert_fenced(&["driveway", "attic"])
}

/// Lines of the metrics that begin so.
fn series(home: &Home, name: &str) -> Result<Vec<String>> {
    let text = get(home.lab.box_ns(), "/metrics")?;
    Ok(text.lines().filter(|line| line.starts_with(name)).map(str::to_owned).collect())
}

#[test]
fn it_opens_and_closes_the_fence_for_a_camera() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let daemon = run(&camfence)?;
    let opened = camfence.json(["open", "driveway", "--for", "10m"])?;
    assert_eq!(opened["open_seconds"], 600, "{opened}");
    ensure!(daemon.log()?.contains("open \"driveway\" for 10m: done"), "{}", daemon.log()?);
    home.assert_fenced(&[])?;
    let left = series(&home, "camfence_camera_open_seconds{camera=\"driveway\",")?;
    let left = left.first().and_then(|line| line.rsplit_once(' ')).context("no series")?.1;
    assert!((500..=600).contains(&left.parse::<u64>()?), "{left}");

    // What the file says by now is not live for that.
    let both = config(&[("driveway", DRIVEWAY), ("attic", ATTIC)]);
    camfence.configure(&both)?;
    let text = camfence.run(["close", &DRIVEWAY.to_string()])?.success()?;
    assert_eq!(text, "driveway is closed\n");
    home.assert_fenced(&["driveway"])?;
    assert_eq!(series(&home, "camfence_camera_open_seconds{")?, Vec::<String>::new());
    let outcome = camfence.run(["open", "attic", "--for", "10m"])?;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(
        outcome.stderr.starts_with("error: attic is not in the fence yet\nhint: "),
        "{outcome:?}"
    );
    assert_eq!(fs::read_to_string(camfence.config_path())?, both);
    Ok(())
}

#[test]
fn what_cannot_be_opened_is_refused() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let mut daemon = run(&camfence)?;
    let open = |seconds: Value| json!({"verb": "open", "camera": "driveway", "seconds": seconds});
    let long = json!({"verb": "close", "camera": "x".repeat(30_000)});
    let requests = [
        (open(json!(0)), "1s to 24h"),
        (open(json!(86_401)), "1s to 24h"),
        (open(json!(u64::MAX)), "1s to 24h"),
        (open(json!(-1)), "not a request"),
        (open(json!(1.5)), "not a request"),
        (open(Value::Null), "not a request"),
        (json!({"verb": "open", "camera": "driveway"}), "not a request"),
        (json!({"verb": "close"}), "not a request"),
        (long, "30000 bytes"),
        (json!({"verb": "close", "camera": "two\nlines"}), "no camera has the name or MAC"),
    ];
    for (request, what) in requests {
        let answer = ask(&camfence, request)?;
        let message = answer["error"]["message"].as_str().context("an error")?;
        assert!(message.contains(what), "{message}");
    }
    assert!(daemon.is_running()?);
    home.assert_fenced(&["driveway"])
}

#[test]
fn metrics_tell_of_audit_and_of_unknown_sources() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let text = config(&[("driveway", DRIVEWAY)]);
    let fence = "[fence]\nmode = \"audit\"\nunknown = \"drop\"";
    camfence.configure(&text.replace("[fence]", fence))?;
    let _daemon = run(&camfence)?;
    home.assert_fenced(&[])?;
    let off = series(&home, "camfence_enforcing{")?;
    assert!(off.len() == 6 && off.iter().all(|line| line.ends_with(" 0")), "{off:?}");
    let audit = format!("camfence_camera_audit{{camera=\"driveway\",mac=\"{DRIVEWAY}\"}} 1");
    assert_eq!(series(&home, "camfence_camera_audit")?, [audit]);
    assert!(dropped(&home, "driveway")? > 0, "counted as if it were");
    for what in ["packets", "bytes"] {
        let name = format!("camfence_unknown_{what}_total{{interface=\"port-attic\",");
        let rest = "direction=\"outbound\",verdict=\"drop\",reason=\"sealed\"} ";
        let found = series(&home, &(name + rest))?;
        assert_eq!(found.len(), 1, "{found:?}");
    }
    camfence.run(["open", "driveway", "--for", "1m"])?.success()?;
    check_by_prometheus(&get(home.lab.box_ns(), "/metrics")?)
}

/// Has promtool, if it is there, check metrics.
fn check_by_prometheus(answer: &str) -> Result<()> {
    let (_, metrics) = answer.split_once("\r\n\r\n").context("no body")?;
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut promtool = match promtool.spawn() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        promtool => promtool?,
    };
    promtool.stdin.take().context("its input")?.write_all(metrics.as_bytes())?;
    let output = promtool.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && said.is_empty(), "{said}");
    Ok(())
}

#[test]
fn the_fence_outlives_a_daemon_that_is_told_to_end() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let daemon = run(&camfence)?;
    let mode = fs::metadata(socket_path(&camfence)?)?.permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    let outcome = daemon.stop(SOON)?;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    home.assert_fenced(&["driveway"])?;
    socket_path(&camfence).expect_err("it removed its socket");
    Ok(())
}

#[test]
fn it_ends_at_once_while_others_read_and_ask() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let daemon = run(&camfence)?;
    let outcome = std::thread::scope(|scope| {
        for _ in 0..4 {
            // Until it has ended, and these fail.
            scope.spawn(|| while get(home.lab.box_ns(), "/metrics").is_ok() {});
            scope.spawn(|| while ask(&camfence, json!({"verb": "reload"})).is_ok() {});
        }
        std::thread::sleep(Duration::from_millis(300));
        daemon.stop(SOON)
    })?;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(!outcome.stderr.contains("panicked"), "{outcome:?}");
    home.assert_fenced(&["driveway"])
}

#[test]
fn the_fence_outlives_a_daemon_that_is_killed() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let daemon = run(&camfence)?;
    home.assert_fenced(&["driveway"])?;
    let before = dropped(&home, "driveway")?;
    daemon.signal(Signal::SIGKILL)?;
    drop(daemon);
    home.assert_fenced(&["driveway"])?;
    let status = camfence.json(["status"])?;
    assert_eq!(status["interfaces"][0]["enforcing"], true, "{status}");

    assert!(socket_path(&camfence)?.exists(), "it had no time to remove its socket");
    let _daemon = run(&camfence)?;
    home.assert_fenced(&["driveway"])?;
    assert!(dropped(&home, "driveway")? > before + 1, "the counters go on");
    Ok(())
}

#[test]
fn a_pin_root_has_one_daemon() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let mut daemon = run(&camfence)?;
    let second = camfence.run(["run"])?;
    assert_eq!(second.code, Some(1), "{second:?}");
    assert!(second.stderr.contains("error: another camfence run serves "), "{second:?}");
    assert!(second.stderr.contains("\nhint: "), "{second:?}");
    assert!(daemon.is_running()?);
    ask(&camfence, json!({"verb": "ping"}))?;
    home.assert_fenced(&["driveway"])
}

#[test]
fn a_request_about_another_file_is_refused() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let _daemon = run(&camfence)?;
    let answer = say(&camfence, b"{\"verb\":\"reload\",\"config\":\"/etc/other.toml\"}\n")?;
    let message = answer["error"]["message"].as_str().context("an error")?;
    let ours = camfence.config_path().canonicalize()?;
    assert!(message.contains(ours.to_str().context("a path")?), "{message}");
    Ok(())
}

#[test]
fn nothing_a_peer_sends_stops_it() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let mut daemon = run(&camfence)?;
    let (deep, huge) = ("[".repeat(60_000) + "\n", vec![b'x'; 1 << 20]);
    let garbage: [&[u8]; 6] = [
        b"\n",
        b"\xff\xfe\x00\n",
        b"{}\n",
        b"{\"verb\":\"up\",\"config\":\"\"}\n",
        deep.as_bytes(),
        &huge,
    ];
    for bytes in garbage {
        let answer = say(&camfence, bytes)?;
        assert!(answer["error"]["message"].is_string(), "{answer}");
    }
    drop(socket(&camfence)?);

    let silent: Vec<_> = (0..20).map(|_| socket(&camfence)).collect::<Result<_>>()?;
    let mut slow = socket(&camfence)?;
    slow.write_all(b"{\"verb\":")?;
    let answer = ask(&camfence, json!({"verb": "ping"}))?;
    assert!(answer["ok"].is_object(), "{answer}");
    let mut told = String::new();
    slow.read_to_string(&mut told)?;
    assert!(told.contains("too long"), "{told}");
    drop(silent);

    assert!(daemon.is_running()?);
    home.assert_fenced(&["driveway"])
}

#[test]
fn many_changes_at_once_are_made_or_refused() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let mut daemon = run(&camfence)?;
    let answers: Vec<_> = std::thread::scope(|scope| {
        let reload = || ask(&camfence, json!({"verb": "reload"}));
        let peers: Vec<_> = (0..40).map(|_| scope.spawn(reload)).collect();
        peers.into_iter().map(|peer| peer.join().expect("no panic")).collect()
    });
    let mut made = 0;
    for answer in answers {
        let answer = answer?;
        let refused = answer["error"]["message"] == "too many changes are waiting";
        assert!(answer["ok"].is_object() || refused, "{answer}");
        made += usize::from(!refused);
    }
    assert!(made > 0);
    assert!(daemon.is_running()?);
    home.assert_fenced(&["driveway"])
}

#[test]
fn metrics_that_cannot_be_served_keep_no_camera_unfenced() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let _taken = home.lab.box_ns().run(|| TcpListener::bind(METRICS))?;
    let daemon = run(&camfence)?;
    let log = daemon.log()?;
    ensure!(log.contains(&format!("ERROR cannot serve metrics at {METRICS}")), "{log}");
    ensure!(log.contains("choose another port"), "{log}");
    home.assert_fenced(&["driveway"])
}

/// The service starts before the network is configured.
#[test]
fn a_fence_does_not_wait_for_the_address_of_its_metrics() -> Result<()> {
    const LATER: [(&str, &str); 2] =
        [("192.0.2.9:9477", "192.0.2.9/32"), ("[2001:db8::9]:9477", "2001:db8::9/128")];
    for (listen, address) in LATER {
        let home = Home::new()?;
        let camfence = home.camfence()?;
        camfence.configure(&config(&[("driveway", DRIVEWAY)]).replace(METRICS, listen))?;
        let daemon = camfence.start(["run"])?;
        daemon.wait_for_log(SOON, |log| log.contains("up: "))?;
        home.assert_fenced(&["driveway"])?;
        home.lab.box_ns().ip(&format!("address add {address} dev lo"))?;
        let scraped = home.lab.box_ns().run(|| -> Result<String> {
            let mut stream = TcpStream::connect(listen)?;
            stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")?;
            let mut text = String::new();
            stream.read_to_string(&mut text)?;
            Ok(text)
        })?;
        ensure!(scraped.starts_with("HTTP/1.1 200"), "{scraped}");
    }
    Ok(())
}

#[test]
fn without_a_fence_there_is_no_daemon() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    camfence.configure("[fence]\ninterfaces = []\n")?;
    let outcome = camfence.run(["run"])?;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let why = "error: no interface is named in the configuration";
    assert!(outcome.stderr.contains(why), "{outcome:?}");
    assert!(outcome.stderr.contains("\nhint: "), "{outcome:?}");
    Ok(())
}

#[test]
fn metrics_of_a_fence_that_was_taken_down_say_so() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let _daemon = run(&camfence)?;
    camfence.run(["down"])?.success()?;
    let answer = get(home.lab.box_ns(), "/metrics")?;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("\r\n\r\nno fence stands"), "{answer}");
    Ok(())
}
