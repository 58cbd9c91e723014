//! Released plugins of pytest, each with the behaviour that people use it for.

mod coverage;
mod order;
mod reruns;
mod xdist;

use super::support::Project;

pub(crate) use coverage::covered;

/// All plugins in one environment; the two that shuffle or wrap every test are switched on by the tests that want them.
const PLUGINS: [&str; 8] = [
    "pytest==9.2.0",
    "pytest-cov==7.1.0",
    "pytest-randomly==5.1.0",
    "pytest-rerunfailures==16.7",
    "pytest-timeout==2.4.0",
    "pytest-mock==3.17.0",
    "pytest-asyncio==1.5.0",
    "hypothesis==6.170.15",
];

/// A project beside all plugins, its order that of its files.
pub(crate) fn with_plugins(files: &[(&str, &str)]) -> Project {
    let project = Project::with(&PLUGINS, files);
    project.write(
        "pytest.ini",
        "[pytest]\naddopts = -p no:randomly\nasyncio_default_fixture_loop_scope = function\n",
    );
    project
}

#[test]
fn mock_asyncio_and_hypothesis_work_in_a_worker() {
    let project = with_plugins(&[(
        "test_a.py",
        "import asyncio, os, pytest\n\
         from hypothesis import given, strategies\n\
         def test_mock(mocker):\n\
         \x20   mocker.patch('os.getcwd', return_value='there')\n\
         \x20   assert os.getcwd() == 'there'\n\
         def test_mock_is_undone(): assert os.getcwd() != 'there'\n\
         @pytest.fixture\n\
         async def answer():\n\
         \x20   await asyncio.sleep(0)\n\
         \x20   yield 42\n\
         @pytest.mark.asyncio\n\
         async def test_awaits(): await asyncio.sleep(0)\n\
         @pytest.mark.asyncio\n\
         async def test_fails(): assert await asyncio.sleep(0, 1) == 2\n\
         @given(strategies.integers())\n\
         def test_given(x): assert isinstance(x, int)\n\
         @given(strategies.integers())\n\
         def test_falsified(x): assert x < 10\n",
    )]);
    let plain = project.run_python(&["-m", "pytest"]);
    plain.assert(1, "2 failed, 4 passed");
    for dist in ["load", "loadfile"] {
        let told = project.run(&["-n", "2", "--dist", dist]);
        told.assert(1, plain.counts()).says("x=10").says("E   assert 1 == 2");
        assert_eq!(told.ids("FAILED"), plain.ids("FAILED"), "{told}");
    }
}

/// One of each outcome that every supported pytest knows.
const OUTCOMES: &str = "import pytest, warnings\n\
    @pytest.fixture\n\
    def broken(): raise OSError('set-up')\n\
    @pytest.fixture\n\
    def leaves_badly():\n\
    \x20   yield\n\
    \x20   raise OSError('teardown')\n\
    def test_passes(tmp_path): (tmp_path / 'a').write_text('b')\n\
    def test_fails():\n\
    \x20   print('said before')\n\
    \x20   assert {'a': 1} == {'a': 2}\n\
    def test_error(broken): pass\n\
    def test_two(leaves_badly): pass\n\
    @pytest.mark.skip(reason='not today')\n\
    def test_skips(): pass\n\
    @pytest.mark.xfail\n\
    def test_xfails(): assert 0\n\
    @pytest.mark.xfail\n\
    def test_xpasses(): pass\n\
    @pytest.mark.xfail(strict=True)\n\
    def test_strict(): pass\n\
    @pytest.mark.parametrize('x', [1, 2, 3])\n\
    def test_warns(x): warnings.warn('look')\n\
    def test_left_out(): pass\n\
    class TestClass:\n\
    \x20   def test_method(self, caplog): assert not caplog.records\n";

fn equals_plain(pytest: &str) {
    let project = Project::with(&[pytest], &[("test_a.py", OUTCOMES), ("test_b.py", OUTCOMES)]);
    let select = ["-k", "not left_out"];
    let plain = project.run_python(&["-m", "pytest", select[0], select[1]]);
    plain.assert(
        1,
        "4 failed, 12 passed, 2 skipped, 2 deselected, 2 xfailed, 2 xpassed, 6 warnings, 4 errors",
    );
    let told = project.run(&["-n", "2", "-v", select[0], select[1]]);
    told.assert(1, plain.counts()).says("Captured stdout call").says("Differing items:");
    told.says(&pytest.replace("==", " "));
    for word in ["FAILED", "ERROR"] {
        let ids = |told: &super::support::Told| {
            told.ids(word).into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(ids(&told), ids(&plain), "{plain}\n{told}");
    }
}

#[test]
fn pytest_7_0_gives_the_results_of_plain_pytest() {
    equals_plain("pytest==7.0.1");
}

#[test]
fn pytest_8_4_gives_the_results_of_plain_pytest() {
    equals_plain("pytest==8.4.2");
}
