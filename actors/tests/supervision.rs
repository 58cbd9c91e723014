//! What becomes of workers when their agent fails at the worst moment. The agent here says nothing; the test speaks for it.

use std::process::Stdio;
use std::time::Duration;

use actix::{Actor, Addr};

use super::{Noted, Notes, noted, until};
use crate::actors::host::{HostActor, Kind, Patience};
use crate::actors::messages::{
    Dismiss, HostReport, OfHost, RunConclusion, StartFleet, ToHost, WorkerGone,
};
use crate::actors::supervisor::{Neighbours, SupervisorActor};
use crate::config::Config;
use crate::launch::{AgentCommand, Held, Link};
use crate::model::{HostId, SuiteInfo, WorkerId, WorkerInput};
use crate::select::Selection;
use crate::supervise::Life;
use crate::wire::{PrepareRefusal, ToAgent};

fn config(workers: u16) -> Config {
    let agent = AgentCommand::Program("sleep".into(), vec!["1000".into()]);
    Config::builder().root(".").workers(workers).agent(agent).build().unwrap()
}

/// A supervisor that has started its workers on a host that is ready.
fn running(workers: u16) -> (Addr<SupervisorActor>, Notes) {
    let (all, notes) = noted();
    let neighbours = Neighbours {
        news: all.clone().recipient(),
        expect: all.clone().recipient(),
        delay: all.clone().recipient(),
        round_trip: all.clone().recipient(),
        enlist: all.clone().recipient(),
        abandon: all.clone().recipient(),
        publish: all.clone().recipient(),
        session: all.recipient(),
    };
    let supervisor =
        SupervisorActor::new(&config(workers), false, Selection::default(), neighbours).start();
    supervisor.do_send(StartFleet);
    supervisor.do_send(report(HostReport::Prepared(SuiteInfo::default())));
    (supervisor, notes)
}

fn report(report: HostReport) -> OfHost {
    OfHost { host: HostId(0), report }
}

fn lost() -> HostReport {
    HostReport::Lost { why: "it died".to_owned(), for_good: false }
}

fn gone(worker: u32, expected: bool) -> WorkerGone {
    WorkerGone {
        worker: WorkerId(worker),
        expected,
        wanted: true,
        lost: false,
        stranded: false,
        complete: false,
        recycled: false,
        life: Life::Collecting,
        died_in_a_file: false,
    }
}

#[actix::test]
async fn a_worker_that_its_agent_had_not_heard_of_is_lost_with_it() {
    let (supervisor, mut notes) = running(1);
    supervisor.do_send(report(lost()));
    let news = until(&mut notes, "WorkerNews").await;
    assert!(news.contains("worker: WorkerId(0), news: Down("), "{news}");
    assert!(news.contains("AgentLost(\"it died\")"), "{news}");
}

#[actix::test]
async fn a_replacement_that_comes_after_the_refusal_of_the_new_host_is_given_up() {
    let (supervisor, mut notes) = running(2);
    supervisor.do_send(report(lost()));
    // The second that died young waits before it is replaced, and finds the host refused.
    supervisor.do_send(gone(0, false));
    supervisor.do_send(gone(1, false));
    let refusal = PrepareRefusal { message: "no pytest".to_owned(), usage: false };
    supervisor.do_send(report(HostReport::Refused(refusal)));
    until(&mut notes, "AbandonWorker { worker: WorkerId(2), reason: \"no pytest\" }").await;
    until(&mut notes, "AbandonWorker { worker: WorkerId(3), reason: \"no pytest\" }").await;
    until(&mut notes, "Empty(\"no pytest\")").await;
}

#[actix::test]
async fn the_conclusion_is_told_of_once_when_asked_for_and_not_before() {
    let (supervisor, mut notes) = running(1);
    supervisor.do_send(gone(0, true));
    supervisor.do_send(report(lost()));
    supervisor.do_send(RunConclusion(Vec::new()));
    supervisor.do_send(Dismiss);
    let mut concluded = 0;
    loop {
        let note = notes.recv().await.unwrap();
        concluded += u32::from(note.starts_with("Concluded"));
        if note == "Dismissed" {
            break;
        }
    }
    assert_eq!(concluded, 1);
}

fn host(stdio: fn() -> Stdio, supervisor: &Addr<Noted>) -> Addr<HostActor> {
    let mut command = tokio::process::Command::new("sleep");
    command.arg("1000").stdin(stdio()).stdout(stdio()).stderr(Stdio::piped()).kill_on_drop(true);
    let long = Duration::from_secs(1000);
    let patience = Patience { greeting: long, silence: long };
    let link = Link::new(Held::alone(command.spawn().unwrap()));
    HostActor::new(HostId(0), Kind::Local, link, patience, supervisor.clone().recipient()).start()
}

#[actix::test]
async fn a_host_that_panics_is_lost() {
    let (supervisor, mut notes) = noted();
    // It panics at its start: there is nothing to hear its agent by.
    let _host = host(Stdio::null, &supervisor);
    until(&mut notes, "OfHost { host: HostId(0), report: Lost { why: \"its actor failed\"").await;
}

#[actix::test]
async fn a_host_that_can_not_send_an_order_is_lost() {
    let (supervisor, mut notes) = noted();
    let host = host(Stdio::piped, &supervisor);
    let input = WorkerInput { argv: vec!["x".repeat(70_000_000)], ..config(1).worker_input(false) };
    host.do_send(ToHost(ToAgent::Conclude { requests: Vec::new(), input }));
    until(
        &mut notes,
        "OfHost { host: HostId(0), report: Lost { why: \"a message does not fit a frame",
    )
    .await;
}
