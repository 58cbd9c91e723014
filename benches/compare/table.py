"""Figures as tables: in full for the terminal, ratios for the README."""

from dataclasses import replace

from compare import figures
from compare.tools import SAID

BEGIN, END = "<!-- figures: begin, written by `compare.py --write` -->", "<!-- figures: end -->"


def spread(three, digits=2):
    return "–" if three is None else " / ".join("%.*f" % (digits, value) for value in three)


def number(value, digits, unit=""):
    return "–" if value is None else "%.*f%s" % (digits, value, unit)


def micro(row, tests):
    """CPU of the process that was started, and of callsheet's agent, in microseconds a test."""
    def each(seconds):
        return None if seconds is None or not tests else seconds / tests * 1e6
    return each(figures.median(row["main_cpu"])), each(row["agent_cpu"])


def compared(rows, name, figure, against):
    """The ratios of one row to another, turn by turn; a single figure where there was one run only."""
    ours, theirs = ([row for row in rows if row["tool"] == tool] for tool in (name, against))
    if not ours or not theirs or ours[0]["wrong"] or theirs[0]["wrong"]:
        return None
    ours, theirs = ours[0][figure], theirs[0][figure]
    return figures.ratios(ours, theirs) if isinstance(ours, list) else figures.ratios([ours], [theirs])


def lines(head, rows):
    return ["| %s |" % " | ".join(head), "|%s" % ("---|" * len(head)), *("| %s |" % " | ".join(row) for row in rows)]


def in_full(record):
    """All that was measured with one number of workers, for the terminal."""
    head = ["tool", "wall s", "CPU s", "peak MiB", "first s", "main µs/test", "agent µs/test", "wall ÷ xdist `load` (min / median / max)",
            "CPU ÷ xdist", "wall ÷ pytest", "counts"]
    rows = []
    for row in record["rows"]:
        main, agent = micro(row, record["tests"])
        counts = ", ".join("%d %s" % (count, word) for word, count in row["counts"].items()) or "no summary"
        rows.append([
            SAID[row["tool"]], number(figures.median(row["wall"]), 2), number(figures.median(row["cpu"]), 2),
            number(row["memory"] and row["memory"] / 2**20, 0), number(figures.median(row["first"]), 2),
            number(main, 0), number(agent, 0),
            spread(compared(record["rows"], row["tool"], "wall", "xdist-load")),
            spread(compared(record["rows"], row["tool"], "cpu", "xdist-load")),
            spread(compared(record["rows"], row["tool"], "wall", "pytest")),
            counts + (" **wrong**" if row["wrong"] else "")])
    return lines(head, rows)


def for_readme(record):
    """What does not change from machine to machine as much as seconds do."""
    head = ["tool", "wall ÷ xdist `load`", "wall ÷ plain pytest", "CPU ÷ xdist `load`", "memory ÷ xdist `load`",
            "first result ÷ xdist `load`", "main process µs a test"]
    rows = []
    for row in record["rows"]:
        ratio = lambda figure, against="xdist-load": spread(compared(record["rows"], row["tool"], figure, against))
        main, agent = micro(row, record["tests"])
        memory = compared(record["rows"], row["tool"], "memory", "xdist-load")
        process = number(main, 0) + ("" if agent is None else " + %.0f (agent)" % agent)
        wrong = " (other counts: %s)" % (row["counts"] or "none") if row["wrong"] else ""
        rows.append([SAID[row["tool"]] + wrong, ratio("wall"), ratio("wall", "pytest"), ratio("cpu"),
                     "–" if memory is None else "%.2f" % memory[1], ratio("first"), process])
    return lines(head, rows)


def goals(record, wanted):
    """How each goal of this case and number of workers stands: (what, limit, figure, verdict).

    One that callsheet as it comes misses stands there once more for each other row of callsheet's.
    """
    found = []
    others = [row["tool"] for row in record["rows"] if row["tool"].startswith("callsheet-")]
    own = [goal for goal in wanted if goal.workers == record["workers"]]
    missed = False
    for goal in [each for goal in own for each in (goal, *(replace(goal, tool=other) for other in others))]:
        if goal.tool != "callsheet" and not missed:
            continue
        if goal.figure == "controller":
            row = next((row for row in record["rows"] if row["tool"] == goal.tool), None)
            figure, what = (micro(row, record["tests"])[0] if row else None), "main process, µs a test"
        else:
            three = compared(record["rows"], goal.tool, goal.figure, goal.against)
            figure, what = three and three[1], "%s ÷ %s" % (goal.figure, SAID[goal.against])
        if goal.tool == "callsheet":
            missed = figure is not None and figure > goal.limit
        else:
            what += "; " + SAID[goal.tool].partition(", ")[2]
        found.append((what, goal.limit, figure, figures.reached(figure, goal.limit)))
    return found


def document(records, cases):
    """The part of the README between the marks."""
    text, reach = [], []
    for name, case in cases.items():
        for record in records.get(name, []):
            title = "%s, %d workers" % (case.title, record["workers"])
            text += ["", "#### %s" % title, "",
                     "%s, %s, %d turns, load average before %.1f; callsheet %s; %s." % (
                         record["date"], record["machine"], record["turns"], record["load"], record["commit"], record["versions"]), ""]
            text += for_readme(record)
            reach += [[title, what, "≤ %g" % limit, number(figure, 2), verdict]
                      for what, limit, figure, verdict in goals(record, case.goals)]
    if not text:
        return ["Nothing has been measured yet."]
    return ["### Goals", "", *lines(["case", "figure", "goal", "median", ""], reach), "", "### All figures", "",
            "Ratios are minimum / median / maximum over the turns.", *text]


def put_into(readme, written):
    """The README's text with the part between the marks replaced."""
    before, mark, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise ValueError("the README has lost its marks; put back `%s` and `%s`" % (BEGIN, END))
    return "\n".join([before + BEGIN, "", *written, "", END + after])
