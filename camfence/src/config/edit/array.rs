//! Cameras written as `camera = [{ … }, { … }]`, on one line or many.

use std::ops::Range;

use toml_edit::Array;

use super::lines;

/// Adds an element after the last one, on a line of its own if that has one.
pub(super) fn add(text: &str, array: &Array, fields: &[String]) -> Option<String> {
    let element = format!("{{ {} }}", fields.join(", "));
    let Some(last) = array.iter().last() else {
        return Some(insert(text, array.span()?.start + 1, &element));
    };
    let last = last.span()?;
    let comma = comma_after(text, last.end);
    if !has_own_lines(text, &last, comma) {
        return Some(match comma {
            Some(comma) => insert(text, comma + 1, &format!(" {element},")),
            None => insert(text, last.end, &format!(", {element}")),
        });
    }
    let indent = &text[lines::start(text, last.start)..last.start];
    let end = lines::end(text, last.end);
    let newline = &text[lines::chomp(&text[..end]).len()..end];
    let trailing = if comma.is_some() { "," } else { "" };
    let added = insert(text, end, &format!("{indent}{element}{trailing}{newline}"));
    Some(if comma.is_some() { added } else { insert(&added, last.end, ",") })
}

/// Removes an element and the comma that is now one too many.
pub(super) fn remove(text: &str, array: &Array, index: usize) -> Option<String> {
    let element = array.get(index)?.span()?;
    let comma = comma_after(text, element.end);
    let before = match index.checked_sub(1) {
        Some(previous) => comma_after(text, array.get(previous)?.span()?.end),
        None => None,
    };
    // Of two commas, or of one before a missing one, one has to go.
    let (cut_out, comma_too) = if has_own_lines(text, &element, comma) {
        let top = lines::comment_above(text, lines::start(text, element.start));
        (top..lines::end(text, element.end), before.filter(|_| comma.is_none()))
    } else {
        cut_within_line(text, element, before, comma)
    };
    let removed = cut(text, cut_out);
    Some(match comma_too {
        Some(comma) => cut(&removed, comma..comma + 1),
        None => removed,
    })
}

/// What to cut where an element shares its line, and a comma to cut apart from that.
fn cut_within_line(
    text: &str,
    element: Range<usize>,
    before: Option<usize>,
    comma: Option<usize>,
) -> (Range<usize>, Option<usize>) {
    let touches = |before: usize| lines::is_blank(&text[before + 1..element.start]);
    match (before, comma) {
        (Some(before), Some(comma)) if touches(before) => (before + 1..comma + 1, None),
        (_, Some(comma)) => {
            let rest = &text[comma + 1..];
            let spaces = rest.len() - rest.trim_start_matches([' ', '\t']).len();
            (element.start..comma + 1 + spaces, None)
        }
        (Some(before), None) if touches(before) => (before..element.end, None),
        (before, None) => (element, before),
    }
}

/// The comma after an element, past blanks and comments.
fn comma_after(text: &str, from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let rest = text[at..].trim_start();
        at = text.len() - rest.len();
        match rest.as_bytes().first()? {
            b',' => return Some(at),
            b'#' => at = lines::end(text, at),
            _ => return None,
        }
    }
}

/// Whether an element and its comma share their lines with nothing but a comment.
fn has_own_lines(text: &str, element: &Range<usize>, comma: Option<usize>) -> bool {
    let end = lines::end(text, element.end);
    let after = comma.map_or(element.end, |comma| comma + 1);
    if after > end {
        return false;
    }
    let rest = text[after..end].trim();
    lines::is_blank(&text[lines::start(text, element.start)..element.start])
        && (rest.is_empty() || rest.starts_with('#'))
}

fn insert(text: &str, at: usize, piece: &str) -> String {
    let (before, after) = text.split_at(at);
    format!("{before}{piece}{after}")
}

fn cut(text: &str, range: Range<usize>) -> String {
    format!("{}{}", &text[..range.start], &text[range.end..])
}
