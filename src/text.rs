//! Texts that have to fit into lines: of a chart, and of a terminal.

use std::borrow::Cow;

use textwrap::{Options, WordSplitter, WrapAlgorithm, wrap};

/// What all lines of a text but its first one begin with.
const INDENT: &str = "    ";

/// A text that is cut at its end.
pub fn cut(text: &str, width: usize) -> String {
    // A message may hold more than one line.
    let text: String = text.chars().map(printable).collect();
    match text.chars().count() <= width {
        true => text,
        false => text.chars().take(width - 1).chain(['…']).collect(),
    }
}

/// A text that is cut in its middle: nodes of a kind differ at their ends.
pub fn middle(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let tail = (width - 1) / 2;
    let head = width - 1 - tail;
    let (head, tail) = (text.chars().take(head), text.chars().skip(length - tail));
    head.chain(['…']).chain(tail).collect()
}

/// A text in lines of a width; blanks that make columns stay. A word that has no room in any line is split.
pub fn fill(text: &str, width: usize) -> Vec<String> {
    let text: String = text.chars().map(printable).collect();
    let options = Options::new(width)
        .subsequent_indent(INDENT)
        .wrap_algorithm(WrapAlgorithm::FirstFit)
        .word_splitter(WordSplitter::NoHyphenation);
    wrap(&text, options).into_iter().map(Cow::into_owned).collect()
}

fn printable(letter: char) -> char {
    if letter.is_control() { ' ' } else { letter }
}
