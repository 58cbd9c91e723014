//! The benchmarks' own figures are right, and what the simulation holds of the policies. No clock is read.

use std::path::Path;
use std::process::Command;

use crate::support::Running;

#[path = "../../benches/simulation/mod.rs"]
mod simulation;

use simulation::{Layout, Network, Plan, RIVALS, SHAPES, Test, simulate};

const NEAR: Network = Network { latency: 0.0005, making: 0.0 };

fn rival(name: &str) -> simulation::Rival {
    *RIVALS.iter().find(|rival| rival.name == name).unwrap()
}

fn ratio(name: &str, plan: &Plan, workers: u32) -> f64 {
    simulate(plan, workers, NEAR, rival(name).policy(plan, workers)).makespan / plan.bound(workers)
}

#[test]
fn the_harness_computes_its_figures_right() {
    let mut command = Command::new("python3");
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/compare.py"))
        .arg("--self-check")
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let told = Running::start(command).end();
    assert_eq!(told.code, Some(0), "{told}");
}

#[test]
fn a_simulated_run_takes_as_long_as_reckoned_by_hand() {
    let test = |id: &str, seconds| Test { id: format!("test_a.py::{id}"), seconds };
    let plan = Plan::new(vec![test("a", 3.0), test("b", 2.0), test("c", 1.0), test("d", 2.0)]);
    assert!((plan.bound(2) - 4.0).abs() < 1e-9);
    // Round-robin: 3 + 1 and 2 + 2 seconds; the order to run the first takes its way.
    let load =
        simulate(&plan, 2, Network { latency: 0.25, making: 0.0 }, rival("load").policy(&plan, 2));
    assert!((load.makespan - 4.25).abs() < 1e-9, "{load:?}");
    assert_eq!(load.withdrawals, 0);
    // Even parts, 3 + 2 and 1 + 2: who is done first finds nothing that has not begun.
    let stolen = simulate(
        &plan,
        2,
        Network { latency: 0.25, making: 0.0 },
        rival("worksteal").policy(&plan, 2),
    );
    assert!((stolen.makespan - 5.25).abs() < 1e-9, "{stolen:?}");
}

#[test]
fn stealing_shares_a_slow_half() {
    let seconds: Vec<f64> = (0..100).map(|place| if place < 50 { 1.0 } else { 0.01 }).collect();
    let plan = Plan::laid_out(&seconds, Layout::OneFile);
    let run = simulate(&plan, 2, NEAR, rival("worksteal").policy(&plan, 2));
    assert!(run.withdrawals > 0, "{run:?}");
    assert!(run.makespan / plan.bound(2) < 1.05, "{run:?}");
}

#[test]
fn equal_durations_are_shared_evenly_whatever_the_layout() {
    let [uniform, ..] = SHAPES;
    for layout in [Layout::PerFile(1), Layout::PerFile(10), Layout::OneFile] {
        let plan = Plan::laid_out(&uniform.seconds(1000, 0), layout);
        for (name, workers) in [("load", 8), ("load", 32), ("worksteal", 8), ("worksteal", 32)] {
            let ratio = ratio(name, &plan, workers);
            let case = format!("{name}, {workers} workers, {}, {}", layout.name(), uniform.name());
            assert!((1.0..=1.03).contains(&ratio), "{case}: {ratio}");
        }
    }
}

#[test]
fn no_run_beats_the_bound() {
    for shape in SHAPES {
        let plan = Plan::laid_out(&shape.seconds(500, 1), Layout::PerFile(10));
        for rival in RIVALS {
            let ratio = ratio(rival.name, &plan, 8);
            assert!(ratio >= 1.0, "{}, {}: {ratio}", rival.name, shape.name());
        }
    }
}

#[test]
fn what_is_known_to_take_long_ends_with_the_rest() {
    for workers in [8, 32] {
        for layout in
            [Layout::PerFile(10), Layout::PerFile(1), Layout::PerFile(100), Layout::OneFile]
        {
            for shape in SHAPES {
                let sum: f64 = (0..5)
                    .map(|seed| Plan::laid_out(&shape.seconds(1000, seed), layout))
                    .map(|plan| ratio("stream, known", &plan, workers))
                    .sum();
                let ratio = sum / 5.0;
                let case = format!("{}, {}, {workers} workers", shape.name(), layout.name());
                assert!((1.0..=1.03).contains(&ratio), "{case}: {ratio}");
            }
        }
    }
}
