"""How each tool is told to run a case."""

import os
import shutil
from dataclasses import dataclass

from compare import suites

# Names of variables that would change what a tool does.
FOREIGN = ("PYTEST_", "CALLSHEET_", "PYTHON", "COV_CORE", "VIRTUAL_ENV", "XDIST", "NO_COLOR", "FORCE_COLOR", "PY_COLORS", "CI")
SAID = {
    "pytest": "plain pytest", "xdist-load": "xdist `load`", "xdist-worksteal": "xdist `worksteal`",
    "pytest-split": "pytest-split, side by side", "rtest": "rtest with pytest", "rtest-native": "rtest's own engine",
    "karva": "karva's own engine", "callsheet": "**callsheet**", "callsheet-known": "**callsheet**, durations recorded",
    "callsheet-collected": "**callsheet**, `--template collected`", "callsheet-preloaded": "**callsheet**, `--preload`",
}
EXTRA = {"pytest-split": suites.SPLIT, "rtest": suites.RTEST, "rtest-native": suites.RTEST, "karva": suites.KARVA}


@dataclass
class Tool:
    """One row of a table."""
    name: str
    commands: list
    environment: dict
    # How many closing lines hold the counts.
    summaries: int = 1


def variables(python, case, place):
    """The environment of a run: ours without what would steer a tool, byte code as the case says."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    # Some suites order their parameters by hashes, and xdist refuses to run what its workers see in different orders.
    kept.update(COLUMNS="80", TERM="dumb", PYTHONHASHSEED="0", PATH="%s:%s" % (python.parent, os.environ["PATH"]))
    if case.path:
        kept["PYTHONPATH"] = str(place / case.path)
    if case.cold:
        kept["PYTHONDONTWRITEBYTECODE"] = "1"
    return kept


def tool(name, case, workers, home, place, options):
    """The tool of this name, its environment made."""
    # Plugins are loaded where they are installed, so that each tool has an environment with what it needs and nothing else.
    own = [EXTRA[name]] if name in EXTRA else [suites.XDIST] if name.startswith("xdist") else []
    python = suites.environment(home, [suites.PYTEST, *case.needs, *own])
    pytest = [str(python), "-m", "pytest"]
    arguments = list(case.arguments)
    environment = variables(python, case, place)
    summaries = 1
    if name.startswith("callsheet"):
        environment["CALLSHEET_PYTEST_PYTHON"] = str(python)
        options_of = {
            "callsheet-collected": ["--template", "collected"],
            "callsheet-preloaded": [word for module in case.preload for word in ("--preload", module)],
        }
        more = options_of.get(name, [])
        commands = [[str(options.callsheet), "-n", str(workers), *more, *case.callsheet, *options.callsheet_args, "--", *arguments]]
    elif name == "pytest":
        commands = [[*pytest, *arguments]]
    elif name == "pytest-split":
        # It has no recorded durations here, so it takes all tests for equally long; each group is a process of its own.
        split = ["--splits", str(workers), "--splitting-algorithm", "least_duration"]
        commands = [[*pytest, *split, "--group", str(group + 1), *arguments] for group in range(workers)]
        summaries = workers
    elif name == "rtest":
        commands, summaries = [["rtest", "-n", str(workers), *arguments]], workers
    elif name == "rtest-native":
        commands = [["rtest", "--runner", "native", "-n", str(workers), *arguments]]
    elif name == "karva":
        commands = [["karva", "test", "-n", str(workers), *arguments]]
    else:
        commands = [[*pytest, "-n", str(workers), "--dist", name.partition("-")[2], *case.xdist, *arguments]]
    commands = [[shutil.which(words[0], path=environment["PATH"]), *words[1:]] for words in commands]
    return Tool(name, commands, environment, summaries)
