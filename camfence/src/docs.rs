//! The lists in the documentation come from the code. Each stands between two comments,
//! `<!-- NAME -->` and `<!-- end of NAME -->`;
//! `CAMFENCE_WRITE_DOCS=1 cargo test -p camfence --lib docs` writes them.

use std::{
    env,
    fmt::Display,
    fs,
    path::{Path, PathBuf},
};

use camfence_common::{
    limits::{
        DEFAULT_LEDGER_ENTRIES, DEFAULT_MAX_CAMERAS, MAX_ALLOWANCES, MAX_BOUND, MAX_CAMERAS,
        MAX_DNS_NAMES, MAX_LEDGER_ENTRIES, MAX_LOCAL_PREFIXES, MAX_PROFILES, MAX_SIGHTINGS,
        MAX_STRANGER_PORTS, MAX_TOLD_ANSWERS, MAX_TOLD_CONTACTS, MAX_TOLD_STRANGERS,
        MIN_LEDGER_ENTRIES,
    },
    packet::MAX_OFFSET,
    reason::{Effect, Reason},
    wire::{ethernet::MAX_TAGS, extension::MAX_EXTENSIONS},
};

use crate::{
    config::{Config, ConfigError, DEFAULT_LOG_BYTES, Dns, Format, MAX_FILE_BYTES, PRESETS},
    discover::{
        fact::MAX_TEXT_BYTES,
        heard::{
            MAX_ADDRESSES, MAX_NAMES, MAX_PEERS, MAX_SERVICES, MAX_SOFTWARE, MAX_SOURCES,
            MAX_SOURCES_PER_PORT,
        },
        likeness::{Makes, SIGNS, Sign, VENDORS},
        listen::SNAP,
    },
    doctor::Check,
    events,
    history::{
        STATE_DIR,
        reach::{MAX_COUNTRIES, MAX_NETWORKS},
    },
    networks,
};

/// A list's name, and what makes it.
type List = (&'static str, fn() -> String);

/// The documents, and their lists.
const DOCUMENTS: [(&str, &[List]); 5] = [
    ("README.md", &[("reasons", reasons)]),
    (
        "docs/policy.md",
        &[
            ("presets", presets),
            ("mistakes", mistakes),
            ("defaults", defaults),
            ("reasons", reasons),
            ("limits", limits),
        ],
    ),
    ("docs/doctor.md", &[("checks", checks)]),
    ("docs/operations.md", &[("events", events)]),
    ("docs/discover.md", &[("signs", signs), ("makers", makers), ("kept", kept)]),
];

fn path(document: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(document)
}

fn read(document: &str) -> String {
    let path = path(document);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A document with another list of this name.
fn with_list(text: &str, name: &str, list: &str) -> String {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->\n"));
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("no line {begin}"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("no line {end}"));
    [before, &begin, list, &end, after].concat()
}

/// A table.
fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let header: Vec<String> = header.iter().map(ToString::to_string).collect();
    let rule = "|---".repeat(header.len()) + "|\n";
    let rows = rows.into_iter().map(|cells| line(&cells)).collect::<String>();
    line(&header) + &rule + &rows
}

fn code(text: impl Display) -> String {
    format!("`{text}`")
}

/// A number with a comma for each thousand.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let parts: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|part| str::from_utf8(part).unwrap()).collect();
    parts.join(",")
}

fn reasons() -> String {
    let row = |reason: Reason| {
        let effect = match reason.effect() {
            Effect::Pass => "passed",
            Effect::Drop => "dropped",
        };
        let mut description = reason.description().trim_end_matches('.').to_owned();
        if !["ARP", "IP"].iter().any(|acronym| description.starts_with(acronym)) {
            description[..1].make_ascii_lowercase();
        }
        vec![code(reason.name()), effect.to_owned(), description]
    };
    table(&["reason", "frame", "what it means"], Reason::ALL.map(row))
}

fn checks() -> String {
    let row = |check: Check| vec![code(check.id()), check.about().to_owned()];
    table(&["id", "what is looked at, and how bad it is if it is otherwise"], Check::ALL.map(row))
}

fn events() -> String {
    let row = |kind: events::Kind| vec![code(kind.name()), kind.about().to_owned()];
    table(&["event", "what it means"], events::Kind::ALL.map(row))
}

fn signs() -> String {
    let row = |sign: Sign| vec![code(sign.name), sign.score.to_string(), sign.about.to_owned()];
    table(&["sign", "points", "what it is"], SIGNS.map(row))
}

fn makers() -> String {
    let listed = |wanted: Makes| {
        let makers = VENDORS.iter().filter(|(_, makes, _)| *makes == wanted);
        let names = makers.map(|(name, _, site)| format!("{name} ({site})"));
        names.collect::<Vec<_>>().join(", ")
    };
    let rows = [
        ("cameras and little else", Makes::Cameras),
        ("cameras among other things", Makes::CamerasToo),
    ];
    table(&["makes", "who"], rows.map(|(what, makes)| vec![what.to_owned(), listed(makes)]))
}

fn kept() -> String {
    let rows = [
        ("sources", MAX_SOURCES),
        ("sources first heard on one port", MAX_SOURCES_PER_PORT),
        ("addresses of a source", MAX_ADDRESSES),
        ("names of a source", MAX_NAMES),
        ("services of a source", MAX_SERVICES),
        ("descriptions of a source", MAX_SOFTWARE),
        ("peers of a source", MAX_PEERS),
        ("bytes of a text", MAX_TEXT_BYTES),
        ("bytes of a frame", SNAP),
    ];
    let row = |(what, most): (&str, usize)| vec![what.to_owned(), grouped(most as u64)];
    table(&["of", "at most"], rows.map(row))
}

fn presets() -> String {
    let row = |preset: crate::config::Preset| {
        vec![code(preset.name), preset.to_string(), preset.about.to_owned()]
    };
    table(&["preset", "stands for", "for"], PRESETS.map(row))
}

/// An entry of each kind that is refused, by the key it is written under.
const MISTAKES: [(&str, &[&str]); 3] = [
    (
        "allow",
        &[
            "udp 123 to any",
            "udp/123",
            "ntp any",
            " ntp to any",
            "NTP to any",
            "https to any",
            "256 to any",
            "47 to any",
            "51 to any",
            "ntp/123 to any",
            "icmp/8 to any",
            "udp/ntp to any",
            "udp/65536 to any",
            "tcp/90-80 to any",
            "ntp to pool.ntp.org",
            "ntp to 10.0.0.1/8",
        ],
    ),
    ("dns", &["*", "cam.*.net", "192.168.1.1", "ntp..org", "my cam.example", "bücher.example"]),
    ("addresses", &["driveway", "192.168.1.31/24", "127.0.0.1", "224.0.0.0/4", "0.0.0.0/0"]),
];

fn mistakes() -> String {
    let rows = MISTAKES.into_iter().flat_map(|(key, entries)| {
        entries.iter().map(move |entry| {
            let (what, hint) = refusal(key, entry);
            vec![code(key), code(format!("{entry:?}")), what, hint]
        })
    });
    table(&["in", "written", "what is wrong", "hint"], rows)
}

/// What is wrong with an entry, and the hint.
fn refusal(key: &str, entry: &str) -> (String, String) {
    let (before, after) = match key {
        "addresses" => ("[[camera]]\nmac = \"b0:c5:54:25:5b:0e\"\nname = \"x\"\n", ""),
        _ => ("", "[profile.x]\n"),
    };
    let problems = parse(&format!("{before}{after}{key} = [{entry:?}]")).unwrap_err().problems;
    let [problem] = &problems[..] else { panic!("{entry}: {problems:?}") };
    let what = problem.what.strip_prefix(&format!("{entry:?}")).unwrap_or(&problem.what);
    let cell = |text: &str| text.trim_start_matches(": ").trim().replace('*', "\\*");
    (cell(what), cell(&problem.hint))
}

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse("camfence.toml".as_ref(), text)
}

fn defaults() -> String {
    let text = "[[camera]]\nmac = \"b0:c5:54:25:5b:0e\"\nname = \"driveway\"";
    let config = parse(text).unwrap();
    let mut rows = defaults_of_fence(&config);
    rows.extend(defaults_of_cameras(&config));
    rows.extend(defaults_of_logs(&config));
    rows.extend(defaults_of_history(&config));
    rows.extend(defaults_of_what_is_served(&config));
    table(&["key", "default", "why"], rows)
}

fn row(key: &str, value: String, why: &str) -> Vec<String> {
    vec![key.to_owned(), value, why.to_owned()]
}

fn nothing() -> String {
    "nothing".to_owned()
}

fn of_fence() -> String {
    "that of `[fence]`".to_owned()
}

fn defaults_of_fence(config: &Config) -> Vec<Vec<String>> {
    let (fence, profile) = (&config.fence, &config.profiles[0]);
    assert!(fence.interfaces.is_empty() && config.interfaces.is_empty());
    assert!(!profile.local.auto);
    let local: Vec<_> = profile.local.prefixes.iter().map(code).collect();
    vec![
        row("`[fence]` `interfaces`", nothing(), "only what you name is touched"),
        row(
            "`local`",
            local.join(", "),
            "the private networks: a home works without being described, and the internet does not route them",
        ),
        row(
            "`unknown`",
            code(config.word_for(fence.unknown)),
            "a fence that goes up for one camera must not cut off the phones and the router",
        ),
        row("`mode`", code(fence.mode), "a fence that only counts looks like one and is none"),
        row(
            "`hook`",
            code(fence.hook),
            "XDP in the driver is fastest on hardware, and slows everybody down on a virtual port",
        ),
        row(
            "`max_cameras`",
            grouped(fence.max_cameras.into()),
            "more than a home has, for less than a MiB on each CPU",
        ),
        row("`[interface.NAME]` `hook`, `unknown`", of_fence(), "one place to say it"),
    ]
}

fn defaults_of_cameras(config: &Config) -> Vec<Vec<String>> {
    let (profile, camera) = (&config.profiles[0], &config.cameras[0]);
    assert!(profile.allow.is_empty() && camera.addresses.is_empty());
    let dns = match &profile.dns {
        Dns::Pass => "pass",
        Dns::Deny => "deny",
        Dns::Only(_) => panic!("no name is listed unless it is written"),
    };
    vec![
        row("`[profile.NAME]` `local`", of_fence(), "one list to keep right"),
        row("`allow`", nothing(), "outside is what a fence is against"),
        row(
            "`dns`",
            code(dns),
            "cameras ask the router for the time server's and the recorder's name, and some do not \
             start without an answer; but names carry data: list them, or deny, where you can",
        ),
        row(
            "`port-mapping`",
            code(profile.port_mapping),
            "what comes in through a mapping to the camera is dropped here as `inbound`, and \
             recorders are found by the same searches; deny it if the router opens ports to others \
             than who asks",
        ),
        row(
            "`rogue`",
            code(profile.rogue),
            "no camera has to be a router or a DHCP server, and one that is gets everybody's traffic",
        ),
        row(
            "`[[camera]]` `profile`",
            code(&config.profile_of(camera).name),
            "it exists without being written",
        ),
        row(
            "`addresses`",
            "any".to_owned(),
            "DHCP may give another tomorrow; bind those that have a fixed one",
        ),
        row("`mode`", of_fence(), "and `audit` if that is the fence's, whatever is written here"),
    ]
}

fn defaults_of_logs(config: &Config) -> Vec<Vec<String>> {
    assert!(config.log.is_none());
    assert_eq!(DEFAULT_LOG_BYTES, 16 << 20);
    vec![
        row(
            "`[ledger]` `entries`",
            grouped(config.ledger.entries.into()),
            "some thousand peers of each of a home's cameras, for 2 MiB",
        ),
        row(
            "`[log]` `deny`",
            nothing(),
            "what is dropped is in the ledger; a log is for who collects them",
        ),
        row("`format`", code(Format::default().as_str()), "people read it as well"),
        row(
            "`max_size`",
            "16MiB".to_owned(),
            "with the one before it, a month of a talkative camera",
        ),
    ]
}

fn defaults_of_history(config: &Config) -> Vec<Vec<String>> {
    assert!(config.history.path.is_none() && config.networks == crate::config::Networks::default());
    vec![
        row(
            "`[history]` `enabled`",
            code(config.history.enabled),
            "who looks at it for the first time wants to see the week before",
        ),
        row(
            "`path`",
            code(Path::new(STATE_DIR).join("history.redb").display()),
            "where state belongs",
        ),
        row(
            "`keep`",
            format!("{} days", config.history.keep.as_secs() / 86_400),
            "this month, and the same one a year ago",
        ),
        row(
            "`max_size`",
            format!("{} MiB", config.history.max_size >> 20),
            "more than a home fills in that time, and little of an SD card",
        ),
        row(
            "`[networks]` `country`, `network`",
            nothing(),
            "the databases are not camfence's to give away",
        ),
    ]
}

fn defaults_of_what_is_served(config: &Config) -> [Vec<String>; 4] {
    assert!(config.metrics.is_none() && config.page.is_none());
    [
        row("`[metrics]` `listen`", nothing(), "no open port unless asked for"),
        row("`[page]` `listen`", nothing(), "the same"),
        row("`token_file`", nothing(), "on loopback only who is on this machine sees the page"),
        row("`changes`", code(true), "a page is for opening the fence as much as for looking"),
    ]
}

fn limits() -> String {
    let row = |what: &str, limit: u64| vec![what.to_owned(), grouped(limit)];
    let rows = [
        row("cameras, if `max_cameras` says nothing", DEFAULT_MAX_CAMERAS.into()),
        row("cameras, if it does", MAX_CAMERAS.into()),
        row("profiles, with `default`", MAX_PROFILES as u64),
        row(
            "networks in `local`, of each family, with those of `\"auto\"`",
            MAX_LOCAL_PREFIXES as u64,
        ),
        row("allowances of a profile, presets written out", MAX_ALLOWANCES as u64),
        row("names in a profile's `dns`", MAX_DNS_NAMES as u64),
        row("`addresses` of a camera, of each family", MAX_BOUND as u64),
        row("ports where `unknown` is not `\"pass\"`", MAX_STRANGER_PORTS.into()),
        row("unknown sources that are remembered; of more, those seen last", MAX_SIGHTINGS.into()),
        row("flows in the ledger, if `entries` says nothing", DEFAULT_LEDGER_ENTRIES.into()),
        row("flows in the ledger, at least", MIN_LEDGER_ENTRIES.into()),
        row("flows in the ledger, at most", MAX_LEDGER_ENTRIES.into()),
        row("first contacts that are told, a second and CPU", MAX_TOLD_CONTACTS.into()),
        row("new unknown sources that are told, a second and CPU", MAX_TOLD_STRANGERS.into()),
        row("DNS answers that are read, a second and CPU", MAX_TOLD_ANSWERS.into()),
        row("VLAN tags of a camera's frame; more are `malformed`", MAX_TAGS as u64),
        row("IPv6 extension headers; more are `malformed`", MAX_EXTENSIONS as u64),
        row("offset in a frame at which a header may start", MAX_OFFSET as u64),
        row("bytes of the configuration file", MAX_FILE_BYTES),
        row("bytes of a database under `[networks]`", networks::MAX_BYTES),
        row("countries that are known of a camera", MAX_COUNTRIES as u64),
        row("networks that are known of a camera", MAX_NETWORKS as u64),
    ];
    // All of them have a row.
    let source = include_str!("../../camfence-common/src/limits.rs");
    assert_eq!(rows.len() - 7, source.matches("pub const").count());
    table(&["what", "limit"], rows)
}

#[test]
fn lists_are_those_of_the_code() {
    let writes = env::var_os("CAMFENCE_WRITE_DOCS").is_some();
    for (document, lists) in DOCUMENTS {
        for (name, list) in lists {
            let written = read(document);
            let right = with_list(&written, name, &list());
            if writes {
                fs::write(path(document), right).expect("the document can be written");
            } else {
                assert!(
                    written == right,
                    "{document}: the list \"{name}\" should be\n{}\n\
                     CAMFENCE_WRITE_DOCS=1 cargo test -p camfence --lib docs writes it",
                    list(),
                );
            }
        }
    }
}

#[test]
fn examples_are_configurations() {
    for (document, _) in DOCUMENTS {
        let text = read(document);
        let examples = text.split("```toml\n").skip(1).map(|rest| rest.split("```").next());
        for example in examples.flatten() {
            parse(example).unwrap_or_else(|error| panic!("{document}: {error}\n{example}"));
        }
    }
}
