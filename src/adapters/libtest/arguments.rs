//! Which of the user's words cargo understands as options, and which it would hand on to test binaries. Pure.

use super::LibtestError;

/// Options of `cargo test` that no value follows. What else begins with `--` and has no `=` is taken to have one, so that an option
/// which is not known here is no obstacle.
const FLAGS: [&str; 32] = [
    "--lib",
    "--bins",
    "--tests",
    "--examples",
    "--benches",
    "--all-targets",
    "--doc",
    "--no-run",
    "--no-fail-fast",
    "--workspace",
    "--all",
    "--all-features",
    "--no-default-features",
    "--release",
    "--ignore-rust-version",
    "--locked",
    "--offline",
    "--frozen",
    "--quiet",
    "--verbose",
    "--future-incompat-report",
    "--keep-going",
    "--unit-graph",
    "--build-plan",
    "--timings",
    "--help",
    "--version",
    "-q",
    "-v",
    "-r",
    "-h",
    "-V",
];

/// Whether all of them are cargo's own.
///
/// # Errors
/// [`LibtestError::Word`]: some are for test binaries, which callsheet itself gives what they need.
pub(super) fn check(args: &[String]) -> Result<(), LibtestError> {
    let mut takes_next = false;
    for arg in args {
        let is_value = std::mem::replace(&mut takes_next, false);
        if arg == "--" || (!is_value && !arg.starts_with('-')) {
            return Err(LibtestError::Word(arg.clone()));
        }
        // What stands behind one letter is its value, as in `-j4`.
        let may_take = arg.len() == 2 || (arg.starts_with("--") && !arg.contains('='));
        takes_next = !is_value && may_take && !FLAGS.contains(&arg.as_str());
    }
    Ok(())
}

/// Without those that have cargo say less, which it tells the harness of doctests too.
pub(super) fn aloud(args: &[String]) -> impl Iterator<Item = String> {
    let said = args.iter().filter(|arg| !["-q", "--quiet"].contains(&arg.as_str()));
    said.cloned().chain(["--config", "term.quiet=false"].map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(line: &str) -> Option<String> {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        match check(&args) {
            Err(LibtestError::Word(word)) => Some(word),
            _ => None,
        }
    }

    #[test]
    fn values_of_options_are_no_words_of_their_own() {
        for line in [
            "",
            "-p a --features x --target-dir d --test name --release -q",
            "-pa -j4 -j 4 --features=x --bin b --config a=b -Z unstable --manifest-path a/Cargo.toml",
            "--exclude a --workspace --some-new-option value --no-fail-fast -vv --profile dev",
        ] {
            assert_eq!(refused(line), None, "{line}");
        }
    }

    #[test]
    fn words_that_cargo_hands_on_are_refused() {
        assert_eq!(refused("login").as_deref(), Some("login"));
        assert_eq!(refused("--release login").as_deref(), Some("login"));
        assert_eq!(refused("-p a login").as_deref(), Some("login"));
        assert_eq!(refused("-q login").as_deref(), Some("login"));
        assert_eq!(refused("--features=x login").as_deref(), Some("login"));
        assert_eq!(refused("-- --nocapture").as_deref(), Some("--"));
        assert_eq!(refused("-p a -- --skip x").as_deref(), Some("--"));
    }
}
