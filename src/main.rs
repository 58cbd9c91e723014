//! The `callsheet` command.
use callsheet::{config::Config, model::*, *};
fn main() {
    env_logger::init();
    agent::serve_if_asked();
    let n: usize = std::env::args().nth(1).unwrap().parse().unwrap();
    let args: Vec<String> = std::env::args().skip(2).collect();
    let config = Config {
        suite: Suite::Pytest(PytestSuite { root: std::env::current_dir().unwrap(), args, ..Default::default() }),
        workers: vec![WorkerSpec::default(); n],
        policy: schedule::PolicyOptions { dist: std::env::var("DIST").ok().map(|d| d.parse().unwrap()).unwrap_or_default(), ..Default::default() },
        max_fail: std::env::var("MAXFAIL").ok().and_then(|s| s.parse().ok()),
        restart: supervise::RestartLimits { max_worker_restart: Some(4), max_restarts: None, window: std::time::Duration::from_secs(60), backoff: std::time::Duration::from_secs(1), backoff_max: std::time::Duration::from_secs(10) },
        deadlines: Deadlines::default(), worker_memory: None, run_id: "abc".into(), argv: vec![], seed: 1, collect_only: false,
        terminal: report::TerminalOptions { color: false, live: false, columns: 100, verbosity: 0, live_output: false, slowest: 3 },
        agent: launch::AgentCommand::ThisProgram,
    };
    let h = Run::new().terminal(std::io::stdout()).start(config).unwrap();
    let v = h.wait().unwrap();
    std::process::exit(v.exit_code);
}
