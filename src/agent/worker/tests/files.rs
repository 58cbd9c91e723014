//! Workers that list files and make their items when they are told to.

use super::*;

fn make(files: &[u32], run: bool) -> Order {
    Order::Make { files: files.to_vec(), run }
}

impl Told {
    /// What was made of each file: the file, the number of the first item, and how many.
    fn made(&self) -> Vec<(u32, u32, usize)> {
        let made = |event: &WorkerEvent| match event {
            WorkerEvent::Made { file, first, items, .. } => Some((*file, *first, items.len())),
            _ => None,
        };
        self.0.iter().filter_map(made).collect()
    }
}

#[test]
fn the_items_of_a_file_are_run_as_soon_as_they_are_made() {
    let script = "listed('a.py', 'b.py'); make(2); run(); run(); make(1); run(); finish()";
    let told = play(script, vec![make(&[1, 0], true), Order::Finish]);
    assert!(told.death().is_clean(), "{:?}", told.death());
    assert_eq!(told.made(), [(1, 0, 2), (0, 2, 1)]);
    assert_eq!(told.ended(), [0, 1, 2]);
}

#[test]
fn the_items_of_a_file_may_only_become_known() {
    let script = "listed('a.py', 'b.py'); make(2); make(2); run(); finish()";
    let orders =
        vec![make(&[0], false), make(&[1], false), Order::Run(vec![3].into()), Order::Finish];
    let told = play(script, orders);
    assert!(told.death().is_clean(), "{:?}", told.death());
    assert_eq!(told.made(), [(0, 0, 2), (1, 2, 2)]);
    assert_eq!(told.ended(), [3]);
}

#[test]
fn parts_are_one_event() {
    let script = "listed('a.py'); f = take()['make']; say('making', f=f)
for i in range(3): say('made', f=f, items=[['x%d' % i, 1]], last=False)
say('made', f=f, items=[], last=True, deselected=7); run(); run(); run(); finish()";
    let told = play(script, vec![make(&[0], true), Order::Finish]);
    assert!(told.death().is_clean(), "{:?}", told.death());
    assert_eq!(told.made(), [(0, 0, 3)]);
    assert_eq!(told.ended(), [0, 1, 2]);
}

#[test]
fn what_needs_something_of_the_machine_is_left_to_the_scheduler_and_nothing_else() {
    let script = "listed('a.py'); f = take()['make']; say('making', f=f)
needs = [[], ['exclusive'], ['requires:gpu'], ['resource:db'], ['slow']]
say('made', f=f, items=[['t', 1, None, tags] for tags in needs], last=True, deselected=0)
for _ in range(4): run()
finish()";
    let answer = |event: &WorkerEvent| match event {
        WorkerEvent::Ended { item: 0, .. } => Some(Order::Run(vec![3].into())),
        WorkerEvent::Ended { item: 3, .. } => Some(Order::Finish),
        _ => None,
    };
    let told =
        serve_with(&command(script), vec![make(&[0], true)], Limits::default(), None, answer);
    assert!(told.death().is_clean(), "{:?}", told.death());
    let made = told.0.iter().find_map(|event| match event {
        WorkerEvent::Made { queued, kept, .. } => Some((*queued, kept.clone())),
        _ => None,
    });
    // No host offers anything, so what one requires is not heeded.
    assert_eq!(made, Some((true, vec![1, 3])));
    assert_eq!(told.ended(), [0, 2, 4, 3]);
}

#[test]
fn items_that_are_not_chosen_are_never_handed_out() {
    let script = "listed('a.py', 'b.py', 'c.py')
for ids, runs in (['unwanted', 'x'], 1), (['unwanted'], 0), (['y', 'unwanted', 'z'], 2):
    f = take()['make']; say('making', f=f)
    say('made', f=f, items=[[id, 1] for id in ids], last=True, deselected=1)
    for _ in range(runs): run()
finish()";
    let answer = |event: &WorkerEvent| match event {
        WorkerEvent::Made { file: 2, .. } => Some(Order::Run(vec![2, 1].into())),
        WorkerEvent::Ended { item: 1, .. } => Some(Order::Finish),
        _ => None,
    };
    let orders = vec![make(&[0, 1], true), make(&[2], false)];
    let told =
        serve_with(&command(script), orders, Limits::default(), Some("not unwanted"), answer);
    assert!(told.death().is_clean(), "{:?}", told.death());
    assert_eq!(told.made(), [(0, 0, 1), (1, 1, 0), (2, 1, 2)]);
    assert_eq!(told.ended(), [0, 2, 1]);
    let deselected = |event: &WorkerEvent| match event {
        WorkerEvent::Made { deselected, .. } => Some(*deselected),
        _ => None,
    };
    assert_eq!(told.0.iter().filter_map(deselected).collect::<Vec<_>>(), [2, 2, 2]);
}

#[test]
fn what_is_not_begun_is_taken_back_with_the_files() {
    // The worker reads nothing before the answer stands in the queue: the second `make` of file 1.
    let script = "listed('a.py', 'b.py', 'c.py')
while json.loads(queue.recv(100, socket.MSG_PEEK)) != {'make': 1}: time.sleep(0.001)
make(0); make(0); finish()";
    let orders = vec![
        make(&[0, 1], true),
        Order::Run(vec![5].into()),
        Order::Withdraw { items: vec![5, 6], files: vec![0] },
        make(&[2], true),
        Order::Finish,
    ];
    let told = play(script, orders);
    assert!(told.death().is_clean(), "{:?}", told.death());
    assert!(told.0.contains(&WorkerEvent::Withdrawn { items: vec![5], files: vec![0] }));
    assert_eq!(told.made(), [(1, 0, 0), (2, 0, 0)]);
}

#[test]
fn a_death_while_items_are_made_names_the_file() {
    let script = "listed('a.py', 'b.py'); say('making', f=take()['make'])
os.kill(os.getpid(), signal.SIGSEGV)";
    let told = play(script, vec![make(&[1, 0], true)]);
    assert_eq!((told.death().making, told.death().running), (Some(1), None));
    let told = play("listed('a.py'); make(1); os._exit(1)", vec![make(&[0], false)]);
    assert_eq!(told.death().making, None, "it was made");
}

#[test]
fn a_file_out_of_turn_breaks_the_protocol() {
    for script in [
        "listed('a.py', 'b.py'); say('making', f=1)",
        "listed('a.py', 'b.py'); make(0); say('making', f=0)",
        "listed('a.py', 'b.py'); take(); say('start', i=0)",
    ] {
        let told = play(&format!("{script}\nforever()"), vec![make(&[0, 1], true)]);
        assert!(told.cause().contains("that was not the next of its queue"), "{}", told.cause());
    }
}

#[test]
fn a_file_has_the_time_to_collect_and_is_named() {
    let short = Duration::from_millis(300);
    let none = Deadlines::default();
    for (script, deadlines, cause) in [
        (
            "listed('a.py', 'tests/b.py'); make(0); say('making', f=take()['make'])",
            Deadlines { collect: short, ..none },
            "it did not finish collecting tests/b.py within 0.3 s",
        ),
        (
            "listed('a.py', 'tests/b.py')",
            Deadlines { begin: short, ..none },
            "it did not begin to collect the file it was given within 0.3 s",
        ),
    ] {
        let script =
            format!("signal.signal(signal.SIGABRT, lambda *_: os._exit(6))\n{script}\nforever()");
        let limits = Limits { deadlines, memory: None };
        let told = play_within(&script, vec![make(&[0, 1], true)], limits);
        assert_eq!(told.cause(), cause);
        assert!(!told.death().timed_out);
    }
}

#[test]
fn an_interrupt_reaches_a_worker_that_makes_items() {
    let script = "listed('a.py'); say('making', f=take()['make'])\nforever()";
    let told = play_with(script, vec![make(&[0], true)], |event| match event {
        WorkerEvent::Making { .. } => Some(Order::Stop(StopMode::AfterTest)),
        _ => None,
    });
    assert!(told.death().tail.contains("KeyboardInterrupt"), "{}", told.death().tail);
    assert!(told.death().on_request, "{:?}", told.death());
}

#[test]
fn an_interrupt_reaches_a_worker_that_has_not_yet_said_that_it_makes_items() {
    let place = tempfile::tempdir().unwrap();
    let told = place.path().join("told");
    let script = format!(
        "listed('a.py'); f = take()['make']; say('warning', stage='collect', id='', location='', text='')
while not os.path.exists('{}'): pass
say('making', f=f)
forever()",
        told.display()
    );
    // What the worker says after it has seen the file is heard after the order.
    let told = play_with(&script, vec![make(&[0], true)], |event| match event {
        WorkerEvent::Warning(_) => {
            std::fs::write(&told, "").unwrap();
            Some(Order::Stop(StopMode::AfterTest))
        }
        _ => None,
    });
    assert!(told.death().tail.contains("KeyboardInterrupt"), "{}", told.death().tail);
    assert!(told.death().on_request, "{:?}", told.death());
}
