//! Projects that were written for xdist run as they are, with xdist installed and without.

use super::super::support::Project;

const FILES: [(&str, &str); 3] = [
    (
        "conftest.py",
        "import pytest\n\
         def pytest_xdist_auto_num_workers(config): return 3\n\
         def pytest_xdist_make_scheduler(config, log): raise AssertionError('the tests of a worker are not scheduled')\n\
         @pytest.fixture\n\
         def is_worker(request):\n\
         \x20   xdist = pytest.importorskip('xdist')\n\
         \x20   assert xdist.get_xdist_worker_id(request) == request.config.workerinput['workerid']\n\
         \x20   return xdist.is_xdist_worker(request) and not xdist.is_xdist_controller(request)\n",
    ),
    ("pytest.ini", "[pytest]\naddopts = -n 4 --dist loadfile --maxprocesses=4 -p xdist\n"),
    (
        "test_a.py",
        "import os, pytest\n\
         @pytest.mark.xdist_group('one')\n\
         def test_worker(worker_id, testrun_uid, request):\n\
         \x20   assert worker_id == os.environ['PYTEST_XDIST_WORKER']\n\
         \x20   assert testrun_uid == os.environ['PYTEST_XDIST_TESTRUNUID']\n\
         \x20   assert request.config.workerinput['workercount'] == 2\n\
         def test_xdist(is_worker): assert is_worker\n\
         def test_b(): pass\ndef test_c(): pass\n",
    ),
];

#[test]
fn a_project_of_xdist_runs_with_xdist_beside_us() {
    let project = Project::with(&["pytest==9.2.0", "pytest-xdist==3.8.0"], &FILES);
    let told = project.run(&["-n", "2"]);
    told.assert(0, "4 passed").is_silent_on("gw3");
    project.run(&["-n", "2", "--dist", "loadgroup"]).assert(0, "4 passed");
    project.run(&["-n", "2", "--", "--strict-markers"]).assert(0, "4 passed");
}

#[test]
fn a_project_of_xdist_runs_without_xdist() {
    let files: Vec<(&str, &str)> = FILES
        .iter()
        .map(|&(name, text)| {
            let ini = "[pytest]\naddopts = -n 4 --dist loadfile --maxprocesses=4\n";
            (name, if name == "pytest.ini" { ini } else { text })
        })
        .collect();
    let project = Project::new(&files);
    let told = project.run(&["-n", "2"]);
    told.assert(0, "3 passed, 1 skipped").is_silent_on("gw3");
    project.run(&["-n", "2", "--", "--strict-markers"]).assert(0, "3 passed, 1 skipped");
}
