//! Runs in an allocation of a real Slurm, and what becomes of them when it takes nodes or the job away.

use std::path::Path;
use std::{env, fs};

use nix::sys::signal::Signal;

use crate::support::{Project, Running, Told, assert_valid};

use super::cluster::Cluster;

/// Tests that tell on which node they begin and wait until they are let go.
const WAITING: &str = "import os, pathlib, time, pytest\n\
    root, node = pathlib.Path(__file__).parent, os.environ['SLURMD_NODENAME']\n\
    @pytest.mark.parametrize('n', range(4))\n\
    def test_waits(n):\n\
    \x20   (root / f'on-{node}').touch()\n\
    \x20   while not (root / 'go').exists(): time.sleep(0.01)\n";

fn waiting() -> Project {
    Project::new(&["test_a.py", "test_b.py", "test_c.py"].map(|name| (name, WAITING)))
}

fn begun(
    cluster: &Cluster,
    project: &Project,
    variables: &[(&str, &str)],
    options: &str,
) -> Running {
    let mut command = cluster.command(project, &[], &["--slurm", options]);
    command.env("CALLSHEET_DEADLINES_SILENCE", "4s").envs(variables.iter().copied());
    Running::start(command)
}

/// What the tests that wait see where they run on this machine alone.
const ALONE: [(&str, &str); 1] = [("SLURMD_NODENAME", "alone")];

/// The end of a run that no test is missing from: as without the failure, with no process and no job left.
fn settle(running: Running, cluster: &Cluster, project: &Project) -> Told {
    let told = super::as_alone(running.end(), project, &ALONE);
    cluster.assert_free();
    told
}

/// The end of a run that was cut short, with no process and no job left.
fn settle_part(running: Running, code: i32, cluster: &Cluster, project: &Project) -> Told {
    let told = running.end();
    let_go(project);
    let told = super::part_of_alone(told, code, project, &ALONE);
    cluster.assert_free();
    told
}

fn let_go(project: &Project) {
    fs::write(project.path().join("go"), "").unwrap();
}

#[test]
fn an_allocation_is_asked_for_used_and_given_back() {
    let Some(cluster) = Cluster::start() else { return };
    let project = super::suite();
    let mut command = cluster.command(&project, &[], &["--slurm", "-N3 --ntasks-per-node=2"]);
    // The suite is so short that one node might do it before the last is there.
    command.env("CALLSHEET_MIN_WORKERS", "6");
    let told = Running::start(command).end();
    told.assert(1, super::COUNTS).says("on n1, n2, n3").says("host n3: pytest");
    cluster.assert_free();
    // Within an allocation it is that one.
    let command = cluster.command(&project, &["salloc", "-N2"], &["--slurm", "auto"]);
    let told = Running::start(command).end();
    told.assert(1, super::COUNTS).says("on n1, n2").is_silent_on("host n3");
    cluster.assert_free();
    // So it is within a step, which holds the CPUs of its node.
    let command = cluster.command(&project, &["srun", "-N1", "-c4"], &["--slurm", "auto"]);
    let told = Running::start(command).end();
    told.assert(1, super::COUNTS).says("on n1").is_silent_on("host n2");
    cluster.assert_free();
}

#[test]
fn tests_write_files_for_whom_the_command_writes_them() {
    let Some(cluster) = Cluster::start() else { return };
    let text = "import os\ndef test_umask(): assert os.umask(0) == 0o027\n";
    let project = Project::new(&[("test_it.py", text)]);
    let masked = ["sh", "-c", "umask 027; exec \"$@\"", "sh"];
    // The first time the agent may have to be copied.
    for _ in 0..2 {
        let args = ["--slurm", "-N1 --ntasks-per-node=1"];
        let told = Running::start(cluster.command(&project, &masked, &args)).end();
        told.assert(0, "1 passed");
        cluster.assert_free();
    }
}

#[test]
fn workers_are_replaced_as_often_as_those_of_the_allocation_have_it() {
    let Some(cluster) = Cluster::start() else { return };
    let text = "import os, pytest\n\
        @pytest.mark.parametrize('n', range(8))\ndef test_dies(n): os._exit(3)\n";
    let project = Project::new(&[("test_a.py", text)]);
    let mut command = cluster.command(&project, &[], &["--slurm", "-N1 --ntasks-per-node=1"]);
    // How many this machine would have.
    command.env("PYTEST_XDIST_AUTO_NUM_WORKERS", "3").env("CALLSHEET_RESTART_BACKOFF", "0s");
    let told = Running::start(command).end();
    told.assert(7, "5 failed, 3 not run").says("maximum crashed workers reached: 4");
    cluster.assert_free();
}

#[test]
fn other_workers_beside_an_allocation_are_refused() {
    let told = Project::new(&[]).run(&["--slurm", "-N1", "-n", "2"]);
    assert_eq!(told.code, Some(4), "{told}");
    told.says(
        "--slurm asks for an allocation of Slurm, whose nodes have the workers, and --workers sets",
    );
}

#[test]
fn a_request_that_waits_tells_why_and_one_that_can_not_be_is_refused() {
    let Some(cluster) = Cluster::start() else { return };
    let project = super::suite();
    cluster.fill();
    let mut running = begun(&cluster, &project, &[], "-N1");
    running.wait_for_stdout("is pending: ");
    cluster.says(&["scancel", "--user=root", "--state=RUNNING"]);
    running.end().assert(1, super::COUNTS);
    cluster.assert_free();
    let told = begun(&cluster, &project, &[], "-N1 -p nowhere").end();
    assert_eq!(told.code, Some(7), "{told}");
    told.says("no allocation was granted");
}

/// Swaps stdout and stderr.
const SWAPPED: [&str; 4] = ["sh", "-c", "exec \"$@\" 3>&1 1>&2 2>&3 3>&-", "sh"];

#[test]
fn why_a_job_waits_is_told_once_and_not_among_lines_for_programs() {
    let Some(cluster) = Cluster::start() else { return };
    let project = super::suite();
    cluster.fill();
    let command = cluster.command(&project, &SWAPPED, &["--slurm", "-N1", "--events", "-"]);
    let mut running = Running::start(command);
    running.wait_for_stdout("is pending: ");
    let waits = cluster.says(&["squeue", "-h", "-t", "PD", "-o", "%i"]);
    cluster.says(&["scontrol", "hold", waits.trim()]);
    running.wait_for_stdout("is pending: JobHeld");
    cluster.says(&["scontrol", "release", waits.trim()]);
    cluster.says(&["scancel", "--user=root", "--state=RUNNING"]);
    let told = running.end();
    assert_eq!(told.code, Some(1), "{told}");
    // The events of the run, swapped too.
    assert_valid(&told.stderr);
    assert!(told.stderr.contains("run-finished"), "{told}");
    let reasons: Vec<&str> =
        told.stdout.lines().filter(|line| line.contains("is pending: ")).collect();
    assert!(reasons.windows(2).all(|two| two[0] != two[1]), "{told}");
    cluster.assert_free();
}

#[test]
fn a_command_that_is_killed_gives_its_allocation_back() {
    let Some(cluster) = Cluster::start() else { return };
    let project = waiting();
    let mut running = begun(&cluster, &project, &[], "-N2 --ntasks-per-node=1");
    running.wait_for(&project.path().join("on-n1"));
    running.wait_for(&project.path().join("on-n2"));
    running.signal(Signal::SIGKILL);
    running.wait();
    cluster.assert_free();
    running.end();
}

#[test]
fn a_command_that_ends_while_its_job_waits_takes_the_request_back() {
    let Some(cluster) = Cluster::start() else { return };
    let project = super::suite();
    cluster.fill();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGKILL] {
        let mut running = begun(&cluster, &project, &[], "-N1");
        // What comes later than its number: for a moment `salloc` has told the number and hears no signal.
        running.wait_for_stdout("is pending: ");
        running.signal(signal);
        // Nor is its salloc left.
        running.end();
        cluster
            .until("no job waits", || cluster.says(&["squeue", "-h", "-o", "%T"]) == "RUNNING\n");
    }
    cluster.says(&["scancel", "--user=root"]);
    cluster.assert_free();
}

#[test]
fn a_node_that_is_set_down_costs_no_test() {
    let Some(cluster) = Cluster::start() else { return };
    let project = waiting();
    let mut running = begun(&cluster, &project, &[], "-N3 --ntasks-per-node=1");
    for node in ["on-n1", "on-n2", "on-n3"] {
        running.wait_for(&project.path().join(node));
    }
    cluster.says(&["scontrol", "update", "nodename=n2", "state=down", "reason=drill"]);
    running.wait_for_stdout("host n2: lost");
    let_go(&project);
    settle(running, &cluster, &project).assert(0, "12 passed").says("Node failure on n2");
}

#[test]
fn a_step_that_is_cancelled_is_begun_again() {
    let Some(cluster) = Cluster::start() else { return };
    let project = waiting();
    let mut running = begun(&cluster, &project, &[], "-N2 --ntasks-per-node=1");
    running.wait_for(&project.path().join("on-n1"));
    running.wait_for(&project.path().join("on-n2"));
    let steps = cluster.says(&["squeue", "-h", "-s", "-o", "%i %N"]);
    let step = steps.lines().find(|line| line.ends_with("n2")).expect("a step on n2");
    cluster.says(&["scancel", "--signal=KILL", step.split(' ').next().unwrap()]);
    running.wait_for_stdout("host n2: lost");
    let on = project.path().join("on-n2");
    fs::remove_file(&on).unwrap();
    running.wait_for(&on);
    let_go(&project);
    settle(running, &cluster, &project).assert(0, "12 passed");
}

#[test]
fn each_cpu_that_is_allocated_has_a_worker_where_no_tasks_are_asked_for() {
    let Some(cluster) = Cluster::start() else { return };
    let text = "import pytest\n@pytest.mark.parametrize('n', range(5))\ndef test_passes(n): pass\n";
    let project = Project::new(&[("test_a.py", text)]);
    let args = ["--dist", "each", "--slurm", "-N2 -c3"];
    let told = Running::start(cluster.command(&project, &[], &args)).end();
    told.assert(0, "30 passed").says("host n1: ").says("host n2: ");
    cluster.assert_free();
}

#[test]
fn a_job_that_is_cancelled_ends_the_run_with_an_account() {
    let Some(cluster) = Cluster::start() else { return };
    let project = waiting();
    let running =
        begun(&cluster, &project, &[("CALLSHEET_DEADLINES_HOST", "5s")], "-N2 --ntasks-per-node=1");
    running.wait_for(&project.path().join("on-n1"));
    running.wait_for(&project.path().join("on-n2"));
    cluster.says(&["scancel", "--user=root"]);
    let told = settle_part(running, 7, &cluster, &project);
    told.says("the results are incomplete").says("given up");
}

#[test]
fn before_the_time_limit_the_run_ends_with_the_rest_not_run() {
    let Some(cluster) = Cluster::start() else { return };
    let project = waiting();
    // What the project's file says; what the options ask Slurm to tell of, which tests do not get to feel.
    for (margin, more) in [("50s", ""), ("1s", " --signal=TERM@50")] {
        let table = format!(
            "[slurm]\noptions = '-N1 --ntasks-per-node=2 -t 1{more}'\nmargin = '{margin}'\n"
        );
        project.write("callsheet.toml", &table);
        let mut running = Running::start(cluster.command(&project, &[], &[]));
        running.wait_for_stdout("the time limit of its allocation");
        let_go(&project);
        settle_part(running, 2, &cluster, &project).says(" not run").says(" passed");
        fs::remove_file(project.path().join("go")).unwrap();
    }
}

#[test]
fn at_the_time_limit_what_still_runs_is_accounted_for() {
    let Some(cluster) = Cluster::start() else { return };
    let project = waiting();
    let variables = [("CALLSHEET_SLURM_MARGIN", "50s")];
    let mut running = begun(&cluster, &project, &variables, "-N1 --ntasks-per-node=2 -t 1");
    running.wait_for(&project.path().join("on-n1"));
    running.wait_for_stdout("the time limit of its allocation");
    // What Slurm does once the time has come.
    cluster.says(&["scancel", "--user=root"]);
    // No test is to blame for it.
    let told = settle_part(running, 2, &cluster, &project);
    told.says("2 lost: its host was lost while it ran").is_silent_on("is run again");
    assert!(told.ends.iter().all(|(_, state)| state == "not-run"), "{told}");
    assert_eq!(told.ends.len(), 8, "{told}");
}

/// Hands a script to Slurm, shows what it says, and ends with its exit code.
const BATCH: &str =
    "touch told; tail -f told & sbatch --wait --output=told \"$@\"; code=$?; kill $!; exit $code";

#[test]
fn a_signal_that_a_job_asks_for_ends_its_run_with_the_rest_not_run() {
    let Some(cluster) = Cluster::start() else { return };
    for signal in ["USR1", "TERM"] {
        let project = waiting();
        // The first process of the script is who the signal is for.
        project.write("script", "#!/bin/sh\nexec \"$@\"\n");
        let asked = format!("--signal=B:{signal}@60");
        let batch = ["sh", "-c", BATCH, "sh", "-N2", "--ntasks-per-node=1", &asked, "script"];
        let mut running = Running::start(cluster.command(&project, &batch, &["--slurm", "auto"]));
        running.wait_for(&project.path().join("on-n1"));
        running.wait_for(&project.path().join("on-n2"));
        // What Slurm does once the time has come.
        let job = cluster.says(&["squeue", "-h", "-o", "%i"]);
        cluster.says(&["scancel", "--batch", &format!("--signal={signal}"), job.trim()]);
        running.wait_for_stdout(&format!("SIG{signal}"));
        let_go(&project);
        settle_part(running, 2, &cluster, &project);
        let said = project.read("told");
        assert!(said.contains(" not run") && said.contains(" passed"), "{said}");
        assert!(said.contains(&format!("interrupted by SIG{signal}")), "{said}");
    }
}

#[test]
fn the_tasks_of_an_array_run_the_suite_once_by_the_script_of_the_documentation() {
    let Some(cluster) = Cluster::start() else { return };
    let project = super::suite();
    let page = include_str!("../../../docs/hosts.md");
    let blocks = page.split("```bash\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    project.write("script", blocks.into_iter().find(|block| block.contains("--array=")).unwrap());
    // What is smaller here; the script is given more words than it looks at.
    let batch = ["sbatch", "--wait", "--array=1-3", "--cpus-per-task=2", "--output=told", "script"];
    let mut command = cluster.command(&project, &batch, &[]);
    let program = Path::new(env!("CARGO_BIN_EXE_callsheet")).parent().unwrap().to_str().unwrap();
    command.env("PATH", format!("{program}:{}", env::var("PATH").unwrap()));
    // One file for three.
    command.env_remove("CALLSHEET_EVENTS");
    let told = Running::start(command).end();
    assert_eq!(told.code, Some(1), "{told}");
    let tests = |name: &str| project.read(name).matches("<testcase ").count();
    let parts = ["results-1.xml", "results-2.xml", "results-3.xml"].map(tests);
    assert!(project.run(&["-n", "2", "--junit", "whole.xml"]).code == Some(1));
    assert_eq!(parts.iter().sum::<usize>(), tests("whole.xml"), "{parts:?}");
    assert!(parts.iter().all(|part| *part > 0), "{parts:?}");
    cluster.assert_free();
}

/// A test whose duration is known to be longer than it is here, behind one that waits.
const LONG: &str = "import pathlib, time\n\
    def test_waits():\n\
    \x20   (pathlib.Path(__file__).parent / 'begun').touch()\n\
    \x20   while not (pathlib.Path(__file__).parent / 'go').exists(): time.sleep(0.01)\n\
    def test_long(): pass\n";

/// Says that it took so long, as a clock would.
const TOOK: &str = "import os, pytest\n\
    @pytest.hookimpl(hookwrapper=True)\n\
    def pytest_runtest_makereport(item, call):\n\
    \x20   report = (yield).get_result()\n\
    \x20   if item.name == 'test_long' and call.when == 'call': report.duration = float(os.environ['TOOK'])\n";

fn known_to_take(seconds: &str) -> Project {
    let project = Project::new(&[("test_long.py", LONG), ("conftest.py", TOOK)]);
    let_go(&project);
    project.run_with(&[("TOOK", seconds)], &["-n", "1"]).assert(0, "2 passed");
    fs::remove_file(project.path().join("go")).unwrap();
    fs::remove_file(project.path().join("begun")).unwrap();
    project
}

#[test]
fn a_test_that_does_not_fit_into_what_is_left_of_the_allocation_is_not_begun() {
    let Some(cluster) = Cluster::start() else { return };
    // From the start; before the others are through; as part of a collection that is known as a whole.
    for (seconds, margin, dist) in
        [("3600", "10s", "stream"), ("32", "25s", "stream"), ("32", "25s", "load")]
    {
        let project = known_to_take(seconds);
        let args = ["--slurm", "-N1 --ntasks-per-node=1 -t 1", "--dist", dist];
        let mut command = cluster.command(&project, &[], &args);
        command.envs([("CALLSHEET_SLURM_MARGIN", margin), ("TOOK", "0")]);
        let mut running = Running::start(command);
        running.wait_for(&project.path().join("begun"));
        running.wait_for_stdout("the time limit of the allocation is near: tests that are known");
        let_go(&project);
        let told = running.end();
        told.assert(7, "1 passed, 1 not run").says("it takes about ").says("and the run has");
        cluster.assert_free();
        fs::remove_file(project.path().join("go")).unwrap();
    }
}
