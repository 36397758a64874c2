//! What the run was on.

use std::{fs, iter};

use anyhow::Result;
use camfence_tests::measure::guard;
use nix::sys::utsname::uname;
use serde_json::{Value, json};

/// The machine, as far as it bears on the figures.
#[derive(Debug)]
pub(crate) struct Machine {
    processor: String,
    processors: usize,
    is_virtual: bool,
    kernel: String,
    /// What the kernel does against the processor's weaknesses: name and what it says.
    mitigations: Vec<(String, String)>,
    /// Whether the kernel compiles programs, and blinds their constants.
    jit: [String; 2],
    load: String,
}

impl Machine {
    /// Looks.
    pub(crate) fn look() -> Result<Self> {
        let cpu = fs::read_to_string("/proc/cpuinfo")?;
        let field = |name: &str| cpu.lines().find_map(|line| line.strip_prefix(name));
        let flags = field("flags").or_else(|| field("Features")).unwrap_or_default();
        let jit = ["bpf_jit_enable", "bpf_jit_harden"];
        Ok(Self {
            processor: guard::model()?,
            processors: cpu.lines().filter(|line| line.starts_with("processor")).count(),
            is_virtual: flags.split_whitespace().any(|flag| flag == "hypervisor"),
            kernel: uname()?.release().to_string_lossy().into_owned(),
            mitigations: mitigations(),
            jit: jit.map(|name| read(&format!("/proc/sys/net/core/{name}"))),
            load: read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned(),
        })
    }

    /// For people, with an end of line.
    pub(crate) fn text(&self) -> String {
        let kind = if self.is_virtual { ", a virtual machine" } else { "" };
        let [jit, harden] = &self.jit;
        let machine = format!(
            "{} × {}{kind}; Linux {}; JIT {jit}, hardened {harden}; load {}\n",
            self.processors, self.processor, self.kernel, self.load
        );
        let mitigations = self.mitigations.iter().map(|(name, said)| format!("{name}: {said}\n"));
        iter::once(machine).chain(mitigations).collect()
    }

    pub(crate) fn json(&self) -> Value {
        let mitigations: serde_json::Map<_, _> =
            self.mitigations.iter().map(|(name, said)| (name.clone(), json!(said))).collect();
        json!({
            "processor": self.processor,
            "processors": self.processors,
            "virtual_machine": self.is_virtual,
            "kernel": self.kernel,
            "bpf_jit_enable": self.jit[0],
            "bpf_jit_harden": self.jit[1],
            "load": self.load,
            "mitigations": mitigations,
        })
    }
}

/// Those that are not beside the point.
fn mitigations() -> Vec<(String, String)> {
    let entries = fs::read_dir("/sys/devices/system/cpu/vulnerabilities").into_iter().flatten();
    let said = entries.flatten().map(|entry| {
        (entry.file_name().to_string_lossy().into_owned(), read(&entry.path().to_string_lossy()))
    });
    let mut said: Vec<_> = said.filter(|(_, said)| said != "Not affected").collect();
    said.sort();
    said
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}
