//! The agent and the command under it: killed, suspended, lost again and again.

use super::between_twenty;
use crate::support::Project;

/// Tests that kill their agent, this many, among 20 others. What an agent has not passed on when it is killed nobody knows,
/// so they give it time to tell that they have begun.
fn killers(count: usize) -> Project {
    let tests = format!(
        "@pytest.mark.parametrize('n', range({count}))\n\
         def test_kills_the_agent(n):\n\
         \x20   import time\n\
         \x20   time.sleep(0.5)\n\
         \x20   os.kill(os.getppid(), signal.SIGKILL)\n\
         \x20   signal.pause()"
    );
    between_twenty(&tests)
}

#[test]
fn a_test_that_kills_its_agent_is_to_blame_for_its_own_end() {
    let told = killers(1).run(&["-n", "1"]);
    told.assert(1, "1 failed, 20 passed");
    assert_eq!(told.ids("FAILED"), ["test_it.py::test_kills_the_agent[0]"]);
    told.says("worker 'gw0' crashed while running 'test_it.py::test_kills_the_agent[0]'\nlost with its agent: its agent ended: signal: 9 (SIGKILL)");
    told.says("replacing crashed worker gw0");
}

#[test]
fn an_agent_that_is_lost_again_and_again_is_given_up() {
    let told = killers(5).run(&["-n", "1"]);
    assert_eq!(told.code, Some(7), "{told}");
    assert_eq!(told.ids("FAILED").len(), 3, "{told}");
    told.says("the agent was lost 3 times and is not started again");
    told.says("tests were not run because workers failed; the results are incomplete");
}

#[test]
fn without_restarts_nobody_runs_the_rest_of_a_lost_agent() {
    let told = killers(20).run(&["-n", "1", "--max-worker-restart=0"]);
    assert_eq!(told.code, Some(7), "{told}");
    told.says("worker restarting disabled").says("1 failed");
}

#[test]
fn an_agent_that_is_lost_while_its_workers_collect_is_replaced() {
    let conftest = "import os, signal\n\
        def pytest_collection():\n\
        \x20   if not os.path.exists('killed'):\n\
        \x20       open('killed', 'w').close()\n\
        \x20       os.kill(os.getppid(), signal.SIGKILL)\n\
        \x20       signal.pause()\n";
    let project = Project::new(&[
        ("conftest.py", conftest),
        ("test_a.py", "def test_a(): pass\ndef test_b(): pass\n"),
    ]);
    let told = project.run(&["-n", "1"]);
    told.assert(0, "2 passed").says("lost with its agent").says("replacing crashed worker gw0");
}

#[test]
fn an_agent_that_says_nothing_is_lost() {
    // As above, it gives the agent time to tell that it has begun.
    let test = "def test_stops_the_agent():\n    import time\n    time.sleep(0.5)\n    os.kill(os.getppid(), signal.SIGSTOP)\n    signal.pause()";
    let told =
        between_twenty(test).run_with(&[("CALLSHEET_DEADLINES_SILENCE", "2s")], &["-n", "1"]);
    told.assert(1, "1 failed, 20 passed").says("its agent said nothing for 2 s");
}

#[test]
fn a_command_that_was_suspended_blames_nobody() {
    let test = "def test_stops_the_command():\n\
        \x20   import time\n\
        \x20   with open(f'/proc/{os.getppid()}/stat') as stat: command = int(stat.read().rpartition(')')[2].split()[1])\n\
        \x20   os.kill(command, signal.SIGSTOP)\n\
        \x20   time.sleep(4)\n\
        \x20   os.kill(command, signal.SIGCONT)";
    let told =
        between_twenty(test).run_with(&[("CALLSHEET_DEADLINES_SILENCE", "1s")], &["-n", "2"]);
    told.assert(0, "21 passed").is_silent_on("node down");
}

#[test]
fn a_worker_that_left_its_process_group_is_ended_all_the_same() {
    let test = "def test_leaves():\n    os.setpgid(0, os.getppid())\n    signal.pause()";
    let told = between_twenty(test).run(&["-n", "2", "--timeout", "2s"]);
    told.assert(1, "1 failed, 20 passed").says("the test ran past its deadline of 2 s");
    let test = "def test_leaves():\n    os.setpgid(0, os.getppid())\n    signal.signal(signal.SIGABRT, signal.SIG_IGN)\n    signal.pause()";
    let told = between_twenty(test).run(&["-n", "2", "--timeout", "2s"]);
    told.assert(1, "1 failed, 20 passed").says("the test ran past its deadline of 2 s");
}

#[test]
fn a_test_that_kills_its_process_group_kills_its_worker_alone() {
    let test = "def test_kills():\n    os.killpg(0, signal.SIGTERM)\n    signal.pause()";
    let told = between_twenty(test).run(&["-n", "2"]);
    told.assert(1, "1 failed, 20 passed").says("killed by signal 15 (SIGTERM), during call");
}
