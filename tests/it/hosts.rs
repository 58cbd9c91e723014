//! Runs on other machines: reached by ssh and by any command, and what becomes of a run when they fail.

mod cluster;
mod doors;
mod drills;
mod exec;
mod machines;
mod slurm;
mod ssh;

use crate::support::Project;

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
