//! What a guest runs from: an initramfs of busybox, the programs that tests call, and the tests.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use super::{kernel::Kernel, machine::Machine};
use crate::run::{show, workspace};

const INIT: &str = include_str!("init.sh");
const BUSYBOX: &str = "bin/busybox";

/// What tests call beside busybox's.
const PROGRAMS: [&str; 4] = ["ip", "tc", "bridge", "nsenter"];
/// What of tests/ the test programs read.
const DATA: [&str; 1] = ["tests/captures"];

/// Parameters of modules.
const PARAMETERS: [(&str, &str); 1] = [("bonding", "max_bonds=0")];

/// Packs what is the same for all kernels: programs, tests and their data. `tests` are the test
/// programs by name, camfence among them.
pub(crate) fn pack_programs(
    machine: Machine,
    tests: &[(String, PathBuf)],
    directory: &Path,
) -> Result<PathBuf> {
    let root = fresh(&directory.join(format!("programs-{}", machine.debian())))?;
    let system = machine.system(directory)?;
    for place in ["bin", "proc", "sys", "dev", "run", "tmp", "suites", "etc"] {
        fs::create_dir(root.join(place))?;
    }
    fs::write(root.join("init"), INIT)?;
    fs::set_permissions(root.join("init"), fs::metadata(system.join(BUSYBOX))?.permissions())?;
    copy_busybox(&system, &root)?;
    let mut programs = Vec::new();
    for program in PROGRAMS {
        let path = which(&system, program)?;
        fs::copy(&path, root.join("bin").join(program))?;
        programs.push(path);
    }
    for (name, path) in tests {
        machine.strip(path, &root.join("suites").join(name))?;
        programs.push(path.clone());
    }
    copy_libraries(machine, &programs, &system, &root)?;
    for data in DATA {
        copy_to_same_place(&workspace().canonicalize()?.join(data), &root)?;
    }
    let archive = root.with_extension("cpio");
    pack(&root, &archive)
}

/// Packs what belongs to one kernel, its modules and the suites to run, behind the programs.
pub(crate) fn pack_guest(
    programs: &Path,
    kernel: &Kernel,
    run: &str,
    directory: &Path,
) -> Result<PathBuf> {
    let root = fresh(&directory.join("guest"))?;
    put_modules(kernel, kernel.machine.modules(), &root)?;
    fs::create_dir(root.join("suites"))?;
    fs::write(root.join("suites/run"), run)?;
    let own = pack(&root, &directory.join("guest.cpio"))?;
    // The kernel unpacks one archive after the other.
    let image = directory.join("image.cpio");
    let mut file = File::create(&image).context("writing an image")?;
    for part in [programs, &own] {
        io::copy(&mut File::open(part)?, &mut file)?;
    }
    Ok(image)
}

/// Copies busybox, which init runs.
pub(crate) fn copy_busybox(system: &Path, root: &Path) -> Result<()> {
    fs::copy(system.join(BUSYBOX), root.join("bin/busybox")).context("copying busybox")?;
    Ok(())
}

/// Puts modules where init loads them from, in the order in which it is to.
pub(crate) fn put_modules(kernel: &Kernel, modules: &[&str], root: &Path) -> Result<()> {
    let directory = root.join("modules");
    fs::create_dir(&directory)?;
    let mut order = String::new();
    for file in kernel.modules(modules)? {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let name = name.trim_end_matches(".xz").trim_end_matches(".ko");
        decompress(&file, &directory.join(name))?;
        let parameters = PARAMETERS.iter().find(|(module, _)| *module == name);
        let parameters = parameters.map_or("", |(_, parameters)| parameters);
        // Writing to a String cannot fail.
        let _ = writeln!(order, "{name} {parameters}");
    }
    Ok(fs::write(directory.join("order"), order)?)
}

/// An empty directory.
pub(crate) fn fresh(directory: &Path) -> Result<PathBuf> {
    let _ = fs::remove_dir_all(directory);
    fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
    Ok(directory.to_owned())
}

fn which(system: &Path, program: &str) -> Result<PathBuf> {
    // `sbin/ip` is a link to `/bin/ip`, which would be this system's.
    let places = ["usr/bin", "bin", "usr/sbin", "sbin"];
    let mut paths = places.iter().map(|place| system.join(place).join(program));
    paths.find(|path| path.is_file()).with_context(|| format!("no {program} here"))
}

/// Copies the shared libraries of programs, and their loader. Those of another architecture, whose
/// programs cannot be asked, are all that the system has.
fn copy_libraries(
    machine: Machine,
    programs: &[PathBuf],
    system: &Path,
    root: &Path,
) -> Result<()> {
    if machine == Machine::Arm64 {
        fs::create_dir_all(root.join("usr"))?;
        for place in ["lib", "usr/lib"] {
            show(
                Command::new("cp").args(["-R", "--"]).arg(system.join(place)).arg(root.join(place)),
            )?;
        }
        return Ok(());
    }
    let mut libraries = BTreeSet::new();
    for program in programs {
        libraries.extend(libraries_of(program)?);
    }
    libraries.iter().try_for_each(|library| copy_to_same_place(library, root))
}

/// The shared libraries of a program, and its loader.
fn libraries_of(program: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("ldd").arg(program).output().context("running ldd")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let words = text.split_whitespace().filter(|word| word.starts_with('/'));
    Ok(words.map(PathBuf::from).collect())
}

/// Copies a file or directory to where it is here, under another root.
fn copy_to_same_place(path: &Path, root: &Path) -> Result<()> {
    let to = root.join(path.strip_prefix("/")?);
    let parent = to.parent().context("a place in the root directory")?;
    fs::create_dir_all(parent)?;
    show(Command::new("cp").args(["-RL", "--"]).arg(path).arg(parent))
}

fn decompress(module: &Path, to: &Path) -> Result<()> {
    if module.extension().is_some_and(|extension| extension == "xz") {
        let output = File::create(to)?;
        let status = Command::new("xz").arg("-dc").arg(module).stdout(output).status()?;
        ensure!(status.success(), "xz failed on {}", module.display());
    } else {
        fs::copy(module, to)?;
    }
    Ok(())
}

/// Packs a directory into an archive that the kernel unpacks as its root.
pub(crate) fn pack(root: &Path, archive: &Path) -> Result<PathBuf> {
    let list = Command::new("find").arg(".").current_dir(root).output()?;
    ensure!(list.status.success(), "find failed in {}", root.display());
    let mut cpio = Command::new("cpio")
        .args(["--quiet", "-o", "-H", "newc", "-R", "0:0"])
        .current_dir(root)
        .stdin(Stdio::piped())
        .stdout(File::create(archive)?)
        .spawn()
        .context("running cpio")?;
    cpio.stdin.take().context("cpio's input")?.write_all(&list.stdout)?;
    ensure!(cpio.wait()?.success(), "cpio failed on {}", root.display());
    Ok(archive.to_owned())
}
