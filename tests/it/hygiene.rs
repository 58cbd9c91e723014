//! Workers that make way for fresh ones between tests.

use crate::support::Project;

#[test]
fn a_worker_makes_way_after_so_many_tests_and_nothing_is_lost() {
    for dist in ["stream", "load", "worksteal"] {
        let project = Project::new(&[(
            "test_it.py",
            "import os, pytest\n@pytest.mark.parametrize('n', range(60))\n\
             def test_it(n): open(f'pid-{os.getpid()}', 'a').close()\n",
        )]);
        project.write("callsheet.toml", "recycle_after = 10\nmax_worker_restart = 0\n");
        project.run(&["-n", "2", "--dist", dist]).assert(0, "60 passed");
        let names = std::fs::read_dir(project.path()).unwrap();
        let pids = names.filter(|name| {
            name.as_ref().is_ok_and(|name| name.file_name().to_string_lossy().starts_with("pid-"))
        });
        assert!(pids.count() > 2, "no worker made way under {dist}");
    }
}
