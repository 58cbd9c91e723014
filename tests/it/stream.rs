//! Streaming: files are handed out before their tests are known, and nobody can tell but by the clock.

mod bytecode;
mod crashes;
mod fallback;
mod scopes;
mod selection;
mod start;
mod stealing;

use crate::support::{Project, Told};

/// Has all outcomes named in the summary, and nothing kept between runs.
const PYTEST: [&str; 3] = ["-p", "no:cacheprovider", "-rfEsxXp"];

/// Plain pytest with these arguments.
fn plain(project: &Project, args: &[&str]) -> Told {
    project.run_python(&[&["-m", "pytest"], args, &PYTEST].concat())
}

/// callsheet with these arguments of its own and these for pytest.
fn streamed(project: &Project, workers: &str, own: &[&str], args: &[&str]) -> Told {
    let told = project.run(&[&["-n", workers], own, &["--"], args, &PYTEST].concat());
    told.says("scheduling tests via StreamScheduling");
    told
}

/// The lines of the short summary, sorted: each outcome with its test and its reason.
fn summary(told: &Told) -> Vec<&str> {
    let is_title = |line: &&str| line.starts_with('=') && line.ends_with('=');
    let mut lines: Vec<&str> = told
        .stdout
        .lines()
        .skip_while(|line| !line.contains(" short test summary info "))
        .skip(1)
        .take_while(|line| !is_title(line))
        // Between the summary and the counts plain pytest may say why it stopped.
        .filter(|line| !line.starts_with("!!!"))
        .collect();
    lines.sort_unstable();
    lines
}

/// Asserts that both came to the same outcome of every test, the same counts and the same exit code.
fn assert_same(told: &Told, plain: &Told) {
    assert_eq!(summary(told), summary(plain), "\n{told}\n{plain}");
    told.assert(plain.code.expect("pytest ends by itself"), plain.counts());
}
