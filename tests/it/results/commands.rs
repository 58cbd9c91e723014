//! The same of commands, whose ids name no files.

use super::{cases, junit};
use crate::support::Project;

const MANIFEST: &str = r#"
[[test]]
name = "plain"
command = "echo no; exit 1"

[[test]]
name = "parts::tap"
command = "printf '1..2\nnot ok 1 - a # TODO later\nnot ok 2 - b\n'; exit 1"
tap = true

[[test]]
name = "again"
command = "echo ValueError; exit 3"

[[test]]
name = "[ -f a.sh ]"
command = "true"
"#;

#[test]
fn commands_have_names_of_their_own_and_failures_at_their_lines() {
    let config = "[[override]]\nfilter = 'name(again)'\nretries = 1\n";
    let requirements = ["pytest==9.2.0", "xmlschema==4.1.0"];
    let files = [("callsheet-commands.toml", MANIFEST), ("callsheet.toml", config)];
    let project = Project::with(&requirements, &files);
    let told = project.run_with(
        &[("GITHUB_ACTIONS", "true")],
        &["-n", "1", "--dist", "load", "--suite", "command", "--junit", "junit.xml"],
    );
    assert_eq!(told.code, Some(1), "{told}");
    let xml = project.read("junit.xml");
    assert_eq!(
        cases(&junit(&project, "junit.xml")),
        [
            "[ -f a.sh ]",
            "again; failure failed exit code 3, expected 0; rerunFailure failed exit code 3, expected 0; system-out",
            "plain; failure failed exit code 1, expected 0; system-out",
            "tap; failure failed contains 1 failed subtest; exit code 1, expected 0; system-out",
        ],
        "{xml}"
    );
    assert!(xml.contains("name=\"[ -f a.sh ]\" classname=\"[ -f a.sh ]\""), "{xml}");
    told.says("::error file=callsheet-commands.toml,line=2,title=plain (failed)::exit code 1");
    told.says("line=6,title=parts%3A%3Atap (failed)::contains 1 failed subtest")
        .is_silent_on("::later");
}
