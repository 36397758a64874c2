//! Hostile clients of the metrics.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use camfence_tests::Netns;
use camfence_tests::home::{ATTIC, Home, METRICS, get, run};
use nix::errno::Errno;

use crate::bench::Usage;

const CROWD: usize = 1_000;
const IN_TIME: Duration = Duration::from_secs(8);

fn connect(netns: &Netns, count: usize) -> Result<Vec<TcpStream>> {
    netns.run(|| {
        let mut clients = Vec::new();
        for _ in 0..count {
            match TcpStream::connect(METRICS) {
                Ok(client) => clients.push(client),
                Err(error) if error.raw_os_error() == Some(Errno::EMFILE as i32) => break,
                Err(error) => return Err(error.into()),
            }
        }
        ensure!(clients.len() > count / 2, "only {} connections", clients.len());
        Ok(clients)
    })
}

/// Fails unless the metrics are served in time.
fn served(netns: &Netns) -> Result<()> {
    let start = Instant::now();
    let answer = get(netns, "/metrics")?;
    println!("metrics took {:?}", start.elapsed());
    ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    ensure!(start.elapsed() < IN_TIME, "{:?}", start.elapsed());
    Ok(())
}

#[test]
fn a_thousand_silent_clients_keep_nobody_out() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let mut daemon = run(&camfence)?;
    served(home.lab.box_ns())?;
    let before = Usage::of(&daemon)?;
    let clients = connect(home.lab.box_ns(), CROWD)?;
    served(home.lab.box_ns())?;
    let start = Instant::now();
    camfence.run(["add", &ATTIC.to_string(), "--name", "attic"])?.success()?;
    ensure!(start.elapsed() < IN_TIME, "{:?}", start.elapsed());
    before.check(&daemon)?;
    drop(clients);
    served(home.lab.box_ns())?;
    before.check(&daemon)?;
    assert!(daemon.is_running()?);
    home.assert_fenced(&["driveway", "attic"])
}

#[test]
fn garbage_and_huge_requests_are_not_kept() -> Result<()> {
    const FLOOD: usize = 4 << 20;
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let mut daemon = run(&camfence)?;
    served(home.lab.box_ns())?;
    let before = Usage::of(&daemon)?;
    let floods = [
        vec![0xff; FLOOD],
        vec![b'\n'; FLOOD],
        [b"GET /".to_vec(), vec![b'a'; FLOOD]].concat(),
        [b"GET /metrics HTTP/1.1\r\nX: ".to_vec(), vec![b'a'; FLOOD]].concat(),
        [b"POST /metrics HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n".to_vec(), vec![0; FLOOD]]
            .concat(),
        [b"GET /metrics HTTP/1.1\r\n".to_vec(), b"a: b\r\n".repeat(FLOOD / 6)].concat(),
    ];
    thread::scope(|scope| {
        for flood in floods.iter().cycle().take(24) {
            let netns = home.lab.box_ns();
            scope.spawn(move || {
                let Ok(mut clients) = connect(netns, 1) else { return };
                for client in &mut clients {
                    // It is cut off, sooner or later.
                    let _ = client.write_all(flood);
                    let _ = client.read_to_end(&mut Vec::new());
                }
            });
        }
        served(home.lab.box_ns())
    })?;
    before.check(&daemon)?;
    served(home.lab.box_ns())?;
    assert!(daemon.is_running()?);
    home.assert_fenced(&["driveway"])
}

#[test]
fn clients_that_ask_and_do_not_read_keep_nobody_out() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let mut daemon = run(&camfence)?;
    served(home.lab.box_ns())?;
    let before = Usage::of(&daemon)?;
    let mut clients = connect(home.lab.box_ns(), CROWD / 4)?;
    for client in &mut clients {
        // Some have been cut off by now.
        let _ = client.write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    served(home.lab.box_ns())?;
    before.check(&daemon)?;
    assert!(daemon.is_running()?);
    home.assert_fenced(&["driveway"])
}
