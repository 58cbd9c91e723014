"""callsheet and its peers, in turns, on synthetic and on real suites. See README.md beside this file.

    python3 benches/compare.py                         # all cases, 2 and 8 workers
    python3 benches/compare.py trivial --workers 2     # one case
    python3 benches/compare.py --list
    python3 benches/compare.py --write                 # and put the tables into benches/README.md

Needs Linux, Python 3.11+, cargo, and the package index for the first preparation. Everything it makes lies below target/benches/.
Exit code 1 if a tool did not report the same counts as the others.
"""

import argparse
import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from compare import figures, measure, selfcheck, suites, table, tools
from compare.cases import CASES

HOME = Path(__file__).resolve().parent.parent


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help="default: all; see --list")
    parser.add_argument("--workers", type=int, action="append", help="default: what the case says, 2 and 8")
    parser.add_argument("--turns", type=int, default=5, help="how often each tool runs, after one warm-up (default: 5)")
    parser.add_argument("--peers", help="peers instead of the case's, with commas: xdist-load,pytest")
    parser.add_argument("--callsheet", type=Path, help="a binary to measure instead of building one")
    parser.add_argument("--callsheet-args", type=str.split, default=[], help="more arguments for callsheet: '--dist load'")
    parser.add_argument("--limit", type=float, default=1800, help="seconds after which a run is killed (default: 1800)")
    parser.add_argument("--no-memory", action="store_true", help="skip the run that samples memory and the agent's CPU")
    parser.add_argument("--write", action="store_true", help="put what is known of all cases into benches/README.md")
    parser.add_argument("--list", action="store_true", help="list the cases")
    parser.add_argument("--self-check", action="store_true", help="check the harness's own figures and end")
    options = parser.parse_args()
    for name in options.cases:
        if name not in CASES:
            parser.error("no case is called `%s`; there are %s" % (name, ", ".join(CASES)))
    return options


def build():
    subprocess.run(["cargo", "build", "--release", "--quiet", "--bin", "callsheet"], cwd=HOME, check=True)
    target = json.loads(suites.must(["cargo", "metadata", "--format-version", "1", "--no-deps"], cwd=HOME))["target_directory"]
    return Path(target) / "release/callsheet"


class Turn:
    """One tool in one case: how it is run, and what came of it."""

    def __init__(self, name, case, workers, home, place, options):
        self.tool = tools.tool(name, case, workers, home, place, options)
        self.case, self.place, self.limit = case, place, options.limit
        self.row = {"tool": name, "wall": [], "cpu": [], "first": [], "main_cpu": [], "memory": None, "agent_cpu": None, "counts": {}}
        self.state = place / ".callsheet"
        self.recorded = home / "recorded" / place.name
        if name == "callsheet-known":
            shutil.rmtree(self.recorded, ignore_errors=True)

    def once(self, sample=False):
        if self.case.cold:
            suites.forget_bytecode(self.place)
        # Each row finds the durations that it says it has, whatever ran before it.
        shutil.rmtree(self.state, ignore_errors=True)
        if self.tool.name == "callsheet-known" and self.recorded.exists():
            shutil.copytree(self.recorded, self.state)
        run = measure.run(self.tool.commands, self.place, self.tool.environment, self.limit, sample)
        if self.tool.name == "callsheet-known" and self.state.exists() and not self.recorded.exists():
            shutil.copytree(self.state, self.recorded)
        counts = figures.counts(run.text, self.tool.summaries)
        # One turn with other counts than the first spoils the row.
        self.row["counts"] = counts if self.row["counts"] in ({}, counts) else {}
        if not counts:
            print("%s ended with %s and no summary; its last words:\n%s" % (self.tool.name, run.codes, run.text[-1500:]), file=sys.stderr)
        return run

    def timed(self):
        run = self.once()
        for figure in ("wall", "cpu", "first", "main_cpu"):
            self.row[figure].append(getattr(run, figure))

    def sampled(self):
        run = self.once(sample=True)
        self.row["memory"], self.row["agent_cpu"] = run.memory, run.agent_cpu


def compare(name, case, workers, home, options):
    """All tools of a case with one number of workers: a warm-up each, then in turns."""
    place = case.prepare(home)
    peers = options.peers.split(",") if options.peers else case.peers
    rows = {"callsheet-known": case.recorded, "callsheet-preloaded": case.preload, "callsheet-collected": case.collected}
    names = ["callsheet", *(name for name, wanted in rows.items() if wanted), *peers]
    load = os.getloadavg()[0]
    if load > 0.5:
        print("The load average is %.1f: something else is running, and ratios will be off." % load, file=sys.stderr)
    turns = [Turn(tool, case, workers, home, place, options) for tool in names]
    for turn in turns:
        turn.once()
    if case.recorded and not (home / "recorded" / place.name).exists():
        print("callsheet has recorded no durations; that row is left out.", file=sys.stderr)
        turns = [turn for turn in turns if turn.tool.name != "callsheet-known"]
    for _ in range(options.turns):
        for turn in turns:
            turn.timed()
    if not options.no_memory:
        for turn in turns:
            turn.sampled()
    rows = [turn.row for turn in turns]
    right = figures.agreed(rows)
    for row in rows:
        row["wrong"] = row["counts"] != right
    python = turns[0].tool.environment["CALLSHEET_PYTEST_PYTHON"]
    return {
        "case": name, "workers": workers, "turns": options.turns, "load": load, "rows": rows, "tests": sum(right.values()),
        "date": datetime.date.today().isoformat(), "machine": machine(), "commit": commit() + "".join(" " + word for word in options.callsheet_args),
        "versions": "%s, %s, Python %s" % (suites.PYTEST, suites.XDIST, suites.must([python, "-c", "import platform; print(platform.python_version())"]).strip()),
    }


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    return "%d × %s, %s %s" % (len(os.sched_getaffinity(0)), models[0] if models else platform.machine(), platform.system(), platform.release().partition("-")[0])


def commit():
    done = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=HOME, stdout=subprocess.PIPE, text=True, check=False)
    return done.stdout.strip() or "of no commit"


def main():
    options = arguments()
    if options.self_check:
        selfcheck.main()
        return 0
    if options.list:
        print("\n".join("%-14s %s" % (name, case.title) for name, case in CASES.items()))
        return 0
    home = HOME / "target/benches"
    results = home / "results"
    results.mkdir(parents=True, exist_ok=True)
    measure.adopt_orphans()
    options.callsheet = options.callsheet.resolve() if options.callsheet else build()
    right = True
    for name in options.cases or CASES:
        case, file = CASES[name], results / (name + ".json")
        for workers in options.workers or case.workers:
            record = compare(name, case, workers, home, options)
            right = right and not any(row["wrong"] for row in record["rows"])
            print("\n%s, %d workers, %d tests\n" % (case.title, workers, record["tests"]))
            print("\n".join(table.in_full(record)))
            for what, limit, figure, verdict in table.goals(record, case.goals):
                print("goal: %s ≤ %g: %s, %s" % (what, limit, table.number(figure, 2), verdict))
            sys.stdout.flush()
            known = json.loads(file.read_text()) if file.exists() else []
            known = [old for old in known if old["workers"] != workers] + [record]
            file.write_text(json.dumps(sorted(known, key=lambda old: old["workers"]), indent=1))
    if options.write:
        readme = HOME / "benches/README.md"
        records = {name: json.loads((results / (name + ".json")).read_text()) for name in CASES if (results / (name + ".json")).exists()}
        readme.write_text(table.put_into(readme.read_text(), table.document(records, CASES)))
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
