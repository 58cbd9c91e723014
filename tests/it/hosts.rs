//! Runs on other machines: reached by ssh and by any command, and what becomes of a run when they fail.

mod cluster;
mod doors;
mod drills;
mod exec;
mod lost;
mod machines;
mod slurm;
mod ssh;
mod sync;

use crate::support::{Project, Told};

/// The counts of [`suite`].
const COUNTS: &str = "6 failed, 60 passed, 6 skipped, 6 xfailed, 6 errors";

/// Tests of each kind in six files, whose results depend on no order and no place.
fn suite() -> Project {
    let text = "import pytest\n\n\
        @pytest.mark.parametrize('n', range(10))\ndef test_passes(n): print('out', n)\n\n\
        def test_fails(): assert 1 == 2\n\n\
        @pytest.mark.skip(reason='not here')\ndef test_skipped(): pass\n\n\
        @pytest.mark.xfail\ndef test_xfails(): assert 0\n\n\
        @pytest.fixture\ndef broken(): raise OSError('no server')\n\
        def test_error(broken): pass\n";
    let names: Vec<String> = (0..6).map(|number| format!("test_{number}.py")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (&**name, text)).collect();
    Project::new(&files)
}

/// Asserts what holds after every drill: the run ends, and each test has one terminal state, the one that it has where the same
/// suite runs on this machine alone with these variables and nothing fails; so are the exit code and the counts.
fn as_alone(told: Told, project: &Project, variables: &[(&str, &str)]) -> Told {
    let alone = project.run_with(variables, &["-n", "2"]);
    assert!(!alone.ends.is_empty(), "{alone}");
    assert_eq!(told.ends, alone.ends, "{told}");
    told.assert(alone.code.unwrap(), alone.counts());
    told
}

/// The same where a drill takes so much away that not all can be run: what was run has the terminal state that it has alone, and
/// what was not is told, in the exit code too.
fn part_of_alone(told: Told, code: i32, project: &Project, variables: &[(&str, &str)]) -> Told {
    assert_eq!(told.code, Some(code), "{told}");
    let alone = project.run_with(variables, &["-n", "2"]);
    let mut rest = alone.ends.iter();
    for (test, state) in &told.ends {
        // Both are sorted.
        let own = rest.find(|(own, _)| own == test);
        let own = own.unwrap_or_else(|| panic!("{test} is not there, or twice: {told}"));
        assert!(*state == own.1 || state == "not-run", "{test} {state}: {told}");
    }
    let passed = |ends: &[(String, String)]| ends.iter().filter(|end| end.1 == "passed").count();
    assert!(passed(&told.ends) < passed(&alone.ends), "{told}");
    told
}
