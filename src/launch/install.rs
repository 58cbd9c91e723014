//! What a host is told to do to become one with an agent: use the copy of this build that it has, or take one.
//!
//! A script of a POSIX shell, on one line and without a single quote, so that any login shell hands it on as it is. It
//! answers in lines that begin with [`MARK`], which no profile prints.

use std::env::consts;

use super::Payload;
use super::ssh::quote_path;

/// What each answer of the script begins with.
pub(super) const MARK: &[u8] = b"\0callsheet-host ";

/// What the script answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// The agent's own greeting comes next.
    Have,
    /// It wants the program's bytes; its system and machine.
    Need { system: String, machine: String },
    /// It can not be.
    Failed(String),
    /// The program is there, whole, and does not start.
    Dead(String),
}

impl Answer {
    /// The answer in a line after its mark.
    pub(super) fn read(line: &str) -> Option<Self> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "have" => Some(Self::Have),
            "need" => {
                let (system, machine) = rest.split_once(' ')?;
                Some(Self::Need { system: system.to_owned(), machine: machine.trim().to_owned() })
            }
            "failed" => Some(Self::Failed(rest.trim().to_owned())),
            "dead" => Some(Self::Dead(rest.trim().to_owned())),
            _ => None,
        }
    }
}

/// Goes to the user's directory, which relative paths are meant from, and says an answer.
const SAY: &str = r#"cd; set -f; say() { printf "\000callsheet-host %s\n" "$*"; };"#;

/// Starts the agent that is named on the host.
pub(super) fn start(agent: &str) -> String {
    let agent = quote_path(agent);
    format!(
        "{SAY} command -v {agent} >/dev/null || {{ say failed there is no agent {agent}; exit 1; }}; say have; CALLSHEET_ROLE=agent exec {agent} agent"
    )
}

/// Starts the agent of this build, after its program was taken from stdin if the host has none.
///
/// The copy gets its name by one rename, once its hash is right and it has been seen to start; a copy that breaks off
/// leaves nothing. Hosts may share the directory. Copies that nobody has used for a month go.
pub(super) fn script(payload: &Payload) -> String {
    let Payload { hash, size, .. } = payload;
    [
        SAY,
        // What tests write there is for whom it is where ssh alone starts them.
        "m=$(umask); umask 077;",
        r#"d="${XDG_CACHE_HOME:-$HOME/.cache}/callsheet/agents";"#,
        &format!(r#"f="$d/{hash}"; t="$d/.{hash}.$(uname -n).$$";"#),
        r#"go() { umask "$m"; say have; CALLSHEET_ROLE=agent exec "$f"; };"#,
        r#"fail() { say failed "$*"; exit 1; };"#,
        &format!(r#"if [ -x "$f" ] && [ "$(wc -c <"$f")" -eq {size} ]; then touch -c "$f" 2>/dev/null; go; fi;"#),
        r#"say need "$(uname -s)" "$(uname -m)";"#,
        r#"e=$(mkdir -p "$d" 2>&1) || fail $e;"#,
        r#"trap "rm -f \"$t\"" EXIT; trap "exit 1" HUP INT PIPE TERM;"#,
        &format!(r#"e=$({{ head -c {size} >"$t"; }} 2>&1) || fail $e;"#),
        &format!(r#"[ "$(wc -c <"$t")" -eq {size} ] || fail "only $(wc -c <"$t") of {size} bytes came";"#),
        r#"if command -v sha256sum >/dev/null; then h=$(sha256sum <"$t"); else h=$(shasum -a 256 <"$t"); fi;"#,
        &format!(r#"case "$h" in {hash}*) ;; *) fail "its SHA-256 is not that of the original: $h";; esac;"#),
        // An agent takes pipes alone; one whose link ends at once says its greeting and ends well.
        r#"chmod 700 "$t"; e=$({ : | CALLSHEET_ROLE=agent "$t" || say broken; } 2>&1 | tr -d "\000");"#,
        r#"case "$e" in *"callsheet-host broken"*) say dead "${e%callsheet-host broken}"; exit 1;; esac;"#,
        r#"e=$(mv -f "$t" "$f" 2>&1) || fail $e; trap - EXIT;"#,
        r#"find "$d" -type f -mtime +30 -exec rm -f {} + 2>/dev/null;"#,
        "go",
    ]
    .join(" ")
}

/// Whether this build runs on such a machine at all.
pub(super) fn fits(system: &str, machine: &str) -> bool {
    let own_system = match consts::OS {
        "linux" => "Linux",
        "macos" => "Darwin",
        other => other,
    };
    let same = matches!(
        (machine, consts::ARCH),
        ("arm64" | "aarch64", "aarch64") | ("i686" | "i386", "x86")
    );
    system == own_system && (same || machine == consts::ARCH)
}

/// This build's system, machine and C library.
pub(super) fn own_kind() -> String {
    let library = if cfg!(target_env = "gnu") {
        " glibc"
    } else if cfg!(target_env = "musl") {
        " musl"
    } else {
        ""
    };
    format!("{} {}{library}", consts::OS, consts::ARCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_one_line_that_any_shell_hands_on() {
        let payload = Payload { file: "/x".into(), size: 7, hash: "ab".into() };
        let script = script(&payload);
        assert!(!script.contains(['\'', '\n', '!']), "{script}");
    }

    #[test]
    fn answers_are_read() {
        assert_eq!(Answer::read("have"), Some(Answer::Have));
        let need = Answer::Need { system: "Linux".into(), machine: "x86_64".into() };
        assert_eq!(Answer::read("need Linux x86_64"), Some(need));
        assert_eq!(Answer::read("failed full disk"), Some(Answer::Failed("full disk".into())));
        assert_eq!(Answer::read("dead not found"), Some(Answer::Dead("not found".into())));
        assert_eq!(Answer::read("hello"), None);
        assert!(fits("Linux", consts::ARCH) || consts::OS != "linux");
        assert!(!fits("Linux", "riscv128"));
    }
}
