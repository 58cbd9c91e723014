use super::*;
use crate::model::WarningStage::{Collect, Config, Run};
use crate::report::script::{Script, report, warning};

fn tally(script: &Script) -> Tally {
    let mut tally = Tally::new(2);
    for (_, event) in &script.events {
        tally.event(event);
    }
    tally
}

/// The categories of one test with these reports and this end.
fn categories(reports: &[(Phase, &str)], outcome: Outcome) -> String {
    let reports = reports.iter().map(|(phase, category)| report(*phase, category));
    let tally = tally(&Script::begun(1).test(0, "a.py::t", reports, outcome));
    assert!(tally.adds_up());
    assert_eq!(tally.progressed(), 1);
    tally.categories().map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
}

#[test]
fn a_test_without_a_report_counts_under_its_own_outcome() {
    assert_eq!(categories(&[], Outcome::Passed), "1 passed");
    assert_eq!(categories(&[], Outcome::Error), "1 error");
}

#[test]
fn a_test_with_a_report_counts_once() {
    for (category, outcome) in [
        ("passed", Outcome::Passed),
        ("failed", Outcome::Failed),
        ("xfailed", Outcome::XFailed),
        ("xpassed", Outcome::XPassed),
        ("skipped", Outcome::Skipped),
    ] {
        let counted = categories(&[(Phase::Call, category)], outcome);
        assert_eq!(counted, format!("1 {category}"));
    }
}

#[test]
fn an_error_in_setup_is_all_that_counts() {
    let counted = categories(&[(Phase::Setup, "error")], Outcome::Error);
    assert_eq!(counted, "1 error");
}

#[test]
fn an_error_in_teardown_counts_beside_the_call() {
    let passed = categories(&[(Phase::Teardown, "error")], Outcome::Error);
    assert_eq!(passed, "1 passed, 1 error");
    let failed =
        categories(&[(Phase::Call, "failed"), (Phase::Teardown, "error")], Outcome::Failed);
    assert_eq!(failed, "1 failed, 1 error");
}

#[test]
fn reruns_and_subtests_count_beside_the_test() {
    let rerun = categories(&[(Phase::Call, "rerun")], Outcome::Passed);
    assert_eq!(rerun, "1 rerun, 1 passed");
    let parts = [(Phase::Call, "subtests passed"), (Phase::Call, "subtests passed")];
    let counted = categories(&parts, Outcome::Passed);
    assert_eq!(counted, "2 subtests passed, 1 passed");
}

#[test]
fn a_failed_subtest_does_not_stand_for_its_test() {
    let part = PhaseReport { word: "SUBFAILED(i=1)".to_owned(), ..report(Phase::Call, "failed") };
    let whole = report(Phase::Call, "failed");
    let tally = tally(&Script::begun(1).test(0, "a.py::t", [part, whole], Outcome::Failed));
    assert_eq!(tally.counted("failed"), 2);
    assert_eq!(tally.entries().len(), 2);
}

#[test]
fn a_category_of_a_plugin_stands_for_the_test() {
    let counted = categories(&[(Phase::Call, "flaky")], Outcome::Failed);
    assert_eq!(counted, "1 flaky");
}

#[test]
fn a_report_without_category_does_not_count_and_lends_its_sections() {
    let silent = PhaseReport {
        sections: vec![crate::model::Section {
            title: "Captured stdout teardown".to_owned(),
            text: "bye".to_owned(),
        }],
        ..report(Phase::Teardown, "")
    };
    let reports = [report(Phase::Call, "failed"), silent];
    let tally = tally(&Script::begun(1).test(0, "a.py::t", reports, Outcome::Failed));
    assert_eq!(tally.counted("failed"), 1);
    assert_eq!(tally.entries()[0].sections.len(), 1);
}

#[test]
fn a_crash_is_one_failure_whichever_event_tells_it_first() {
    let id = "a.py::TestC::t[x::y]";
    let begun = || Script::begun(1).start(0, id);
    let down_first = begun().segfault(0, Some(id), "last words").end(0, id, Outcome::Crashed, 0.0);
    let end_first = begun().end(0, id, Outcome::Crashed, 0.0).segfault(0, Some(id), "last words");
    for script in [down_first, end_first] {
        let tally = tally(&script.finish(1, None));
        assert_eq!(tally.counted("failed"), 1);
        assert!(tally.adds_up());
        let [crash] = tally.entries() else { panic!("{:?}", tally.entries()) };
        assert_eq!(crash.title(), "TestC.t[x::y]");
        assert_eq!(
            crash.text,
            "worker 'gw0' crashed while running 'a.py::TestC::t[x::y]'\n\
             killed by signal 11 (SIGSEGV), during call"
        );
        assert_eq!(crash.sections[0].text, "last words");
    }
}

#[test]
fn a_crash_that_nobody_explains_is_still_an_entry() {
    let script = Script::begun(1)
        .start(0, "a.py::t")
        .end(0, "a.py::t", Outcome::TimedOut, 0.0)
        .finish(1, None);
    assert_eq!(tally(&script).entries()[0].brief, "worker 'gw0' timed out");
}

#[test]
fn sums_add_up_only_when_every_test_has_a_state() {
    let script = Script::begun(3).pass(0, "a").pass(1, "b");
    assert!(!tally(&script).adds_up());
    let tally = tally(&script.not_run("c", "no worker is left", true));
    assert!(tally.adds_up());
    assert_eq!(tally.lost(), 1);
    assert_eq!(tally.outcomes()[&Outcome::NotRun], 1);
    assert_eq!(tally.counted("passed"), 2);
}

#[test]
fn a_warning_of_every_worker_counts_as_often_as_one_worker_raised_it() {
    let shared = || warning(Collect, "a.py", "a.py:9");
    let script = Script::begun(1)
        .warn(0, shared())
        .warn(1, shared())
        .warn(1, shared())
        .warn(0, warning(Config, "", "conf.py:1"))
        .warn(0, warning(Run, "a.py::t", "a.py:9"))
        .warn(1, warning(Run, "a.py::t", "a.py:9"));
    let tally = tally(&script);
    assert_eq!(tally.counted("warnings"), 5);
    let [group] = tally.warnings().groups() else { panic!("one text") };
    let places = ["a.py", "a.py", "conf.py:1", "a.py::t", "a.py::t"];
    assert_eq!(group.places(), places);
}

#[test]
fn ten_places_of_a_warning_are_counted_by_file() {
    let script = (0..10).fold(Script::begun(1), |script, number| {
        let file = if number == 3 { "b" } else { "a" };
        let id = format!("{file}.py::t{number}");
        script.warn(0, warning(Run, &id, "c.py:1"))
    });
    let tally = tally(&script);
    let places = tally.warnings().groups()[0].places();
    assert_eq!(places, ["a.py: 9 warnings", "b.py: 1 warning"]);
}

#[test]
fn the_slowest_tests_are_kept_and_no_others() {
    let script = [("a", 0.2), ("b", 0.004), ("c", 0.5), ("d", 0.3), ("e", 0.1)]
        .into_iter()
        .fold(Script::begun(5), |script, (id, seconds)| {
            script.start(0, id).end(0, id, Outcome::Passed, seconds)
        });
    let tally = tally(&script);
    let slowest: Vec<&str> = tally.slowest().list().iter().map(|slow| &*slow.test.id).collect();
    assert_eq!(slowest, ["c", "d"]);
}

#[test]
fn nothing_is_kept_of_tests_that_pass() {
    let script = (0..1000).fold(Script::begun(1000), |script, number| {
        script.pass(number % 2, &format!("a.py::t{number}"))
    });
    let tally = tally(&script);
    assert_eq!(tally.counted("passed"), 1000);
    assert!(tally.entries().is_empty() && tally.running.is_empty());
    assert!(tally.slowest().list().is_empty());
}

#[test]
fn a_worker_that_ends_as_it_should_is_no_crashed_worker() {
    let clean = Death { finished: true, ..Death::early(crate::model::Ending::Code(0)) };
    let script = Script::begun(1)
        .push(RunEvent::WorkerDown {
            worker: WorkerId(0),
            death: clean,
            crashed: None,
            expected: false,
            retried: false,
        })
        .segfault(1, None, "")
        .replaced(1, 2)
        .segfault(2, None, "")
        .denied(2, "maximum crashed workers reached: 1");
    let tally = tally(&script);
    let [first, second] = tally.downs() else { panic!("{:?}", tally.downs()) };
    assert_eq!(first.replacement, Some(WorkerId(2)));
    let why = "maximum crashed workers reached: 1";
    assert_eq!(second.denied.as_deref(), Some(why));
}

#[test]
fn collections_that_differ_are_errors_only_if_they_stop_the_run() {
    let diff = CollectionDiff { from: WorkerId(0), to: WorkerId(1), unified: "-a\n+b".to_owned() };
    let script = Script::begun(1).push(RunEvent::CollectionDiffers(diff));
    let tally_before = tally(&script);
    assert_eq!(tally_before.counted("error"), 0);
    assert_eq!(tally_before.diffs().len(), 1);
    let tally = tally(&script.stop(StopReason::CollectionsDiffer));
    assert_eq!(tally.counted("error"), 1);
    assert_eq!(tally.entries()[0].title(), "ERROR collecting gw1");
}

#[test]
fn a_test_that_ends_while_it_waits_to_be_run_again_leaves_the_worker_its_own_test() {
    let told = |category: &str, id: &str| {
        let report = report(Phase::Call, category);
        PhaseReport { brief: format!("why {id}"), ..report }
    };
    let script = Script::begun(2).start(0, "a").tell(0, "a", told("rerun", "a"));
    let script = script.push(RunEvent::TestRetried {
        worker: WorkerId(0),
        lane: crate::model::Lane(0),
        index: crate::model::TestIndex(0),
        test: crate::report::script::name("a"),
        attempt: 1,
        end: crate::model::TestEnd {
            outcome: Outcome::Failed,
            durations: crate::model::Durations::default(),
            started: 0.0,
        },
        delay: 60.0,
    });
    // The worker has gone on.
    let script = script.start(0, "b").end(0, "a", Outcome::Failed, 0.0);
    let script = script.tell(0, "b", told("failed", "b")).end(0, "b", Outcome::Failed, 0.0);
    let tally = tally(&script);
    assert!(tally.adds_up());
    assert_eq!(tally.progressed(), 2);
    let entries = tally.entries().iter();
    let entries: Vec<_> = entries.map(|entry| (&*entry.category, &*entry.brief)).collect();
    assert_eq!(entries, [("failed", "why a"), ("failed", "why b")]);
    let categories: Vec<_> = tally.categories().collect();
    assert_eq!(categories, [("rerun", 1), ("failed", 2)]);
}
