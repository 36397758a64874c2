//! `cargo xtask vm`: the tests on other kernels, under qemu.

mod guest;
mod image;
mod kernel;
mod machine;
mod needs;
mod reboot;
mod suites;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::Args;

use self::{
    kernel::{Kernel, Line, MATRIX, Need, RELEASES},
    machine::Machine,
    suites::{SUITES, Suite, Tests, script},
};
use crate::{
    archive::Archive,
    build,
    cross::Cross,
    results::Results,
    run::{cargo, need_root, target_directory, workspace},
    setup,
};

/// How many guests run at a time.
const AT_ONCE: usize = 2;
/// How long a kernel may take to come up.
const BOOT: Duration = Duration::from_mins(1);
/// The name of the suite in [`reboot`], and the kernel that it is run with.
const REBOOT: &str = "reboot";
const REBOOTED: Line = Line::Stable(6, 12);

/// What to run.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Which kernels: 5.10, 6.1, 6.12, newest, 6.12-arm64; all but the last if none is named
    #[arg(value_parser = Line::parse)]
    kernels: Vec<Line>,
    /// Run only this suite, whole (may be repeated)
    #[arg(long, value_parser = suite_named)]
    suite: Vec<&'static str>,
    /// Run the shorter selection of tests that CI runs
    #[arg(long)]
    short: bool,
    /// Show the kernels and suites, and run nothing
    #[arg(long)]
    list: bool,
}

fn suite_named(name: &str) -> Result<&'static str, String> {
    let names: BTreeSet<_> = SUITES.iter().map(|suite| suite.name).chain([REBOOT]).collect();
    let all = || names.iter().copied().collect::<Vec<_>>().join(", ");
    names.get(name).copied().ok_or_else(|| format!("the suites are {}", all()))
}

/// Runs the suites on the kernels and ends with a count.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    if arguments.list {
        list();
        return Ok(ExitCode::SUCCESS);
    }
    need_root("vm")?;
    let directory = target_directory()?.join("vm");
    let machines = arguments.machines();
    needs::install(&machines, &directory)?;
    setup::run()?;
    let names = arguments.names();
    let programs = machines.iter().map(|machine| Programs::build(*machine, &names, &directory));
    let programs = programs.collect::<Result<Vec<_>>>()?;

    let mut results = Results::default();
    let kernels = obtain(&arguments.lines(), &directory, &mut results)?;
    let jobs = kernels.iter().flat_map(|(line, kernel)| arguments.jobs(*line, kernel));
    let mut jobs: Vec<_> = jobs.collect();
    jobs.sort_by_key(Job::place);
    let outcomes = at_once(&jobs, |job| {
        let start = Instant::now();
        let programs = programs.iter().find(|programs| programs.machine == job.machine());
        let outcome = job.run(programs.expect("built for every machine"), &directory);
        let (Ok(said) | Err((said, _))) = &outcome;
        // In one piece: another may end at the same time.
        println!("{said}vm: {}: {:.0} seconds", job.name(), start.elapsed().as_secs_f64());
        outcome
    });
    for (job, outcome) in jobs.iter().zip(outcomes) {
        let (Ok(said) | Err((said, _))) = &outcome;
        said.lines().for_each(|line| results.line(line));
        if let Err((_, error)) = outcome {
            results.fail(&job.name(), &format!("{error:#}"));
        }
    }
    print!("{}", results.report(true));
    Ok(if results.passed(true) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Brings the kernels here. One that cannot be had is skipped, or has failed if it is required.
fn obtain(
    lines: &[(Line, Need)],
    directory: &Path,
    results: &mut Results,
) -> Result<Vec<(Line, Kernel)>> {
    let cache = directory.join("kernels");
    let mut kernels = Vec::new();
    for &(line, need) in lines {
        let name = format!("kernel {}", line.name());
        let debian = line.machine().debian();
        let archive = Archive::open(&directory.join(format!("apt-{debian}")), debian, &RELEASES)?;
        match Kernel::obtain(line, &archive, &cache) {
            Ok(kernel) => kernels.push((line, kernel)),
            Err(error) if need == Need::Required => results.fail(&name, &format!("{error:#}")),
            Err(error) => results.skip(&name, &format!("{error:#}")),
        }
    }
    Ok(kernels)
}

/// The order of the kernels' suites; see [`Job::place`].
const IN_ORDER: [Line; 4] =
    [Line::Stable(6, 12), Line::Stable(6, 1), Line::Newest, Line::Stable(5, 10)];

/// What one machine is for.
enum Job<'a> {
    /// To run suites.
    Suites(Line, &'a Kernel, Vec<(&'static Suite, Tests)>),
    /// To be rebooted under frames.
    Reboot(Line, &'a Kernel),
}

/// What a machine said, and what went wrong if it did not come to its end.
type Outcome = Result<String, (String, anyhow::Error)>;

impl Job<'_> {
    fn name(&self) -> String {
        match self {
            Self::Suites(line, ..) => format!("kernel {}", line.name()),
            Self::Reboot(line, _) => format!("reboot of kernel {}", line.name()),
        }
    }

    /// Where it is in an order in which two that run at once end at about the same time: the
    /// shortest first, as one then has three to do and the other the two longest.
    fn place(&self) -> usize {
        match self {
            Self::Reboot(..) => 0,
            Self::Suites(line, ..) => {
                let place = IN_ORDER.iter().position(|other| other == line);
                1 + place.unwrap_or(IN_ORDER.len())
            }
        }
    }

    fn machine(&self) -> Machine {
        let (Self::Suites(_, kernel, _) | Self::Reboot(_, kernel)) = self;
        kernel.machine
    }

    fn run(&self, programs: &Programs, directory: &Path) -> Outcome {
        match self {
            Self::Suites(line, kernel, suites) => {
                boot(kernel, &programs.archive, suites, &directory.join(line.name()))
            }
            Self::Reboot(_, kernel) => {
                { reboot::run(kernel, &programs.camfence, &directory.join(REBOOT)) }
                    .map_err(|error| (String::new(), error))
            }
        }
    }
}

/// Boots a kernel and lets it run suites.
fn boot(kernel: &Kernel, programs: &Path, suites: &[(&Suite, Tests)], directory: &Path) -> Outcome {
    println!("vm: booting {} ({})", kernel.release, kernel.version);
    let (script, limit) = script(suites);
    let outcome = fs::create_dir_all(directory)
        .map_err(Into::into)
        .and_then(|()| image::pack_guest(programs, kernel, &script, directory))
        .and_then(|image| guest::run(kernel, &image, directory, BOOT + limit));
    let said = guest::said(directory);
    outcome.map_or_else(|error| Err((said.clone(), error)), |()| Ok(said.clone()))
}

/// Does the work for each, for several at a time; gives the results in order.
fn at_once<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        while let Some((index, item)) = {
            let index = next.fetch_add(1, Ordering::Relaxed);
            items.get(index).map(|item| (index, item))
        } {
            done.push((index, work(item)));
        }
        done
    };
    let mut all: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(worker)).collect();
        let done = workers.into_iter().map(|worker| worker.join().expect("no guest panics"));
        done.flatten().collect()
    });
    all.sort_by_key(|(index, _)| *index);
    all.into_iter().map(|(_, result)| result).collect()
}

/// What the guests of a machine run.
struct Programs {
    machine: Machine,
    camfence: PathBuf,
    /// camfence, the suites and what they call, packed.
    archive: PathBuf,
}

impl Programs {
    fn build(machine: Machine, names: &BTreeSet<&str>, directory: &Path) -> Result<Self> {
        let (camfence, tests) = match machine {
            // All tests, as `cargo xtask test` does, so that what is built serves both.
            Machine::Amd64 => {
                let mut tests = cargo();
                tests.args(["test", "--workspace", "--exclude", "camfence-ebpf"]);
                (build::camfence(false)?, tests)
            }
            Machine::Arm64 => {
                let cross = Cross::obtain()?;
                let mut tests = cross.cargo("test");
                tests.args(["--package", "camfence-tests"]);
                (cross.camfence(false)?, tests)
            }
        };
        let tests = test_programs(&camfence, tests, names)?;
        let archive = image::pack_programs(machine, &tests, directory)?;
        Ok(Self { machine, camfence, archive })
    }
}

/// Builds tests, and gives the programs of the suites by name, and camfence.
fn test_programs(
    camfence: &Path,
    mut tests: Command,
    names: &BTreeSet<&str>,
) -> Result<Vec<(String, PathBuf)>> {
    tests.args(["--no-run", "--color", "never"]);
    let output = tests.output().context("running cargo test --no-run")?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "building the tests failed\n{text}");
    let mut programs = vec![("camfence".to_owned(), camfence.to_owned())];
    for &name in names {
        let path = text.lines().find_map(|line| executable(line, name));
        let path = path.with_context(|| format!("cargo built no suite {name}"))?;
        programs.push((name.to_owned(), workspace().join(path)));
    }
    Ok(programs)
}

/// The test program in a line of cargo's if it is the one of this name:
/// `  Executable suites/live/main.rs (target/debug/deps/live-8a31c0ffee)`.
fn executable(line: &str, name: &str) -> Option<PathBuf> {
    let (_, path) =
        line.strip_prefix("  Executable suites/")?.strip_suffix(')')?.split_once(" (")?;
    let (_, file) = path.rsplit_once('/')?;
    let (suite, _hash) = file.rsplit_once('-')?;
    (suite == name).then(|| path.into())
}

impl Arguments {
    fn lines(&self) -> Vec<(Line, Need)> {
        let wanted = |line, need| match self.kernels.as_slice() {
            [] => need != Need::IfNamed,
            named => named.contains(&line),
        };
        MATRIX.into_iter().filter(|(line, need)| wanted(*line, *need)).collect()
    }

    /// What is emulated for them.
    fn machines(&self) -> Vec<Machine> {
        let mut machines: Vec<_> = self.lines().iter().map(|(line, _)| line.machine()).collect();
        machines.sort_unstable();
        machines.dedup();
        machines
    }

    /// The machines that a kernel runs on.
    fn jobs<'a>(&self, line: Line, kernel: &'a Kernel) -> Vec<Job<'a>> {
        let suites = self.suites(line);
        let suites = (!suites.is_empty()).then_some(Job::Suites(line, kernel, suites));
        let is_named = self.suite.is_empty() || self.suite.contains(&REBOOT);
        let reboot = (line == REBOOTED && is_named).then_some(Job::Reboot(line, kernel));
        suites.into_iter().chain(reboot).collect()
    }

    /// What runs on a kernel.
    fn suites(&self, line: Line) -> Vec<(&'static Suite, Tests)> {
        let of = |suite: &'static Suite| Some((suite, suite.tests(line, self.short, &self.suite)?));
        SUITES.iter().filter_map(of).collect()
    }

    /// The names of the suites that run on any of the kernels.
    fn names(&self) -> BTreeSet<&'static str> {
        let suites = self.lines().into_iter().flat_map(|(line, _)| self.suites(line));
        suites.map(|(suite, _)| suite.name).collect()
    }
}

/// Shows what can be run.
fn list() {
    for (line, need) in MATRIX {
        println!("kernel {}{}", line.name(), need.about());
    }
    for suite in SUITES {
        println!("suite {}", suite.about());
    }
    println!("suite {REBOOT} on {}: all; --short: all", REBOOTED.name());
}

#[cfg(test)]
mod tests {
    use super::{at_once, executable};

    #[test]
    fn results_come_in_the_order_of_the_items() {
        assert_eq!(at_once(&[1, 2, 3, 4, 5], |n| n * 2), [2, 4, 6, 8, 10]);
    }

    #[test]
    fn a_suite_is_found_by_its_name() {
        let line = "  Executable suites/live/main.rs (target/debug/deps/live-8a31c0ffee)";
        let found = executable(line, "live");
        assert_eq!(found.unwrap().to_str(), Some("target/debug/deps/live-8a31c0ffee"));
        assert_eq!(executable(line, "cli"), None);
        let unit = "  Executable unittests src/lib.rs (target/debug/deps/live-8a31c0ffee)";
        assert_eq!(executable(unit, "live"), None);
    }
}
