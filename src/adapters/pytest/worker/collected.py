"""A session without identity: it collects the suite as a worker would, and workers are forked from it where they would go on.

To the worker's plugin it is the channel: what it is to say is kept, and said by each worker for itself. Whatever goes another way
than to a complete collection ends it, and the workers collect, and report, by themselves.
"""

import ctypes
import gc
import os
import socket
import stat
import sys
import tempfile
import threading

from .channel import Channel, read_setup
from .guard import HARMLESS, IDENTITY, Guard, Inputs


OPTIONS = (
    ("log_file", "each worker writes a log file of its own"),
    ("session_timeout", "`session_timeout` counts from the start of each worker"),
)
"""Options and settings that a session reads as it starts, and for itself alone."""


class Collected:
    """The template of one kind of workers."""

    def __init__(self):
        self._link = socket.socket(fileno=int(os.environ.pop("CALLSHEET_QUEUE_FD")))
        for name in ("CALLSHEET_EVENTS_FD", "CALLSHEET_MARK_FD"):
            os.close(int(os.environ.pop(name)))
        self._said = []
        self._config = None
        self._place = None
        self._variables = {}
        self._captures = []
        self._copies = []
        self.guard = Guard(self.refuse)
        self._outputs = [_identity(1), _identity(2)]
        from . import template

        self._template = template
        self._before = template._open_files()

    def begin(self):
        """The session begins."""
        self.guard.begin()

    def refuse(self, why):
        """Tell the agent that no worker can be forked from here, and end without a trace."""
        self._link.send(self._template._encode({"unfit": {"why": why, "preload": None, "notes": []}}))
        os._exit(0)

    # As a channel.

    def send(self, *events):
        """Keep what each worker is to say."""
        for event in events:
            if event["t"] in ("stopping", "finished"):
                reason = str(event.get("reason") or "").strip().splitlines()
                self.refuse("its session ended while it collected" + (": " + reason[0] if reason else ""))
            self._said.append(event)

    # Before the session has begun.

    def check(self, config):
        """Refuse what has to know from its start which worker it is."""
        if getattr(config.known_args_namespace, "cov_source", None):
            self.refuse("pytest-cov measures each worker from its start")

    def watch(self, config, setup):
        """The parsed configuration gives no identity away."""
        self._config = config
        for name, why in OPTIONS:
            try:
                value = getattr(config.option, name, None) or config.getini(name)
            except (KeyError, ValueError):
                continue
            if value:
                self.refuse(why)
        if setup.get("basetemp"):
            # Nobody is to make it.
            config.option.basetemp = os.path.join(setup["basetemp"], "template")
        config.workerinput = Inputs(config.workerinput)
        config.workerinput.guard = self.guard

    # When all is collected.

    def serve(self):
        """Fork workers as they are asked for; returns in each worker, with its channel, its setup and what it has to say."""
        template = self._template
        for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
            if stream is not None:
                stream.flush()
        self.guard.end()
        self._check()
        printed = [os.pread(fd, os.fstat(fd).st_size, 0) for fd in (1, 2)]
        self._config.workerinput.guard = None
        self._place, self._variables = os.getcwd(), dict(os.environ)
        gc.freeze()
        prctl = ctypes.CDLL(None, use_errno=True).prctl
        self._link.send(template._encode({"ready": {"notes": []}}))
        while True:
            request, descriptors = template._receive(self._link)
            if request is None:
                os._exit(0)
            if template._fork(self._link, request, descriptors, prctl, self._renew):
                break
        for fd, text in zip((1, 2), printed):
            while text:
                text = text[os.write(fd, text) :]
        return Channel.from_environment(), read_setup(), self._said

    def _check(self):
        template = self._template
        try:
            template._check_start()
            template._check(self._before | self._own_files())
        except template.Refusal as refusal:
            self.refuse(str(refusal))
        if [_identity(1), _identity(2)] != self._outputs:
            self.refuse("its output was redirected")
        factory = getattr(self._config, "_tmp_path_factory", None)
        if factory is not None and (getattr(factory, "_basetemp", None) is not None or not hasattr(factory, "_given_basetemp")):
            self.refuse("its temporary directory is in use")

    def _own_files(self):
        """Descriptors of pytest's own, which each worker gets anew."""
        self._captures = list(_capture_files(self._config))
        self._copies = []
        own = set()
        for each in self._template._open_files():
            fd, target = each
            try:
                identity = _identity(fd)
            except OSError:
                continue
            if fd > 2 and identity in self._outputs:
                self._copies.append((fd, self._outputs.index(identity) + 1))
                own.add(each)
            elif fd in self._captures or target in HARMLESS:
                own.add(each)
        return own

    def _renew(self):
        """In a worker: what it does not share with its siblings."""
        # The suite may have gone elsewhere, and have changed variables that were meant for it.
        os.chdir(self._place)
        for name in list(os.environ):
            if name not in self._variables and name != IDENTITY and not name.startswith("CALLSHEET_"):
                del os.environ[name]
        os.environ.update(self._variables)
        for fd, output in self._copies:
            os.dup2(output, fd, inheritable=os.get_inheritable(fd))
        for fd in self._captures:
            _replace(fd)
        main_thread = threading.main_thread()
        if hasattr(main_thread, "_set_native_id"):
            main_thread._set_native_id()
        self.guard.renew()


def _identity(fd):
    found = os.fstat(fd)
    return found.st_dev, found.st_ino


def _capture_files(config):
    """The files that pytest captures output in."""
    manager = config.pluginmanager.getplugin("capturemanager")
    capturing = getattr(manager, "_global_capturing", None)
    for name in ("in_", "out", "err"):
        file = getattr(getattr(capturing, name, None), "tmpfile", None)
        try:
            fd = file.fileno()
        except (AttributeError, OSError, ValueError):
            continue
        if stat.S_ISREG(os.fstat(fd).st_mode):
            yield fd


def _replace(fd):
    """Put a copy of a file that has no name in its place."""
    with tempfile.TemporaryFile(buffering=0) as copy:
        copy.write(os.pread(fd, os.fstat(fd).st_size, 0))
        copy.seek(os.lseek(fd, 0, os.SEEK_CUR))
        os.dup2(copy.fileno(), fd, inheritable=os.get_inheritable(fd))
