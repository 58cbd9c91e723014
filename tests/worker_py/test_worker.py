"""The worker keeps the protocol, and its session is plain pytest's."""

import os
import signal
import subprocess
import sys

import pytest
from told import counts, ends, kinds, plain_counts, reports

VERSION = tuple(int(part) for part in pytest.__version__.split(".")[:2])

MIXED = """
    import pytest, warnings
    def test_pass(): print("quiet")
    def test_fail():
        print("told")
        assert [1] == [2]
    @pytest.mark.skip(reason="why")
    def test_skip(): pass
    @pytest.mark.xfail(reason="known")
    def test_xfail(): assert 0
    @pytest.mark.xfail
    def test_xpass(): pass
    @pytest.mark.xfail(strict=True, reason="must")
    def test_strict(): pass
    @pytest.fixture
    def broken(): 1 / 0
    def test_error(broken): pass
    @pytest.fixture
    def late():
        yield
        print("going")
        1 / 0
    def test_late(late): pass
    def test_late_and_failed(late): assert 0
    @pytest.mark.parametrize("x", ["a::b", "é"])
    def test_ids(x): pass
    def test_warns(): warnings.warn("mind")
    """


def test_outcomes_and_counts_are_plain_pytests(project):
    project.write(test_a=MIXED)
    agent = project.agent()
    agent.run_all()
    assert agent.process.returncode == 0
    assert counts(agent) == plain_counts(project)
    found = ends(agent)
    assert [found["test_a.py::test_" + name] for name in ("pass", "fail", "skip", "xfail", "xpass", "strict", "error", "late")] == [
        "passed",
        "failed",
        "skipped",
        "xfailed",
        "xpassed",
        "failed",
        "error",
        "error",
    ]
    assert found["test_a.py::test_late_and_failed"] == "failed"
    finished = agent.log[-1]
    assert finished["t"] == "finished" and finished["exit_code"] == 1 and finished["conclude"] is None


def test_each_item_keeps_the_order(project):
    project.write(test_a=MIXED)
    agent = project.agent()
    events = agent.run_all()
    running = None
    for event in events:
        if event["t"] == "start":
            assert running is None
            running = event["i"]
        elif event["t"] in ("report", "ran"):
            assert event["i"] == running
        elif event["t"] == "end":
            assert event["i"] == running
            running = None
    assert running is None


def test_a_plain_pass_is_two_lines(project):
    project.write(test_a="def test_a(): print('x')\ndef test_b(): pass\n")
    agent = project.agent()
    assert kinds(agent.run_all()) == ["start", "end", "start", "end", "finished"]


def test_failure_text_is_pytests_own(project):
    project.write(test_a=MIXED)
    agent = project.agent()
    agent.run_all()
    plain = project.plain("-p", "no:cacheprovider").stdout
    for report in reports(agent):
        if report["failed"]:
            assert report["text"].strip("\n") in plain
            for title, text in report["sections"]:
                assert title in plain and text in plain
            if VERSION >= (7, 1):
                assert report["brief"] in plain
    failed = [report for report in reports(agent) if report["headline"] == "test_fail"][0]
    assert failed["sections"] == [["Captured stdout call", "told\n"]]
    assert failed["brief"] == "assert [1] == [2]"
    assert failed["location"] == "test_a.py:6"
    skip = [report for report in reports(agent) if report["headline"] == "test_skip"][0]
    assert (skip["word"], skip["brief"], skip["letter"]) == ("SKIPPED (why)", "why", "s")
    assert "SKIPPED [1] %s: why" % skip["location"] in project.plain("-rs", "-p", "no:cacheprovider").stdout


def test_options_shape_the_text(project):
    project.write(test_a=MIXED)
    agent = project.agent("--tb=line", "--show-capture=no", color=True)
    agent.run_all()
    report = reports(agent)[0]
    assert (report["headline"], report["sections"]) == ("", [])
    assert report["text"] in project.plain("--tb=line", "-p", "no:cacheprovider").stdout
    agent = project.agent("--tb=no")
    agent.run_all()
    assert {(report["headline"], report["text"]) for report in reports(agent) if report["failed"]} == {("", "")}
    agent = project.agent("-k", "test_fail", color=True)
    agent.run_all()
    assert "\x1b[" in reports(agent)[0]["text"]
    assert agent.log[-3]["t"] == "report"


def test_output_of_passing_tests_on_request(project):
    project.write(test_a="def test_a(): print('shown')\ndef test_b(): pass\n")
    agent = project.agent("-rP")
    agent.run_all()
    (report,) = reports(agent)
    assert report["category"] == "passed" and report["sections"] == [["Captured stdout call", "shown\n"]]
    assert "P" in agent.log[0]["summary_letters"]
    assert counts(agent) == {"passed": 2}


def test_output_of_a_teardown_follows_its_failure(project):
    project.write(
        test_a="""
        import pytest
        @pytest.fixture
        def f():
            yield
            print("swept")
        def test_a(f): assert 0
        def test_b(f): pass
        """
    )
    agent = project.agent()
    agent.run_all()
    call, teardown = reports(agent)
    assert (call["phase"], teardown["phase"], teardown["category"]) == ("call", "teardown", "")
    assert teardown["sections"] == [["Captured stdout teardown", "swept\n"]]


def test_the_introduction(project):
    project.ini("addopts = -x\n")
    project.write(
        conftest="""
        def pytest_report_header(): return ["first line", "second line"]
        def pytest_configure_node(node): pass
        def pytest_xdist_make_scheduler(config, log): pass
        """,
        test_a="def test_a(): assert 0\ndef test_b(): assert 0\n",
    )
    agent = project.agent("--junitxml=x.xml", "--lf").collect()
    agent.send(finish=True)
    agent.rest()
    ready = agent.log[0]
    assert ready["maxfail"] == 1 and ready["continue_on_collection_errors"] is False
    assert ready["framework"] == "pytest " + pytest.__version__
    assert ready["executable"] == sys.executable
    assert "first line" in ready["header"] and "second line" in ready["header"]
    assert any(line.startswith("rootdir: ") for line in ready["header"])
    assert "`pytest_configure_node` in conftest.py" in ready["unserved"]
    assert "`pytest_xdist_make_scheduler` in conftest.py" in ready["unserved"]
    assert any(name.startswith("`--junitxml`") for name in ready["unserved"])
    assert not any("last-failed" in name for name in ready["unserved"])
    assert ready["cache_dir"] == str(project.root / ".pytest_cache")
    assert not (project.root / "x.xml").exists()
    assert agent.text() == ""


def test_xdists_names(project, tmp_path_factory):
    base = tmp_path_factory.mktemp("base")
    project.ini("addopts = -n 4 --dist loadfile --maxprocesses 3 -d --tx popen --max-worker-restart=2 -p xdist\nlooponfailroots = x\n")
    project.write(
        conftest="""
        import pytest
        def pytest_configure(config):
            assert config.workerinput["workerid"] == "gw0"
        @pytest.hookimpl
        def pytest_testnodedown(node, error): pass
        def pytest_sessionfinish(session):
            session.config.workeroutput["mine"] = {1: b"x"}
        """,
        test_a="""
        import os, sys
        def test_names(worker_id, testrun_uid, request, tmp_path):
            config = request.config
            assert (worker_id, testrun_uid) == ("gw0", "run-1")
            assert config.workerinput["workercount"] == 2
            assert config.workerinput["mainargv"][0] == "callsheet"
            assert config.option.dist == "no" and config.option.numprocesses is None and config.option.tx == []
            assert not config.pluginmanager.hasplugin("xdist")
            assert tmp_path.parent.name == "popen-gw0"
            assert sys.argv == ["-c"]
            assert not [name for name in os.environ if name.startswith("CALLSHEET_") and name.endswith("_FD")]
            try:
                import xdist
            except ImportError:
                pass
            else:
                assert xdist.is_xdist_worker(request) and xdist.get_xdist_worker_id(request) == "gw0"
        """,
    )
    agent = project.agent(basetemp=str(base))
    agent.run_all()
    assert counts(agent) == {"passed": 1}, [r["text"] for r in reports(agent)]
    assert agent.log[-1]["output"]["mine"] == {"1": "b'x'"}


def test_sys_path_is_that_of_plain_pytest(project):
    project.write(sub__test_a="import json, sys\ndef test_a(): json.dump(sys.path, open('path', 'w'))\n")
    project.agent().run_all()
    found = (project.root / "path").read_text()
    script = os.path.join(os.path.dirname(sys.executable), "pytest")
    subprocess.run([script, "-q", "-p", "no:cacheprovider"], cwd=str(project.root), stdout=subprocess.DEVNULL, check=True)
    assert found == (project.root / "path").read_text()


def test_verbosity_adds_to_the_projects(project):
    project.ini("addopts = -v\n")
    project.write(test_a="def test_a(request): assert request.config.option.verbose == 3\n")
    agent = project.agent(verbosity=2)
    agent.run_all()
    assert counts(agent) == {"passed": 1}


def test_live_output_is_not_captured(project):
    project.write(test_a="def test_a(): print('here')\n")
    agent = project.agent(live_output=True)
    agent.run_all()
    assert "here" in agent.text()


@pytest.mark.parametrize("args", [["-p", "no:terminal"], ["-p", "no:cacheprovider"], ["-q"], ["-vv"], ["-p", "no:logging"]])
def test_plugins_left_out_are_no_matter(project, args):
    project.write(test_a="def test_a(): pass\ndef test_b(): assert 0\n")
    agent = project.agent(*args)
    agent.run_all()
    assert counts(agent) == {"passed": 1, "failed": 1}


@pytest.mark.skipif(VERSION < (9, 0), reason="pytest 9 brought subtests")
@pytest.mark.parametrize("args", [[], ["-v"]])
def test_subtests_are_counted_as_in_plain_pytest(project, args):
    project.write(
        test_a="""
        import pytest
        def test_a(subtests):
            for i in range(4):
                with subtests.test(i=i):
                    if i == 2: pytest.skip("two")
                    assert i != 3
        def test_b(subtests):
            with subtests.test("m"): pass
        """
    )
    agent = project.agent(*args)
    agent.run_all()
    assert counts(agent) == plain_counts(project, *args)
    assert ends(agent) == {"test_a.py::test_a": "failed", "test_a.py::test_b": "passed"}


def test_the_mark_tells_the_phase(project):
    project.write(
        test_a="""
        import os, pytest, signal
        @pytest.fixture
        def f():
            yield
            os.kill(os.getpid(), signal.SIGKILL)
        def test_a(f): pass
        """
    )
    agent = project.agent()
    agent.run_all()
    agent.mark.seek(0)
    assert agent.mark.read(1) == b"\x03"
    assert agent.process.returncode == -signal.SIGKILL


def test_long_output_is_cut(project):
    project.write(test_a="def test_a():\n    print('x' * 3000000)\n    assert 0\n")
    agent = project.agent()
    agent.run_all()
    ((_, text),) = reports(agent)[0]["sections"]
    assert len(text) < 1100000 and "characters left out" in text


def test_strange_text_does_not_break_a_line(project):
    project.write(test_a="def test_a():\n    assert 0, 'a\\udc80b\\0c\\u2028'\n")
    agent = project.agent()
    agent.run_all()
    assert "a?b" in reports(agent)[0]["brief"] or "udc80" in reports(agent)[0]["brief"]


def test_a_session_inside_a_test_is_left_alone(project):
    project.write(
        conftest="pytest_plugins = ['pytester']\n",
        test_a="""
        def test_inner(pytester):
            pytester.makepyfile("import pytest\\n@pytest.fixture(scope='module', autouse=True)\\ndef m(): yield\\ndef test_x(): pass\\ndef test_y(): assert 0")
            pytester.inline_run().assertoutcome(passed=1, failed=1)
        def test_b(): pass
        """,
    )
    agent = project.agent()
    agent.run_all()
    assert counts(agent) == {"passed": 2}, [r["text"] for r in reports(agent)]


def test_collect_only_as_the_agent_asks(project):
    project.write(test_a="def test_a(request): pass\n", conftest="def pytest_collection_finish(session): assert session.config.option.collectonly\n")
    agent = project.agent(collect_only=True).collect()
    agent.send(finish=True)
    assert agent.rest()[-1]["exit_code"] == 0
    assert len(agent.items) == 1
