"""What the worker does in a cheaper way has the result that it has in pytest."""

import json

import pytest

VERSION = tuple(int(part) for part in pytest.__version__.split(".")[:2])

MIXED = """
    import functools, pytest, unittest, warnings
    def test_pass(): print("x")
    def test_fail(): assert 0
    @pytest.mark.skip(reason="why")
    def test_skip(): pass
    @pytest.mark.xfail
    def test_xfail(): assert 0
    @pytest.mark.xfail
    def test_xpass(): pass
    @pytest.fixture
    def broken(): 1 / 0
    def test_error(broken): pass
    @pytest.fixture
    def late():
        yield
        1 / 0
    def test_late(late): pass
    @pytest.mark.parametrize("x", [1, 2])
    def test_ids(x): warnings.warn("mind")
    class TestIn:
        def test_method(self): pass
        @staticmethod
        def test_static(): pass
        @classmethod
        def test_class(cls): pass
        class TestDeep:
            def test_method(self): pass
    class TestCase(unittest.TestCase):
        def test_case(self): pass
    def wrap(f):
        @functools.wraps(f)
        def inner(*a): return f(*a)
        return inner
    @wrap
    @wrap
    def test_wrapped(): pass
    test_partial = functools.partial(lambda x: None, 1)
    test_lambda = lambda: None
    from lib import test_elsewhere
    """

NOTES = """
    import json, pytest
    seen = []
    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(nodeid, location): seen.append([nodeid, location])
    def pytest_runtest_logfinish(nodeid, location): seen.append([nodeid])
    def pytest_runtest_logreport(report): seen.append([report.nodeid, report.when, report.location])
    def pytest_sessionfinish(session):
        reporter = session.config.pluginmanager.getplugin("terminalreporter")
        stats = {key: [getattr(each, "nodeid", "") for each in value] for key, value in reporter.stats.items()}
        progress = sorted(str(each) for each in reporter._progress_nodeids_reported)
        with open("notes.json", "w") as file: json.dump([seen, stats, progress], file)
    """


def test_hooks_places_and_statistics_are_plain_pytests(project):
    project.write(test_a=MIXED, lib="def test_elsewhere(): pass\n", sub__test_b=MIXED, sub__conftest="def pytest_runtest_setup(item): pass\n", conftest=NOTES)
    (project.root / "sub/lib.py").write_text("")
    (project.root / "sub/test_b.py").write_text((project.root / "sub/test_b.py").read_text().replace("from lib import test_elsewhere", ""))
    notes = project.root / "notes.json"
    project.plain("-p", "no:cacheprovider")
    plain = json.loads(notes.read_text())
    for setup in [{}] + ([{"stream": True}] if VERSION >= (8, 0) else []):
        notes.unlink()
        agent = project.agent(**setup)
        agent.stream_all() if setup else agent.run_all()
        seen, stats, progress = json.loads(notes.read_text())
        places = {event[0]: event for event in seen if len(event) == 2}
        assert places == {event[0]: event for event in plain[0] if len(event) == 2}
        key = json.dumps
        assert sorted(seen, key=key) == sorted(plain[0], key=key) if setup else seen == plain[0]
        assert {name: sorted(ids) for name, ids in stats.items()} == {name: sorted(ids) for name, ids in plain[1].items()}
        assert progress == plain[2]


LOUD = """
    import os, pytest, subprocess, sys
    @pytest.fixture
    def loud():
        os.write(2, b"low ")
        yield
        subprocess.run(["echo", "child"])
    def test_quiet(): assert 0
    def test_printed(loud):
        print("high", end=" ")
        assert 0
    def test_undone():
        print("gone", end="")
        sys.stdout.seek(0)
        sys.stdout.truncate()
        print("left", end="")
        assert 0
    def test_quiet_again(loud): assert 0
    """

SECTIONS = """
    seen = []
    def pytest_runtest_logreport(report):
        if report.when == "teardown": seen.append([report.nodeid, report.sections])
    def pytest_sessionfinish():
        import json
        with open("notes.json", "w") as file: json.dump(seen, file)
    """


@pytest.mark.parametrize("capture", ["fd", "sys", "tee-sys", "no"])
def test_what_is_captured_is_plain_pytests(project, capture):
    project.write(test_a=LOUD, conftest=SECTIONS)
    notes = project.root / "notes.json"
    project.plain("-p", "no:cacheprovider", "--capture=" + capture)
    plain = json.loads(notes.read_text())
    assert len(plain) == 4 and any(sections for _, sections in plain) == (capture != "no")
    notes.unlink()
    project.agent("--capture=" + capture).run_all()
    assert json.loads(notes.read_text()) == plain


def test_a_reporter_of_a_plugin_keeps_its_hooks(project):
    project.write(
        conftest="""
        import pytest
        from _pytest.terminal import TerminalReporter
        class Mine(TerminalReporter):
            def pytest_runtest_logreport(self, report):
                super().pytest_runtest_logreport(report)
                with open("told", "a") as file: file.write(report.when + " ")
        @pytest.hookimpl(trylast=True)
        def pytest_configure(config):
            old = config.pluginmanager.getplugin("terminalreporter")
            config.pluginmanager.unregister(old)
            config.pluginmanager.register(Mine(config), "terminalreporter")
        """,
        test_a="def test_a(): pass\n",
    )
    project.agent().run_all()
    assert (project.root / "told").read_text() == "setup call teardown "
