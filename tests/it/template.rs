//! Workers that are forked from a warm interpreter: like those that start alone in all that a test can see, and in how they end.

mod collected;
mod ends;
mod learn;
mod preload;

use std::path::Path;

use super::support::{Project, Told};

/// What a worker sees of itself, written to a file of the name that the variable `REPORT` has.
const PORTRAIT: &str = r#"
import atexit, gc, json, locale, logging, os, random, resource, signal, sys, threading, warnings
import faulthandler, select, pytest

EARLY = {
    "environ": dict(os.environ), "argv": list(sys.argv), "path": list(sys.path), "cwd": os.getcwd(),
    "main": sorted(vars(sys.modules["__main__"])), "filters": [str(each) for each in warnings.filters],
    "entry": sys.modules["__main__"].main.__module__, "descriptors": None,
    "excepthook": sys.excepthook is sys.__excepthook__, "meta": len(sys.meta_path), "hooks": len(sys.path_hooks),
}

def mask(number):
    handler = signal.getsignal(number)
    return handler.__name__ if callable(handler) and not isinstance(handler, signal.Handlers) else str(handler)

def test_portrait(pytestconfig):
    portrait = dict(EARLY)
    portrait["descriptors"] = []
    for name in sorted(os.listdir("/proc/self/fd"), key=int):
        try:
            kind = os.readlink("/proc/self/fd/" + name).partition("[")[0].partition(" ")[0].partition(chr(35))[0]
        except OSError:
            continue
        portrait["descriptors"].append([int(name), "file" if pytestconfig.rootpath.name in kind else kind])
    portrait["flags"] = str(sys.flags)
    portrait["orig_argv"] = sys.orig_argv[1:]
    portrait["executable"] = [sys.executable, sys.prefix, sys.base_prefix]
    portrait["umask"] = os.umask(0)
    os.umask(portrait["umask"])
    portrait["signals"] = {str(number): mask(number) for number in range(1, 32)}
    portrait["blocked"] = sorted(str(each) for each in signal.pthread_sigmask(signal.SIG_BLOCK, []))
    portrait["timers"] = [signal.getitimer(each) for each in (signal.ITIMER_REAL, signal.ITIMER_PROF)]
    portrait["locale"] = [locale.setlocale(locale.LC_ALL), sys.getfilesystemencoding(), locale.getpreferredencoding()]
    portrait["streams"] = [
        [each.encoding, each.errors, each.line_buffering, type(each.buffer).__name__]
        for each in (sys.__stdin__, sys.__stdout__, sys.__stderr__)]
    portrait["group"] = os.getpgid(0) == os.getpid()
    portrait["session"] = os.getsid(0) == os.getsid(os.getppid())
    portrait["parent"] = os.getppid() == int(os.environ["CALLSHEET_AGENT_PID"])
    portrait["threads"] = [each.name for each in threading.enumerate()]
    portrait["native"] = threading.main_thread().native_id == os.getpid() == threading.get_native_id()
    portrait["handlers"] = len(logging.root.handlers), logging.root.level
    portrait["limits"] = [resource.getrlimit(each) for each in (resource.RLIMIT_NOFILE, resource.RLIMIT_CORE, resource.RLIMIT_AS)]
    portrait["nice"] = os.nice(0)
    portrait["affinity"] = sorted(os.sched_getaffinity(0))
    portrait["gc"] = [gc.isenabled(), gc.get_threshold(), len(gc.callbacks)]
    portrait["limit"] = [sys.getrecursionlimit(), sys.getswitchinterval()]
    frame, depth = sys._getframe(), 0
    while frame:
        frame, depth = frame.f_back, depth + 1
    portrait["depth"] = depth
    portrait["faulthandler"] = faulthandler.is_enabled()
    portrait["plugins"] = sorted(name for name, _ in pytestconfig.pluginmanager.list_name_plugin() if not name.isdigit())
    portrait["worker"] = {key: value for key, value in pytestconfig.workerinput.items() if key != "testrunuid"}
    with open(os.environ["REPORT"], "w") as file:
        json.dump(portrait, file)
    assert os.read(0, 1) == b""
"#;

/// What differs from run to run, whoever starts the workers.
const OF_THE_RUN: [&str; 7] = [
    "CALLSHEET_AGENT_PID",
    "CALLSHEET_RUN_ID",
    "CALLSHEET_TESTS_MARK",
    "PYTEST_XDIST_TESTRUNUID",
    "PYTHONHASHSEED",
    "REPORT",
    // Where these tests have every run write its events.
    "CALLSHEET_EVENTS",
];

/// What a worker of this project sees of itself.
fn portrait(project: &Project, name: &str, args: &[&str]) -> serde_json::Value {
    let told = project.run_with(&[("REPORT", name)], args);
    told.assert(0, "1 passed");
    let mut portrait: serde_json::Value = serde_json::from_str(&project.read(name)).unwrap();
    let environ = portrait["environ"].as_object_mut().unwrap();
    for name in OF_THE_RUN {
        assert!(environ.remove(name).is_some(), "{name} is not set\n{told}");
    }
    portrait
}

/// Whether all workers say that the modules they use were imported before they were there; `false` if none does.
fn is_forked(project: &Project, args: &[&str]) -> bool {
    let path = Path::new("forked");
    // A test that was forked is younger than the modules of pytest that it has.
    project.write(
        "test_age.py",
        "import os, pathlib, time, _pytest.python\n\
         def test_age():\n\
         \x20   ticks = float(pathlib.Path('/proc/self/stat').read_text().rpartition(')')[2].split()[19])\n\
         \x20   began = ticks / os.sysconf('SC_CLK_TCK')\n\
         \x20   forked = os.environ['PYTEST_XDIST_WORKER'] not in pathlib.Path('/proc/self/environ').read_text()\n\
         \x20   assert began > 0\n\
         \x20   pathlib.Path('forked').write_text(str(forked))\n",
    );
    let told = project.run(&[args, &["test_age.py"]].concat());
    told.assert(0, "1 passed");
    project.read(path.to_str().unwrap()) == "True"
}

/// That the run went well and its workers were started one by one, told with this reason.
fn says_plain(told: &Told, reason: &str) {
    told.says(&format!("starting workers without the template: {reason}"));
}

#[test]
fn a_forked_worker_sees_what_one_that_starts_alone_sees() {
    let project = Project::new(&[("test_portrait.py", PORTRAIT)]);
    let forked = portrait(&project, "forked.json", &["-n", "1"]);
    project.write("callsheet.toml", "template = 'off'\n");
    let alone = portrait(&project, "alone.json", &["-n", "1"]);
    for (name, value) in alone.as_object().unwrap() {
        assert_eq!(forked[name], *value, "{name}");
    }
    for name in ["group", "session", "parent", "native"] {
        assert_eq!(forked[name], true, "{name}");
    }
}

#[test]
fn one_that_goes_on_from_a_collection_sees_the_same() {
    // At import nobody may look at the whole environment then.
    let source = PORTRAIT
        .replace("\"environ\": dict(os.environ), ", "")
        .replace("dict(EARLY)", "dict(EARLY, environ=dict(os.environ))")
        // The numbers of those that are open depend on what was open before.
        .replace(".append([int(name), ", ".append([")
        .replace("portrait[\"flags\"]", "portrait[\"descriptors\"].sort(); portrait[\"flags\"]");
    let project = Project::new(&[("test_portrait.py", &source)]);
    for mode in ["load", "stream"] {
        let args = ["-n", "1", "--dist", mode];
        project.write("callsheet.toml", "template = 'off'\n");
        let alone = portrait(&project, "alone.json", &args);
        project.write("callsheet.toml", "template = 'collected'\n");
        let forked = portrait(&project, "forked.json", &args);
        for (name, value) in alone.as_object().unwrap() {
            assert_eq!(forked[name], *value, "{name}");
        }
    }
}

#[test]
fn workers_are_forks_unless_that_is_switched_off() {
    let project = Project::new(&[]);
    assert!(is_forked(&project, &["-n", "1"]));
    assert!(!is_forked(&project, &["-n", "1", "--template", "off"]));
    project.write("callsheet.toml", "template = \"off\"\n");
    assert!(!is_forked(&project, &["-n", "1"]));
    let told = project.run_with(&[("CALLSHEET_TEMPLATE", "pytest")], &["-n", "1"]);
    told.assert(0, "1 passed");
    assert_eq!(project.read("forked"), "True");
    let told =
        project.run_with(&[("CALLSHEET_TEMPLATE", "pytest")], &["-n", "1", "--template", "off"]);
    told.assert(0, "1 passed");
    assert_eq!(project.read("forked"), "False");
}

#[test]
fn every_old_pytest_can_be_forked() {
    for pytest in ["pytest==7.0.1", "pytest==8.4.2"] {
        assert!(is_forked(&Project::with(&[pytest], &[]), &["-n", "1"]), "{pytest}");
    }
}

#[test]
fn each_interpreter_has_its_own() {
    let project = Project::new(&[]);
    let other = super::support::python(&["pytest==8.4.2"]);
    let spec = format!("popen//python={}", other.display());
    assert!(is_forked(&project, &["--tx", &spec]));
}

#[test]
fn a_variable_that_acts_at_the_start_of_an_interpreter_is_heeded() {
    let project = Project::new(&[]);
    assert!(!is_forked(&project, &["--tx", "popen//env:PYTHONDEVMODE=1"]));
    let told = project.run(&["-v", "--tx", "popen//env:PYTHONDEVMODE=1", "test_age.py"]);
    says_plain(&told, "`PYTHONDEVMODE` acts at the start of an interpreter");
    let told = project.run(&["--tx", "popen//env:PYTHONDEVMODE=1", "test_age.py"]);
    told.is_silent_on("without the template");
    assert!(is_forked(&project, &["--tx", "popen//env:MODE=1"]));
}

#[test]
fn variables_and_directory_of_a_specification_are_those_of_the_fork() {
    let project = Project::new(&[(
        "test_it.py",
        "import os\nplace, mode = os.getcwd(), os.environ['MODE']\n\
         def test_it(): assert place.endswith('/deep') and mode == 'fast'\n",
    )]);
    let test = project.path().join("test_it.py");
    let spec = "popen//chdir=deep//env:MODE=fast";
    project.run(&["--tx", spec, test.to_str().unwrap()]).assert(0, "1 passed");
}

#[test]
fn what_starts_with_the_interpreter_is_not_forked() {
    let project = Project::new(&[
        (
            "test_it.py",
            "import os, sitecustomize\ndef test_it(): assert sitecustomize.worker == 'gw0'\n",
        ),
        ("start/sitecustomize.py", "import os\nworker = os.environ.get('PYTEST_XDIST_WORKER')\n"),
    ]);
    let start = project.path().join("start");
    let told = project.run_with(&[("PYTHONPATH", start.to_str().unwrap())], &["-n", "1", "-v"]);
    told.assert(0, "1 passed").says("sitecustomize.py` runs at the start of the interpreter");
}

#[test]
fn workers_do_not_share_their_random_numbers() {
    let project = Project::new(&[(
        "test_it.py",
        "import os, pathlib, random, tempfile\nnumber = random.getrandbits(64)\n\
         def test_it(): pathlib.Path(os.environ['PYTEST_XDIST_WORKER'] + '.number').write_text(str(number))\n",
    )]);
    project.run(&["-n", "2", "--dist", "each"]).assert(0, "2 passed");
    let numbers = [project.read("gw0.number"), project.read("gw1.number")];
    assert!(!numbers[0].is_empty() && numbers[0] != numbers[1], "{numbers:?}");
}

#[test]
fn plugins_conftests_and_tests_are_rewritten_as_ever() {
    let project = Project::new(&[
        ("conftest.py", "pytest_plugins = ['extra']\ndef check(a): assert a == 'left'\n"),
        (
            "extra.py",
            "import pytest\n@pytest.fixture\ndef extra():\n    def check(a): assert a == 'other'\n    return check\n",
        ),
        (
            "test_it.py",
            "from conftest import check\ndef test_1(): check('right')\ndef test_2(extra): extra('one')\n",
        ),
        ("early.py", "def check(a): assert a == 'early'\n"),
        ("test_early.py", "from early import check\ndef test_3(): check('late')\n"),
    ]);
    let path = project.path().to_str().unwrap();
    let told = project.run_with(&[("PYTHONPATH", path)], &["-n", "1", "--", "-p", "early"]);
    told.assert(1, "3 failed").is_silent_on("PytestAssertRewriteWarning");
    told.says("assert 'right' == 'left'")
        .says("assert 'one' == 'other'")
        .says("assert 'late' == 'early'");
}

#[test]
fn output_is_shown_as_it_comes() {
    let project = Project::new(&[(
        "test_it.py",
        "import os, sys\ndef test_it():\n    print('of python')\n    os.system('echo of a child')\n    print('of errors', file=sys.stderr)\n",
    )]);
    let told = project.run(&["-n", "1", "-s"]);
    told.assert(0, "1 passed").says("of python").says("of a child").says("of errors");
}

#[test]
fn processes_of_tests_work_in_every_way() {
    let project = Project::new(&[(
        "test_it.py",
        "import concurrent.futures, multiprocessing, os, subprocess, sys, threading, pytest\n\
         def double(x): return 2 * x\n\
         @pytest.mark.parametrize('method', ['fork', 'spawn', 'forkserver'])\n\
         def test_pool(method):\n\
         \x20   with multiprocessing.get_context(method).Pool(2) as pool:\n\
         \x20       assert pool.map(double, [1, 2, 3]) == [2, 4, 6]\n\
         def test_threads():\n\
         \x20   with concurrent.futures.ThreadPoolExecutor(2) as pool:\n\
         \x20       assert list(pool.map(double, [1, 2])) == [2, 4]\n\
         def test_child():\n\
         \x20   assert subprocess.run([sys.executable, '-c', 'import sys; sys.exit(7)']).returncode == 7\n\
         def test_fork():\n\
         \x20   pid = os.fork()\n\
         \x20   if not pid: os._exit(5)\n\
         \x20   assert os.waitpid(pid, 0)[1] >> 8 == 5\n\
         def test_environment_of_a_child():\n\
         \x20   out = subprocess.check_output(['env'], text=True)\n\
         \x20   worker = os.environ['PYTEST_XDIST_WORKER']\n\
         \x20   assert f'PYTEST_XDIST_WORKER={worker}\\n' in out and 'CALLSHEET_WARM_START' not in out\n",
    )]);
    project.run(&["-n", "2"]).assert(0, "7 passed");
}
