//! Makespan ÷ lower bound of every policy, simulated: `cargo bench --bench simulate -- --help`.
#![expect(clippy::print_stdout, reason = "it is a report")]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use rusqlite::{Connection, OpenFlags};
use simulation::{Layout, Network, Plan, RIVALS, Rival, SHAPES, Test, simulate};

mod simulation;

/// Layouts of files that are tried, the first for every latency.
const LAYOUTS: [Layout; 4] =
    [Layout::PerFile(10), Layout::PerFile(1), Layout::PerFile(100), Layout::OneFile];

/// Latencies that are tried, in seconds, the first for every layout: within a machine, none, across a slow network.
const LATENCIES: [f64; 3] = [0.0005, 0.0, 0.02];

/// Seconds that pytest needs to make one test.
const MAKING: f64 = 50e-6;

/// Replay durations through the real scheduler and print makespan ÷ max(total work ÷ workers, longest test).
#[derive(Debug, Parser)]
struct Options {
    /// How many tests a synthetic suite has.
    #[arg(long, default_value_t = 1000)]
    tests: usize,

    /// How many random suites of each shape are averaged.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    seeds: u32,

    /// How many workers.
    #[arg(long, value_delimiter = ',', default_values_t = [8, 32])]
    workers: Vec<u32>,

    /// Replay these durations: one test a line in the order of collection, as SECONDS, a tab and the test's id.
    #[arg(long)]
    durations: Option<PathBuf>,

    /// Replay what `.callsheet/history.db` of a project holds, its tests in the order of their ids.
    #[arg(long, conflicts_with = "durations")]
    history: Option<PathBuf>,

    /// What `cargo bench` passes to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    for workers in &options.workers {
        if let Some(file) = &options.durations {
            recorded(&read(file)?, *workers);
        } else if let Some(file) = &options.history {
            recorded(&read_history(file)?, *workers);
        } else {
            synthetic(&options, *workers);
        }
    }
    Ok(())
}

fn head(first: &str) {
    let names: Vec<&str> = RIVALS.iter().map(|rival| rival.name).collect();
    println!("| {first} | {} |", names.join(" | "));
    println!("|---{}|", "|---".repeat(RIVALS.len()));
}

fn row(first: &str, figures: impl Iterator<Item = f64>) {
    let figures: Vec<String> = figures.map(|figure| format!("{figure:.3}")).collect();
    println!("| {first} | {} |", figures.join(" | "));
}

fn synthetic(options: &Options, workers: u32) {
    let others = LATENCIES[1..].iter().map(|latency| (LAYOUTS[0], *latency));
    for (layout, latency) in LAYOUTS.map(|layout| (layout, LATENCIES[0])).into_iter().chain(others)
    {
        println!("\n{workers} workers, {}, {} ms under way\n", layout.name(), latency * 1e3);
        head("durations");
        for shape in SHAPES {
            let plans: Vec<Plan> = (0..options.seeds)
                .map(|seed| Plan::laid_out(&shape.seconds(options.tests, seed.into()), layout))
                .collect();
            let rivals = RIVALS.iter().map(|rival| {
                let sum: f64 = plans.iter().map(|plan| ratio(plan, workers, latency, *rival)).sum();
                sum / f64::from(options.seeds)
            });
            row(shape.name(), rivals);
        }
    }
}

fn ratio(plan: &Plan, workers: u32, latency: f64, rival: Rival) -> f64 {
    let network = Network { latency, making: MAKING };
    let run = simulate(plan, workers, network, rival.policy(plan, workers));
    run.makespan / plan.bound(workers)
}

fn recorded(plan: &Plan, workers: u32) {
    println!("\n{workers} workers, {} recorded tests\n", plan.tests().len());
    head("ms under way");
    for latency in LATENCIES {
        let rivals = RIVALS.iter().map(|rival| ratio(plan, workers, latency, *rival));
        row(&format!("{}", latency * 1e3), rivals);
    }
}

fn read(file: &Path) -> Result<Plan, Box<dyn Error>> {
    let test = |line: &str| {
        let (seconds, id) = line.split_once('\t')?;
        Some(Test { id: id.to_owned(), seconds: seconds.parse().ok()? })
    };
    let lines = fs::read_to_string(file)?;
    let tests: Option<Vec<Test>> = lines.lines().map(test).collect();
    let tests = tests.filter(|tests| !tests.is_empty()).ok_or_else(|| {
        format!("{} has a line that is not SECONDS, a tab and an id, or none", file.display())
    })?;
    Ok(Plan::new(tests))
}

fn read_history(file: &Path) -> Result<Plan, Box<dyn Error>> {
    let database = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut query = database.prepare(
        "SELECT id, coalesce(setup, 0) + coalesce(call, 0) + coalesce(teardown, 0) FROM tests ORDER BY suite, id",
    )?;
    let rows = query.query_map([], |row| Ok(Test { id: row.get(0)?, seconds: row.get(1)? }))?;
    let tests = rows.collect::<Result<Vec<Test>, _>>()?;
    if tests.is_empty() {
        return Err(format!("{} holds no test: run the suite first", file.display()).into());
    }
    Ok(Plan::new(tests))
}
