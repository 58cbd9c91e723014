//! The faults of other distributed runners that are none of ours. Each test is named as the sentence that it proves.

mod collection;
mod deaths;
mod refusals;
mod scopes;
mod stops;

use crate::support::Project;

/// Notes each test that begins, in `ran`, one id a line.
const NOTES: (&str, &str) = (
    "conftest.py",
    "def pytest_runtest_logstart(nodeid):\n    open('ran', 'a').write(nodeid + '\\n')\n",
);

/// The ids that began, sorted.
fn began(project: &Project) -> Vec<String> {
    let mut ids: Vec<String> = project.read("ran").lines().map(str::to_owned).collect();
    ids.sort_unstable();
    ids
}
