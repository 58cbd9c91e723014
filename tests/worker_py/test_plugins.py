"""Released plugins work in a worker; each test runs where its plugin is installed."""

import json
import os
import re
import subprocess
import sys

import pytest

from conftest import WORKER
from test_worker import counts, ends, kinds, plain_counts, reports


def conclude(project, agents):
    """What the adapter does once after all workers."""
    requests = [agent.log[-1]["conclude"] for agent in agents]
    done = subprocess.run(
        [sys.executable, "-c", (WORKER / "bootstrap.py").read_text(), str(WORKER), "conclude"],
        input=json.dumps([request for request in requests if request]),
        cwd=str(project.root),
        env=dict(os.environ, COLUMNS="80"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def covered(project):
    pytest.importorskip("pytest_cov")
    project.write(
        package____init__="from .early import early\n",
        package__early="def early():\n    return 1\ntop = 1\n",
        package__work="""
        def one():
            return 1
        def two():
            return 2
        def never():
            a = 1
            return a
        """,
        conftest="import package\n",
        test_one="from package.work import one\ndef test_one(): assert one() == 1\n",
        test_two="from package.work import two\ndef test_two(): assert two() == 2\n",
    )
    return project


def split(project, *args):
    """Two workers, one test each; the second starts when the first is up."""
    first = project.agent(*args)
    first.collect()
    second = project.agent(*args, worker="gw1").collect()
    for agent, index in ((first, 0), (second, 1)):
        agent.run(index)
        agent.send(finish=True)
    for agent in (first, second):
        agent.rest()
        assert agent.process.returncode == 0, agent.text()
    return first, second


def table(text):
    """The lines of coverage's report without rulers."""
    return [re.sub(r"\s+", " ", line).strip() for line in text.splitlines() if re.match(r"^(package|TOTAL)", line)]


def test_coverage_is_combined_and_reported_as_by_pytest_cov(covered):
    args = ["--cov=package", "--cov-report=term-missing", "--cov-report=xml", "--cov-branch"]
    plain = covered.plain("-p", "no:cacheprovider", *args).stdout
    (covered.root / "coverage.xml").unlink()
    answer = conclude(covered, split(covered, *args))
    assert table(answer["text"]) == table(plain)
    assert answer["failure"] is None
    assert "tests coverage" in answer["text"].splitlines()[0]
    assert (covered.root / "coverage.xml").exists()
    left = [path.name for path in covered.root.iterdir() if path.name.startswith(".coverage")]
    assert left == [".coverage"]


def test_coverage_below_the_limit_fails_the_run(covered):
    args = ["--cov=package", "--cov-fail-under=90"]
    agents = split(covered, *args)
    answer = conclude(covered, agents)
    assert re.match(r"Coverage failure: total of \d+ is less than fail-under=90", answer["failure"])
    assert "FAIL Required test coverage of 90% not reached. Total coverage: " in answer["text"]


def test_no_coverage_on_failure(covered):
    covered.write(test_one="def test_one(): assert 0\n")
    answer = conclude(covered, split(covered, "--cov=package", "--no-cov-on-fail"))
    assert answer == {"text": "", "failure": None}


def test_without_coverage_nothing_is_concluded(covered):
    agent = covered.agent()
    agent.run_all()
    assert agent.log[-1]["conclude"] is None


@pytest.fixture
def shuffled(project):
    pytest.importorskip("pytest_randomly")
    project.without = []
    project.write(test_a="import random\nimport pytest\n@pytest.mark.parametrize('x', range(30))\ndef test_a(x): pass\n")
    return project


def test_all_workers_shuffle_alike(shuffled):
    orders = []
    for worker in ("gw0", "gw1"):
        agent = shuffled.agent(worker=worker, seed=99).collect()
        orders.append(agent.items)
        assert "Using --randomly-seed=99" in agent.log[0]["header"]
    assert orders[0] == orders[1]
    assert orders[0] != sorted(orders[0], key=lambda item: int(item[0][18:-1]))


def test_the_users_seed_wins_and_can_be_had_again(shuffled):
    agent = shuffled.agent("--randomly-seed=5")
    agent.run_all()
    assert "Using --randomly-seed=5" in agent.log[0]["header"]
    again = shuffled.agent("--randomly-seed=last", worker="gw1").collect()
    assert "Using --randomly-seed=5" in again.log[0]["header"]
    assert again.items == agent.items


def test_reruns_are_counted(project):
    pytest.importorskip("pytest_rerunfailures")
    project.write(
        test_a="""
        import pytest
        state = []
        @pytest.mark.flaky(reruns=3)
        def test_flaky():
            state.append(1)
            assert len(state) == 3
        def test_bad(): assert 0
        def test_good(): pass
        """
    )
    agent = project.agent("--reruns=1")
    agent.run_all()
    assert counts(agent) == {"rerun": 3, "failed": 1, "passed": 2}
    assert ends(agent) == {"test_a.py::test_flaky": "passed", "test_a.py::test_bad": "failed", "test_a.py::test_good": "passed"}
    assert [report["letter"] for report in reports(agent)][:2] == ["R", "R"]


@pytest.mark.parametrize("method", ["signal", "thread"])
def test_a_timeout_does_not_count_the_wait(project, method):
    pytest.importorskip("pytest_timeout")
    project.write(
        test_a="""
        import os, time
        def test_a(): pass
        def test_b():
            while os.path.exists("stay"): time.sleep(0.01)
        """
    )
    agent = project.agent("--timeout=2", "--timeout-method=" + method).collect()
    agent.run(0)
    agent.until("ran")
    # Longer than the limit, on the clock that the plugin looks at.
    with pytest.raises(AssertionError, match="silence"):
        agent.event(patience=2.5)
    agent.run(1)
    agent.send(finish=True)
    agent.rest()
    assert counts(agent) == {"passed": 2}, agent.text()


def test_a_timeout_of_a_test_still_works(project):
    pytest.importorskip("pytest_timeout")
    project.write(test_a="import time\ndef test_a(): time.sleep(60)\ndef test_b(): pass\n")
    agent = project.agent("--timeout=0.2")
    agent.run_all()
    assert ends(agent) == {"test_a.py::test_a": "failed", "test_a.py::test_b": "passed"}


def test_mock_asyncio_and_hypothesis(project):
    for name in ("pytest_mock", "pytest_asyncio", "hypothesis"):
        pytest.importorskip(name)
    project.without = ["-p", "no:randomly"]
    project.ini("asyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n")
    project.write(
        test_a="""
        import os
        from hypothesis import given, strategies
        def test_mock(mocker):
            mocker.patch("os.getcwd", return_value="there")
            assert os.getcwd() == "there"
        async def test_async(): pass
        async def test_async_fails(): assert 0
        @given(strategies.integers())
        def test_given(x): assert isinstance(x, int)
        @given(strategies.integers())
        def test_falsified(x): assert x < 10
        """
    )
    agent = project.agent()
    agent.run_all()
    assert counts(agent) == plain_counts(project) == {"passed": 3, "failed": 2}
    assert any("x=10" in report["text"] for report in reports(agent))


def test_an_html_report_is_named_as_not_served(project):
    pytest.importorskip("pytest_html")
    project.write(test_a="def test_a(): pass\n")
    agent = project.agent("--html=report.html")
    agent.run_all()
    assert any(name.startswith("`--html`") for name in agent.log[0]["unserved"])
    assert not (project.root / "report.html").exists()
    assert kinds(agent.log)[-1] == "finished"


def test_flaky_reruns_and_waits_like_pytest(project):
    pytest.importorskip("flaky")
    project.write(
        test_a="""
        import flaky, pytest, sys
        count = []
        @pytest.fixture(scope="module")
        def m():
            yield
            print("module down", file=sys.stderr)
        @flaky.flaky(max_runs=3)
        def test_a(m):
            count.append(1)
            assert len(count) == 2
        def test_b(m): pass
        """
    )
    agent = project.agent("-s").collect()
    agent.run(0)
    agent.until("ran")
    agent.run(1)
    agent.until("ran", i=1)
    assert "module down" not in agent.text()
    agent.send(finish=True)
    agent.rest()
    assert agent.text().count("module down") == 1
    assert counts(agent) == {"passed": 2}


def test_plugins_that_look_at_one_item_at_a_time_leave_streaming_alone(project):
    for name in ("pytest_cov", "pytest_randomly", "pytest_rerunfailures", "pytest_timeout", "pytest_mock", "pytest_asyncio", "hypothesis"):
        pytest.importorskip(name)
    project.without = []
    project.write(
        test_a="""
        import asyncio, pytest
        from hypothesis import given, strategies
        @given(strategies.integers())
        def test_given(x): pass
        @pytest.mark.asyncio
        async def test_async(): await asyncio.sleep(0)
        @pytest.mark.flaky(reruns=2)
        def test_flaky(tmp_path_factory, seen=[]):
            seen.append(1)
            assert len(seen) == 2
        """,
        test_b="def test_mock(mocker): mocker.patch('os.getcwd')\n",
    )
    arguments = ["--timeout=60", "--cov=.", "--cov-report="]
    for order in (["-p", "no:randomly"], ["--randomly-dont-reorganize"]):
        agent = project.agent(*(arguments + order), stream=True)
        agent.stream_all()
        assert [event["o"] for event in agent.log if event["t"] == "end"] == ["passed"] * 4
    agent = project.agent(*arguments, stream=True)
    why = agent.until("collected")[-1]["whole"]
    assert why == "pytest-randomly may reorder or deselect tests across files (pytest_collection_modifyitems)"
