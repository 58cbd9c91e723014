//! Random histories: whatever happens, every test has exactly one end, nothing begins twice, nobody
//! idles beside work, and the run ends.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use crate::model::{Collection, Dist, Durations, HostId, Item, Outcome, WorkerSpec};
use crate::schedule::{
    self, Estimates, Policy, PolicyOptions, RecycleRules, RetryRules, Rules, RulesOfTest, TestRules,
};

use super::world::{Verdict, World};

#[derive(Debug, Clone)]
struct Setting {
    options: PolicyOptions,
    items: Vec<(u8, u8, Option<u8>)>,
    rules: RetryRules,
    recycle: RecycleRules,
    /// By file and test, how many attempts fail.
    fails: Vec<(u8, u8, u32)>,
    /// By file and test, what it needs.
    needs: Vec<(u8, u8, Vec<&'static str>)>,
    /// What the two hosts offer.
    offers: [Vec<&'static str>; 2],
    /// By file and test, its own number of retries.
    own: Vec<(u8, u8, u32)>,
    /// By file and test, how many tenths of a second each phase took in runs before.
    known: Vec<(u8, u8, [u8; 3])>,
    workers: usize,
    /// One of the first workers collects something else.
    differs: bool,
    /// Another one has the same files, one of them with other tests.
    differs_in_a_file: bool,
    /// How many are to have collected before anything goes out.
    enough: Option<usize>,
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
    let seconds = [0_u8..10, 0..100, 0..10];
    let known = prop::collection::vec((0_u8..5, 0_u8..8, seconds), 0..30);
    let retry = (0_u32..4, 0_u64..2, prop::option::of(0_u32..30), any::<bool>());
    let recycle = (prop::option::weighted(0.2, 1_u32..6), prop::bool::weighted(0.2));
    let fails = prop::collection::vec((0_u8..5, 0_u8..8, 1_u32..6), 0..12);
    let needs = prop::sample::subsequence(
        vec![
            "resource:db",
            "resource:gpu",
            "resource:gpu=2",
            "exclusive",
            "resource:nobody",
            "requires:fast",
            "requires:big",
            "slow",
        ],
        0..3,
    );
    let needs = prop::collection::vec((0_u8..5, 0_u8..8, needs), 0..8);
    let own = prop::collection::vec((0_u8..5, 0_u8..8, 0_u32..3), 0..4);
    let special = (retry, recycle, fails, needs, own).prop_map(
        |((retries, delay, budget, crashed), (after, failed), fails, needs, own)| {
            let delay = Duration::from_secs(delay);
            let delay_max = Duration::from_secs(9);
            let rules = RetryRules { retries, delay, delay_max, budget, crashed, seed: 7 };
            (rules, RecycleRules { after, failed }, fails, needs, own)
        },
    );
    let offer = || prop::sample::subsequence(vec!["fast", "big"], 0..=2);
    let special = prop_oneof![1 => Just(Default::default()), 4 => special];
    let odds = (
        prop::bool::weighted(0.05),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.7),
        prop::option::weighted(0.3, 1_usize..10),
    );
    (options, items, known, 1_usize..9, odds, special, [offer(), offer()]).prop_map(
        |(options, items, known, workers, odds, (rules, recycle, fails, needs, own), offers)| {
            Setting {
                options,
                items,
                rules,
                recycle,
                fails,
                needs,
                offers,
                own,
                known,
                workers,
                differs: odds.0,
                differs_in_a_file: odds.1,
                smooth_start: odds.2,
                enough: odds.3,
            }
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
                let own = self.needs.iter().find(|needs| (needs.0, needs.1) == (*file, *test));
                item.tags =
                    own.into_iter().flat_map(|own| &own.2).map(|tag| (*tag).into()).collect();
                item
            })
            .collect();
        let len = items.len().max(1);
        items.rotate_left(rotation % len);
        Collection::new(items)
    }

    /// The same files, of which one that a number picks has another test.
    fn other_tests(&self, number: usize) -> Collection {
        let mut items = self.collection(0).items().to_vec();
        let len = items.len().max(1);
        if let Some(item) = items.get_mut(number % len) {
            *item = Item::from_id(&format!("{}::T::other{}", item.file(), number % 3));
        }
        Collection::new(items)
    }

    fn rules(&self) -> Rules {
        let own: Vec<(String, u32)> =
            self.own.iter().map(|(file, test, own)| (id(*file, *test), *own)).collect();
        let of_test: RulesOfTest = Arc::new(move |item| {
            let own = own.iter().find(|(id, _)| **id == *item.id);
            TestRules { retries: own.map(|(_, retries)| *retries), ..TestRules::default() }
        });
        Rules {
            slow: None,
            of_file: None,
            retry: self.rules,
            resources: vec![("db".to_owned(), 1), ("gpu".to_owned(), 2)],
            offers: self
                .offers
                .iter()
                .map(|host| host.iter().map(|name| (*name).into()).collect())
                .collect(),
            recycle: self.recycle,
            of_test: (!self.own.is_empty()).then_some(of_test),
            // Workers of our own are told what tests take, others are not.
            estimates: (self.workers.is_multiple_of(2) && !self.known.is_empty())
                .then(|| self.estimates()),
        }
    }

    fn fails(&self) -> HashMap<Arc<str>, u32> {
        self.fails.iter().map(|(file, test, count)| (id(*file, *test).into(), *count)).collect()
    }

    fn estimates(&self) -> Arc<Estimates> {
        let known = self.known.iter().map(|(file, test, [setup, call, teardown])| {
            let [setup, call, teardown] =
                [setup, call, teardown].map(|tenths| f64::from(*tenths) / 10.0);
            (format!("f{file}.py::T::t{test}"), Durations { setup, call, teardown })
        });
        Arc::new(known.collect())
    }

    fn policy(&self) -> Box<dyn Policy> {
        schedule::policy(&self.options, self.workers, self.estimates())
    }
}

fn id(file: u8, test: u8) -> String {
    format!("f{file}.py::T::t{test}")
}

fn spec(number: usize) -> WorkerSpec {
    let host = HostId(u32::from(number % 2 == 1));
    WorkerSpec { host, chdir: Some((number % 2).to_string()), ..WorkerSpec::default() }
}

fn play(setting: &Setting, steps: &[(u8, u8)]) {
    let mut workers: Vec<_> =
        (0..setting.workers).map(|number| (spec(number), setting.collection(0))).collect();
    if setting.differs {
        workers[0].1 = Collection::from_ids(["other.py::test"]);
    }
    if setting.differs_in_a_file {
        workers[setting.workers - 1].1 = setting.other_tests(setting.items.len() / 2);
    }
    let steals = setting.options.dist == Dist::WorkSteal;
    let facts = (setting.fails(), setting.estimates());
    let mut world = World::new(setting.policy(), steals, setting.rules(), facts, workers);
    if let Some(enough) = setting.enough {
        world.begin_with(enough);
    }
    if setting.smooth_start {
        world.start_up();
    }
    let (mut deaths, mut losses, mut joins) = (12, 6, 2);
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
                world.kill(worker, verdict, who % 7 == 0, (who % 3 == 0).then_some(who / 3));
            }
            215..225 => drop(world.supervise(Verdict::Replace, setting.collection(0))),
            225..228 => drop(world.supervise(Verdict::Replace, setting.collection(who))),
            228..230 => drop(world.supervise(Verdict::Replace, setting.other_tests(who))),
            230..232 => {
                let other = Collection::from_ids(["other.py::test"]);
                world.supervise(Verdict::Replace, other);
            }
            232..234 => drop(world.succeed(who > 10)),
            234..236 => drop(world.wait_ends()),
            236..238 => world.recycle(worker),
            238..240 => drop(world.supervise(Verdict::Abandon, Collection::default())),
            240..245 if joins > 0 => {
                joins -= 1;
                world.one_more(&spec(who), setting.collection(who % 3));
            }
            245..250 if losses > 0 => {
                losses -= 1;
                world.lose(worker);
            }
            250..253 => world.time_left(Duration::from_millis(100) * u32::try_from(who).unwrap()),
            254..=255 if who < 20 => world.stop(),
            200..=255 => world.check_nobody_idles_beside_work(),
        }
    }
    world.finish();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, max_shrink_time: 60_000, ..ProptestConfig::default() })]

    #[test]
    fn in_every_history_each_test_ends_once_and_the_run_ends(
        setting in settings(),
        steps in prop::collection::vec(any::<(u8, u8)>(), 0..500),
    ) {
        play(&setting, &steps);
    }
}
