//! The allocation that a run takes place in, as the command has it: asked for before the run.

use std::io::{self, Write};

use callsheet::config::Config;
use callsheet::launch::Allocation;

use super::error::CliError;
use super::output;

/// Asks for the allocation that the configuration speaks of, while people are told what it waits for. Signals end the command
/// now, as there is nothing to account for, and with it the request.
pub(super) fn obtain(config: &mut Config) -> Result<Option<Allocation>, CliError> {
    let is_for_programs = config.outputs.events_to_stdout;
    let told = |step: String| {
        let line = format!("slurm: {step}\n");
        // Who can not be told of it will see what comes of it.
        if is_for_programs {
            let _ = io::stderr().write_all(line.as_bytes());
        } else {
            let _ = output::write_stdout(line.as_bytes());
        }
    };
    let allocation = config.allocate(told)?;
    if let Some(allocation) = &allocation {
        let names: Vec<&str> = allocation.nodes.iter().map(|node| &*node.name).collect();
        let left = allocation.left.map_or_else(String::new, |left| {
            format!(", {} left", humantime::format_duration(left))
        });
        told(format!("job {} on {}{left}", allocation.job, names.join(", ")));
    }
    Ok(allocation)
}
