mod damage;
mod killed;
mod sums;

use std::{collections::BTreeMap, net::Ipv4Addr, thread};

use bytemuck::Zeroable as _;
use camfence_common::{
    abi::{CameraCounters, Tally},
    flow::{Flow, FlowKey},
    mac::Mac,
    reason::{Direction, Reason},
};
use std::time::Duration;
use tempfile::TempDir;

use super::*;
use crate::{
    config::History,
    fence::Reading,
    history::{bucket::Width, query::Joined},
};

const CAM: Mac = Mac([0xb0, 0xc5, 0x54, 0x25, 0x5b, 0x0e]);
const CAM2: Mac = Mac([0xb0, 0xc5, 0x54, 0x25, 0x5b, 0x0f]);
/// 2026-11-22, in the middle of a bucket.
const EPOCH: Duration = Duration::from_secs(1_795_305_600 + 100);
const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

fn key(mac: Mac, peer: u32) -> FlowKey {
    let peer = Ipv4Addr::from(0xcb00_7100 + peer).into();
    FlowKey::new(mac, Direction::Outbound, peer, (17, 10_240), Reason::NotLocal)
}

fn tally(packets: u64) -> Tally {
    Tally { packets, bytes: 100 * packets }
}

fn names() -> BTreeMap<Mac, String> {
    BTreeMap::from([(CAM, "driveway".to_owned()), (CAM2, "attic".to_owned())])
}

/// A fence as the kernel has it.
#[derive(Debug, Clone, Default)]
struct Kernel {
    reading: Reading,
}

impl Kernel {
    fn new() -> Self {
        let (lineage, clock) = ("0".to_owned(), Duration::from_secs(1_000));
        let reading = Reading { lineage, clock, since_epoch: EPOCH, ..Reading::default() };
        let mut kernel = Self { reading };
        kernel.register(CAM);
        kernel
    }

    fn register(&mut self, mac: Mac) {
        self.reading.counters.insert(mac, CameraCounters::zeroed());
    }

    fn pass(&mut self, time: Duration) {
        self.reading.clock += time;
        self.reading.since_epoch += time;
    }

    /// So many packets of a camera to a peer.
    fn send(&mut self, mac: Mac, peer: u32, packets: u64) {
        self.pass(Duration::from_millis(10));
        let Some(counters) = self.reading.counters.get_mut(&mac) else { return };
        counters.by[0][Reason::NotLocal.index()].add(tally(packets));
        let now = u64::try_from(self.reading.clock.as_nanos()).unwrap();
        let flow = Flow { first: now, last: now, tally: tally(packets) };
        self.reading.ledger.flows.add(key(mac, peer), flow);
    }

    /// A fence that was taken down and put up, or a boot.
    fn begin_anew(&mut self, number: u32) {
        self.reading.lineage = number.to_string();
        self.reading.counters.values_mut().for_each(|it| *it = CameraCounters::zeroed());
        self.reading.ledger.flows.clear();
        self.reading.clock = Duration::from_secs(1);
    }
}

struct Home {
    _directory: TempDir,
    path: PathBuf,
}

impl Home {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state/history.redb");
        Self { _directory: directory, path }
    }

    fn store(&self) -> Store {
        Store::open(&self.path).unwrap()
    }

    fn files(&self) -> Vec<String> {
        let files = fs::read_dir(self.path.parent().unwrap()).unwrap();
        let mut names: Vec<_> =
            files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn add(store: &mut Store, kernel: &Kernel) -> Added {
    store.add(&kernel.reading, &names(), &History::default()).unwrap()
}

/// What cameras counted, by a width.
fn total(reader: &Reader, width: Width) -> u64 {
    let counts = reader.counts(width, Duration::ZERO, None).unwrap();
    counts.values().flat_map(|counts| counts.by.as_flattened()).map(|tally| tally.packets).sum()
}

fn flows(reader: &Reader) -> BTreeMap<FlowKey, Tally> {
    let mut flows = BTreeMap::new();
    reader.flows(None, |key, row| assert!(flows.insert(key, row.tally).is_none())).unwrap();
    flows
}

#[test]
fn what_is_read_twice_is_counted_once_and_written_once() {
    let home = Home::new();
    let mut kernel = Kernel::new();
    let mut store = home.store();
    kernel.send(CAM, 7, 5);
    let added = add(&mut store, &kernel);
    assert_eq!((added.written, added.flows), (true, vec![key(CAM, 7)]));
    for _ in 0..3 {
        kernel.pass(MINUTE);
        assert_eq!(add(&mut store, &kernel), Added::default());
    }
    kernel.send(CAM, 7, 2);
    let added = add(&mut store, &kernel);
    assert_eq!((added.written, added.flows), (true, vec![]));
    drop(store);
    let reader = Reader::open(&home.path).unwrap();
    assert_eq!(Width::ALL.map(|width| total(&reader, width)), [7; 3]);
    assert_eq!(flows(&reader), BTreeMap::from([(key(CAM, 7), tally(7))]));
    let mut row = FlowRow::default();
    reader.flows(Some(CAM), |_, found| row = found).unwrap();
    assert_eq!(row.first, EPOCH + Duration::from_millis(10));
    assert_eq!(row.last, EPOCH + 3 * MINUTE + Duration::from_millis(20));
    reader.flows(Some(CAM2), |key, _| panic!("{key:?}")).unwrap();
    assert_eq!(reader.names().unwrap(), names());
}

#[test]
fn whoever_reads_sees_what_is_written_meanwhile() {
    let home = Home::new();
    let mut kernel = Kernel::new();
    let mut store = home.store();
    for sum in [3, 6] {
        kernel.send(CAM, 7, 3);
        add(&mut store, &kernel);
        assert_eq!(total(&Reader::open(&home.path).unwrap(), Width::Day), sum);
    }
    let busy = Store::open(&home.path).unwrap_err();
    assert!(matches!(busy, StoreError::Busy { .. }), "{busy}");
    assert_eq!(home.files(), ["history.redb"]);
}

#[test]
fn what_the_kernel_counted_since_is_joined() {
    let home = Home::new();
    let mut kernel = Kernel::new();
    let mut store = home.store();
    kernel.send(CAM, 7, 5);
    add(&mut store, &kernel);
    kernel.send(CAM, 7, 2);
    kernel.send(CAM, 8, 1);
    let reader = store.read().unwrap();
    let joined = Joined::new(&reader, || Some(kernel.reading.clone())).unwrap();
    let counts = joined.counts(Width::Hour, Duration::ZERO, Some(CAM)).unwrap();
    assert_eq!(counts.values().next().unwrap().by[0][Reason::NotLocal.index()], tally(8));
    let spans = joined.flows(None).unwrap();
    let tallies: Vec<_> = spans.values().map(|span| span.tally.packets).collect();
    assert_eq!(tallies, [7, 1]);
    // A fence that is another one.
    kernel.begin_anew(1);
    kernel.send(CAM, 7, 4);
    let joined = Joined::new(&reader, || Some(kernel.reading.clone())).unwrap();
    assert_eq!(joined.flows(None).unwrap()[&key(CAM, 7)].tally, tally(9));
    assert_eq!(joined.counts(Width::Day, EPOCH, None).unwrap().len(), 1);
}

#[test]
fn counts_are_kept_as_long_as_they_should_be() {
    let home = Home::new();
    let mut kernel = Kernel::new();
    let mut store = home.store();
    let settings = History { keep: 100 * DAY, ..History::default() };
    for day in 0..120 {
        kernel.send(CAM, day, 1);
        store.add(&kernel.reading, &names(), &settings).unwrap();
        kernel.pass(DAY);
    }
    let reader = store.read().unwrap();
    // Buckets that have begun within the time, and the one that it begins in.
    assert_eq!(Width::ALL.map(|width| total(&reader, width)), [3, 61, 101]);
    assert_eq!(flows(&reader).len(), 100);
}

#[test]
fn a_reason_keeps_its_name_whatever_its_number() {
    let home = Home::new();
    let mut kernel = Kernel::new();
    let mut store = home.store();
    // A version that had another reason in the first place.
    let transaction = store.database.begin_write().unwrap();
    {
        let mut table = transaction.open_table(REASONS).unwrap();
        for (number, reason) in (0..).zip(Reason::ALL) {
            table.insert(number + 1, reason.name()).unwrap();
        }
        table.insert(0, "gone").unwrap();
    }
    transaction.commit().unwrap();
    drop(store);
    store = home.store();
    kernel.send(CAM, 7, 5);
    add(&mut store, &kernel);
    let counts = store.read().unwrap().counts(Width::Day, EPOCH, Some(CAM)).unwrap();
    assert_eq!(counts.values().next().unwrap().by[0][Reason::NotLocal.index()], tally(5));
}

#[test]
fn a_later_format_is_set_aside_as_it_is() {
    let home = Home::new();
    let store = home.store();
    let transaction = store.database.begin_write().unwrap();
    transaction.open_table(META).unwrap().insert(FORMAT, THIS_FORMAT + 1).unwrap();
    transaction.commit().unwrap();
    drop(store);
    let refused = Reader::open(&home.path).err().unwrap();
    assert!(matches!(refused, StoreError::Newer { found: 2, .. }), "{refused}");
    drop(home.store());
    let files = home.files();
    assert_eq!(files.len(), 2);
    assert!(files[1].starts_with("history.redb.corrupt-20"), "{files:?}");
    let aside = home.path.with_file_name(&files[1]);
    assert!(matches!(Store::open_once(&aside), Err(StoreError::Newer { found: 2, .. })));
}

#[test]
fn only_a_few_damaged_files_are_kept() {
    let home = Home::new();
    drop(home.store());
    for _ in 0..MOST_SET_ASIDE + 2 {
        fs::write(&home.path, "this is no database, however long it is read".repeat(1_000))
            .unwrap();
        drop(home.store());
        thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(home.files().len(), 1 + MOST_SET_ASIDE);
}

#[test]
fn without_a_database_there_is_nothing_to_read() {
    let home = Home::new();
    let absent = Reader::open(&home.path).err().unwrap();
    assert!(matches!(absent, StoreError::Absent { .. }), "{absent}");
    assert!(!home.path.exists());
}

#[test]
fn nobody_else_may_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    drop(home.store());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o007;
    assert_eq!((mode(&home.path), mode(home.path.parent().unwrap())), (0, 0));
}

#[test]
fn a_database_that_is_too_large_lets_the_oldest_go() {
    const MOST: u64 = 4 * 1024 * 1024;
    let home = Home::new();
    let mut kernel = Kernel::new();
    let mut store = home.store();
    let settings = History { max_size: MOST, ..History::default() };
    let mut largest = 0;
    for round in 0..12 {
        kernel.reading.ledger.flows.clear();
        for peer in 0..6_000 {
            kernel.send(CAM, round * 6_000 + peer, 1);
        }
        store.add(&kernel.reading, &names(), &settings).unwrap();
        largest = largest.max(store.bytes());
        store.shrink(settings.max_size).unwrap();
        assert!(store.bytes() <= MOST, "{round}: {}", store.bytes());
        kernel.pass(MINUTE);
    }
    let reader = store.read().unwrap();
    let left = flows(&reader);
    println!("{} flows in {} bytes, {largest} at the most", left.len(), store.bytes());
    assert!(left.contains_key(&key(CAM, 71_999)) && !left.contains_key(&key(CAM, 0)));
    assert!(left.len() > 6_000, "{}", left.len());
    assert_eq!(total(&reader, Width::Day), 72_000, "counts stay");
}

#[test]
fn of_a_flood_those_are_written_that_were_seen_last() {
    let home = Home::new();
    let mut kernel = Kernel::new();
    let mut store = home.store();
    for peer in 0..1_000 {
        kernel.send(CAM, peer, 1);
    }
    let settings = History { max_size: 100 * 256, ..History::default() };
    assert_eq!(store.add(&kernel.reading, &names(), &settings).unwrap().flows.len(), 100);
    assert!(flows(&store.read().unwrap()).contains_key(&key(CAM, 999)));
}

#[test]
fn nothing_is_let_go_while_somebody_reads() {
    const MOST: u64 = 2 * 1024 * 1024;
    let home = Home::new();
    let mut kernel = Kernel::new();
    let mut store = home.store();
    let reader = store.read().unwrap();
    let settings = History { max_size: MOST, ..History::default() };
    let mut refused = None;
    for round in 0..8 {
        kernel.reading.ledger.flows.clear();
        for peer in 0..6_000 {
            kernel.send(CAM, round * 6_000 + peer, 1);
        }
        store.add(&kernel.reading, &names(), &settings).unwrap();
        match store.shrink(MOST) {
            Ok(shrunk) => assert!(!shrunk, "{round}"),
            Err(error) => refused = Some(error.to_string()),
        }
        kernel.pass(MINUTE);
    }
    assert!(refused.is_some_and(|it| it.contains("while a process reads it")), "{}", store.bytes());
    assert_eq!(flows(&store.read().unwrap()).len(), 48_000);
    drop(reader);
    assert!(store.shrink(MOST).unwrap());
    assert!(store.bytes() <= MOST && !flows(&store.read().unwrap()).is_empty());
}
