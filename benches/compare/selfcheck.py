"""The harness's own figures, checked: `compare.py --self-check`, which the project's tests run."""

from compare import figures, table
from compare.cases import CASES


def equal(found, expected):
    if found != expected:
        raise SystemExit("self-check: expected %r, found %r" % (expected, found))


def row(tool, wall, **more):
    return dict({"tool": tool, "wall": wall, "cpu": wall, "first": wall, "memory": 100, "main_cpu": wall, "agent_cpu": None,
                 "counts": {"passed": 10}, "wrong": False}, **more)


def counts():
    equal(figures.counts("==== 1 failed, 2 passed, 1 warning, 2 errors in 0.12s ===="), {"failed": 1, "passed": 2, "error": 2})
    equal(figures.counts("= 3 passed, 4 skipped, 2 xfailed, 1 xpassed in 61.00s (0:01:01) ="),
          {"passed": 3, "skipped": 4, "xfailed": 2, "xpassed": 1})
    equal(figures.counts("\x1b[32m=== \x1b[1m5 passed\x1b[0m in 1.00s ===\n== 6 passed in 2.00s ==", 2), {"passed": 11})
    equal(figures.counts("== 6 passed in 2.00s ==", 2), {})
    equal(figures.counts("========== PASSED 7 passed in 0.00s =========="), {"passed": 7})
    equal(figures.counts("  Summary [   0.375s] 8 tests run: 8 passed, 0 skipped"), {"passed": 8})
    equal(figures.counts("INTERNALERROR"), {})
    equal(figures.agreed([row("a", [1]), row("b", [1], counts={"passed": 9}), row("c", [1])]), {"passed": 10})


def first():
    equal(figures.shown_first(b"collected 2 items\n\ntests/test_a.py s."), True)
    equal(figures.shown_first(b"created: 2/2 workers\n2 workers [10 items]\n\n."), True)
    equal(figures.shown_first(b"platform linux -- Python 3.11.7, pytest-9.2.0\nrootdir: /x\ngw0 [10] / gw1 [10]\n\ns"), False)
    equal(figures.shown_first(b"        PASS [   0.000s] test_0::test_a\n"), True)


def ratios():
    equal(figures.ratios([1, 2, 4], [2, 2, 2]), (0.5, 1.0, 2.0))
    equal(figures.ratios([1, None, 4], [2, 2, 2]), (0.5, 1.25, 2.0))
    equal(figures.ratios([None], [2]), None)
    equal(figures.ratios([1], [0.0]), None)
    equal(figures.median([None, 3.0, 1.0]), 2.0)
    equal([figures.reached(value, 0.5) for value in (0.5, 0.51, None)], ["reached", "**missed**", "not measured"])


def tables():
    record = {"workers": 2, "tests": 10_000, "rows": [row("callsheet", [1.0, 1.1, 1.2]), row("xdist-load", [4.0, 4.4, 6.0]),
                                                      row("pytest", [2.0, 2.0, 2.0], wrong=True)]}
    [head, rule, ours, *_] = table.in_full(record)
    equal(head.count("|") - 1, rule.count("---"))
    equal("0.20 / 0.25 / 0.25" in ours, True)
    # A row with other counts is compared with nothing.
    equal(table.compared(record["rows"], "callsheet", "wall", "pytest"), None)
    stands = {what: verdict for what, _, _, verdict in table.goals(record, CASES["trivial"].goals)}
    equal(stands["wall ÷ xdist `load`"], "reached")
    equal(stands["wall ÷ plain pytest"], "not measured")
    equal(stands["main process, µs a test"], "**missed**")
    readme = "a\n%s\nold\n%s\nz" % (table.BEGIN, table.END)
    equal(table.put_into(readme, ["new"]), "a\n%s\n\nnew\n\n%s\nz" % (table.BEGIN, table.END))


def main():
    for check in (counts, first, ratios, tables):
        check()
    for name, case in CASES.items():
        for goal in case.goals:
            equal((name, goal.workers in case.workers, not goal.against or goal.against in case.peers), (name, True, True))
