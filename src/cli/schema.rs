//! `ecsup schema`: the JSON schema of the manifest, for editors. Asks nobody.

use super::Done;
use crate::ui::Screen;
use crate::wish;

/// Runs the command.
pub fn schema(screen: &Screen) -> Done {
    screen.out(&text());
    Done::Done
}

/// The schema as text.
pub fn text() -> String {
    format!("{:#}", wish::schema())
}
