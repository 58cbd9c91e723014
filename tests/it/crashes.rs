//! Drills: a worker, its agent or its host program dies in every way; the account adds up all the same.

use crate::support::Project;

#[test]
fn a_segfault_is_a_crash_item_and_its_worker_is_cloned() {
    let project = Project::new(&[(
        "test_it.py",
        "import os, signal, pytest\n\
         @pytest.mark.parametrize('n', range(10))\n\
         def test_before(n): pass\n\
         def test_dies(): os.kill(os.getpid(), signal.SIGSEGV)\n\
         @pytest.mark.parametrize('n', range(10))\n\
         def test_after(n): pass\n",
    )]);
    let told = project.run(&["-n", "2"]);
    told.assert(1, "1 failed, 20 passed");
    assert_eq!(told.ids("FAILED"), ["test_it.py::test_dies"]);
    told.says("crashed while running 'test_it.py::test_dies'")
        .says("SIGSEGV")
        .says("replacing crashed worker");
}
