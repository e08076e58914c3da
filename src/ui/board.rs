//! A board on a terminal: some lines that are drawn again in their place whenever they change. What is wider
//! than the terminal is cut off, and so are lines for which it is too low: the first ones matter most.

use anstream::ColorChoice;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The lines on the terminal.
pub struct Board {
    all: MultiProgress,
    lines: Vec<ProgressBar>,
    has_colours: bool,
    style: ProgressStyle,
}

impl Board {
    /// Begins on stdout, with nothing.
    pub fn new() -> Self {
        let colours = anstream::AutoStream::choice(&std::io::stdout());
        Self::on(ProgressDrawTarget::stdout(), colours)
    }

    /// Begins somewhere.
    pub(super) fn on(target: ProgressDrawTarget, colours: ColorChoice) -> Self {
        let style = ProgressStyle::with_template("{wide_msg}");
        Self {
            all: MultiProgress::with_draw_target(target),
            lines: Vec::new(),
            has_colours: colours != ColorChoice::Never,
            style: style.unwrap_or_else(|_| ProgressStyle::default_spinner()),
        }
    }

    /// Shows these lines in the place of those before.
    pub fn show(&mut self, lines: &[String]) {
        while self.lines.len() > lines.len() {
            if let Some(line) = self.lines.pop() {
                self.all.remove(&line);
            }
        }
        while self.lines.len() < lines.len() {
            let line = ProgressBar::no_length().with_style(self.style.clone());
            self.lines.push(self.all.add(line));
        }
        for (line, text) in self.lines.iter().zip(lines) {
            line.set_message(self.coloured(text));
        }
        match self.lines.last() {
            // Whatever was drawn before too many changes came at once.
            Some(last) => last.force_draw(),
            None => {
                let _gone = self.all.clear();
            }
        }
    }

    /// Whether it shows nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Writes a line above.
    pub(super) fn print(&self, line: &str) {
        let _gone = self.all.println(self.coloured(line));
    }

    fn coloured(&self, text: &str) -> String {
        let text = super::legible(text);
        match self.has_colours {
            true => text.into_owned(),
            false => anstream::adapter::strip_str(&text).to_string(),
        }
    }

    /// Leaves what is shown where it is.
    pub(super) fn abandon(self) {
        self.all.set_draw_target(ProgressDrawTarget::hidden());
        self.lines.iter().for_each(ProgressBar::abandon);
    }

    /// Leaves what is shown where it is, and goes to the next line.
    pub fn leave(self) {
        self.lines.iter().for_each(ProgressBar::abandon);
        let _gone = self.all.println("");
    }
}

impl Default for Board {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::{Arc, Mutex};

    use indicatif::TermLike;

    use super::*;

    /// What stands on a terminal, and where its cursor is.
    #[derive(Debug)]
    struct Face {
        rows: Vec<Vec<char>>,
        row: usize,
        column: usize,
    }

    /// A terminal of this size, as far as a board needs one.
    #[derive(Debug, Clone)]
    pub struct Terminal {
        width: usize,
        height: usize,
        face: Arc<Mutex<Face>>,
    }

    impl Terminal {
        pub fn new(width: usize, height: usize) -> Self {
            let face = Face { rows: vec![Vec::new(); height], row: 0, column: 0 };
            Self { width, height, face: Arc::new(Mutex::new(face)) }
        }

        /// A board on it.
        pub fn board(&self) -> Board {
            Board::on(ProgressDrawTarget::term_like(Box::new(self.clone())), ColorChoice::Always)
        }

        /// What stands on it.
        pub fn text(&self) -> String {
            let face = self.face.lock().unwrap();
            let rows =
                face.rows.iter().map(|row| row.iter().collect::<String>().trim_end().to_owned());
            rows.collect::<Vec<_>>().join("\n").trim_end().to_owned()
        }

        fn new_line(&self, face: &mut Face) {
            face.column = 0;
            face.row += 1;
            if face.row == self.height {
                face.rows.remove(0);
                face.rows.push(Vec::new());
                face.row -= 1;
            }
        }
    }

    impl TermLike for Terminal {
        fn width(&self) -> u16 {
            u16::try_from(self.width).unwrap()
        }

        fn height(&self) -> u16 {
            u16::try_from(self.height).unwrap()
        }

        fn move_cursor_up(&self, n: usize) -> std::io::Result<()> {
            let mut face = self.face.lock().unwrap();
            face.row = face.row.saturating_sub(n);
            Ok(())
        }

        fn move_cursor_down(&self, n: usize) -> std::io::Result<()> {
            let mut face = self.face.lock().unwrap();
            face.row = (face.row + n).min(self.height - 1);
            Ok(())
        }

        fn move_cursor_right(&self, _n: usize) -> std::io::Result<()> {
            unreachable!("a board does not move sideways")
        }

        fn move_cursor_left(&self, _n: usize) -> std::io::Result<()> {
            unreachable!("a board does not move sideways")
        }

        fn write_line(&self, text: &str) -> std::io::Result<()> {
            self.write_str(text)?;
            self.write_str("\n")
        }

        fn write_str(&self, text: &str) -> std::io::Result<()> {
            let text = anstream::adapter::strip_str(text).to_string();
            let mut face = self.face.lock().unwrap();
            for it in text.chars() {
                match it {
                    '\r' => face.column = 0,
                    '\n' => self.new_line(&mut face),
                    _ => {
                        if face.column == self.width {
                            self.new_line(&mut face);
                        }
                        let Face { rows, row, column } = &mut *face;
                        let row = &mut rows[*row];
                        row.resize(row.len().max(*column + 1), ' ');
                        row[*column] = it;
                        *column += 1;
                    }
                }
            }
            Ok(())
        }

        fn clear_line(&self) -> std::io::Result<()> {
            let mut face = self.face.lock().unwrap();
            let row = face.row;
            face.rows[row].clear();
            face.column = 0;
            Ok(())
        }

        fn flush(&self) -> std::io::Result<()> {
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
        board.show(&lines(&["one", "a line too long", "three"]));
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
}
