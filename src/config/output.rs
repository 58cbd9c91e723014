//! Where results are written to.

use std::path::PathBuf;

use super::Environment;
use super::resolve::Resolved;
use super::settings::Setting;

/// What stands for standard output.
const STDOUT: &str = "-";

/// Files that the results of a run are written to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OutputFiles {
    /// `JUnit` XML.
    pub junit: Option<PathBuf>,

    /// Whether pytest's cache is told which tests failed, for `--lf`. The command does; a program that embeds callsheet sets it
    /// if it wants that.
    pub last_failed: bool,

    /// What happens, as JSON lines.
    pub events: Option<PathBuf>,

    /// Whether the lines of events go to standard output, which is for the program to serve
    /// ([`Run::events`](crate::Run::events)).
    pub events_to_stdout: bool,

    /// A file that a summary is added to in Markdown (`GITHUB_STEP_SUMMARY`).
    pub step_summary: Option<PathBuf>,

    /// Whether failures are told as annotations of GitHub Actions, which is for the program to serve
    /// ([`Run::annotations`](crate::Run::annotations)).
    pub annotations: bool,

    /// What stands there before the name of a file: the directory of the run in the repository, with a `/` at its end.
    pub annotations_prefix: String,
}

pub(super) fn files(resolved: &Resolved, environment: &Environment) -> OutputFiles {
    let settings = &resolved.settings;
    let path = |setting: &Setting<String>| {
        let named = !setting.value.is_empty();
        named.then(|| resolved.base(&setting.origin()).join(&setting.value))
    };
    let to_stdout = settings.events.value == STDOUT;
    let on_github = environment.get("GITHUB_ACTIONS") == Some("true");
    let summary = environment.get("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty());
    let below = environment.get("GITHUB_WORKSPACE").and_then(|workspace| {
        let below = resolved.cwd.strip_prefix(workspace).ok()?.to_str()?;
        (!below.is_empty()).then(|| format!("{below}/"))
    });
    OutputFiles {
        annotations_prefix: below.unwrap_or_default(),
        last_failed: true,
        junit: path(&settings.junit),
        events: path(&settings.events).filter(|_| !to_stdout),
        events_to_stdout: to_stdout,
        step_summary: summary.filter(|_| on_github).map(|path| resolved.cwd.join(path)),
        annotations: on_github,
    }
}
