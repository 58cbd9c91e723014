"""What ends a session before its time is told, and nothing is left of it."""

import os
import signal

import pytest
from told import kinds


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


def test_sigabrt_leaves_a_dump_of_the_stack(project):
    project.write(test_a="import time\ndef test_slow_one(): time.sleep(60)\n")
    agent = project.agent().collect()
    agent.run(0)
    agent.until("start")
    os.kill(agent.process.pid, signal.SIGABRT)
    agent.rest()
    assert agent.process.returncode == -signal.SIGABRT
    assert "most recent call first" in agent.text()
