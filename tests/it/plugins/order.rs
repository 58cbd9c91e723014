//! pytest-randomly: one seed for all workers, told to people.

use super::super::support::{Project, Told};
use super::PLUGINS;

/// Thirty tests that write down their numbers, and what chance gave them.
fn shuffled() -> Project {
    Project::with(
        &PLUGINS,
        &[(
            "test_a.py",
            "import random, pytest\n\
             @pytest.mark.parametrize('n', range(30))\n\
             def test_a(n):\n\
             \x20   with open('order', 'a') as file: file.write('%d:%s ' % (n, random.random()))\n",
        )],
    )
}

fn seed(told: &Told) -> &str {
    let seeds: Vec<&str> = told
        .stdout
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Using --randomly-seed="))
        .collect();
    let [seed] = seeds[..] else { panic!("not one seed\n{told}") };
    seed
}

/// What a run wrote down.
fn order(project: &Project, told: &Told) -> Vec<String> {
    told.assert(0, "30 passed");
    let order = project.read("order").split_whitespace().map(str::to_owned).collect();
    project.write("order", "");
    order
}

fn numbers(order: &[String]) -> Vec<u32> {
    order.iter().map(|note| note.split_once(':').unwrap().0.parse().unwrap()).collect()
}

#[test]
fn one_seed_holds_for_all_workers_and_is_shown() {
    let project = shuffled();
    // Two workers would end up with different collections, and the run with exit code 2, if their seeds differed.
    let told = project.run(&["-n", "2"]);
    let seed = seed(&told).to_owned();
    let first = order(&project, &told);
    assert!(!numbers(&first).is_sorted(), "{first:?}");

    let with_seed = format!("randomly_seed={seed}");
    let flag = format!("--{}", with_seed.replace('_', "-"));
    let again = project.run(&["-n", "1", "--", &flag]);
    assert_eq!(self::seed(&again), seed);
    let mut again = order(&project, &again);
    let plain = project.run_python(&["-m", "pytest", &flag]);
    let plain = order(&project, &plain);
    assert_eq!(again, plain);
    // On two workers the same tests had the same luck, in whatever order they came to be written down.
    let mut first = first;
    first.sort();
    again.sort();
    assert_eq!(first, again);
}

#[test]
fn a_seed_that_is_given_holds() {
    let project = shuffled();
    let told = project.run(&["-n", "2", "--", "--randomly-seed=7"]);
    assert_eq!(seed(&told), "7");
    told.assert(0, "30 passed");
}

#[test]
fn the_last_seed_can_be_had_again() {
    let project = shuffled();
    let first = project.run(&["-n", "2"]);
    let last = project.run(&["-n", "2", "--", "--randomly-seed=last"]);
    assert_eq!(seed(&first), seed(&last));
}
