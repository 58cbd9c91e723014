"""The worker's end of the protocol: where messages come from and events go to.

The descriptors are moved out of the reach of the tests, belong to one process only, and have no thread.
"""

import errno
import fcntl
import json
import mmap
import os
import resource
import select
import socket

BROKEN = 70
"""Exit code when the tests took the protocol's descriptors away or its bytes make no sense."""

ORPHANED = 71
"""Exit code when the agent is gone."""

RUN = b'{"run":'
"""How the message of every test begins."""

MARK_BYTES = 4096
WISHED_FD = 900
LOWEST_FD = 200


def read_setup():
    """The setup object; its descriptor is closed."""
    with os.fdopen(int(os.environ.pop("CALLSHEET_SETUP_FD")), "rb") as file:
        return json.loads(file.read())


def _high_copy(fd):
    """A close-on-exec copy of `fd` above the numbers that programs close in bulk; `fd` is closed."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    wished = WISHED_FD if soft == resource.RLIM_INFINITY else min(WISHED_FD, soft - 16)
    for least in (wished, LOWEST_FD, 10):
        try:
            high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, max(least, 3))
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EMFILE):
                raise
        else:
            os.close(fd)
            return high
    os.set_inheritable(fd, False)
    return fd


class Message:
    """One message of the queue: `kind` is `run`, `make`, `resume`, `finish` or `interrupt`."""

    __slots__ = ("kind", "value")

    def __init__(self, kind, value):
        self.kind = kind
        self.value = value


class Channel:
    """The queue to read, the events to write, and the mark that tells the phase."""

    def __init__(self, queue, events, mark):
        # Bound now: a test may replace what the modules hold (gevent, freezegun, its own patches).
        self._socket = socket.socket(fileno=queue)
        self._events = events
        self.mark = mark
        self._write = os.write
        self._exit = os._exit
        self._poll = select.poll
        self._peek_flag = socket.MSG_PEEK
        self._now_flag = socket.MSG_DONTWAIT
        self._is_child = False
        self._peeked = (None, None)
        os.register_at_fork(after_in_child=self._abandon)

    @classmethod
    def from_environment(cls):
        """The channel whose descriptors the agent named; the variables are removed."""
        queue = _high_copy(int(os.environ.pop("CALLSHEET_QUEUE_FD")))
        events = _high_copy(int(os.environ.pop("CALLSHEET_EVENTS_FD")))
        mark_fd = os.environ.pop("CALLSHEET_MARK_FD", None)
        mark = bytearray(1)
        if mark_fd is not None:
            mark = mmap.mmap(int(mark_fd), MARK_BYTES)
            os.close(int(mark_fd))
        return cls(queue, events, mark)

    def _abandon(self):
        """In the forked child of a test: the protocol is none of its business."""
        self._is_child = True
        self.mark = bytearray(1)
        fd = self._socket.detach()
        for each in (fd, self._events):
            try:
                os.close(each)
            except OSError:
                pass

    def take(self, wait):
        """Take the next message; without `wait`, None if there is none."""
        while True:
            data = self._receive(0, wait)
            if data is None:
                return None
            # Most often it is what was looked at before.
            message = self._peeked[1] if data == self._peeked[0] else _parse(data)
            if message is not None:
                return message

    def peek(self, wait):
        """Look at the next message without taking it; without `wait`, None if there is none."""
        while True:
            data = self._receive(self._peek_flag, wait)
            if data is None:
                return None
            message = _parse(data)
            if message is not None:
                self._peeked = (data, message)
                return message
            self._receive(0, False)

    def _receive(self, flags, wait):
        if self._is_child:
            self._exit(0)
        while True:
            try:
                data = self._socket.recv(65536, flags | self._now_flag)
            except BlockingIOError:
                if not wait:
                    return None
                # Not a blocking read: whether it blocks is a property that the agent's copy shares.
                poll = self._poll()
                poll.register(self._socket.fileno(), select.POLLIN)
                poll.poll()
            except OSError:
                self._exit(BROKEN)
            else:
                if not data:
                    self._exit(ORPHANED)
                return data

    def send(self, *events):
        """Write each event as one line, all in one go."""
        self.send_lines("".join([encode(event) for event in events]))

    def send_lines(self, text):
        """Write lines that are encoded already."""
        if self._is_child:
            self._exit(0)
        data = text.encode("utf-8", "replace")
        while data:
            try:
                written = self._write(self._events, data)
            except BlockingIOError:
                poll = self._poll()
                poll.register(self._events, select.POLLOUT)
                poll.poll()
            except BrokenPipeError:
                self._exit(ORPHANED)
            except OSError:
                self._exit(BROKEN)
            else:
                if written == len(data):
                    return
                data = memoryview(data)[written:]


_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=repr)


def encode(event):
    """The event as a line; what JSON cannot hold goes as its `repr`."""
    try:
        return _encoder.encode(event) + "\n"
    except (TypeError, ValueError):
        return _encoder.encode(_plain(event)) + "\n"


def _plain(value):
    """The value with keys that are text and without cycles or other surprises."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else repr(value)


def _parse(data):
    """The message, or None for one that this version does not know."""
    if data.startswith(RUN) and data[len(RUN) : -1].isdigit():
        return Message("run", int(data[len(RUN) : -1]))
    try:
        message = json.loads(data)
    except ValueError:
        os._exit(BROKEN)
    for kind in ("run", "make", "resume", "finish", "interrupt"):
        if kind in message:
            return Message(kind, message[kind])
    return None
