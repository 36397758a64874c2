//! `[history]` and `[networks]`.

use std::{path::PathBuf, time::Duration};

use super::{Check, log::read_size};
use crate::config::{
    History, MAX_HISTORY_BYTES, MAX_KEEP, MIN_HISTORY_BYTES, MIN_KEEP, Networks, Problem,
    error::quoted,
    raw::{RawHistory, RawNetworks, Text},
};

impl Check<'_> {
    /// Reads `[history]`.
    pub(super) fn history(&mut self, raw: &RawHistory) -> History {
        let unsaid = History::default();
        History {
            enabled: raw.enabled.unwrap_or(unsaid.enabled),
            path: raw.path.as_ref().and_then(|path| self.file(path)),
            keep: raw.keep.as_ref().and_then(|keep| self.keep(keep)).unwrap_or(unsaid.keep),
            max_size: raw
                .max_size
                .as_ref()
                .and_then(|size| self.size(size))
                .unwrap_or(unsaid.max_size),
        }
    }

    /// Reads `[networks]`. Whether there are such files is seen when they are read.
    pub(super) fn networks(&mut self, raw: &RawNetworks) -> Networks {
        Networks {
            country: raw.country.as_ref().and_then(|path| self.file(path)),
            network: raw.network.as_ref().and_then(|path| self.file(path)),
        }
    }

    /// A file that means the same wherever it is read from.
    fn file(&mut self, written: &Text) -> Option<PathBuf> {
        let path = PathBuf::from(written.as_ref());
        if path.is_absolute() && path.file_name().is_some() {
            return Some(path);
        }
        let what =
            format!("{} is not the path of a file from the root on", quoted(written.as_ref()));
        self.report(written.span(), Problem::new(what, "write a path that begins with a slash"));
        None
    }

    fn keep(&mut self, written: &Text) -> Option<Duration> {
        let time = humantime::parse_duration(written.as_ref()).ok();
        let time = time.filter(|time| (MIN_KEEP..=MAX_KEEP).contains(time));
        if time.is_none() {
            let what =
                format!("{} is not a time to keep the history for", quoted(written.as_ref()));
            let hint = "write a time from 1d to 10y, like 400d";
            self.report(written.span(), Problem::new(what, hint));
        }
        time.map(|time| Duration::from_secs(time.as_secs()))
    }

    fn size(&mut self, written: &Text) -> Option<u64> {
        let size = read_size(written.as_ref());
        let size = size.filter(|size| (MIN_HISTORY_BYTES..=MAX_HISTORY_BYTES).contains(size));
        if size.is_none() {
            let what = format!("{} is not a size for the history", quoted(written.as_ref()));
            let hint = "write a size from 16MiB to 64GiB";
            self.report(written.span(), Problem::new(what, hint));
        }
        size
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(Path::new("f"), text).map_err(|error| {
            let hints = error.problems.iter().map(|problem| format!("{error}; {}", problem.hint));
            hints.collect()
        })
    }

    #[test]
    fn without_a_word_it_is_kept() {
        let history = parse("").unwrap().history;
        assert_eq!(history, History::default());
        assert!(history.enabled && history.path.is_none());
        assert!(!parse("[history]\nenabled = false\n").unwrap().history.enabled);
    }

    #[test]
    fn times_sizes_and_paths_are_read() {
        let text = "[history]\npath = \"/srv/h.redb\"\nkeep = \"90d\"\nmax_size = \"1GiB\"\n\
                    [networks]\ncountry = \"/srv/c.mmdb\"\nnetwork = \"/srv/n.mmdb\"\n";
        let config = parse(text).unwrap();
        assert_eq!(config.history.path.as_deref(), Some(Path::new("/srv/h.redb")));
        assert_eq!(config.history.keep, Duration::from_hours(90 * 24));
        assert_eq!(config.history.max_size, 1 << 30);
        assert_eq!(config.networks.country.as_deref(), Some(Path::new("/srv/c.mmdb")));
        assert_eq!(config.networks.network.as_deref(), Some(Path::new("/srv/n.mmdb")));
    }

    #[test]
    fn what_is_none_of_them_is_said_with_its_line() {
        for (line, what) in [
            ("path = \"history.redb\"", "f:2: \"history.redb\" is not the path of a file"),
            ("path = \"/\"", "f:2: \"/\" is not the path"),
            ("keep = \"1h\"", "from 1d to 10y"),
            ("keep = \"11y\"", "from 1d to 10y"),
            ("keep = \"for ever\"", "from 1d to 10y"),
            ("max_size = \"1MiB\"", "from 16MiB to 64GiB"),
            ("max_size = \"20\"", "from 16MiB to 64GiB"),
            ("max_size = \"+20MiB\"", "from 16MiB to 64GiB"),
            ("max_size = \"99999999999GiB\"", "from 16MiB to 64GiB"),
            ("enabled = \"yes\"", "expected true or false, found \"yes\""),
            ("size = \"20MiB\"", "unknown key"),
        ] {
            let error = parse(&format!("[history]\n{line}\n")).unwrap_err();
            assert!(error.contains(what), "{line}: {error}");
        }
    }
}
