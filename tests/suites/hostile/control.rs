//! Hostile peers on the control socket.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use camfence_tests::Camfence;
use camfence_tests::home::{ATTIC, Home, run, socket, socket_path};
use nix::errno::Errno;

use crate::bench::Usage;

/// Peers at once.
const CROWD: usize = 1_000;

/// How long a verb may take among them.
const IN_TIME: Duration = Duration::from_secs(8);

/// As many connections as the system lets one have, up to a number.
fn crowd(camfence: &Camfence) -> Result<Vec<UnixStream>> {
    let path = socket_path(camfence)?;
    let mut peers = Vec::new();
    while peers.len() < CROWD {
        match UnixStream::connect(&path) {
            Ok(peer) => peers.push(peer),
            Err(error) if error.raw_os_error() == Some(Errno::EMFILE as i32) => break,
            Err(error) => return Err(error.into()),
        }
    }
    ensure!(peers.len() > CROWD / 2, "only {} connections", peers.len());
    Ok(peers)
}

/// Fails unless the verbs of an honest peer are carried out in time.
fn verbs_work(camfence: &Camfence) -> Result<()> {
    let start = Instant::now();
    camfence.run(["reload"])?.success()?;
    camfence.run(["add", &ATTIC.to_string(), "--name", "attic"])?.success()?;
    camfence.run(["open", "attic", "--for", "1m"])?.success()?;
    camfence.run(["close", "attic"])?.success()?;
    camfence.run(["remove", "attic"])?.success()?;
    println!("five verbs took {:?}", start.elapsed());
    ensure!(start.elapsed() < IN_TIME, "{:?}", start.elapsed());
    Ok(())
}

#[test]
fn a_thousand_silent_peers_keep_nobody_out() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let mut daemon = run(&camfence)?;
    let before = Usage::of(&daemon)?;
    let peers = crowd(&camfence)?;
    home.assert_fenced(&["driveway"])?;
    verbs_work(&camfence)?;
    before.check(&daemon)?;
    drop(peers);
    verbs_work(&camfence)?;
    before.check(&daemon)?;
    assert!(daemon.is_running()?);
    home.assert_fenced(&["driveway"])
}

#[test]
fn peers_that_send_a_byte_at_a_time_keep_nobody_out() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let mut daemon = run(&camfence)?;
    let before = Usage::of(&daemon)?;
    let done = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..40 {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    let Ok(mut peer) = socket(&camfence) else { continue };
                    for byte in b"{\"verb\":\"ping\"" {
                        if peer.write_all(&[*byte]).is_err() {
                            break;
                        }
                        thread::sleep(Duration::from_millis(100));
                    }
                }
            });
        }
        let worked = verbs_work(&camfence);
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        worked
    })?;
    before.check(&daemon)?;
    assert!(daemon.is_running()?);
    home.assert_fenced(&["driveway"])
}

#[test]
fn a_flood_of_bytes_is_not_kept() -> Result<()> {
    const FLOOD: usize = 4 << 20;
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let mut daemon = run(&camfence)?;
    let before = Usage::of(&daemon)?;
    thread::scope(|scope| {
        for kind in 0..32_u8 {
            let camfence = &camfence;
            scope.spawn(move || {
                let Ok(mut peer) = socket(camfence) else { return };
                let garbage = vec![kind.wrapping_mul(37) | 0x80; FLOOD];
                // It is cut off, sooner or later.
                let _ = peer.write_all(&garbage);
                let _ = peer.read_to_end(&mut Vec::new());
            });
        }
        verbs_work(&camfence)
    })?;
    before.check(&daemon)?;
    assert!(daemon.is_running()?);
    home.assert_fenced(&["driveway"])
}

#[test]
fn a_thousand_followers_that_do_not_read_keep_nobody_out() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let mut daemon = run(&camfence)?;
    let before = Usage::of(&daemon)?;
    let config = camfence.config_path().canonicalize()?;
    let request =
        serde_json::json!({ "verb": "events", "follow": true, "drops": true, "config": config });
    let request = request.to_string() + "\n";
    let mut followers = crowd(&camfence)?;
    for follower in &mut followers {
        match follower.write_all(request.as_bytes()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(error.into()),
            _ => {}
        }
    }
    verbs_work(&camfence)?;
    before.check(&daemon)?;
    drop(followers);
    verbs_work(&camfence)?;
    // They have left, and with them whoever wanted drops.
    let deadline = Instant::now() + IN_TIME;
    while camfence.run(["events"])?.code != Some(0) {
        ensure!(Instant::now() < deadline, "no place is free");
    }
    assert!(daemon.is_running()?);
    home.assert_fenced(&["driveway"])
}

#[test]
fn peers_that_do_not_read_are_not_waited_for() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let mut daemon = run(&camfence)?;
    let before = Usage::of(&daemon)?;
    let config = camfence.config_path().canonicalize()?;
    let request = serde_json::json!({ "verb": "ping", "config": config }).to_string() + "\n";
    let mut peers = Vec::new();
    for _ in 0..CROWD / 4 {
        let mut peer = socket(&camfence)?;
        match peer.write_all(request.as_bytes()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(error.into()),
            _ => peers.push(peer),
        }
    }
    verbs_work(&camfence)?;
    before.check(&daemon)?;
    assert!(daemon.is_running()?);
    home.assert_fenced(&["driveway"])
}
