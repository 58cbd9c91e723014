"""A warm interpreter that workers are forked from.

It has imported pytest, the worker's own modules and what the configuration asks for, and nothing of the project's. Each request
of the agent is answered by a worker, which is the agent's own child: the template forks a process that forks the worker and
ends, and the agent adopts it. So the agent waits for it and kills it like any other, and it outlives the template.
"""

import array
import ctypes
import gc
import importlib
import json
import os
import signal
import socket
import sys
import warnings

VARIABLE = "CALLSHEET_WARM_START"
DESCRIPTORS = ("STDOUT", "STDERR", "QUEUE", "EVENTS", "MARK", "SETUP")
"""What comes with a request, in this order."""

LONGEST = 1 << 18
PR_SET_PDEATHSIG = 1

USED_EARLY = (
    "argparse",
    "bdb",
    "configparser",
    "csv",
    "email.parser",
    "email.policy",
    "faulthandler",
    "fcntl",
    "getpass",
    "importlib.metadata",
    "importlib.resources",
    "locale",
    "logging",
    "mmap",
    "pdb",
    "readline",
    "shlex",
    "tempfile",
    "tomllib",
    "unittest",
    "zipfile",
)
"""Modules of the standard library that a session imports before its first test, whatever the project."""


class Refusal(Exception):
    """Why workers can not be forked from this interpreter."""


def serve():
    """Answer requests until the agent is gone; returns in each worker, which then goes on as if it had been started alone."""
    wish = json.loads(os.environ.pop(VARIABLE))
    link = socket.socket(fileno=wish["fd"])
    notes = []
    at_fault = None
    try:
        _check_start()
        _warm()
        before = _open_files()
        for name in wish["preload"]:
            at_fault = name
            _preload(name, notes, before)
        at_fault = None
        _check(before)
    except Refusal as refusal:
        link.send(_encode({"unfit": {"why": str(refusal), "preload": at_fault, "notes": notes}}))
        os._exit(0)
    for stream in (sys.stdout, sys.stderr):
        # What stands in a buffer would be written by every worker.
        stream.flush()
    gc.collect()
    gc.freeze()
    # Looked up now: a worker has no time to lose.
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    link.send(_encode({"ready": {"notes": notes}}))
    while True:
        request, descriptors = _receive(link)
        if request is None:
            os._exit(0)
        if _fork(link, request, descriptors, prctl, _renew):
            return


def _encode(message):
    return json.dumps(message).encode()


def _receive(link):
    """The next request and its descriptors; None at the end."""
    room = array.array("i", [0] * len(DESCRIPTORS))
    space = socket.CMSG_SPACE(len(room) * room.itemsize)
    data, ancillary, _, _ = link.recvmsg(LONGEST, space, socket.MSG_CMSG_CLOEXEC)
    descriptors = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(content[: len(content) - len(content) % descriptors.itemsize])
    return (json.loads(data) if data else None), list(descriptors)


def _warm():
    """Import what every worker needs."""
    from _pytest.config import default_plugins

    for name in default_plugins:
        importlib.import_module("_pytest." + name)
    for name in ("_pytest._argcomplete",) + USED_EARLY:
        try:
            importlib.import_module(name)
        except ImportError:
            pass
    package = __name__.rpartition(".")[0]
    for name in ("main", "plugin"):
        importlib.import_module(package + "." + name)


def _preload(name, notes, before):
    """Import a module that the configuration names; what forbids to fork is raised, what is only in vain is noted."""
    rewritten = _rewritten()
    if name.partition(".")[0] in rewritten:
        notes.append("preload: `%s` belongs to a pytest plugin, whose assertions pytest rewrites as it imports it; it is left to the workers" % name)
        return
    try:
        importlib.import_module(name)
    except BaseException as error:  # noqa: BLE001 - a module may end in any way
        text = str(error) or type(error).__name__
        notes.append("preload: `%s` can not be imported: %s" % (name, text.splitlines()[0]))
    plugins = sorted(rewritten.intersection(sys.modules))
    if plugins:
        raise Refusal("it has imported `%s`, which belongs to a pytest plugin and is to be rewritten as pytest imports it" % plugins[0])
    _check(before)


def _rewritten():
    """The modules that pytest rewrites because they come with a plugin, unless they are imported already without our doing."""
    if _rewritten.names is None:
        from importlib import metadata

        from _pytest.config import _iter_rewritable_modules

        files = [
            str(file)
            for distribution in metadata.distributions()
            if any(entry.group == "pytest11" for entry in distribution.entry_points)
            for file in distribution.files or []
        ]
        _rewritten.names = set(_iter_rewritable_modules(files)).difference(sys.modules)
    return _rewritten.names


_rewritten.names = None


def _check_start():
    """Whether somebody has been at work in this interpreter already who may look at the environment of a worker."""
    library = os.path.realpath(os.path.dirname(os.__file__))
    for name in ("sitecustomize", "usercustomize"):
        file = getattr(sys.modules.get(name), "__file__", None)
        if file is not None and os.path.realpath(os.path.dirname(file)) != library:
            raise Refusal("`%s` runs at the start of the interpreter" % file)
    tools = getattr(sys, "monitoring", None)
    if sys.gettrace() or sys.getprofile() or (tools and any(tools.get_tool(number) for number in range(6))):
        raise Refusal("a tracer or profiler runs from the start of the interpreter")


def _check(before):
    """Whether a fork is a whole copy of this process."""
    if _threads() > 1:
        # Libraries that mind forks (OpenBLAS) end their threads before one and start them again when they need them.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
    threads = _threads() - 1
    if threads > 0:
        raise Refusal("it leaves %s running" % ("a thread" if threads == 1 else "%d threads" % threads))
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        pass
    else:
        raise Refusal("it leaves a child process running")
    opened = _open_files().difference(before)
    if opened:
        raise Refusal("it holds %s open, which workers would share" % sorted(opened)[0][1])


def _threads():
    return len(os.listdir("/proc/self/task"))


def _open_files():
    """Descriptors and what they lead to."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            found.add((int(name), os.readlink("/proc/self/fd/" + name)))
        except OSError:
            # The one that lists them.
            pass
    return found


def _fork(link, request, descriptors, prctl, renew):
    """Make a worker, and have it `renew` what is its own; true in the worker."""
    held, let_go = os.pipe()
    try:
        middle = os.fork()
    except OSError as error:
        link.send(_encode({"error": "fork: %s" % error.strerror}))
        middle = None
    if middle == 0:
        if _is_worker():
            os.close(let_go)
            _become(link, request, descriptors, held, prctl, renew)
            return True
        os._exit(0)
    os.close(held)
    if middle is not None:
        _, status = os.waitpid(middle, 0)
        if status == 0:
            # Its parent has ended, so the agent has adopted it.
            os.write(let_go, b".")
        else:
            link.send(_encode({"error": "fork: %s" % os.strerror(status >> 8)}))
    os.close(let_go)
    for each in descriptors:
        os.close(each)
    return False


def _is_worker():
    """In the middle process: fork once more; true in the worker."""
    try:
        return os.fork() == 0
    except OSError as error:
        os._exit(error.errno & 0xFF)


def _become(link, request, descriptors, held, prctl, renew):
    """Turn this copy into what a worker of its own interpreter is before its first line; then tell the agent."""
    try:
        os.setpgid(0, 0)
        if not os.read(held, 1):
            # The template is gone, and the agent does not know of this process.
            os._exit(0)
        os.close(held)
        agent = int(os.environ["CALLSHEET_AGENT_PID"])
        if prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
        if os.getppid() != agent:
            raise OSError("it was not adopted")
        os.environ.update(request["env"])
        os.chdir(request["cwd"])
        for name, fd in zip(DESCRIPTORS, descriptors):
            if name in ("STDOUT", "STDERR"):
                os.dup2(fd, DESCRIPTORS.index(name) + 1)
                os.close(fd)
            else:
                os.environ["CALLSHEET_%s_FD" % name] = str(fd)
        renew()
        link.send(_encode({"pid": os.getpid()}))
        link.close()
    except Exception as error:  # noqa: BLE001 - whatever it is, the agent starts a worker the plain way
        try:
            link.send(_encode({"error": str(error)}))
        finally:
            os._exit(0)


def _renew():
    """What a fork copies and each process has of its own."""
    import threading

    main_thread = threading.main_thread()
    if hasattr(main_thread, "_set_native_id"):
        main_thread._set_native_id()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()
    package, _, name = __name__.rpartition(".")
    vars(sys.modules[package]).pop(name, None)
    sys.modules.pop(__name__, None)
