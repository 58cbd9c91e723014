//! Random histories: whatever happens, every test has exactly one end, nothing begins twice, nobody
//! idles beside work, and the run ends.

use proptest::prelude::*;

use crate::model::{Collection, Dist, Item, Outcome, WorkerSpec};
use crate::schedule::PolicyOptions;

use super::script::policy;

use super::world::{Verdict, World};

#[derive(Debug, Clone)]
struct Setting {
    options: PolicyOptions,
    items: Vec<(u8, u8, Option<u8>)>,
    workers: usize,
    /// One of the first workers collects something else.
    differs: bool,
    /// Nothing happens before all have collected.
    smooth_start: bool,
}

fn settings() -> impl Strategy<Value = Setting> {
    let options =
        (prop::sample::select(Dist::ALL.to_vec()), prop::option::of(0_u32..4), any::<bool>())
            .prop_map(|(dist, max_sched_chunk, keep_scope_order)| PolicyOptions {
                dist,
                max_sched_chunk,
                keep_scope_order,
            });
    let items = prop::collection::vec((0_u8..5, 0_u8..8, prop::option::of(0_u8..3)), 0..60);
    let odds = (prop::bool::weighted(0.05), prop::bool::weighted(0.7));
    (options, items, 1_usize..9, odds).prop_map(
        |(options, items, workers, (differs, smooth_start))| Setting {
            options,
            items,
            workers,
            differs,
            smooth_start,
        },
    )
}

impl Setting {
    /// Ids may be equal; a rotation is another order of the same tests.
    fn collection(&self, rotation: usize) -> Collection {
        let mut items: Vec<Item> = self
            .items
            .iter()
            .map(|(file, test, group)| {
                let mut item = Item::from_id(&format!("f{file}.py::T::t{test}"));
                item.group = group.map(|group| format!("g{group}").into());
                item
            })
            .collect();
        let len = items.len().max(1);
        items.rotate_left(rotation % len);
        Collection::new(items)
    }
}

fn spec(number: usize) -> WorkerSpec {
    WorkerSpec { chdir: Some((number % 2).to_string()), ..WorkerSpec::default() }
}

fn play(setting: &Setting, steps: &[(u8, u8)]) {
    let mut workers: Vec<_> =
        (0..setting.workers).map(|number| (spec(number), setting.collection(0))).collect();
    if setting.differs {
        workers[0].1 = Collection::from_ids(["other.py::test"]);
    }
    let steals = setting.options.dist == Dist::WorkSteal;
    let mut world = World::new(policy(&setting.options), steals, workers);
    if setting.smooth_start {
        world.start_up();
    }
    let (mut deaths, mut joins) = (12, 2);
    for (what, who) in steps {
        let who = usize::from(*who);
        let worker = world.pick(who);
        match what {
            0..80 => drop(world.act(worker, who % 2 == 0)),
            80..140 => drop(world.event(worker)),
            140..200 => drop(world.command(worker)),
            200..215 if deaths > 0 => {
                deaths -= 1;
                let verdict = [Outcome::Crashed, Outcome::TimedOut][who % 2];
                world.kill(worker, verdict, who % 7 == 0);
            }
            215..225 => drop(world.supervise(Verdict::Replace, setting.collection(0))),
            225..230 => drop(world.supervise(Verdict::Replace, setting.collection(who))),
            230..232 => {
                let other = Collection::from_ids(["other.py::test"]);
                world.supervise(Verdict::Replace, other);
            }
            232..240 => drop(world.supervise(Verdict::Abandon, Collection::default())),
            240..245 if joins > 0 => {
                joins -= 1;
                world.one_more(&spec(who), setting.collection(who % 3));
            }
            254..=255 if who < 20 => world.stop(),
            200..=255 => world.check_nobody_idles_beside_work(),
        }
    }
    world.finish();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn in_every_history_each_test_ends_once_and_the_run_ends(
        setting in settings(),
        steps in prop::collection::vec(any::<(u8, u8)>(), 0..500),
    ) {
        play(&setting, &steps);
    }
}
