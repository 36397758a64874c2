//! Files that were cut off, garbled, or damaged while they were in use.

use super::*;

/// A database with a few hundred flows, closed or as a process left it that was killed.
fn written(home: &Home, closed: bool) -> (Vec<u8>, u64) {
    let mut kernel = Kernel::new();
    let mut store = home.store();
    let mut sum = 0;
    for round in 0..30 {
        for peer in 0..20 {
            kernel.send(CAM, round * 20 + peer, 3);
            sum += 3;
        }
        kernel.pass(MINUTE);
        add(&mut store, &kernel);
    }
    let killed = fs::read(&home.path).unwrap();
    drop(store);
    (if closed { fs::read(&home.path).unwrap() } else { killed }, sum)
}

/// Opens what was damaged: it works, or another is in its place, which works.
fn assert_usable(home: &Home, what: &str) -> bool {
    let before = home.files().len();
    let mut store = home.store();
    let is_anew = home.files().len() > before || total(&store.read().unwrap(), Width::Day) == 0;
    let mut kernel = Kernel::new();
    kernel.send(CAM2, 7, 1);
    kernel.register(CAM2);
    kernel.send(CAM2, 7, 1);
    let added = store.add(&kernel.reading, &names(), &History::default());
    assert!(added.is_ok_and(|added| added.written), "{what}");
    assert!(store.read().unwrap().flows(None, |_, _| {}).is_ok(), "{what}");
    is_anew
}

#[test]
fn a_file_that_was_cut_off_is_none_or_is_whole() {
    let home = Home::new();
    for closed in [true, false] {
        let (bytes, _) = written(&home, closed);
        for length in (0..bytes.len()).step_by(bytes.len() / 97) {
            fs::write(&home.path, &bytes[..length]).unwrap();
            assert_usable(&home, &format!("{length} bytes of {}", bytes.len()));
        }
        let _ = fs::remove_file(&home.path);
    }
}

#[test]
fn a_file_that_was_damaged_is_none_or_is_whole() {
    let home = Home::new();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random >> 8).unwrap()
    };
    let mut anew = 0;
    for closed in [true, false] {
        let (bytes, _) = written(&home, closed);
        for round in 0..120 {
            let mut damaged = bytes.clone();
            // Mostly where the pages in use are.
            let end = if round % 3 == 0 { damaged.len() } else { damaged.len() / 3 };
            let (at, length) = (next() % end, [1, 8, 512, 4096][round % 4]);
            let length = length.min(damaged.len() - at);
            for byte in &mut damaged[at..at + length] {
                *byte ^= u8::try_from(next() % 255).unwrap() + 1;
            }
            fs::write(&home.path, &damaged).unwrap();
            anew += usize::from(assert_usable(&home, &format!("{length} bytes at {at}")));
        }
        let _ = fs::remove_file(&home.path);
    }
    println!("{anew} of 240 were begun anew");
    assert!(anew > 20, "{anew}");
}

/// What is damaged while it is in use is found when it is used, or at the next start.
#[test]
fn a_file_that_is_damaged_while_it_is_open_is_an_error_at_most() {
    let home = Home::new();
    for at in (0..).step_by(4096).take(40) {
        let (mut bytes, _) = written(&home, false);
        let mut store = home.store();
        let end = bytes.len().min(at + 4096);
        bytes[at.min(end)..end].fill(0xff);
        fs::write(&home.path, &bytes).unwrap();
        let mut kernel = Kernel::new();
        kernel.send(CAM, 7, 1);
        match store.add(&kernel.reading, &names(), &History::default()) {
            Ok(_) => drop(store),
            Err(error) => drop(store.set_aside_after(&error).unwrap()),
        }
        assert_usable(&home, &format!("page at {at}"));
        fs::remove_file(&home.path).unwrap();
    }
}
