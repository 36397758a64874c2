//! Lines of a text, by byte offset. A byte order mark is part of no line.

/// Where the text begins.
pub(super) fn first(text: &str) -> usize {
    if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 }
}

/// Where the line of this offset begins.
pub(super) fn start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(first(text), |newline| newline + 1)
}

/// Where the line of this offset ends, its line end included.
pub(super) fn end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |newline| at + newline + 1)
}

/// The text without one line end at its end.
pub(super) fn chomp(text: &str) -> &str {
    let line = text.strip_suffix('\n').unwrap_or(text);
    line.strip_suffix('\r').unwrap_or(line)
}

/// The line end that the text uses.
pub(super) fn ending(text: &str) -> &'static str {
    let line = &text[..end(text, 0)];
    if line.ends_with("\r\n") { "\r\n" } else { "\n" }
}

/// The line before the one that begins here.
pub(super) fn before(text: &str, start_of_line: usize) -> Option<usize> {
    (start_of_line > first(text)).then(|| start(text, start_of_line - 1))
}

/// Whether there is nothing in this.
pub(super) fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

/// Where the comment begins that touches the line beginning here from above, if there is one. A
/// comment at the top of the file belongs to the file.
pub(super) fn comment_above(text: &str, start_of_line: usize) -> usize {
    let mut top = start_of_line;
    while let Some(line) = before(text, top)
        && is_comment(&text[line..top])
    {
        top = line;
    }
    if top == first(text) { start_of_line } else { top }
}

/// Where the comment ends that touches the line ending here from below, if there is one. A comment
/// that touches what follows too belongs to that.
pub(super) fn comment_below(text: &str, end_of_line: usize) -> usize {
    let mut bottom = end_of_line;
    while bottom < text.len() && is_comment(&text[bottom..end(text, bottom)]) {
        bottom = end(text, bottom);
    }
    if is_blank(&text[bottom..end(text, bottom)]) { bottom } else { end_of_line }
}
