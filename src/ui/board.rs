//! A board on a terminal: some lines that are drawn again in their place whenever they change. What is wider
//! than the terminal is cut off, and so are lines for which it is too low: the first ones matter most.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The lines on the terminal.
pub struct Board {
    all: MultiProgress,
    lines: Vec<ProgressBar>,
    style: ProgressStyle,
}

impl Board {
    /// Begins on stdout, with nothing.
    pub fn new() -> Self {
        Self::on(ProgressDrawTarget::stdout())
    }

    fn on(target: ProgressDrawTarget) -> Self {
        let style = ProgressStyle::with_template("{wide_msg}");
        Self {
            all: MultiProgress::with_draw_target(target),
            lines: Vec::new(),
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
            line.set_message(text.clone());
        }
        // Whatever was drawn before too many changes came at once.
        if let Some(last) = self.lines.last() {
            last.force_draw();
        }
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

    /// A terminal of this size, as far as a board needs one.
    #[derive(Debug, Clone)]
    pub struct Terminal {
        width: usize,
        height: usize,
        /// The rows, and where the cursor is.
        state: Arc<Mutex<(Vec<Vec<char>>, usize, usize)>>,
    }

    impl Terminal {
        pub fn new(width: usize, height: usize) -> Self {
            let state = Arc::new(Mutex::new((vec![Vec::new(); height], 0, 0)));
            Self { width, height, state }
        }

        /// A board on it.
        pub fn board(&self) -> Board {
            Board::on(ProgressDrawTarget::term_like(Box::new(self.clone())))
        }

        /// What stands on it.
        pub fn text(&self) -> String {
            let rows = &self.state.lock().unwrap().0;
            let rows = rows.iter().map(|row| row.iter().collect::<String>().trim_end().to_owned());
            rows.collect::<Vec<_>>().join("\n").trim_end().to_owned()
        }

        fn to(&self, row: impl Fn(usize) -> usize) -> std::io::Result<()> {
            let mut state = self.state.lock().unwrap();
            state.1 = row(state.1).min(self.height - 1);
            Ok(())
        }

        fn new_line(&self, state: &mut (Vec<Vec<char>>, usize, usize)) {
            state.2 = 0;
            state.1 += 1;
            if state.1 == self.height {
                state.0.remove(0);
                state.0.push(Vec::new());
                state.1 -= 1;
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
            self.to(|row| row.saturating_sub(n))
        }

        fn move_cursor_down(&self, n: usize) -> std::io::Result<()> {
            self.to(|row| row + n)
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
            let mut state = self.state.lock().unwrap();
            for it in text.chars() {
                match it {
                    '\r' => state.2 = 0,
                    '\n' => self.new_line(&mut state),
                    _ => {
                        if state.2 == self.width {
                            self.new_line(&mut state);
                        }
                        let (rows, row, column) = &mut *state;
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
            let mut state = self.state.lock().unwrap();
            let row = state.1;
            state.0[row].clear();
            state.2 = 0;
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
    }
}
