//! Any command that gives a process with stdin and stdout which speaks as an agent.

use tokio::process::Command;

/// The command of these words; there is one at least.
pub(super) fn command(words: &[String]) -> Command {
    let (program, arguments) = words.split_first().expect("a command has a first word");
    let mut command = Command::new(program);
    command.args(arguments);
    command
}
