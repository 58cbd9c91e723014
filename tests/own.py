"""callsheet runs its own tests, and they end as they do under `cargo test`, whose output is given: the same names, the same outcomes.

    cargo test 2>&1 | tee target/cargo-test.log
    python3 tests/own.py target/cargo-test.log                          # all of them
    python3 tests/own.py target/cargo-test.log --filter 'file(*/lib)'   # those of the library

What comes behind the log goes to callsheet. Needs Python 3.8+ and `target/debug/callsheet`. Exit code 0 if all are equal and there was at least one.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent
CALLSHEET = HOME / "target/debug/callsheet"
OUTCOMES = {"ok": "passed", "FAILED": "failed", "ignored": "skipped"}


def of_cargo(text):
    """Outcomes by id, and the ids of the programs that were run."""
    package = re.search(r'^name = "(.*)"$', (HOME / "Cargo.toml").read_text(), re.M).group(1)
    program, programs, outcomes = None, [], {}
    for line in text.splitlines():
        running = re.match(r" +Running (unittests )?(\S+) \(.*?([^/]+)-[0-9a-f]{16}\)$", line)
        if running:
            unit, source, name = running.groups()
            kind = ("lib" if source == "src/lib.rs" else "bin/" + name) if unit else source.split("/")[0] + "/" + name
            program = "%s/%s" % (package, kind)
        elif line.startswith("   Doc-tests "):
            program = package + "/doc"
        else:
            test = re.match(r"test (\S.*?)(?: - should panic| - compile fail| - compile)? \.\.\. (ok|FAILED|ignored)", line)
            if test and program:
                outcomes["%s::%s" % (program, test.group(1))] = OUTCOMES[test.group(2)]
            continue
        programs.append(program)
    # One that tells of no test is a test itself.
    silent = [each for each in programs if not any(test.startswith(each + "::") for test in outcomes)]
    return outcomes, silent


def of_callsheet(arguments):
    with tempfile.TemporaryDirectory() as place:
        events = Path(place) / "events"
        command = [str(CALLSHEET), "--suite", "libtest", "--events", str(events), *arguments]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CALLSHEET_")}
        code = subprocess.run(command, cwd=HOME, env=environment, check=False).returncode
        lines = [json.loads(line) for line in events.read_text().splitlines()]
    ended = [line for line in lines if line["event"] in ("test-finished", "test-not-run")]
    twice = len(ended) - len({line["id"] for line in ended})
    return code, twice, {line["id"]: line.get("outcome", "not-run") for line in ended}


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    theirs, silent = of_cargo(Path(sys.argv[1]).read_text(errors="replace"))
    code, twice, ours = of_callsheet(sys.argv[2:])
    whole = len(sys.argv) == 2
    wrong = ["%s: %s under callsheet, not run by cargo test" % (name, ours[name]) for name in sorted(ours.keys() - theirs.keys() - set(silent))]
    wrong += ["%s: %s under cargo test, %s under callsheet" % (name, theirs[name], ours[name]) for name in sorted(ours.keys() & theirs.keys()) if ours[name] != theirs[name]]
    wrong += ["%s: %s under cargo test, not run by callsheet" % (name, theirs[name]) for name in sorted(theirs.keys() - ours.keys()) if whole]
    wrong += ["%d tests have come to an end twice" % twice] if twice else []
    wrong += ["callsheet's exit code is %d" % code] if (code != 0) != ("failed" in theirs.values()) else []
    print("own tests: %d under callsheet, %d of them under cargo test too, %d differences" % (len(ours), len(ours.keys() & theirs.keys()), len(wrong)))
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong or not ours else 0


if __name__ == "__main__":
    sys.exit(main())
