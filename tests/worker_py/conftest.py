"""The agent's part, played over the same kinds of descriptors."""

import json
import os
import pathlib
import select
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap

import pytest

WORKER = pathlib.Path(__file__).resolve().parents[2] / "src/adapters/pytest/worker"
SILENCE = 60


class Agent:
    """One worker process and this side of its descriptors."""

    def __init__(self, root, args, environment, setup):
        self.root = root
        self.ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.theirs = theirs
        events, events_end = os.pipe()
        setup_fd = tempfile.TemporaryFile()
        self.mark = tempfile.TemporaryFile()
        self.mark.truncate(4096)
        whole = {
            "protocol": 1,
            "worker": "gw0",
            "worker_count": 2,
            "run_id": "run-1",
            "dist": "load",
            "argv": ["callsheet", "-n", "2"],
            "args": args,
            "root": str(root),
            "basetemp": None,
            "color": False,
            "columns": 80,
            "verbosity": 0,
            "live_output": False,
            "collect_only": False,
            "seed": 4711,
        }
        whole.update(setup)
        setup_fd.write(json.dumps(whole).encode())
        setup_fd.seek(0)
        fds = {"SETUP": setup_fd.fileno(), "QUEUE": theirs.fileno(), "EVENTS": events_end, "MARK": self.mark.fileno()}
        env = dict(os.environ, PYTEST_XDIST_WORKER="gw0", CALLSHEET_RUN_ID="run-1", PYTHONHASHSEED="7")
        for name in ("PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
            env.pop(name, None)
        env.update({"CALLSHEET_%s_FD" % name: str(fd) for name, fd in fds.items()})
        env.update(environment)
        self.output = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [sys.executable, "-c", (WORKER / "bootstrap.py").read_text(), str(WORKER), "main"],
            cwd=str(root),
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=self.output,
            pass_fds=list(fds.values()),
            start_new_session=True,
        )
        os.close(events_end)
        setup_fd.close()
        self.events = os.fdopen(events, "rb", buffering=0)
        self.pending = b""
        self.items = []
        self.files = []
        self.log = []

    def send(self, **message):
        self.ours.send(json.dumps(message).encode())

    def run(self, *indexes):
        for index in indexes:
            self.send(run=index)

    def take_back(self):
        """Steal one message, as an agent does: read it from the worker's own end."""
        return json.loads(self.theirs.recv(65536, socket.MSG_DONTWAIT))

    def event(self, patience=SILENCE):
        """The next event; None at the end."""
        while b"\n" not in self.pending:
            ready, _, _ = select.select([self.events], [], [], patience)
            assert ready, "silence; so far: %r\n%s" % (self.log[-5:], self.text())
            data = self.events.read(1 << 16)
            if not data:
                return None
            self.pending += data
        line, self.pending = self.pending.split(b"\n", 1)
        event = json.loads(line)
        self.log.append(event)
        if event["t"] == "items":
            self.items.extend(event["items"])
        if event["t"] == "files":
            self.files.extend(event["files"])
        if event["t"] == "made":
            self.items.extend(event["items"])
        return event

    def until(self, kind, **fields):
        """Events up to and with the first of this kind."""
        seen = []
        while True:
            event = self.event()
            assert event is not None, "ended before %s: %r\n%s" % (kind, seen[-5:], self.text())
            seen.append(event)
            if event["t"] == kind and all(event[key] == value for key, value in fields.items()):
                return seen

    def rest(self):
        """All further events; the process is over afterwards."""
        seen = []
        while True:
            event = self.event()
            if event is None:
                self.process.wait(SILENCE)
                return seen
            seen.append(event)

    def collect(self):
        self.until("collected")
        return self

    def listing(self):
        """The ids of the files it found; it must not have collected everything."""
        seen = self.until("listed")
        assert "collected" not in [event["t"] for event in seen]
        assert seen[-1]["count"] == len(self.files)
        return [nodeid for nodeid, _ in self.files]

    def make(self, place):
        """Have a file made; returns the ids of its items."""
        self.send(make=place)
        return self.made(place)

    def made(self, place):
        """The ids of the items of a file whose making was asked for."""
        ids = []
        while True:
            event = self.until("made", f=place)[-1]
            ids.extend(item[0] for item in event["items"])
            if event["last"]:
                return ids

    def stream_all(self):
        """Make and run every file in order, then finish; the next file is known before the last item of one ends."""
        self.listing()
        for place in range(len(self.files)):
            before = len(self.items)
            self.make(place)
            self.run(*range(before, len(self.items)))
        self.send(finish=True)
        return self.rest()

    def run_all(self):
        """Run everything in order, then finish; returns all events from then on, without how it waited."""
        if not self.log:
            self.collect()
        self.run(*range(len(self.items)))
        self.send(finish=True)
        return [event for event in self.rest() if event["t"] != "ran"]

    def text(self):
        self.output.seek(0)
        return self.output.read().decode("utf-8", "replace")

    def close(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        for each in (self.ours, self.theirs, self.events, self.mark, self.output):
            each.close()


class Project:
    """A project's directory and the workers started in it."""

    def __init__(self, root):
        self.root = root
        self.agents = []
        self.without = ["-p", "no:randomly", "-p", "no:asyncio"]

    def write(self, **files):
        for name, text in files.items():
            path = self.root / (name.replace("__", "/") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        return self

    def ini(self, text):
        (self.root / "pytest.ini").write_text("[pytest]\n" + textwrap.dedent(text))
        return self

    def agent(self, *args, env=None, **setup):
        agent = Agent(self.root, self.without + list(args), env or {}, setup)
        self.agents.append(agent)
        return agent

    def plain(self, *args):
        """What pytest alone says."""
        env = dict(os.environ, PYTHONHASHSEED="7")
        for name in ("PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST", "PYTEST_PLUGINS"):
            env.pop(name, None)
        return subprocess.run(
            [sys.executable, "-c", "import sys, pytest; sys.path.remove(''); sys.exit(pytest.main(sys.argv[1:]))"] + self.without + list(args),
            cwd=str(self.root),
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            universal_newlines=True,
        )


@pytest.fixture
def project(tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    project = Project(tmp_path)
    yield project
    for agent in project.agents:
        agent.close()
