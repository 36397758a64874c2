//! Cameras written as `[[camera]]`.

use std::ops::Range;

use toml_edit::Table;

use super::lines;

/// From the heading of a table to its last value.
pub(super) fn span(table: &Table) -> Option<Range<usize>> {
    let mut span = table.span()?;
    for (_, item) in table {
        span.end = span.end.max(item.as_value()?.span()?.end);
    }
    Some(span)
}

/// Adds a table after the last one, or at the end of the text.
pub(super) fn add(text: &str, last: Option<Range<usize>>, fields: &[String]) -> String {
    let at = match last {
        Some(last) => block_end(text, last.end),
        None => end_of_content(text),
    };
    let newline = lines::ending(text);
    let table = format!("[[camera]]{newline}{}", fields.join(newline));
    let (before, after) = text.split_at(at);
    if at == lines::first(text) {
        format!("{before}{table}{newline}{after}")
    } else if before.ends_with('\n') {
        format!("{before}{newline}{table}{newline}{after}")
    } else {
        // The file has no line end at its end, and keeps to that.
        format!("{before}{newline}{newline}{table}{after}")
    }
}

/// Removes a table with the comments that are its own, and one of the blank lines around it.
pub(super) fn remove(text: &str, table: Range<usize>) -> String {
    let mut start = lines::comment_above(text, lines::start(text, table.start));
    let mut end = block_end(text, table.end);
    if let Some(line) = lines::before(text, start) {
        if lines::is_blank(&text[line..start]) {
            start = line;
        }
    } else if lines::is_blank(&text[end..lines::end(text, end)]) {
        end = lines::end(text, end);
    }
    let (mut before, after) = (&text[..start], &text[end..]);
    if after.is_empty() && !text.ends_with('\n') {
        before = lines::chomp(before);
    }
    format!("{before}{after}")
}

fn block_end(text: &str, last_value: usize) -> usize {
    lines::comment_below(text, lines::end(text, last_value))
}

/// After the last line that is not blank. A text of blank lines only counts as content.
fn end_of_content(text: &str) -> usize {
    let content = text.trim_end().len();
    if content <= lines::first(text) { text.len() } else { lines::end(text, content) }
}
