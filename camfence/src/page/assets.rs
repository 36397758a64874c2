//! The page's own files, which are in the program. There are no others.

use axum::{
    Router,
    http::header,
    response::IntoResponse as _,
    routing::{MethodRouter, get},
};

use super::{Source, Visit};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Where a file is, what it is, and what is in it.
type File = (&'static str, &'static str, &'static str);

macro_rules! script {
    ($name:literal) => {
        (concat!("/", $name), SCRIPT, include_str!(concat!("assets/", $name)))
    };
}

const FILES: [File; 14] = [
    ("/", HTML, include_str!("assets/index.html")),
    ("/page.css", CSS, include_str!("assets/page.css")),
    ("/icon.svg", SVG, include_str!("assets/icon.svg")),
    script!("api.js"),
    script!("cameras.js"),
    script!("detail.js"),
    script!("dialogs.js"),
    script!("dom.js"),
    script!("events.js"),
    script!("format.js"),
    script!("page.js"),
    script!("ports.js"),
    script!("rates.js"),
    script!("unknown.js"),
];

/// Serves them.
pub(super) fn routes<S: Source>() -> Router<Visit<S>> {
    FILES.iter().fold(Router::new(), |router, file| router.route(file.0, serve(file)))
}

fn serve<S: Source>((_, kind, text): &'static File) -> MethodRouter<Visit<S>> {
    get(move || async move { ([(header::CONTENT_TYPE, *kind)], *text).into_response() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing that the content security policy would refuse, and nothing from elsewhere.
    #[test]
    fn files_name_only_each_other() {
        for (path, _, text) in FILES {
            let text = text.replace("http://www.w3.org/2000/svg", "");
            for forbidden in [
                "http:",
                "https:",
                "//cdn",
                "innerHTML",
                "outerHTML",
                "insertAdjacent",
                "eval(",
                "document.write",
                " style=",
                " onclick",
                "<script>",
                "<style",
                "@import",
            ] {
                assert!(!text.contains(forbidden), "{path} has {forbidden}");
            }
            for import in text.split(" from \"./").skip(1) {
                let name = import.split('"').next().unwrap();
                assert!(FILES.iter().any(|file| file.0 == format!("/{name}")), "{path}: {name}");
            }
        }
    }
}
