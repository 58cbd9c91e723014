//! `RunEvent`s in, bytes out: everything that people and machines read. No actor, no process.

/// How people are shown a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TerminalOptions {
    /// Whether escape sequences for colour are written.
    pub color: bool,

    /// Whether the output is a terminal on which lines can be rewritten.
    pub live: bool,

    /// The width of the terminal, in columns.
    pub columns: u16,

    /// `-v` counts up, `-q` counts down.
    pub verbosity: i32,

    /// Show output of workers as it comes, each line under its worker's name (`-s`).
    pub live_output: bool,

    /// How many of the slowest tests the summary lists.
    pub slowest: usize,
}
