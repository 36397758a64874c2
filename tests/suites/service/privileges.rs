//! The daemon keeps what the fence takes, and can do everything with it.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use camfence_tests::cmd::{self, Daemon, Outcome};
use camfence_tests::home::{ATTIC, Home, SOON, ask, config, get, run, socket_path};
use camfence_tests::{Camfence, Netns};
use nix::sys::signal::Signal;
use serde_json::json;

/// `CAP_NET_ADMIN`, `CAP_PERFMON` and `CAP_BPF`, by number.
const KEPT: u64 = 1 << 12 | 1 << 38 | 1 << 39;

/// A user and group that are nobody's.
const USER: u32 = 61_234;

/// Fails unless every thread of the daemon has the capabilities, and can get no others.
fn check_threads(daemon: &Daemon) -> Result<()> {
    let threads = fs::read_dir(format!("/proc/{}/task", daemon.id()))?;
    let mut count = 0;
    for thread in threads {
        let status = fs::read_to_string(thread?.path().join("status"))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.map(|value| value.trim().to_owned()).context(name.to_owned())
        };
        for set in ["CapEff:", "CapPrm:", "CapBnd:"] {
            let set = u64::from_str_radix(&field(set)?, 16)?;
            ensure!(set == KEPT, "{set:#x}: {status}");
        }
        for set in ["CapInh:", "CapAmb:"] {
            ensure!(u64::from_str_radix(&field(set)?, 16)? == 0, "{status}");
        }
        ensure!(field("NoNewPrivs:")? == "1", "{status}");
        count += 1;
    }
    ensure!(count > 0, "no threads");
    Ok(())
}

/// Has the daemon do everything it can be asked for.
fn every_verb(home: &Home, camfence: &Camfence, daemon: &Daemon) -> Result<()> {
    home.assert_fenced(&["driveway"])?;
    camfence.run(["add", &ATTIC.to_string(), "--name", "attic"])?.success()?;
    home.assert_fenced(&["driveway", "attic"])?;
    camfence.run(["open", "attic", "--for", "1m"])?.success()?;
    home.assert_fenced(&["driveway"])?;
    camfence.run(["close", "attic"])?.success()?;
    camfence.run(["remove", "attic"])?.success()?;
    home.assert_fenced(&["driveway"])?;
    camfence.run(["reload"])?.success()?;
    ask(camfence, json!({"verb": "ping"}))?;
    a_killed_capture(home, camfence)?;
    let reloads = |log: &str| log.matches("reload: ").count();
    let before = reloads(&daemon.log()?);
    daemon.signal(Signal::SIGHUP)?;
    daemon.wait_for_log(SOON, |log| reloads(log) > before)?;
    ensure!(get(home.lab.box_ns(), "/metrics")?.starts_with("HTTP/1.1 200"));
    let log = daemon.log()?;
    ensure!(!log.contains("not permitted") && !log.contains("failed"), "{log}");
    Ok(())
}

/// What root captured with, and left, is replaced by the daemon.
fn a_killed_capture(home: &Home, camfence: &Camfence) -> Result<()> {
    let capture = camfence.start(["--json", "capture"])?;
    capture.wait_for_log(SOON, |log| log.contains("capturing"))?;
    let mark = home.bpffs.path().join("capture");
    ensure!(mark.exists());
    home.assert_fenced(&["driveway"])?;
    ask(camfence, json!({"verb": "reload"}))?;
    drop(capture);
    let deadline = Instant::now() + SOON;
    while mark.exists() {
        ensure!(Instant::now() < deadline, "the daemon does not end it");
        home.assert_fenced(&["driveway"])?;
    }
    home.assert_fenced(&["driveway"])
}

#[test]
fn started_by_root_it_gives_up_the_rest() -> Result<()> {
    for flags in [&[][..], &["--without-tcx"]] {
        let home = Home::new()?;
        let camfence = home.camfence()?;
        let daemon = camfence.start(flags.iter().copied().chain(["run"]))?;
        wait_until_up(&camfence, &daemon)?;
        check_threads(&daemon)?;
        every_verb(&home, &camfence, &daemon)?;
        check_threads(&daemon)?;
        ensure!(daemon.stop(SOON)?.code == Some(0));
        socket_path(&camfence).expect_err("it removed its socket");
        // One that finds a fence, and one that changes the hook.
        let text = config(&[("driveway", camfence_tests::home::DRIVEWAY)]);
        camfence.configure(&text.replace("[fence]", "[fence]\nhook = \"xdp-generic\""))?;
        let daemon = run(&camfence)?;
        every_verb(&home, &camfence, &daemon)?;
    }
    Ok(())
}

fn wait_until_up(camfence: &Camfence, daemon: &Daemon) -> Result<()> {
    daemon.wait_for_log(SOON, |log| log.contains("up: "))?;
    ensure!(ask(camfence, json!({"verb": "ping"}))?["ok"].is_object());
    Ok(())
}

/// The daemon as another user, with the capabilities that the unit gives it, in a directory of that
/// user's as the package makes them.
struct Service {
    program: PathBuf,
}

impl Service {
    fn new(home: &Home, camfence: &Camfence) -> Result<Self> {
        for owned in [home.bpffs.path(), camfence.dir()] {
            chown(owned, Some(USER), Some(USER))?;
        }
        fs::set_permissions(home.bpffs.path(), fs::Permissions::from_mode(0o750))?;
        // Like /etc/camfence.
        chown(camfence.dir(), Some(0), Some(USER))?;
        fs::set_permissions(camfence.dir(), fs::Permissions::from_mode(0o2770))?;
        chown(camfence.config_path(), Some(0), Some(USER))?;
        // Where that user may look: the build directory is perhaps another's.
        let program = camfence.dir().join("camfence");
        fs::copy(cmd::binary()?, &program)?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
        Ok(Self { program })
    }

    fn start(&self, netns: &Netns, home: &Home, camfence: &Camfence) -> Result<Daemon> {
        const CAPABILITIES: &str = "-all,+bpf,+net_admin,+perfmon";
        let mut command = netns.command("setpriv");
        command.args([&format!("--reuid={USER}"), &format!("--regid={USER}"), "--clear-groups"]);
        for set in ["--inh-caps", "--ambient-caps", "--bounding-set"] {
            command.arg(format!("{set}={CAPABILITIES}"));
        }
        command.args(["--no-new-privs", "--"]).arg(&self.program);
        command.arg("--config").arg(camfence.config_path());
        command.arg("--bpffs").arg(home.bpffs.path()).arg("run");
        command.env("CAMFENCE_RUN_DIR", camfence.dir());
        command.env("CAMFENCE_STATE_DIR", camfence.dir());
        Daemon::spawn(command)
    }
}

#[test]
fn another_user_with_these_capabilities_can_do_everything() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let service = Service::new(&home, &camfence)?;
    for _ in 0..2 {
        let daemon = service.start(home.lab.box_ns(), &home, &camfence)?;
        wait_until_up(&camfence, &daemon)?;
        check_threads(&daemon)?;
        every_verb(&home, &camfence, &daemon)?;
        check_threads(&daemon)?;
        let status = camfence.json(["status"])?;
        ensure!(status["interfaces"][0]["enforcing"] == true, "{status}");
        let file = fs::metadata(camfence.config_path())?;
        assert_eq!((file.gid(), file.mode() & 0o777), (USER, 0o644), "of the group, as it was");
        ensure!(daemon.stop(SOON)?.code == Some(0));
        home.assert_fenced(&["driveway"])?;
    }
    Ok(())
}

#[test]
fn root_takes_over_what_the_service_left() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let service = Service::new(&home, &camfence)?;
    let daemon = service.start(home.lab.box_ns(), &home, &camfence)?;
    wait_until_up(&camfence, &daemon)?;
    ensure!(daemon.stop(SOON)?.code == Some(0));
    ensure!(fs::metadata(home.bpffs.path())?.uid() == USER);
    let daemon = run(&camfence)?;
    check_threads(&daemon)?;
    every_verb(&home, &camfence, &daemon)?;
    ensure!(fs::metadata(home.bpffs.path())?.uid() == 0);
    ensure!(!daemon.log()?.contains("no history"), "{}", daemon.log()?);
    ensure!(fs::metadata(camfence.dir().join("history.redb"))?.uid() == 0);
    Ok(())
}

#[test]
fn without_a_capability_nothing_is_attached_and_it_says_so() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let service = Service::new(&home, &camfence)?;
    let mut command = home.lab.box_ns().command("setpriv");
    command.args([&format!("--reuid={USER}"), &format!("--regid={USER}"), "--clear-groups"]);
    command.arg("--").arg(&service.program).arg("--config").arg(camfence.config_path());
    command.arg("--bpffs").arg(home.bpffs.path()).arg("run");
    command.env("CAMFENCE_RUN_DIR", camfence.dir());
    let outcome = Daemon::spawn(command)?.ended(SOON)?;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("not permitted\nhint: "), "{outcome:?}");
    home.assert_fenced(&[])
}

/// Has another user reload.
fn reload_as(user: u32, group: u32, home: &Home, camfence: &Camfence) -> Result<Outcome> {
    let mut command = home.lab.box_ns().command("setpriv");
    command.args([&format!("--reuid={user}"), &format!("--regid={group}"), "--clear-groups"]);
    command.arg("--").arg(camfence.dir().join("camfence"));
    command.arg("--config").arg(camfence.config_path());
    command.arg("--bpffs").arg(home.bpffs.path()).arg("reload");
    command.env("CAMFENCE_RUN_DIR", camfence.dir());
    Daemon::spawn(command)?.ended(SOON)
}

#[test]
fn the_socket_is_for_root_and_its_group() -> Result<()> {
    const OTHER: u32 = 61_235;
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let _service = Service::new(&home, &camfence)?;
    fs::set_permissions(camfence.dir(), fs::Permissions::from_mode(0o755))?;
    let daemon = run(&camfence)?;
    let path = socket_path(&camfence)?;
    chown(&path, None, Some(USER))?;

    let refused = reload_as(OTHER, OTHER, &home, &camfence)?;
    ensure!(refused.stderr.contains("Permission denied"), "by the kernel: {refused:?}");
    reload_as(OTHER, USER, &home, &camfence)?.success()?;
    ensure!(daemon.log()?.contains(&format!("user {OTHER}, process ")), "{}", daemon.log()?);
    ensure!(daemon.log()?.contains(" asks: reload"), "{}", daemon.log()?);

    // Somebody has opened it to everyone: the daemon does not.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666))?;
    let refused = reload_as(OTHER, OTHER, &home, &camfence)?;
    ensure!(refused.stderr.starts_with("error: not permitted\nhint: "), "{refused:?}");
    let log = daemon.log()?;
    assert_eq!(log.matches("may not ask for anything").count(), 1, "{log}");
    Ok(())
}

#[test]
fn a_hung_peer_does_not_stop_the_end() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let daemon = run(&camfence)?;
    let _silent = camfence_tests::home::socket(&camfence)?;
    let start = Instant::now();
    ensure!(daemon.stop(SOON)?.code == Some(0));
    ensure!(start.elapsed() < SOON, "{:?}", start.elapsed());
    Ok(())
}
