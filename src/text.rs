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

/// The first of some names, and how many there are more.
pub fn few(names: &[&str], most: usize) -> String {
    let named = names.iter().take(most).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(most) {
        0 => named,
        more => format!("{named} and {more} more"),
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

/// Text for a terminal, broken between words; what goes on in the next row is set in. Escape sequences
/// take no columns, and a word that is wider than the terminal stays whole, so that it can be copied.
pub fn set_in(text: &str, width: usize) -> String {
    let one = |line: &str| {
        let lead = line.len() - line.trim_start_matches(' ').len();
        let indent = format!("{}{INDENT}", " ".repeat(lead.min(width / 2)));
        let options = Options::new(width)
            .subsequent_indent(&indent)
            .wrap_algorithm(WrapAlgorithm::FirstFit)
            .word_splitter(WordSplitter::NoHyphenation)
            .break_words(false);
        wrap(line, options).join("\n")
    };
    text.split('\n').map(one).collect::<Vec<_>>().join("\n")
}

fn printable(letter: char) -> char {
    if letter.is_control() { ' ' } else { letter }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_between_words_and_set_in() {
        let text = "\u{1b}[31merror:\u{1b}[0m it is broken\n  detail of arn:aws:iam::1:role/a-long-one x\n\nend";
        let set = "\u{1b}[31merror:\u{1b}[0m it is\n    broken\n  detail of\n      arn:aws:iam::1:role/a-long-one\n      \
                   x\n\nend";
        assert_eq!(set_in(text, 14), set);
        assert_eq!(set_in(text, 80), text);
    }
}
