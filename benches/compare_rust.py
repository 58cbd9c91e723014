"""callsheet, `cargo test` and cargo-nextest in turns on the tests of Rust crates.

    python3 benches/compare_rust.py                    # all cases
    python3 benches/compare_rust.py thousand --turns 1
    python3 benches/compare_rust.py --list

Needs Linux, Python 3.11+, cargo, cargo-nextest and the registry for the first preparation. Everything it makes lies below target/benches/.
All is built before anything is measured, and doctests are left out, since cargo-nextest runs none. Exit code 1 if two tools ran different tests.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

from compare import crates

HOME = Path(__file__).resolve().parent.parent
# case: (how it is made, [(peer, the most that callsheet's wall time may be of it)])
CASES = {
    "thousand": (crates.trivial, [("cargo test", 1.5), ("cargo-nextest", 0.1)]),
    **{name: (lambda home, name=name: crates.source(home, name), [("the faster peer", 0.9)]) for name in crates.CRATES},
}
TARGETS = ["--lib", "--bins", "--tests", "--examples"]
FOREIGN = ("CALLSHEET_", "RUST_TEST", "NEXTEST", "RUST_BACKTRACE")


def commands(options):
    callsheet = [str(options.callsheet), "-n", str(options.workers), "--suite", "libtest", "--no-history", "-q", "--", *TARGETS]
    return {
        "callsheet": callsheet,
        "callsheet, known": [word for word in callsheet if word != "--no-history"],
        "cargo test": ["cargo", "test", "-q", *TARGETS, "--no-fail-fast", "--", "--test-threads", str(options.workers)],
        "cargo-nextest": ["cargo", "nextest", "run", "--no-fail-fast", "--test-threads", str(options.workers)],
    }


def once(command, place):
    """Seconds, and how many tests passed and failed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    environment.update(CARGO_TERM_COLOR="never", NO_COLOR="1", COLUMNS="80")
    began = time.monotonic()
    done = subprocess.run(command, cwd=place, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    return time.monotonic() - began, counts(done.stdout)


def counts(text):
    """Passed and failed tests, by the closing lines of any of the tools; of `cargo test` one a binary."""
    lines = re.findall(r"^test result: .*$", text, re.M)
    lines = lines or re.findall(r"^ +Summary .*$", text, re.M) or re.findall(r"^.* in \d+\.\d+s.*$", text, re.M)[-1:]
    number = lambda word: sum(int(found) for line in lines for found in re.findall(r"(\d+) %s" % word, line))
    return number("passed"), number("failed")


def compare(name, options):
    prepare, goals = CASES[name]
    place = prepare(HOME / "target/benches")
    tools = commands(options)
    found = {tool: once(command, place)[1] for tool, command in tools.items()}
    walls = {tool: [] for tool in tools}
    for _ in range(options.turns):
        for tool, command in tools.items():
            walls[tool].append(once(command, place)[0])
    ratio = lambda ours, theirs: [a / b for a, b in zip(walls[ours], theirs)]
    peers = {tool: walls[tool] for tool in ("cargo test", "cargo-nextest")}
    peers["the faster peer"] = min(peers.values(), key=statistics.median)
    print("\n%s, %d workers, %d turns\n\n| tool | wall s | passed, failed |\n|---|---|---|" % (name, options.workers, options.turns))
    for tool, wall in walls.items():
        print("| %s | %.2f / %.2f / %.2f | %d, %d |" % (tool, min(wall), statistics.median(wall), max(wall), *found[tool]))
    for peer, limit in goals:
        for ours in ("callsheet", "callsheet, known"):
            ratios = ratio(ours, peers[peer])
            middle = statistics.median(ratios)
            print("goal: %s ÷ %s ≤ %g: %.2f (%.2f to %.2f), %s" % (
                ours, peer, limit, middle, min(ratios), max(ratios), "reached" if middle <= limit else "**missed**"))
    sys.stdout.flush()
    return len(set(found.values())) == 1 and sum(found["callsheet"]) > 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help="default: all; see --list")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), help="default: as many as there are CPUs")
    parser.add_argument("--turns", type=int, default=5, help="how often each tool runs, after one warm-up (default: 5)")
    parser.add_argument("--callsheet", type=Path, default=HOME / "target/release/callsheet", help="default: target/release/callsheet")
    parser.add_argument("--list", action="store_true", help="list the cases")
    options = parser.parse_args()
    options.callsheet = options.callsheet.resolve()
    if options.list:
        print("\n".join(CASES))
        return 0
    for name in options.cases:
        if name not in CASES:
            parser.error("no case is called `%s`; there are %s" % (name, ", ".join(CASES)))
    return 0 if all([compare(name, options) for name in options.cases or CASES]) else 1


if __name__ == "__main__":
    sys.exit(main())
