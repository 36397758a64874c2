//! A process that is killed while it writes.

use std::{
    env,
    process::{Command, Stdio},
};

use super::*;

/// Where the test, started once more, finds the database and its lineage.
const CHILD: [&str; 2] = ["CAMFENCE_TEST_HISTORY", "CAMFENCE_TEST_LINEAGE"];

/// What it is called.
const NAME: &str =
    "history::store::tests::killed::a_killed_process_loses_nothing_and_counts_nothing_twice";

/// What it counts in each reading.
const EACH: u64 = 3;

/// Counts and writes until it is killed. How often it did tells its clock.
fn write_until_killed(path: &Path, lineage: String) {
    let mut store = Store::open(path).unwrap();
    let mut kernel = Kernel::new();
    kernel.reading.lineage = lineage;
    for round in 1.. {
        kernel.send(CAM, round % 50, EACH);
        kernel.pass(Duration::from_millis(990));
        add(&mut store, &kernel);
    }
}

#[test]
fn a_killed_process_loses_nothing_and_counts_nothing_twice() {
    if let [Some(path), Some(lineage)] = CHILD.map(env::var_os) {
        return write_until_killed(Path::new(&path), lineage.into_string().unwrap());
    }
    let home = Home::new();
    drop(home.store());
    let mut sum = 0;
    for round in 0..25_u64 {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", NAME])
            .envs([(CHILD[0], home.path.as_os_str()), (CHILD[1], round.to_string().as_ref())])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(60 + 13 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        let store = home.store();
        assert_eq!(home.files(), ["history.redb"], "{round}");
        let reader = store.read().unwrap();
        let clock = reader.bases(&round.to_string()).unwrap().clock;
        sum += (clock / 1_000_000_000).saturating_sub(1_000) * EACH;
        assert_eq!(total(&reader, Width::FiveMinutes), sum, "{round}");
        assert_eq!(flows(&reader).values().map(|tally| tally.packets).sum::<u64>(), sum, "{round}");
    }
    println!("{sum}");
    assert!(sum > 100, "{sum}");
}
