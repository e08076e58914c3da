//! The `ecsup` command.

fn main() {}
