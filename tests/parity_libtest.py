"""Real crates, `cargo test` against callsheet: the same counts and the same failing tests, doctests included.

Run it with any Python 3.8+ after `cargo build --release`:

    python3 tests/parity_libtest.py                      # all crates, 1 and 2 workers
    python3 tests/parity_libtest.py --crate itertools --workers 2

Crates come from the registry, by cargo, into a cache directory (`--cache`, default `target/parity-rust`) and are never committed.
Exit code 0 if every cell is equal.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOME / "benches"))

from compare import crates  # noqa: E402

MODES = ["stream", "load"]


def call(command, place):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CALLSHEET_", "RUST_TEST"))}
    environment.update(CARGO_TERM_COLOR="never", COLUMNS="400")
    return subprocess.run(command, cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout


def of_cargo(text):
    """Passed, failed and ignored, and the names of tests that failed."""
    lines = re.findall(r"^test result: .*$", text, re.M)
    number = lambda word: sum(int(found) for line in lines for found in re.findall(r"(\d+) %s" % word, line))
    # A binary without an end failed as a whole.
    return (number("passed"), number("failed"), number("ignored")), sorted(re.findall(r"^test (\S.*?)(?: - [a-z ]+)? \.\.\. FAILED$", text, re.M))


def of_callsheet(text):
    last = ([line for line in text.splitlines() if re.search(r" in \d+\.\d+s", line)] or [""])[-1]
    number = lambda word: sum(map(int, re.findall(r"(\d+) %s" % word, last)))
    failing = re.findall(r"^_+ (?:ERROR at call of )?(\S.*?) _+$", text, re.M)
    return (number("passed"), number("failed") + number("error"), number("skipped")), sorted(failing)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crate", action="append", choices=sorted(crates.CRATES))
    parser.add_argument("--dist", action="append", choices=MODES)
    parser.add_argument("--workers", action="append", type=int)
    parser.add_argument("--callsheet", type=Path, default=HOME / "target/release/callsheet")
    parser.add_argument("--cache", type=Path, default=HOME / "target/parity-rust")
    options = parser.parse_args()
    equal = True
    print("| crate | mode | workers | cargo test | callsheet | equal |\n|---|---|---|---|---|---|")
    for name in options.crate or crates.CRATES:
        place = crates.source(options.cache.resolve(), name)
        plain = of_cargo(call(["cargo", "test", "--no-fail-fast"], place))
        for mode in options.dist or MODES:
            for workers in options.workers or [1, 2]:
                command = [str(options.callsheet.resolve()), "--suite", "libtest", "-n", str(workers), "--dist", mode, "--no-history"]
                text = call(command, place)
                ours = of_callsheet(text)
                # A crate of which nothing passes compares nothing.
                same = plain[0][0] > 0 and ours == plain
                equal = equal and same
                show = lambda found: "%d passed, %d failed, %d ignored" % found[0]
                print("| %s | %s | %d | %s | %s | %s |" % (name, mode, workers, show(plain), show(ours), "yes" if same else "**no**"), flush=True)
                if not same:
                    print("\n".join(sorted(set(plain[1]) ^ set(ours[1]))[:20]) or text[-3000:], file=sys.stderr)
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
