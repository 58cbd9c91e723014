//! The library as other programs use it: from every kind of program, several at once, with parts of their own that may fail.

mod examples;
mod policies;

use std::collections::HashMap;
use std::fs;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use actix::{Actor, Context, Handler};
use callsheet::actors::messages::Event;
use callsheet::actors::{self, Parts};
use callsheet::config::{Config, ConfigBuilder};
use callsheet::launch::AgentCommand;
use callsheet::model::{Lane, Outcome, RunEvent, TestIndex, Verdict};
use callsheet::{Run, Subscriber};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::support::{Project, alive_with};

/// Ten tests that pass, one that fails, one that is skipped.
const MIXED: &str = "import pytest\n\
     @pytest.mark.parametrize('n', range(10))\n\
     def test_passes(n): pass\n\
     def test_fails(): assert 0\n\
     @pytest.mark.skip\n\
     def test_is_skipped(): pass\n";

/// Three tests, each of which waits until the gate is opened.
const GATED: &str = "import pytest\n\
     @pytest.mark.parametrize('n', range(3))\n\
     def test_waits(n): open('gate').read()\n";

/// What a run does by itself to an end that never comes: far above all deadlines that the tests here set.
const PATIENCE: Duration = Duration::from_secs(120);

fn mixed() -> Project {
    Project::new(&[("test_it.py", MIXED)])
}

fn gated() -> Project {
    let project = Project::new(&[("test_it.py", GATED)]);
    mkfifo(&project.path().join("gate"), Mode::S_IRWXU).unwrap();
    project
}

/// Lets one waiting test go on, once there is one. To be called once a test, and for one worker: two that wait would both go on.
fn open_gate(project: &Project) -> impl FnOnce() + Send + 'static {
    let gate = project.path().join("gate");
    move || fs::write(gate, "").unwrap()
}

/// A run of the project. The test binary can not be an agent, since its `main` is not ours.
fn config(project: &Project) -> ConfigBuilder {
    let agent = AgentCommand::Program(env!("CARGO_BIN_EXE_callsheet").into(), vec!["agent".into()]);
    Config::builder()
        .root(project.path())
        .python(project.python().to_str().unwrap())
        .workers(2)
        .agent(agent)
}

/// A subscriber and what it got.
fn recorder() -> (impl Subscriber + 'static, mpsc::Receiver<RunEvent>) {
    let (sender, events) = mpsc::channel();
    (move |event: &RunEvent| sender.send(event.clone()).unwrap(), events)
}

/// Fails the test if this does not end.
fn in_time<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, ended) = mpsc::channel();
    let thread = thread::spawn(move || sender.send(act()));
    match ended.recv_timeout(PATIENCE) {
        Ok(value) => value,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            std::panic::resume_unwind(thread.join().unwrap_err())
        }
    }
}

/// Starts it and waits for the verdict.
fn verdict(run: Run, config: Config) -> Verdict {
    let run = run.start(config).unwrap();
    in_time(|| run.wait()).unwrap()
}

fn is_start(event: &RunEvent) -> bool {
    matches!(event, RunEvent::TestStarted { .. })
}

/// The outcome of each test.
///
/// Panics unless each has exactly one terminal state, they are as many as the verdict says in each state, and the verdict is the last event.
fn account(events: &[RunEvent], verdict: &Verdict) -> HashMap<String, Outcome> {
    let mut ends: HashMap<(Lane, TestIndex), (String, Outcome)> = HashMap::new();
    for event in events {
        let (key, id, outcome) = match event {
            RunEvent::TestFinished { lane, index, test, end, .. } => {
                ((*lane, *index), &test.id, end.outcome)
            }
            RunEvent::TestNotRun { lane, index, test, .. } => {
                ((*lane, *index), &test.id, Outcome::NotRun)
            }
            _ => continue,
        };
        assert_eq!(ends.insert(key, (id.to_string(), outcome)), None, "{id} ended twice");
    }
    for (outcome, count) in &verdict.outcomes {
        assert_eq!(
            ends.values().filter(|(_, known)| known == outcome).count(),
            *count as usize,
            "{outcome}"
        );
    }
    let found = events.iter().map(|event| match event {
        RunEvent::SchedulingStarted { tests, .. } | RunEvent::FileCollected { tests, .. } => *tests,
        _ => 0,
    });
    assert_eq!(ends.len(), verdict.tests as usize);
    assert_eq!(found.sum::<u32>(), verdict.tests);
    assert!(matches!(events[0], RunEvent::RunStarted { .. }), "{:?}", events[0]);
    assert!(matches!(events.last(), Some(RunEvent::RunFinished(_))));
    ends.into_values().collect()
}

fn count(verdict: &Verdict, outcomes: [Outcome; 3]) -> [u32; 3] {
    outcomes.map(|outcome| verdict.count(outcome))
}

const PASSED_FAILED_SKIPPED: [Outcome; 3] = [Outcome::Passed, Outcome::Failed, Outcome::Skipped];

#[test]
fn plain_code_runs_a_suite_and_gets_its_account() {
    let project = mixed();
    let (subscriber, events) = recorder();
    let config = config(&project).build().unwrap();
    let verdict = in_time(|| callsheet::run(config, subscriber)).unwrap();
    assert_eq!((verdict.exit_code, verdict.status()), (1, 1));
    assert_eq!(count(&verdict, PASSED_FAILED_SKIPPED), [10, 1, 1]);
    let events: Vec<RunEvent> = events.iter().collect();
    let ends = account(&events, &verdict);
    assert_eq!(ends["test_it.py::test_fails"], Outcome::Failed);
    assert_eq!(events.last(), Some(&RunEvent::RunFinished(verdict)));
}

/// Awaits a verdict that only a second task of the same runtime makes possible.
fn a_runtime_goes_on(runtime: tokio::runtime::Runtime) {
    let project = gated();
    let config = config(&project).workers(1).build().unwrap();
    let verdict = in_time(move || {
        runtime.block_on(async {
            let (sender, mut started) = tokio::sync::mpsc::unbounded_channel();
            let watch = move |event: &RunEvent| {
                if is_start(event) {
                    sender.send(()).unwrap();
                }
            };
            let run = Run::new().subscribe(watch).start(config).unwrap();
            let opener = async {
                while let Some(()) = started.recv().await {
                    tokio::task::spawn_blocking(open_gate(&project)).await.unwrap();
                }
            };
            tokio::join!(run.verdict(), opener).0.unwrap()
        })
    });
    assert_eq!((verdict.exit_code, verdict.count(Outcome::Passed)), (0, 3));
}

#[test]
fn a_runtime_of_many_threads_is_not_held_up() {
    a_runtime_goes_on(tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap());
}

#[test]
fn a_runtime_of_one_thread_is_not_held_up() {
    a_runtime_goes_on(tokio::runtime::Builder::new_current_thread().build().unwrap());
}

#[test]
fn two_runs_at_once_share_nothing() {
    let projects = [gated(), gated()];
    for project in &projects {
        project.write("test_it.py", "def test_waits(): open('gate').read()\n");
    }
    projects[0].write("test_mine.py", "def test_mine(): assert 0\n");
    projects[1].write("test_yours.py", "def test_yours(): pass\n");
    let (start, starts) = mpsc::channel();
    let mut runs = Vec::new();
    for project in &projects {
        let (subscriber, events) = recorder();
        let start = start.clone();
        let watch = move |event: &RunEvent| {
            if matches!(event, RunEvent::TestStarted { test, .. } if test.id.contains("test_waits"))
            {
                start.send(()).unwrap();
            }
        };
        let config = config(project).workers(1).build().unwrap();
        runs.push((
            Run::new().subscribe(subscriber).subscribe(watch).start(config).unwrap(),
            events,
        ));
    }
    // Both stand at a test that waits.
    for _ in &projects {
        starts.recv_timeout(PATIENCE).unwrap();
    }
    for project in &projects {
        in_time(open_gate(project));
    }
    let [mine, yours] = <[_; 2]>::try_from(runs).unwrap().map(|(run, events)| {
        let verdict = in_time(|| run.wait()).unwrap();
        (account(&events.iter().collect::<Vec<_>>(), &verdict), verdict)
    });
    assert_eq!((mine.1.exit_code, count(&mine.1, PASSED_FAILED_SKIPPED)), (1, [1, 1, 0]));
    assert_eq!((yours.1.exit_code, count(&yours.1, PASSED_FAILED_SKIPPED)), (0, [2, 0, 0]));
    assert_eq!(mine.0["test_mine.py::test_mine"], Outcome::Failed);
    assert_eq!(yours.0["test_yours.py::test_yours"], Outcome::Passed);
    assert!(!mine.0.contains_key("test_yours.py::test_yours"));
}

#[test]
fn a_stopped_run_finishes_what_runs() {
    let project = gated();
    let (subscriber, events) = recorder();
    let config = config(&project).workers(1).build().unwrap();
    let run = Run::new().subscribe(subscriber).start(config).unwrap();
    let mut seen: Vec<RunEvent> = Vec::new();
    let stopper = run.stopper();
    while let Ok(event) = events.recv_timeout(PATIENCE) {
        if is_start(&event) {
            stopper.stop("a test of the library");
        }
        if matches!(event, RunEvent::Stopping(_)) {
            in_time(open_gate(&project));
        }
        seen.push(event);
    }
    let verdict = in_time(|| run.wait()).unwrap();
    account(&seen, &verdict);
    assert_eq!((verdict.exit_code, verdict.lost), (2, 0));
    assert_eq!((verdict.count(Outcome::Passed), verdict.count(Outcome::NotRun)), (1, 2));
    assert_eq!(verdict.explanation.as_deref(), Some("interrupted by a test of the library"));
    // It has ended, so this does nothing.
    stopper.kill("nobody");
}

#[test]
fn a_killed_run_leaves_no_process_and_no_test_without_its_state() {
    let project = gated();
    let (subscriber, events) = recorder();
    let config = config(&project).build().unwrap();
    let run_id = config.run_id.clone();
    let run = Run::new().subscribe(subscriber).start(config).unwrap();
    let mut seen: Vec<RunEvent> = Vec::new();
    while let Ok(event) = events.recv_timeout(PATIENCE) {
        if is_start(&event) {
            run.kill("a test of the library");
        }
        seen.push(event);
    }
    let verdict = in_time(|| run.wait()).unwrap();
    assert!(account(&seen, &verdict).values().all(|outcome| *outcome == Outcome::NotRun));
    assert_eq!((verdict.exit_code, verdict.tests, verdict.lost), (2, 3, 0));
    assert_eq!(alive_with("CALLSHEET_RUN_ID", &run_id), []);
}

#[test]
fn a_subscriber_that_panics_is_dropped_and_told_of_while_the_run_goes_on() {
    let project = mixed();
    let (before, after) = (recorder(), recorder());
    let mut events_seen = 0;
    let panics = move |event: &RunEvent| {
        events_seen += 1;
        assert!(!is_start(event), "no more after {events_seen} events");
        assert!(events_seen < 1000);
    };
    let run = Run::new().subscribe(before.0).subscribe(panics).subscribe(after.0);
    let verdict = verdict(run, config(&project).build().unwrap());
    assert_eq!(count(&verdict, PASSED_FAILED_SKIPPED), [10, 1, 1]);
    assert_eq!(verdict.exit_code, 3);
    let why = verdict.explanation.clone().unwrap();
    assert!(why.starts_with("a subscriber panicked: no more after"), "{why}");
    let [before, after] = [before.1, after.1].map(|events| events.iter().collect::<Vec<_>>());
    assert_eq!(before, after);
    account(&before, &verdict);
    let notices = before.iter().filter(|event| matches!(event, RunEvent::Notice(_)));
    assert_eq!(notices.count(), 1);
}

#[test]
fn a_subscriber_that_panics_at_the_last_event_is_told_of_by_the_answer() {
    let project = mixed();
    let (subscriber, events) = recorder();
    let panics =
        |event: &RunEvent| assert!(!matches!(event, RunEvent::RunFinished(_)), "not the end");
    let verdict = verdict(
        Run::new().subscribe(panics).subscribe(subscriber),
        config(&project).build().unwrap(),
    );
    let explanation = verdict.explanation.as_deref();
    assert_eq!((verdict.exit_code, explanation), (3, Some("a subscriber panicked: not the end")));
    account(&events.iter().collect::<Vec<_>>(), &verdict);
}

/// An actor of the host program.
struct Collector(mpsc::Sender<RunEvent>);

impl Actor for Collector {
    type Context = Context<Self>;
}

impl Handler<Event> for Collector {
    type Result = ();

    fn handle(&mut self, Event(event): Event, _context: &mut Context<Self>) {
        self.0.send((*event).clone()).unwrap();
    }
}

/// Starts a run here, with an actor that gets its events, and awaits the verdict.
async fn hosted(config: Config) -> (Vec<RunEvent>, Verdict) {
    let (sender, events) = mpsc::channel();
    let collector = Collector(sender).start();
    let recipients = vec![collector.clone().recipient()];
    let run = actors::start(&config, Parts { recipients, ..Parts::default() }).unwrap();
    let verdict = run.verdict().await.unwrap();
    // A message of our own comes after all of the run's.
    let last = Event(std::sync::Arc::new(RunEvent::Progress(String::new())));
    collector.send(last).await.unwrap();
    let mut events: Vec<RunEvent> = events.try_iter().collect();
    events.pop();
    (events, verdict)
}

#[test]
fn a_system_hosts_one_run_after_the_other_and_two_at_once() {
    let project = mixed();
    let configs: Vec<Config> = (0..3).map(|_| config(&project).build().unwrap()).collect();
    let runs = in_time(move || {
        let [first, second, third] = <[Config; 3]>::try_from(configs).unwrap();
        actix::System::new().block_on(async {
            let first = hosted(first).await;
            let (second, third) = tokio::join!(hosted(second), hosted(third));
            [first, second, third]
        })
    });
    for (events, verdict) in &runs {
        assert_eq!((verdict.exit_code, count(verdict, PASSED_FAILED_SKIPPED)), (1, [10, 1, 1]));
        account(events, verdict);
    }
}

#[test]
fn a_hosted_run_leaves_no_actor_behind() {
    let (project, stopped) = (mixed(), gated());
    let (whole, config) = (config(&project).build().unwrap(), config(&stopped).build().unwrap());
    let verdict = in_time(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let system = tokio::task::LocalSet::new();
        let verdict = system.block_on(&runtime, async {
            hosted(whole).await;
            let (sender, mut started) = tokio::sync::mpsc::unbounded_channel();
            let watch = move |event: &RunEvent| {
                if is_start(event) {
                    sender.send(()).unwrap();
                }
            };
            let parts = Parts { subscribers: vec![Box::new(watch)], ..Parts::default() };
            let run = actors::start(&config, parts).unwrap();
            started.recv().await.unwrap();
            run.kill("its host");
            run.verdict().await.unwrap()
        });
        // It ends when the last task in it has: an actor that stayed would keep it.
        runtime.block_on(system);
        verdict
    });
    assert_eq!((verdict.exit_code, verdict.count(Outcome::NotRun)), (2, 3));
}
