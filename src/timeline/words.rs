//! Texts that have to fit into lines.

/// What all lines of a text but its first one begin with.
const INDENT: &str = "    ";

/// A text that is cut at its end.
pub(super) fn cut(text: &str, width: usize) -> String {
    // A message may hold more than one line.
    let text: String = text.chars().map(printable).collect();
    match text.chars().count() <= width {
        true => text,
        false => text.chars().take(width - 1).chain(['…']).collect(),
    }
}

/// A text that is cut in its middle: nodes of a kind differ at their ends.
pub(super) fn middle(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let tail = (width - 1) / 2;
    let head = width - 1 - tail;
    let (head, tail) = (text.chars().take(head), text.chars().skip(length - tail));
    head.chain(['…']).chain(tail).collect()
}

/// Writes words into lines of a width. A word that has no room in any line is split.
pub(super) fn fill<'a>(
    words: impl Iterator<Item = &'a str>,
    width: usize,
    lines: &mut Vec<String>,
) {
    let room = width - INDENT.len();
    let mut line = String::new();
    for word in words {
        let letters: Vec<char> = word.chars().map(printable).collect();
        for part in letters.chunks(room) {
            let length = line.chars().count();
            if length > 0 && length + 1 + part.len() > width {
                lines.push(std::mem::replace(&mut line, INDENT.to_owned()));
            } else if length > 0 {
                line.push(' ');
            }
            line.extend(part);
        }
    }
    lines.push(line);
}

/// A reason without AWS's ids of requests, which say nothing about it.
pub(super) fn without_requests(why: &str) -> String {
    let mut parts = why.split(" (request ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| match part.split_once(')') {
        Some((_, rest)) => text + rest,
        None => text,
    })
}

fn printable(letter: char) -> char {
    if letter.is_control() { ' ' } else { letter }
}
