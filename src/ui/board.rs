//! A board on a terminal: some lines that are drawn again in their place whenever they change. What is wider
//! than the terminal is cut off, and so are lines for which it is too low: the first ones matter most.

use std::io::Write;

use anstream::ColorChoice;
use console::{Term, measure_text_width, truncate_str};

use crate::text::set_in;

/// The lines on the terminal.
pub struct Board {
    target: Box<dyn Write>,
    /// Columns and rows of the terminal.
    size: Box<dyn Fn() -> (usize, usize)>,
    has_colours: bool,
    /// What stands there; the cursor is at its end.
    drawn: Vec<String>,
}

impl Board {
    /// Begins on stdout, with nothing.
    pub fn on_stdout() -> Self {
        let colours = anstream::AutoStream::choice(&std::io::stdout());
        Self::on(std::io::stdout(), || columns_and_rows(&Term::stdout()), colours)
    }

    /// Begins on stderr, with nothing.
    pub(super) fn on_stderr() -> Self {
        let colours = anstream::AutoStream::choice(&std::io::stderr());
        Self::on(std::io::stderr(), || columns_and_rows(&Term::stderr()), colours)
    }

    fn on(
        target: impl Write + 'static,
        size: impl Fn() -> (usize, usize) + 'static,
        colours: ColorChoice,
    ) -> Self {
        Self {
            target: Box::new(target),
            size: Box::new(size),
            has_colours: colours != ColorChoice::Never,
            drawn: Vec::new(),
        }
    }

    /// Columns and rows of the terminal.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.size)()
    }

    /// Shows these lines in the place of those before.
    pub fn show(&mut self, lines: &[String]) {
        let lines = self.cut(lines);
        if lines != self.drawn {
            self.draw("", lines);
        }
    }

    /// Whether it shows nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.drawn.is_empty()
    }

    /// Writes a line above.
    pub(super) fn print(&mut self, line: &str) {
        let above = set_in(&self.coloured(line), self.size().0).replace('\n', "\r\n") + "\r\n";
        let lines = self.cut(&self.drawn);
        self.draw(&above, lines);
    }

    /// Forgets what it shows: somebody else has written below it.
    pub(super) fn forget(&mut self) {
        self.drawn.clear();
    }

    /// Leaves what is shown where it is, and goes to the next line.
    pub fn leave(mut self) {
        if !self.drawn.is_empty() {
            self.write("\r\n");
        }
    }

    fn coloured(&self, text: &str) -> String {
        let text = super::legible(text);
        match self.has_colours {
            true => text.into_owned(),
            false => anstream::adapter::strip_str(&text).to_string(),
        }
    }

    fn cut(&self, lines: &[String]) -> Vec<String> {
        let (columns, rows) = self.size();
        let cut = |line: &String| truncate_str(&self.coloured(line), columns, "").into_owned();
        lines.iter().take(rows).map(cut).collect()
    }

    /// Takes down what stands there, and writes something above the new lines.
    fn draw(&mut self, above: &str, lines: Vec<String>) {
        // In a terminal that has become narrower since, a line goes on in the next row.
        let columns = self.size().0.max(1);
        let rows = |line: &String| measure_text_width(line).div_ceil(columns).max(1);
        let back = match self.drawn.iter().map(rows).sum::<usize>() {
            0 => String::new(),
            1 => "\r\x1b[J".to_owned(),
            rows => format!("\r\x1b[{}A\x1b[J", rows - 1),
        };
        self.write(&format!("{back}{above}{}", lines.join("\r\n")));
        self.drawn = lines;
    }

    /// In one go, so that nobody sees what is half drawn. A terminal that has gone away does not matter to
    /// what is being done.
    fn write(&mut self, text: &str) {
        let _gone = self.target.write_all(text.as_bytes()).and_then(|()| self.target.flush());
    }
}

/// The size of a terminal.
pub(super) fn columns_and_rows(terminal: &Term) -> (usize, usize) {
    let (rows, columns) = terminal.size();
    (columns.into(), rows.into())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use vt100::Parser;

    use super::*;

    /// A terminal, as an emulator knows it.
    #[derive(Clone)]
    pub struct Terminal(Rc<RefCell<Parser>>);

    impl Terminal {
        /// One of so many columns and rows.
        pub fn new(width: u16, height: u16) -> Self {
            Self(Rc::new(RefCell::new(Parser::new(height, width, 0))))
        }

        /// A board on it.
        pub fn board(&self) -> Board {
            let parser = Rc::clone(&self.0);
            let size = move || {
                let (rows, columns) = parser.borrow().screen().size();
                (columns.into(), rows.into())
            };
            Board::on(self.clone(), size, ColorChoice::Always)
        }

        /// What stands on it.
        pub fn text(&self) -> String {
            let text = self.0.borrow().screen().contents();
            let rows: Vec<_> = text.trim_end().lines().map(str::trim_end).collect();
            rows.join("\n")
        }

        fn resize(&self, width: u16, height: u16) {
            self.0.borrow_mut().screen_mut().set_size(height, width);
        }
    }

    impl Write for Terminal {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.borrow_mut().process(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn lines(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn lines_are_drawn_in_their_place_and_cut() {
        let terminal = Terminal::new(12, 4);
        let mut board = terminal.board();
        board.show(&lines(&["one", "\x1b[31ma line too long\x1b[0m", "three"]));
        assert_eq!(terminal.text(), "one\na line too l\nthree");
        board.show(&lines(&["first", "short"]));
        assert_eq!(terminal.text(), "first\nshort");
        board.show(&lines(&["1", "2", "3", "4", "5", "6"]));
        assert_eq!(terminal.text(), "1\n2\n3\n4", "the first ones matter most");
        board.show(&lines(&["1", "2"]));
        assert_eq!(terminal.text(), "1\n2");
        board.show(&[]);
        assert_eq!(terminal.text(), "");
    }

    #[test]
    fn what_is_written_above_stays_and_scrolls() {
        let terminal = Terminal::new(12, 4);
        let mut board = terminal.board();
        board.show(&lines(&["a", "b"]));
        board.print("done 1");
        assert_eq!(terminal.text(), "done 1\na\nb");
        board.print("a longer line");
        assert_eq!(terminal.text(), "a longer\n    line\na\nb");
        board.show(&lines(&["c"]));
        board.leave();
        let mut other = terminal.clone();
        other.write_all(b"$").unwrap();
        assert_eq!(terminal.text(), "a longer\n    line\nc\n$");
    }

    #[test]
    fn a_board_fits_a_terminal_that_has_changed() {
        let terminal = Terminal::new(20, 6);
        let mut board = terminal.board();
        board.show(&lines(&["twenty columns wide!", "b"]));
        terminal.resize(8, 3);
        board.print("x");
        assert_eq!(terminal.text(), "x\ntwenty c\nb");
        terminal.resize(20, 6);
        board.show(&lines(&["twenty columns wide!", "b"]));
        assert_eq!(terminal.text(), "x\ntwenty columns wide!\nb");
    }

    #[test]
    fn what_stands_already_is_not_drawn_again() {
        let terminal = Terminal::new(20, 6);
        let mut board = terminal.board();
        board.show(&lines(&["a"]));
        terminal.0.borrow_mut().process(b"?");
        board.show(&lines(&["a"]));
        assert_eq!(terminal.text(), "a?");
    }
}
