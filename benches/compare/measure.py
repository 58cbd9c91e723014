"""Runs one tool once and measures it. Linux only: it reads /proc."""

import ctypes
import os
import selectors
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field

from compare.figures import shown_first

PR_SET_CHILD_SUBREAPER = 36
TICK = os.sysconf("SC_CLK_TCK")
SAMPLE = 0.05
POLL = 0.005


@dataclass
class Run:
    """What one run of a tool took: seconds, bytes, and what it printed."""
    wall: float = 0.0
    cpu: float = 0.0
    first: float = None
    main_cpu: float = 0.0
    memory: int = None
    agent_cpu: float = None
    text: str = ""
    codes: list = field(default_factory=list)


def adopt_orphans():
    """Whatever a tool leaves behind becomes a child of ours, so that its time is counted and it can be waited for."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def stat(pid):
    """Parent and own CPU seconds (threads together, children apart) of a process, `None` if it is gone."""
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            fields = file.read().rpartition(b") ")[2].split()
    except OSError:
        return None
    return int(fields[1]), (int(fields[11]) + int(fields[12])) / TICK


def descendants(root):
    """All processes below this one."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            known = stat(int(name))
            if known:
                children.setdefault(known[0], []).append(int(name))
    found, open_ = [], [root]
    while open_:
        below = children.get(open_.pop(), [])
        found += below
        open_ += below
    return found


def proportional_size(pid):
    """The process's share of memory in bytes: a page that several map counts in parts."""
    try:
        with open("/proc/%d/smaps_rollup" % pid, "rb") as file:
            return sum(int(line.split()[1]) for line in file if line.startswith((b"Pss:", b"SwapPss:"))) * 1024
    except OSError:
        return 0


def is_agent(pid):
    """Whether this is callsheet's agent, which serves the controller's workers."""
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            words = file.read().split(b"\0")
    except OSError:
        return False
    return words[0] == b"callsheet-agent"


class Sampler(threading.Thread):
    """Watches the whole tree of processes below us; in a run of its own, since watching slows what is watched."""

    def __init__(self):
        super().__init__(daemon=True)
        self.peak, self.agent_cpu, self.over = 0, None, threading.Event()

    def run(self):
        agent, due = None, 0.0
        while not self.over.wait(POLL):
            if agent is not None:
                known = stat(agent)
                if known:
                    self.agent_cpu = known[1]
            if time.monotonic() < due:
                continue
            tree = descendants(os.getpid())
            self.peak = max(self.peak, sum(map(proportional_size, tree)))
            agent = agent or next(filter(is_agent, tree), None)
            due = time.monotonic() + SAMPLE


def run(commands, cwd, environment, limit, sample=False):
    """Runs these commands side by side to their ends. After `limit` seconds they are killed, and the codes say so."""
    result, sampler = Run(), Sampler() if sample else None
    output, ends, processes = [b""] * len(commands), {}, []
    with selectors.DefaultSelector() as events:
        if sampler:
            sampler.start()
        began = time.monotonic()
        for place, command in enumerate(commands):
            process = subprocess.Popen(command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, start_new_session=True)
            os.set_blocking(process.stdout.fileno(), False)
            processes.append(process)
            events.register(process.stdout, selectors.EVENT_READ, ("output", place))
            events.register(os.pidfd_open(process.pid), selectors.EVENT_READ, ("end", place))
        while len(ends) < len(commands):
            ready = events.select(timeout=max(0.0, began + limit - time.monotonic()))
            now = time.monotonic() - began
            if not ready:
                for process in processes:
                    os.killpg(process.pid, signal.SIGKILL)
            for key, _ in ready:
                kind, place = key.data
                if kind == "end":
                    ends[place] = now
                    events.unregister(key.fileobj)
                    os.close(key.fileobj)
                    continue
                part = read(processes[place].stdout)
                if part:
                    output[place] += part
                    if result.first is None and shown_first(output[place]):
                        result.first = now
                elif part == b"":
                    events.unregister(key.fileobj)
    if sampler:
        sampler.over.set()
        sampler.join()
        result.memory, result.agent_cpu = sampler.peak, sampler.agent_cpu
    result.wall = max(ends.values())
    for place, process in enumerate(processes):
        output[place] += read(process.stdout) or b""
        process.stdout.close()
        # The process is a zombie still, so what it used itself, apart from its children, can be read.
        result.main_cpu += stat(process.pid)[1]
        result.cpu += reap(process.pid, result.codes)
        process.returncode = result.codes[-1]
    result.cpu += reap_orphans()
    result.text = b"\n".join(output).decode("utf-8", "replace")
    return result


def read(pipe):
    """What has come; `None` if nothing has, an empty answer at the end."""
    parts = []
    try:
        while part := os.read(pipe.fileno(), 1 << 16):
            parts.append(part)
    except BlockingIOError:
        return b"".join(parts) or None
    return b"".join(parts)


def reap(pid, codes):
    """CPU seconds of an ended process and of all below it that were waited for."""
    _, status, usage = os.wait4(pid, 0)
    codes.append(os.waitstatus_to_exitcode(status))
    return usage.ru_utime + usage.ru_stime


def reap_orphans():
    """Ends what a tool left behind and adds up its CPU seconds."""
    total = 0.0
    while left := [pid for pid in descendants(os.getpid()) if (stat(pid) or (0,))[0] == os.getpid()]:
        for pid in left:
            os.kill(pid, signal.SIGKILL)
            total += reap(pid, [])
    return total


def own_figures():
    """Whether the measuring works here: our own child's CPU, output and memory, for the self-check."""
    with tempfile.TemporaryDirectory() as folder:
        code = "print('test_a.py .', flush=True); sum(range(3_000_000)); print('1 passed in 0.01s')"
        return run([["python3", "-c", code]], folder, dict(os.environ), 60, sample=True)
