//! The user's own `ssh`: how it is called, and what its failures mean.

use tokio::process::Command;

/// How other hosts are reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ways {
    /// The user's `ssh` with options.
    pub ssh: Vec<String>,

    /// The user's `rsync` with options.
    pub rsync: Vec<String>,

    /// What is not brought to a host: patterns of rsync.
    pub exclude: Vec<String>,
}

impl Default for Ways {
    fn default() -> Self {
        Self { ssh: vec!["ssh".to_owned()], rsync: vec!["rsync".to_owned()], exclude: Vec::new() }
    }
}

/// What is asked of `ssh` beyond the user's own configuration: never to ask a person, to give up on a host that does not
/// answer, and to leave alone what the configuration forwards. Whether an unknown host key is refused stays `ssh`'s own
/// matter: without a person to ask it is.
///
/// The numbers for a dead link are a last resort, since frames that do not come tell it sooner.
const OPTIONS: [&str; 9] = [
    "BatchMode=yes",
    "ConnectTimeout=10",
    "ServerAliveInterval=15",
    "ServerAliveCountMax=4",
    "ClearAllForwardings=yes",
    "ForwardX11=no",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
    "RequestTTY=no",
];

/// The words that call ssh, up to the destination.
pub(super) fn words(ways: &Ways) -> Vec<String> {
    let options = OPTIONS.iter().flat_map(|option| ["-o", option]).map(str::to_owned);
    ways.ssh.iter().cloned().chain(["-T".to_owned()]).chain(options).collect()
}

/// `ssh` that has a POSIX shell run the script on the host, whatever the user's login shell is.
pub(super) fn command(ways: &Ways, destination: &str, script: &str) -> Command {
    let words = words(ways);
    let (program, arguments) = words.split_first().expect("a way has a first word");
    let mut command = Command::new(program);
    command
        .args(arguments)
        .args(["--", destination])
        .arg(format!("exec /bin/sh -c {}", quote(script)));
    command
}

/// A text as one word of a POSIX shell. A NUL, which no name of a file can hold, is left out.
pub(super) fn quote(text: &str) -> String {
    let text = text.replace('\0', "");
    shlex::try_quote(&text).map_or_else(|_| String::new(), std::borrow::Cow::into_owned)
}

/// A path on a host as a word of a POSIX shell there: `~/` is the user's directory.
pub(super) fn quote_path(path: &str) -> String {
    match path.strip_prefix("~/") {
        Some(rest) => format!("\"$HOME\"/{}", quote(rest)),
        None if path.starts_with('-') => quote(&format!("./{path}")),
        None => quote(path),
    }
}

/// The exit code of `ssh` for failures of its own; another one is that of the script, as are then the words.
pub(super) const OWN_FAILURE: i32 = 255;

/// What `ssh` means that ended before there was an agent, from its exit code and what it said: a sentence with the way out, and
/// whether another try is of no use.
pub(super) fn explain(destination: &str, code: Option<i32>, said: &str) -> Option<(String, bool)> {
    if code != Some(OWN_FAILURE) {
        return None;
    }
    let first = |text: &str| said.contains(text);
    let by_hand = format!("`ssh {destination}`");
    if first("REMOTE HOST IDENTIFICATION HAS CHANGED") {
        let what = format!(
            "its host key has changed, so ssh refuses it; find out why, and once it is right, remove the old key (`ssh-keygen -R`) and run {by_hand} once by hand"
        );
        return Some((what, true));
    }
    if first("Host key verification failed") {
        let what = format!(
            "its host key is not known, so ssh refuses it; run {by_hand} once by hand and accept the key if it is right"
        );
        return Some((what, true));
    }
    if first("Temporary failure in name resolution") {
        return Some(("the names of hosts can not be looked up at the moment".to_owned(), false));
    }
    if first("Could not resolve hostname") {
        let what = format!("nobody knows a host of this name; {by_hand} must work by hand");
        return Some((what, true));
    }
    if first("Permission denied") || first("Too many authentication failures") {
        let what = format!(
            "ssh is not let in, and can not ask for a password here; {by_hand} must work by hand without asking for one"
        );
        return Some((what, true));
    }
    None
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    fn shell(script: &str) -> Vec<u8> {
        let output = Command::new("/bin/sh").args(["-c", script]).env("HOME", "/home/me").output();
        output.unwrap().stdout
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_name_is_one_word_of_the_remote_shell(name in "[ -~\n\t'\"$`\\\\!*äß😀]{0,40}") {
            prop_assert_eq!(shell(&format!("printf %s {}", quote(&name))), name.as_bytes());
            // As ssh hands it on: a script that is a word of the login shell's command.
            let script = format!("printf %s {}", quote(&name));
            prop_assert_eq!(shell(&format!("exec /bin/sh -c {}", quote(&script))), name.as_bytes());
        }
    }

    #[test]
    fn names_that_a_shell_would_act_on_are_plain_words() {
        for name in
            ["a b", "it's", "\"", "$(touch /tmp/x)", "`id`", "a\nb", "-rf", "~root", "*", "!!"]
        {
            assert_eq!(shell(&format!("printf %s {}", quote(name))), name.as_bytes(), "{name:?}");
        }
    }

    #[test]
    fn a_path_may_begin_with_the_home_directory_and_is_no_option() {
        assert_eq!(shell(&format!("printf %s {}", quote_path("~/a b"))), b"/home/me/a b");
        assert_eq!(shell(&format!("printf %s {}", quote_path("-x"))), b"./-x");
    }

    #[test]
    fn what_a_person_must_mend_is_told_from_what_may_pass() {
        let read = |said: &str| explain("me@there", Some(OWN_FAILURE), said);
        let (what, for_good) = read("Host key verification failed.").unwrap();
        assert!(for_good && what.contains("`ssh me@there`"), "{what}");
        assert!(read("me@there: Permission denied (publickey).").unwrap().1);
        assert_eq!(read("connect to host there port 22: Connection refused"), None);
        let unresolved = "ssh: Could not resolve hostname there:";
        assert!(read(&format!("{unresolved} Name or service not known")).unwrap().1);
        let passing = read(&format!("{unresolved} Temporary failure in name resolution"));
        assert!(!passing.unwrap().1);
    }

    #[test]
    fn what_is_said_on_the_host_is_not_taken_for_the_words_of_ssh() {
        let said = "mkdir: cannot create directory 'app': Permission denied";
        for code in [None, Some(0), Some(1)] {
            assert_eq!(explain("there", code, said), None);
        }
    }
}
