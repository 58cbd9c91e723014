"""The worker keeps the protocol, and its session is plain pytest's."""

import os
import signal
import subprocess
import sys

import pytest

VERSION = tuple(int(part) for part in pytest.__version__.split(".")[:2])


def kinds(events):
    return [event["t"] for event in events]


def ends(agent):
    return {agent.items[event["i"]][0]: event["o"] for event in agent.log if event["t"] == "end"}


def reports(agent):
    return [event for event in agent.log if event["t"] == "report"]


def counts(agent):
    """The summary line's numbers by the protocol's rule."""
    found, told = {}, set()
    for event in agent.log:
        if event["t"] == "report" and event["category"]:
            told.add(event["i"])
            found[event["category"]] = found.get(event["category"], 0) + 1
        if event["t"] == "end":
            if event["i"] not in told:
                found[event["o"]] = found.get(event["o"], 0) + 1
            told.discard(event["i"])
    return found


def plain_counts(project, *args):
    last = project.plain("-p", "no:cacheprovider", *args).stdout.strip().splitlines()[-1]
    found = {}
    for part in last.strip("= ").rsplit(" in ", 1)[0].split(", "):
        number, name = part.split(" ", 1)
        name = {"errors": "error", "warning": "warnings"}.get(name, name)
        if name not in ("warnings", "deselected"):
            found[name] = int(number)
    return found


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


SCOPES = """
    import pytest
    log = open(%r, "a", 1)
    def scoped(scope):
        @pytest.fixture(scope=scope, autouse=True, name="f_" + scope)
        def fixture(request):
            log.write("+%%s %%s\\n" %% (scope, request.node.name))
            yield
            log.write("-%%s\\n" %% scope)
        return fixture
    a, b, c, d, e = map(scoped, ["session", "package", "module", "class", "function"])
    """


def scope_project(project, log):
    body = """
        class TestX:
            def test_a(self): pass
            def test_b(self): pass
        class TestY:
            def test_c(self): assert 0
        def test_d(): pass
        """
    project.write(conftest=SCOPES % str(log), test_a=body, sub__test_b=body, sub____init__="", test_c=body)


def test_fixtures_come_and_go_as_in_plain_pytest(project, tmp_path_factory):
    log = tmp_path_factory.mktemp("log") / "log"
    scope_project(project, log)
    project.plain("-p", "no:cacheprovider")
    expected = log.read_text()
    log.write_text("")
    project.agent().run_all()
    assert log.read_text() == expected


def test_fixtures_come_and_go_alike_when_items_arrive_one_by_one(project, tmp_path_factory):
    log = tmp_path_factory.mktemp("log") / "log"
    scope_project(project, log)
    project.plain("-p", "no:cacheprovider")
    expected = log.read_text()
    log.write_text("")
    agent = project.agent().collect()
    for index in range(len(agent.items)):
        agent.run(index)
        agent.until("ran")
    agent.send(finish=True)
    agent.rest()
    assert log.read_text() == expected
    assert kinds(agent.log).count("ran") == len(agent.items)


def test_teardown_waits_for_what_comes_next(project):
    project.write(
        test_a="""
        import pytest, sys
        @pytest.fixture(scope="module")
        def m():
            yield
            print("module down", file=sys.stderr)
        def test_a(m): pass
        def test_b(m): pass
        """
    )
    agent = project.agent("-s").collect()
    agent.run(0)
    assert kinds(agent.until("ran")) == ["start", "ran"]
    assert "module down" not in agent.text()
    agent.run(1)
    assert kinds(agent.until("ran", i=1)) == ["end", "start", "ran"]
    assert "module down" not in agent.text()
    agent.send(finish=True)
    assert kinds(agent.rest()) == ["end", "finished"]
    assert agent.text().count("module down") == 1


STOLEN = """
    import pytest, os, time
    @pytest.fixture(scope="module")
    def m():
        yield
        print("module gone")
        if {broken}: 1 / 0
    def wait():
        open("entered", "w").close()
        while not os.path.exists("leave"): time.sleep(0.005)
    @pytest.fixture
    def slow():
        yield
        wait()
    def test_a(m, slow): pass
    def test_b(m): pass
    """


def steal_next(project, agent):
    """Start item 0 with item 1 waiting behind it, and take item 1 back while item 0 is torn down for it."""
    agent.run(0, 1)
    agent.until("start")
    while not (project.root / "entered").exists():
        assert agent.process.poll() is None
    assert agent.take_back() == {"run": 1}
    (project.root / "leave").write_text("")
    assert kinds(agent.until("ran")) == ["ran"]


@pytest.mark.parametrize("broken", [False, True])
def test_a_stolen_next_item_leaves_a_right_teardown(project, broken):
    project.write(test_a=STOLEN.format(broken=broken), test_b="def test_c(): pass\n")
    agent = project.agent().collect()
    steal_next(project, agent)
    agent.run(2)
    seen = agent.until("end", i=0)
    if broken:
        assert kinds(seen) == ["report", "report", "end"]
        assert [report["category"] for report in seen[:2]] == ["passed", "error"]
        assert seen[1]["phase"] == "teardown" and "ZeroDivisionError" in seen[1]["text"]
        assert seen[1]["sections"] == [["Captured stdout teardown", "module gone\n"]]
        assert seen[2]["o"] == "error"
    else:
        assert kinds(seen) == ["end"]
    agent.send(finish=True)
    agent.rest()
    assert ends(agent)["test_b.py::test_c"] == "passed"
    assert agent.log[-1]["exit_code"] == (1 if broken else 0)


def test_a_stolen_next_item_before_the_finish(project):
    project.write(test_a=STOLEN.format(broken=True))
    agent = project.agent().collect()
    steal_next(project, agent)
    agent.send(finish=True)
    assert kinds(agent.rest()) == ["report", "report", "end", "finished"]
    assert agent.process.returncode == 0 and agent.log[-1]["exit_code"] == 1


def test_what_is_not_taken_can_be_taken_back(project):
    project.write(
        test_a="""
        import os, time
        def test_a():
            while not os.path.exists("leave"): time.sleep(0.005)
        def test_b(): pass
        """
    )
    agent = project.agent().collect()
    agent.run(0, 1)
    agent.until("start", i=0)
    assert agent.take_back() == {"run": 1}
    (project.root / "leave").write_text("")
    agent.send(finish=True)
    assert kinds(agent.rest()) == ["end", "finished"]


def test_the_same_item_can_run_again(project):
    project.write(
        test_a="""
        import pytest
        count = []
        @pytest.fixture
        def f():
            count.append(1)
            return len(count)
        def test_a(f): assert f == 2
        """
    )
    agent = project.agent().collect()
    agent.run(0, 0)
    agent.send(finish=True)
    agent.rest()
    assert [event["o"] for event in agent.log if event["t"] == "end"] == ["failed", "passed"]


def test_interrupt_ends_after_the_running_test(project):
    project.write(test_a="def test_a(): pass\ndef test_b(): pass\n", conftest="def pytest_keyboard_interrupt(): open('told', 'w')\n")
    agent = project.agent().collect()
    agent.run(0)
    agent.until("ran")
    agent.send(interrupt="SIGINT")
    assert kinds(agent.rest()) == ["end", "finished"]
    assert agent.log[-1]["exit_code"] == 2
    assert (project.root / "told").exists()
    assert agent.process.returncode == 0


@pytest.mark.parametrize("setup, ini", [({"halt_on_failure": True}, ""), ({}, "addopts = --maxfail=5\n")])
def test_a_failure_halts_where_the_run_counts_them(project, setup, ini):
    project.ini(ini)
    project.write(
        test_a="""
        import pytest
        def test_a(): assert 0
        @pytest.fixture
        def late():
            yield
            1 / 0
        def test_b(late): pass
        def test_c(): pass
        """
    )
    agent = project.agent(**setup).collect()
    agent.run(0, 1)
    assert kinds(agent.until("halted")) == ["start", "report", "halted"]
    assert agent.take_back() == {"run": 1}
    agent.send(resume=True)
    agent.until("ran")
    agent.run(1)
    assert kinds(agent.until("ran", i=1)) == ["end", "start", "ran"]
    agent.run(2)
    assert kinds(agent.until("halted")) == ["report", "report", "halted"]
    assert agent.take_back() == {"run": 2}
    agent.send(finish=True)
    assert kinds(agent.rest()) == ["end", "finished"]


def test_without_a_limit_a_failure_does_not_halt(project):
    project.write(test_a="def test_a(): assert 0\ndef test_b(): assert 0\n")
    assert kinds(project.agent().run_all()) == ["start", "report", "end", "start", "report", "end", "finished"]


def test_exit_in_a_test_is_a_stop(project):
    project.write(test_a="import pytest\ndef test_a(): pass\ndef test_b(): pytest.exit('enough', returncode=9)\ndef test_c(): pass\n")
    agent = project.agent()
    seen = agent.run_all()
    assert kinds(seen) == ["start", "end", "start", "end", "stopping", "finished"]
    assert [seen[1]["o"], seen[3]["o"]] == ["passed", "notrun"]
    assert (seen[4]["kind"], seen[4]["reason"], seen[4]["exit_code"]) == ("exit", "enough", 9)
    assert seen[5]["exit_code"] == 9


def test_keyboard_interrupt_in_a_test_is_an_interrupt(project):
    project.write(test_a="def test_a(): raise KeyboardInterrupt\ndef test_b(): pass\n")
    seen = project.agent().run_all()
    assert kinds(seen) == ["start", "end", "stopping", "finished"]
    assert seen[1]["o"] == "notrun"
    assert seen[2]["kind"] == "interrupt" and seen[3]["exit_code"] == 2
    assert "test_a.py:1" in seen[2]["reason"]


@pytest.mark.parametrize("attribute, kind, code", [("shouldstop", "stop", 2), ("shouldfail", "fail", 1)])
def test_the_session_can_stop_itself(project, attribute, kind, code):
    project.write(test_a="def test_a(request): request.session.%s = 'so'\ndef test_b(): pass\n" % attribute)
    seen = project.agent().run_all()
    assert kinds(seen) == ["start", "end", "stopping", "finished"]
    assert (seen[2]["kind"], seen[2]["reason"], seen[3]["exit_code"]) == (kind, "so", code)


def test_an_internal_error_is_told(project):
    project.write(conftest="def pytest_runtest_logfinish(): 1 / 0\n", test_a="def test_a(): pass\n")
    seen = project.agent().run_all()
    stop = [event for event in seen if event["t"] == "stopping"][0]
    assert [event["o"] for event in seen if event["t"] == "end"] == ["passed"]
    assert stop["kind"] == "internal" and "ZeroDivisionError" in stop["reason"]
    assert seen[-1]["t"] == "finished" and seen[-1]["exit_code"] == 3


def test_an_error_at_session_finish_is_told(project):
    project.write(conftest="def pytest_sessionfinish(): 1 / 0\n", test_a="def test_a(): pass\n")
    seen = project.agent().run_all()
    assert kinds(seen)[-2:] == ["stopping", "finished"]
    assert seen[-1]["exit_code"] == 3


@pytest.mark.parametrize(
    "args, files, words",
    [
        (["--no-such-option"], {}, "--no-such-option"),
        (["nowhere.py"], {}, "nowhere.py"),
        ([], {"conftest": "import nothing_of_this_name\n"}, "nothing_of_this_name"),
        (["--collect-only"], {}, "callsheet list"),
        (["--help"], {}, "did not begin"),
    ],
)
def test_what_pytest_refuses_is_a_usage_stop(project, args, files, words):
    project.write(test_a="def test_a(): pass\n", **files)
    agent = project.agent(*args)
    seen = agent.rest()
    assert kinds(seen)[-2:] == ["stopping", "finished"]
    assert seen[-2]["kind"] == "usage" and words in seen[-2]["reason"]
    assert agent.process.returncode == 0


def test_collection_errors_do_not_end_the_session(project):
    project.write(
        test_a="import nothing_of_this_name\n",
        test_b="import pytest\npytest.skip('not today', allow_module_level=True)\n",
        test_c="print('loud')\n1 / 0\n",
        test_d="def test_a(): pass\n",
    )
    agent = project.agent()
    agent.run_all()
    collect = {event["id"]: event for event in agent.log if event["t"] == "collect"}
    assert sorted(collect) == ["test_a.py", "test_b.py", "test_c.py"]
    assert [collect[name]["failed"] for name in sorted(collect)] == [True, False, True]
    assert "No module named" in collect["test_a.py"]["brief"]
    assert (collect["test_b.py"]["brief"], collect["test_b.py"]["location"]) == ("not today", "test_b.py:2")
    assert "Captured stdout" in collect["test_c.py"]["text"] and "loud" in collect["test_c.py"]["text"]
    assert agent.log[kinds(agent.log).index("collected")]["count"] == 1
    assert ends(agent) == {"test_d.py::test_a": "passed"}


def test_the_collection_tells_scopes_groups_and_duplicates(project):
    project.write(
        test_a="""
        import pytest
        @pytest.mark.xdist_group("one")
        class TestX:
            @pytest.mark.xdist_group(name="two")
            def test_a(self): pass
            @pytest.mark.parametrize("x", ["a::b"])
            def test_b(self, x): pass
        @pytest.mark.xdist_group
        def test_c(): pass
        def test_d(): pass
        """
    )
    agent = project.agent("--strict-markers", dist="loadgroup").collect()
    assert agent.items == [
        ["test_a.py::TestX::test_a", 16, "one_two"],
        ["test_a.py::TestX::test_b[a::b]", 16, "one"],
        ["test_a.py::test_c", 9, "default"],
        ["test_a.py::test_d", 9],
    ]
    agent = project.agent("--keep-duplicates", "test_a.py", "test_a.py", "-k", "test_d").collect()
    assert [item[0] for item in agent.items] == ["test_a.py::test_d"] * 2
    assert agent.log[-1]["deselected"] == 6
    agent.run(0, 1)
    agent.send(finish=True)
    agent.rest()
    assert counts(agent) == {"passed": 2}


def test_the_collection_tells_marks_as_tags(project):
    project.ini("markers =\n    slow\n    db\n")
    project.write(
        test_a="""
        import pytest
        pytestmark = pytest.mark.slow
        @pytest.mark.db
        class TestX:
            @pytest.mark.resources("db", "gpu=2")
            @pytest.mark.exclusive
            def test_a(self): pass
            @pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.requires("gpu", 7))])
            def test_b(self, x): pass
        @pytest.mark.skip
        @pytest.mark.slow
        @pytest.mark.xdist_group("one")
        def test_c(): pass
        """,
        test_b="""
        import pytest
        @pytest.mark.xfail
        @pytest.mark.usefixtures("tmp_path")
        def test_d(): pass
        """,
    )
    agent = project.agent("--strict-markers", "-W", "error").collect()
    assert agent.items == [
        ["test_a.py::TestX::test_a", 16, None, ["db", "exclusive", "resource:db", "resource:gpu=2", "slow"]],
        ["test_a.py::TestX::test_b[1]", 16, None, ["db", "requires:7", "requires:gpu", "slow"]],
        ["test_a.py::test_c", 9, "one", ["slow"]],
        ["test_b.py::test_d", 9],
    ]


def test_scopes_are_counted_in_bytes(project):
    (project.root / "test_é.py").write_text("def test_ü(): pass\n", encoding="utf-8")
    agent = project.agent().collect()
    assert agent.items == [["test_é.py::test_ü", len("test_é.py".encode())]]


def test_a_big_collection_comes_in_parts(project):
    project.write(test_a="import pytest\n@pytest.mark.parametrize('x', range(2500))\ndef test_a(x): pass\n")
    agent = project.agent().collect()
    assert [len(event["items"]) for event in agent.log if event["t"] == "items"] == [1000, 1000, 500]
    assert agent.log[-1]["count"] == 2500


def test_no_tests(project):
    agent = project.agent().collect()
    agent.send(finish=True)
    assert agent.rest()[-1]["exit_code"] == 5


def test_warnings_are_told_as_pytest_shows_them(project):
    project.write(test_a="import warnings\nwarnings.warn('early')\ndef test_a():\n    warnings.warn('late')\n", conftest="import warnings\nwarnings.warn('first')\n")
    agent = project.agent()
    agent.run_all()
    told = [event for event in agent.log if event["t"] == "warning"]
    assert kinds(agent.log)[0] == "ready"
    assert [(event["stage"], event["id"], event["location"]) for event in told][-2:] == [
        ("collect", "", "test_a.py:2"),
        ("run", "test_a.py::test_a", "test_a.py:4"),
    ]
    plain = project.plain("-p", "no:cacheprovider").stdout
    for event in told:
        assert event["text"].splitlines()[0] in plain


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


def test_forked_children_stay_out(project):
    project.write(
        test_a="""
        import os
        def test_fork():
            if os.fork() == 0:
                return  # and so run on with the rest of the session
            os.wait()
        def test_b(): pass
        """
    )
    agent = project.agent()
    assert kinds(agent.run_all()) == ["start", "end", "start", "end", "finished"]


def test_the_agent_gone_is_the_end(project):
    project.write(test_a="def test_a(): pass\n")
    agent = project.agent().collect()
    agent.theirs.close()
    agent.ours.close()
    assert agent.process.wait(60) == 71
    assert agent.text() == ""


def test_all_descriptors_closed_is_a_code_of_its_own(project):
    project.write(test_a="import os\ndef test_a(): os.closerange(3, 5000)\n")
    agent = project.agent().collect()
    agent.run(0)
    agent.send(finish=True)
    agent.rest()
    assert agent.process.returncode == 70


def test_an_item_that_does_not_exist_breaks_the_protocol(project):
    project.write(test_a="def test_a(): pass\n")
    agent = project.agent().collect()
    agent.run(1)
    agent.rest()
    assert agent.process.returncode == 70


def test_unknown_messages_are_passed_over(project):
    project.write(test_a="def test_a(): pass\n")
    agent = project.agent().collect()
    agent.send(praise="well done")
    agent.run(0)
    agent.send(praise="well done")
    agent.send(finish=True)
    assert kinds(agent.rest()) == ["start", "end", "finished"]


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


def test_sigabrt_leaves_a_dump_of_the_stack(project):
    project.write(test_a="import time\ndef test_slow_one(): time.sleep(60)\n")
    agent = project.agent().collect()
    agent.run(0)
    agent.until("start")
    os.kill(agent.process.pid, signal.SIGABRT)
    agent.rest()
    assert agent.process.returncode == -signal.SIGABRT
    assert "most recent call first" in agent.text()


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
