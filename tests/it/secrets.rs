//! Values of variables that workers are given by their specifications: they arrive as they were written, and nothing shows them.

use crate::support::Project;

/// The command under test as an agent.
fn host() -> String {
    format!("exec={} agent", env!("CARGO_BIN_EXE_callsheet"))
}

#[test]
fn a_value_may_hold_what_separates_keys_and_is_told_to_its_worker_alone() {
    let text = "import os, sys\n\
        def test_value(request):\n\
        \x20   argv = request.config.workerinput['mainargv']\n\
        \x20   told = f\"{os.environ['DB']} {os.environ['MODE']} {argv[1:4]}\"\n\
        \x20   open('told', 'w').write(told)\n";
    for way in ["popen", &host()] {
        let project = Project::new(&[("test_it.py", text)]);
        let spec = format!("{way}//env:DB=postgres://u:S3CRET@there//db//env:MODE=S3CRET");
        let args = ["--tx", &*spec, "-v", "--junit", "junit.xml", "--events", "events.jsonl"];
        let told = project.run(&args);
        told.assert(0, "1 passed").is_silent_on("S3CRET");
        let shown = format!("{way}//env:DB=…//env:MODE=…");
        let mainargv = format!("['--tx', '{shown}', '-v']");
        assert_eq!(
            project.read("told"),
            format!("postgres://u:S3CRET@there//db S3CRET {mainargv}")
        );
        for report in ["junit.xml", "events.jsonl"] {
            assert!(!project.read(report).contains("S3CRET"), "{report} with {way}");
        }
    }
}

#[test]
fn what_is_refused_is_told_without_values() {
    let project = Project::new(&[("test_it.py", "def test_passes(): pass\n")]);
    for wrong in ["chdri=/srv", "chdir=", "evn:B=S3CRET://a"] {
        let told = project.run(&["--tx", &format!("ssh=there//{wrong}//env:A=S3CRET://a")]);
        assert_eq!(told.code, Some(4), "{told}");
        told.says("//env:A=…`").is_silent_on("S3CRET");
    }
    // It would be swallowed by the value before it.
    for key in ["pyhton=", "evn:B="] {
        let told = project.run(&["--tx", &format!("popen//env:A=S3CRET//{key}S3CRET")]);
        assert_eq!(told.code, Some(4), "{told}");
        told.says("in the value of `env:A` in `--tx popen//env:A=…`").is_silent_on("S3CRET");
    }
    project.write("callsheet.toml", "tx = 'popen//env:A=S3CRET'\n");
    let told = project.run(&[]);
    assert_eq!(told.code, Some(4), "{told}");
    told.says("is no value for `tx`").is_silent_on("S3CRET");
}

#[test]
fn a_file_that_can_not_be_read_shows_no_value() {
    let project = Project::new(&[("test_it.py", "def test_passes(): pass\n")]);
    let host = "workers = 2\n[[host]]\nssh = 'there'\n";
    for (text, place) in [
        ("env = { TOKEN = \"S3CRET\"\n", "line 4, column "),
        ("env = { TOKEN = \"S3CRET }\n", "line 4, column "),
        ("env = { TOKEN = S3CRET }\n", "line 4, column "),
        ("env = { TOKEN = 'a' 'S3CRET' }\n", "line 4, column "),
        ("exec = ['run', '--key=S3CRET]\n", "line 4, column "),
        ("[host.env]\nTOKEN = 'a'\nTOKEN = 'S3CRET'\n", "line 6, column "),
    ] {
        for (file, before) in [("callsheet.toml", ""), ("pyproject.toml", "# callsheet\n")] {
            project.write(file, &format!("{before}{host}{text}"));
            let told = project.run(&["--config", file]);
            assert_eq!(told.code, Some(4), "{told}");
            told.says(&format!("`{file}` is not valid TOML, line ")).is_silent_on("S3CRET");
            if before.is_empty() {
                told.says(place);
            }
        }
    }
}
