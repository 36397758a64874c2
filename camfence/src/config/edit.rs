//! Changes the text of a configuration in place.
//!
//! `toml_edit` says where things stand; the text around them is cut and pasted, not printed anew,
//! so that comments, layout and line ends stay as they are to the byte. Before it is handed out,
//! the new text is read again and must say what the old one did, but for the one camera.

mod array;
mod lines;
mod table;

use std::path::Path;

use camfence_common::mac::Mac;
use toml::Spanned;
use toml_edit::{Document, Item};

use super::{
    Config, ConfigError, DEFAULT_PROFILE, Problem, check_mac, check_name,
    error::{Lines, quoted},
    raw::{self, RawCamera, RawConfig, Table, Text},
    validate::{no_such_profile, suggestion},
};

/// A camera to write into a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCamera {
    /// Its address.
    pub mac: Mac,
    /// Its name.
    pub name: String,
    /// Its profile; `None` writes nothing, which means the default one.
    pub profile: Option<String>,
}

/// A text that was changed, and has been read again.
#[derive(Debug)]
pub struct Edited {
    /// The new text.
    pub text: String,
    raw: RawConfig,
}

impl Edited {
    /// Checks what it says, as [`Config::parse`] does.
    pub fn check(self, path: &Path) -> Result<(String, Config), ConfigError> {
        let config = Config::check(path, self.raw, &Lines::new(&self.text))?;
        Ok((self.text, config))
    }
}

/// Why a text was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The text is not a configuration, and has to be put right first. The problem names a line.
    #[error("{}", .0.what)]
    Broken(Problem),
    /// This camera cannot be added. The problem names the line of the camera in its way, if any.
    #[error("{}", .0.what)]
    Refused(Problem),
    /// There is no such camera in the text.
    #[error("there is no camera {0}")]
    NotFound(Mac),
    /// The cameras are written in a way this cannot change without touching something else.
    #[error("the cameras are written in a way that cannot be changed automatically")]
    Layout,
}

impl EditError {
    /// What to do about it.
    pub fn hint(&self) -> &str {
        match self {
            Self::Broken(problem) | Self::Refused(problem) => &problem.hint,
            Self::NotFound(_) => "`camfence list` shows the cameras there are",
            Self::Layout => "edit the file by hand, then run `camfence reload`",
        }
    }
}

/// Adds a camera after the last one: as a `[[camera]]` table, or to `camera = [ … ]` where the
/// text has that.
pub fn add_camera(text: &str, camera: &NewCamera) -> Result<Edited, EditError> {
    let mut raw = read(text)?;
    check_new(&raw, camera, text).map_err(EditError::Refused)?;
    let document = Document::parse(text).map_err(|_| EditError::Layout)?;
    let fields = fields(camera);
    let added = match document.get("camera") {
        None => Some(table::add(text, None, &fields)),
        Some(Item::ArrayOfTables(tables)) => tables
            .iter()
            .last()
            .and_then(table::span)
            .map(|last| table::add(text, Some(last), &fields)),
        Some(Item::Value(value)) => {
            value.as_array().and_then(|array| array::add(text, array, &fields))
        }
        Some(_) => None,
    };
    raw.camera.push(Table(written(camera)));
    verified(added, &raw)
}

/// Removes a camera, and the comments that touch it and no other.
pub fn remove_camera(text: &str, mac: Mac) -> Result<Edited, EditError> {
    let mut raw = read(text)?;
    let is_it = |Table(camera): &Table<RawCamera>| camera.mac.as_ref().parse() == Ok(mac);
    let index = raw.camera.iter().position(is_it).ok_or(EditError::NotFound(mac))?;
    let document = Document::parse(text).map_err(|_| EditError::Layout)?;
    let removed = match document.get("camera") {
        Some(Item::ArrayOfTables(tables)) => {
            tables.get(index).and_then(table::span).map(|span| table::remove(text, span))
        }
        Some(Item::Value(value)) => {
            value.as_array().and_then(|array| array::remove(text, array, index))
        }
        _ => None,
    };
    raw.camera.remove(index);
    verified(removed, &raw)
}

fn read(text: &str) -> Result<RawConfig, EditError> {
    raw::parse(text, &Lines::new(text)).map_err(EditError::Broken)
}

/// Whether a camera fits into a configuration. The line that a check of the new text would name
/// is not in the user's file yet, so this is found out before.
fn check_new(raw: &RawConfig, camera: &NewCamera, text: &str) -> Result<(), Problem> {
    check_mac(&camera.mac.to_string())?;
    check_name(&camera.name)?;
    let lines = Lines::new(text);
    let taken = |by: &Text, what: String, hint: &str| {
        let line = lines.line(by.span().start);
        let problem = Problem::new(format!("{what} on line {line}"), hint);
        Err(Problem { line: Some(line), ..problem })
    };
    for Table(other) in &raw.camera {
        if other.mac.as_ref().parse() == Ok(camera.mac) {
            let what = format!("camera {} is already", camera.mac);
            return taken(&other.mac, what, "remove it first, or edit the file");
        }
        if *other.name.as_ref() == camera.name {
            let what = format!("the name {} is already used", quoted(&camera.name));
            return taken(&other.name, what, "give each camera a name of its own");
        }
    }
    check_profile(raw, camera.profile.as_deref().unwrap_or(DEFAULT_PROFILE))
}

fn check_profile(raw: &RawConfig, name: &str) -> Result<(), Problem> {
    let mut known = vec![DEFAULT_PROFILE];
    let written = raw.profile.keys().map(Spanned::as_ref).map(String::as_str);
    known.extend(written.filter(|&name| name != DEFAULT_PROFILE));
    if known.contains(&name) {
        return Ok(());
    }
    Err(no_such_profile(name, &suggestion(name, &known, "profiles")))
}

/// Keys and values, ready to be written.
fn fields(camera: &NewCamera) -> Vec<String> {
    let field = |key, value: &str| format!("{key} = {}", toml_edit::Value::from(value));
    let mut fields = vec![field("mac", &camera.mac.to_string()), field("name", &camera.name)];
    fields.extend(camera.profile.as_deref().map(|profile| field("profile", profile)));
    fields
}

/// What reading those fields must give, wherever they stand.
fn written(camera: &NewCamera) -> RawCamera {
    let text = |text: &str| Spanned::new(0..0, text.to_owned());
    RawCamera {
        mac: text(&camera.mac.to_string()),
        name: text(&camera.name),
        profile: camera.profile.as_deref().map(text),
        addresses: None,
        mode: None,
    }
}

/// Lets a change through only if the new text says what it should, and nothing else.
fn verified(new: Option<String>, expected: &RawConfig) -> Result<Edited, EditError> {
    let text = new.ok_or(EditError::Layout)?;
    let raw = read(&text).map_err(|_| EditError::Layout)?;
    if raw == *expected { Ok(Edited { text, raw }) } else { Err(EditError::Layout) }
}

#[cfg(test)]
mod tests;
