"""From what the tools printed and what was measured to the figures that are compared. Pure: no process, no file."""

import re
import statistics

COUNTS = re.compile(r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed|crashed|timed-out|not-run)\b")
SUMMARY = re.compile(r"^=*\s?(?:[A-Z]+ )?(\d+ [a-z].*) in \d+(?:\.\d+)?s\b", re.M)
KARVA = re.compile(r"^\s*Summary \[.*?\] \d+ tests? run: (.*)$", re.M)
# Nothing but letters of results from the start of a line (or behind a file's name) up to the first dot, or karva's line a test.
FIRST = re.compile(rb"^(?:(?:\S+\.py )?[sxXFE]*\.|\s+PASS \[)", re.M)
COLOUR = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def counts(text, summaries=1):
    """How many tests ended how, from the last lines of summary; an empty dictionary if there are not that many."""
    text = COLOUR.sub("", text)
    found = (SUMMARY.findall(text) or KARVA.findall(text))[-summaries:]
    if len(found) < summaries:
        return {}
    total = {}
    for line in found:
        for number, word in COUNTS.findall(line):
            # pytest counts "1 error" and "2 errors"; a crashed worker is a failed test for every tool.
            word = {"errors": "error", "crashed": "failed"}.get(word, word)
            total[word] = total.get(word, 0) + int(number)
    return {word: number for word, number in total.items() if number}


def shown_first(output):
    """Whether the output, as far as it has come, holds the first result of a test."""
    return FIRST.search(output) is not None


def ratios(ours, theirs):
    """Minimum, median and maximum of the ratios of what was measured in the same turn; `None` without a pair."""
    pairs = [a / b for a, b in zip(ours, theirs) if a is not None and b]
    return (min(pairs), statistics.median(pairs), max(pairs)) if pairs else None


def median(values):
    """The median of what was measured, `None` if nothing was."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def agreed(rows):
    """The counts that most tools report, and of those the first; every other row is wrong."""
    seen = [tuple(sorted(row["counts"].items())) for row in rows]
    best = max(seen, key=seen.count) if seen else ()
    return dict(best)


def reached(figure, limit):
    """How a figure stands to its goal, for the table."""
    if figure is None:
        return "not measured"
    return "reached" if figure <= limit else "**missed**"
