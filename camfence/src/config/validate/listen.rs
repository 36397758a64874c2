//! What is served, and where: the metrics and the page.

use std::{net::SocketAddr, path::PathBuf};

use super::Check;
use crate::config::{
    Metrics, Page, Problem,
    error::quoted,
    raw::{RawMetrics, RawPage, Text},
};

impl Check<'_> {
    /// Reads `[metrics]`.
    pub(super) fn metrics(&mut self, raw: &RawMetrics) -> Option<Metrics> {
        let listen = self.listen(&raw.listen, 9477)?;
        Some(Metrics { listen })
    }

    /// Reads `[page]`.
    pub(super) fn page(&mut self, raw: &RawPage) -> Option<Page> {
        let listen = self.listen(&raw.listen, 9478);
        let token_file = raw.token_file.as_ref().map(|written| self.absolute(written));
        let listen = listen?;
        if token_file.is_none() && !listen.ip().is_loopback() {
            let what = format!("at {listen} the page would be open to everyone who can reach it");
            let hint = "add token_file = \"/etc/camfence/page.token\", or listen at 127.0.0.1";
            self.report(raw.listen.span(), Problem::new(what, hint));
            return None;
        }
        // Of one that is wrong it was said already.
        Some(Page {
            listen,
            token_file: token_file.flatten(),
            changes: raw.changes.unwrap_or(true),
        })
    }

    fn listen(&mut self, written: &Text, usual_port: u16) -> Option<SocketAddr> {
        let text = written.as_ref();
        let listen = text.parse().ok();
        if listen.is_none() {
            let what = format!("{} is not an address to listen on", quoted(text));
            let hint = format!(
                "write an IP address and a port, like 127.0.0.1:{usual_port} or [::1]:{usual_port}"
            );
            self.report(written.span(), Problem::new(what, hint));
        }
        listen
    }

    /// A daemon is started from anywhere.
    fn absolute(&mut self, written: &Text) -> Option<PathBuf> {
        let path = PathBuf::from(written.as_ref());
        if path.is_absolute() {
            return Some(path);
        }
        let what = format!("the path {} is not absolute", quoted(written.as_ref()));
        let hint = "write it from the root on, like /etc/camfence/page.token";
        self.report(written.span(), Problem::new(what, hint));
        None
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::tests::{fails, parse};

    #[test]
    fn a_page_beyond_loopback_needs_a_token() {
        for listen in ["0.0.0.0:9478", "192.168.1.2:9478", "[::]:9478"] {
            let what = format!("at {listen} the page would be open to everyone who can reach it");
            fails(&format!("[page]\nlisten = \"{listen}\"\n"), 2, &what, "token_file = ");
            let token = format!("[page]\nlisten = \"{listen}\"\ntoken_file = \"/t\"\n");
            let page = parse(&token).unwrap().page.unwrap();
            assert_eq!(page.token_file.as_deref(), Some(Path::new("/t")));
        }
    }

    #[test]
    fn a_page_for_this_machine_is_open_and_changes_things() {
        for listen in ["127.0.0.1:9478", "127.1.2.3:80", "[::1]:9478"] {
            let page = parse(&format!("[page]\nlisten = \"{listen}\"\n")).unwrap().page.unwrap();
            assert_eq!((page.token_file, page.changes), (None, true));
        }
        let text = "[page]\nlisten = \"[::1]:1\"\nchanges = false\n";
        assert!(!parse(text).unwrap().page.unwrap().changes);
    }

    #[test]
    fn mistakes_are_told() {
        let what = "\"localhost:9478\" is not an address to listen on";
        fails("[page]\nlisten = \"localhost:9478\"\n", 2, what, "127.0.0.1:9478");
        let text = "[page]\nlisten = \"127.0.0.1:9478\"\ntoken_file = \"page.token\"\n";
        fails(text, 3, "the path \"page.token\" is not absolute", "from the root");
        let text = "[page]\nlisten = \"127.0.0.1:9478\"\nchanges = \"no\"\n";
        fails(text, 3, "expected true or false, found \"no\"", "without quotes");
        fails("[page]\n", 1, "`listen` is missing here", "listen = ");
    }
}
