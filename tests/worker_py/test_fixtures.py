"""Fixtures come and go as in plain pytest, also where the queue changes meanwhile."""

import pytest
from told import ends, kinds

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
