//! Manifests as text, and what is made of them.

use std::path::Path;

use proptest::prelude::*;

use super::manifest::Manifest;
use super::*;

fn read(text: &str) -> Result<Vec<CommandTest>, String> {
    let manifest = Manifest { name: "m.toml", text, directory: Path::new("/d") };
    manifest.tests().map_err(|error| error.to_string())
}

fn refusal(text: &str) -> String {
    read(text).expect_err("it was taken")
}

#[test]
fn a_test_may_say_all_that_there_is() {
    let text = r#"
[[test]]
name = "login"
command = ["./check", ""]
directory = "web"
env = { MODE = "fast" }
exit = [0, 3]
skip = 99
tags = ["slow"]
group = "db"
timeout = "1m 30s"
tap = true
resources = ["db", "gpu=2"]
requires = ["net"]
exclusive = true
"#;
    let expected = CommandTest {
        id: "login".to_owned(),
        location: "m.toml:2".to_owned(),
        command: vec!["./check".to_owned(), String::new()],
        directory: "/d/web".into(),
        env: vec![("MODE".to_owned(), "fast".to_owned())],
        exit: vec![0, 3],
        skip: Some(99),
        tags: ["slow", "resource:db", "resource:gpu=2", "requires:net", "exclusive"]
            .map(str::to_owned)
            .to_vec(),
        group: Some("db".to_owned()),
        timeout: Some(90_000),
        tap: true,
    };
    assert_eq!(read(text).unwrap(), [expected]);
}

#[test]
fn defaults_hold_where_a_test_says_nothing_and_lists_are_added() {
    let text = "[defaults]\ntimeout = 5\nskip = false\ntags = ['all']\nenv = { A = '1', B = '1' }\n\
                [[test]]\nname = 'a'\ncommand = 'true'\n\
                [[test]]\nname = 'b'\ncommand = 'x'\ntags = ['b']\ntimeout = 0.5\nenv = { B = '2' }\n";
    let tests = read(text).unwrap();
    assert_eq!(tests[0].command, ["sh", "-c", "true"]);
    assert_eq!((tests[0].timeout, tests[0].skip), (Some(5000), None));
    assert_eq!(tests[1].timeout, Some(500));
    assert_eq!(tests[1].tags, ["all", "b"]);
    let env: Vec<String> =
        tests[1].env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(env, ["A=1", "B=2"]);
    assert_eq!(tests[1].directory, Path::new("/d"));
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let test = |line: &str| format!("[[test]]\nname = 'a'\ncommand = 'x'\n{line}\n");
    for (text, expected) in [
        (
            test("timout = '3s'"),
            "m.toml:4: unknown key `timout`; the nearest known key is `timeout`",
        ),
        (test("zzz = 1"), "m.toml:4: unknown key `zzz`; there are `name`, `command`, "),
        (
            "[default]\n".to_owned(),
            "m.toml:1: unknown key `default`; the nearest known key is `defaults`",
        ),
        ("\ntest = 3\n".to_owned(), "m.toml:2: `test` is to be tables `[[test]]`"),
        ("defaults = 3\n".to_owned(), "m.toml:1: `defaults` is to be a table `[defaults]`"),
        ("[defaults]\nname = 'a'\n".to_owned(), "m.toml:2: `name` is a test's own"),
        ("\n[[test]]\ncommand = 'x'\n".to_owned(), "m.toml:2: this test has no `name`"),
        ("[[test]]\nname = 'a'\n".to_owned(), "m.toml:1: the test `a` has no `command`"),
        (
            test("[[test]]\nname = 'a'\ncommand = 'y'"),
            "m.toml:4: there is another test `a` in line 1; each needs a name of its own",
        ),
        (
            test("exit = 256"),
            "m.toml:4: `256` is no value for `exit`; expected an exit code from 0 to 255",
        ),
        (test("exit = []"), "m.toml:4: `[]` is no value for `exit`"),
        (test("skip = true"), "m.toml:4: `true` is no value for `skip`"),
        (test("timeout = '0s'"), "m.toml:4: `'0s'` is no value for `timeout`; expected a duration"),
        (test("timeout = 1e300"), "m.toml:4: `1e300` is no value for `timeout`"),
        (test("resources = ['gpu=0']"), "m.toml:4: `['gpu=0']` is no value for `resources`"),
        (test("env = { 'A=B' = '1' }"), "m.toml:4: `{ 'A=B' = '1' }` is no value for `env`"),
        (test("tap = 'yes'"), "m.toml:4: `'yes'` is no value for `tap`; expected true or false"),
        ("[[test]]\nname = ' a'\n".to_owned(), "m.toml:2: `' a'` is no value for `name`"),
        (
            "[[test]]\nname = 'a'\ncommand = []\n".to_owned(),
            "m.toml:3: `[]` is no value for `command`",
        ),
        (
            "[[test]]\nname = 'a'\ncommand = ' '\n".to_owned(),
            "m.toml:3: `' '` is no value for `command`",
        ),
        ("[[test]]\nname = \n".to_owned(), "m.toml:2: this is not valid TOML: "),
        (
            "[[test]]\nname = 'a'\nname = 'b'\n".to_owned(),
            "m.toml:3: this is not valid TOML: duplicate key",
        ),
    ] {
        let refusal = refusal(&text);
        assert!(refusal.starts_with(expected), "{text}\n{refusal}");
    }
}

#[test]
fn lines_of_a_file_are_named_by_what_they_are() {
    let tests = files::of_lines("m.txt", "# all\n\n ./a 1 \n./b\n./a 1\n", Path::new("/d"));
    let told: Vec<_> = tests.iter().map(|test| (&*test.id, &*test.location)).collect();
    assert_eq!(told, [("./a 1", "m.txt:3"), ("./b", "m.txt:4"), ("./a 1 #2", "m.txt:5")]);
    assert_eq!(tests[2].command, ["sh", "-c", "./a 1"]);
}

proptest! {
    #[test]
    fn whatever_stands_in_a_manifest_is_read_or_refused_with_a_line(
        lines in prop::collection::vec(
            prop_oneof![
                Just("[[test]]".to_owned()),
                Just("[defaults]".to_owned()),
                "(name|command|exit|skip|timeout|env|tags|tap|é) = ('a'|\\['a'\\]|1|-1|0x4d|true|\\{ A = 'x' \\}|inf|\")",
                "\\PC{0,12}",
            ],
            0..12,
        )
    ) {
        if let Err(refusal) = read(&lines.join("\n")) {
            let rest = refusal.strip_prefix("m.toml:").expect("the file");
            let line = rest.split(':').next().and_then(|line| line.parse::<usize>().ok());
            prop_assert!(line.is_some_and(|line| line <= lines.len().max(1)), "{refusal}");
        }
    }
}
