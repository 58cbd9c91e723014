"""What a template could import once for all workers: measured in one collection, each module then tried in an interpreter of its own.

Reads `{"bootstrap": …, "args": […]}` from standard input, writes one JSON object to standard output: `seconds` that all imports of
the collection took, `modules` [{`names`, `seconds`, `refused`}] with the costliest first, and `exit_code` of pytest.
"""

import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

STEP = "CALLSHEET_IMPORTS_STEP"
PR_SET_PDEATHSIG = 1

LEAST = 0.01
"""Seconds below which a package is not worth a line."""

_LINE = re.compile(rb"import time: +(\d+) \| +(\d+) \| ( *)(\S+)\s*$")


class Node:
    """One import with those that it led to."""

    def __init__(self, name, own, whole, below):
        self.name = name
        self.seconds = own / 1e6
        self.whole = whole / 1e6
        self.below = below


def tree(lines):
    """The imports of `-X importtime`, which tells each after those that it led to and sets these in by two more blanks."""
    pending = {}
    for line in lines:
        match = _LINE.match(line)
        if match is None:
            continue
        own, whole, blanks, name = match.groups()
        depth = len(blanks) // 2
        node = Node(name.decode("utf-8", "replace"), int(own), int(whole), pending.pop(depth + 1, []))
        pending.setdefault(depth, []).append(node)
    return pending.get(0, [])


def candidates(nodes, is_eligible, found=None):
    """The outermost imports of eligible packages: package → [(name, seconds)]."""
    found = {} if found is None else found
    for node in nodes:
        if is_eligible(node.name):
            found.setdefault(node.name.partition(".")[0], []).append((node.name, node.whole))
        else:
            candidates(node.below, is_eligible, found)
    return found


def shortest(names):
    """The names without those whose import another one brings along."""
    return sorted({name for name in names if not any(other.startswith(name + ".") for other in names)})


def main():
    """Do the step that is asked for."""
    step = os.environ.pop(STEP, None)
    ask = json.load(sys.stdin)
    # What is imported may print.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    json.dump({None: survey, "collect": collect, "try": attempt}[step](ask), out)
    out.flush()
    os._exit(0)


def collect(ask):
    """Collect the project's tests; tell which modules belong to third parties."""
    from . import options, template
    from .main import Entry

    template._warm()
    rewritten = template._rewritten()
    known = set(sys.modules)
    import pytest

    args = ["--collect-only", "-q", "-q", "-s", "-p", "no:cacheprovider"]
    os.environ.setdefault("PYTEST_XDIST_WORKER", "gw0")
    sys.stderr.flush()
    os.write(2, b"\ncallsheet: begin\n")
    code = pytest.main(list(ask["args"]) + args, plugins=[Entry(), options])
    foreign = [
        name
        for name, module in list(sys.modules.items())
        if name not in known and name.partition(".")[0] not in rewritten and _is_foreign(module)
    ]
    return {"exit_code": int(code), "foreign": foreign}


def _is_foreign(module):
    """Whether a module was installed, rather than being of the project or of Python itself."""
    places = [getattr(module, "__file__", None) or ""]
    places += [str(each) for each in getattr(module, "__path__", None) or []]
    return any("%s%s%s" % (os.sep, name, os.sep) in place for place in places for name in ("site-packages", "dist-packages"))


def attempt(ask):
    """Preload these modules as a template would; why that forbids to fork, if it does."""
    from . import template

    template._warm()
    before = template._open_files()
    template._rewritten()
    notes = []
    began = time.perf_counter()
    try:
        for name in ask["names"]:
            template._preload(name, notes, before)
    except template.Refusal as refusal:
        notes.append(str(refusal))
    return {"seconds": time.perf_counter() - began, "refused": notes[0] if notes else None}


def survey(ask):
    """Collect once with the clock running, then try what was costly."""
    with tempfile.TemporaryFile() as errors:
        found = _run(ask, "collect", ask, ["-X", "importtime"], errors)
        errors.seek(0)
        lines = errors.read().split(b"\n")
    if found is None:
        said = [line.decode("utf-8", "replace") for line in lines if line.strip() and not _LINE.match(line)]
        return {"failure": said[-1] if said else "it ended without an answer"}
    if b"callsheet: begin" in lines:
        del lines[: lines.index(b"callsheet: begin")]
    nodes = tree(lines)
    foreign = set(found["foreign"])
    modules = []
    for imports in candidates(nodes, foreign.__contains__).values():
        if sum(seconds for _, seconds in imports) < LEAST:
            continue
        names = shortest([name for name, _ in imports])
        with open(os.devnull, "wb") as nowhere:
            tried = _run(ask, "try", {"names": names}, [], nowhere)
        tried = tried or {"seconds": sum(seconds for _, seconds in imports), "refused": "it ends the interpreter"}
        modules.append(dict(tried, names=names))
    modules.sort(key=lambda module: -module["seconds"])
    return {"exit_code": found["exit_code"], "seconds": sum(node.whole for node in nodes), "modules": modules}


def _run(ask, step, question, flags, errors):
    """The answer of an interpreter of its own; None if it gives none."""
    place = os.path.dirname(os.path.abspath(__file__))
    done = subprocess.run(
        [sys.executable] + flags + ["-c", ask["bootstrap"], place, "imports"],
        input=json.dumps(question).encode(),
        env=dict(os.environ, **{STEP: step}),
        stdout=subprocess.PIPE,
        stderr=errors,
        preexec_fn=_tie(os.getpid()),
    )
    try:
        return json.loads(done.stdout)
    except ValueError:
        return None


def _tie(parent):
    """What a child does before anything else, so that it does not outlive its parent; nothing where the system can not."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl

    def tie():
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return tie
