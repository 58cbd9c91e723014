"""Real suites, plain pytest against callsheet: the same counts and the same failing ids, in every mode.

Run it with any Python 3.8+ after `cargo build --release`:

    python3 tests/parity.py                     # all suites, all modes, 1, 2 and 8 workers
    python3 tests/parity.py --suite toolz --dist load --workers 2

Suites come from the package index into a cache directory (`--cache`, default `target/parity`) and are never committed.
Exit code 0 if every cell is equal.
"""

import argparse
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent
MODES = ["stream", "load", "each", "loadscope", "loadfile", "loadgroup", "worksteal"]
PYTEST = "pytest==9.2.0"

# name: (requirement of the source distribution or of an installed package, what else it needs, the tests in it)
SUITES = {
    "toolz": {"sdist": "toolz==1.0.0", "needs": [], "args": ["toolz"]},
    "more-itertools": {"sdist": "more-itertools==10.7.0", "needs": [], "args": ["tests"]},
    "networkx-core": {"package": "networkx==3.4.2", "needs": ["networkx==3.4.2"],
                      "args": ["--pyargs", "networkx.classes", "networkx.utils", "networkx.generators"]},
    "packaging": {"sdist": "packaging==25.0", "needs": ["pretend", "tomli_w"], "args": ["tests"]},
    "networkx": {"package": "networkx==3.4.2", "needs": ["networkx==3.4.2"], "args": ["--pyargs", "networkx"]},
}


def call(command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)


def prepare(name, cache):
    """The suite's directory and interpreter, made once."""
    suite, home = SUITES[name], cache / name
    python, project = home / "venv/bin/python", home / "project"
    if not (home / "complete").exists():
        home.mkdir(parents=True, exist_ok=True)
        project.mkdir(exist_ok=True)
        must([sys.executable, "-m", "venv", str(home / "venv")])
        must([str(python), "-m", "pip", "install", "-q", PYTEST, *suite["needs"]])
        if "sdist" in suite:
            must([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:",
                  "-d", str(home), suite["sdist"]])
            [archive] = home.glob("*.tar.gz")
            with tarfile.open(archive) as tar:
                for member in tar.getmembers():
                    member.name = member.name.partition("/")[2]
                    if member.name:
                        tar.extract(member, project)
            sources = project / "src"
            (home / "path").write_text(str(sources if sources.is_dir() else project))
        (home / "complete").touch()
    return project, python, (home / "path").read_text() if (home / "path").exists() else ""


def must(command):
    result = call(command)
    if result.returncode:
        sys.exit("%s\n%s" % (" ".join(command), result.stdout))


def outcome(text):
    """Counts of the last line and the failing ids."""
    last = [line for line in text.splitlines() if re.search(r" in \d+\.\d+s", line)]
    counts = dict((word.rstrip("s") if word != "passed" else word, int(number))
                  for number, word in re.findall(r"(\d+) ([a-z]+(?: [a-z]+)?)", last[-1].rsplit(" in ", 1)[0])) if last else {}
    failing = sorted(re.findall(r"^(?:FAILED|ERROR) (\S.*?)(?: - .*)?$", text, re.M))
    return counts, failing


def multiplied(counts, failing, factor, skipped_modules=0):
    # What is told of the collection is told once, however many workers collect: its warnings and the modules it skips.
    counts = {word: count * factor for word, count in counts.items() if word != "warning"}
    if "skipped" in counts:
        counts["skipped"] -= skipped_modules * (factor - 1)
    return counts, sorted(failing * factor)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", action="append", choices=sorted(SUITES))
    parser.add_argument("--dist", action="append", choices=MODES)
    parser.add_argument("--workers", action="append", type=int)
    parser.add_argument("--callsheet", type=Path, default=HOME / "target/release/callsheet")
    parser.add_argument("--cache", type=Path, default=HOME / "target/parity")
    options = parser.parse_args()
    equal = True
    print("| suite | mode | workers | plain pytest | callsheet | equal |\n|---|---|---|---|---|---|")
    for name in options.suite or SUITES:
        project, python, path = prepare(name, options.cache.resolve())
        environment = dict(os.environ, PYTHONPATH=path, CALLSHEET_PYTEST_PYTHON=str(python), COLUMNS="400")
        environment.pop("PYTEST_ADDOPTS", None)
        common = ["-p", "no:cacheprovider"]
        plain = outcome(call([str(python), "-m", "pytest", "-rfE", *common, *SUITES[name]["args"]],
                             cwd=project, env=environment).stdout)
        ids = subprocess.run([str(options.callsheet.resolve()), "list", "--", *common, *SUITES[name]["args"]], cwd=project, env=environment,
                             stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
        skipped_modules = sum(plain[0].get(word, 0) for word in ("passed", "failed", "skipped", "xfailed", "xpassed")) - len(ids)
        for mode in options.dist or MODES:
            for workers in options.workers or [1, 2, 8]:
                result = call([str(options.callsheet.resolve()), "-n", str(workers), "--dist", mode, "--", "-rfE", *common, *SUITES[name]["args"]],
                              cwd=project, env=environment)
                ours = outcome(result.stdout)
                # A suite of which nothing passes compares nothing.
                same = bool(plain[0].get("passed")) and multiplied(*ours, 1) == multiplied(
                    *plain, workers if mode == "each" else 1, skipped_modules)
                equal = equal and same
                show = ", ".join("%d %s" % (count, word) for word, count in plain[0].items())
                shown = ", ".join("%d %s" % (count, word) for word, count in ours[0].items())
                print("| %s | %s | %d | %s | %s | %s |" % (name, mode, workers, show, shown, "yes" if same else "**no**"), flush=True)
                if not same:
                    difference = sorted(set(plain[1]) ^ set(ours[1]))
                    print("\n".join(difference[:20]) or result.stdout[-3000:], file=sys.stderr)
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
