"""Watches a session that is to be forked: nothing in it may depend on which worker it is, or be shared by several.

What can not be undone ends the watched process at once, before it is done: the agent is told why, and the workers collect by
themselves. What was opened and closed again is no obstacle.
"""

import os
import signal
import sys

IDENTITY = "PYTEST_XDIST_WORKER"
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND

QUERIES = ("ldconfig", "ld", "gcc", "cc", "objdump", "uname", "lscpu")
"""Programs that modules of the standard library and of numpy ask about the machine as they are imported."""

STARTS = ("os.fork", "os.forkpty", "os.posix_spawn", "os.system", "os.exec", "pty.spawn")
HARMLESS = ("/dev/null", "/dev/urandom", "/dev/random")


class Guard:
    """Ends the process, by way of `refuse(why)`, when something happens that forbids to fork it."""

    def __init__(self, refuse):
        self._refuse = refuse
        self._is_on = False
        self._library = os.path.dirname(os.__file__) + os.sep
        self._own = os.path.dirname(os.path.abspath(__file__)) + os.sep
        self._environ = os.environ
        self._data = None
        self._mapped = set()
        self._random = _Random(self)

    def begin(self):
        """Watch from now on."""
        self._data = self._share(_Variables(self._environ._data, self))
        self._mapped = set(_shared_memory())
        self._random.begin()
        self._is_on = True
        # It can not be removed, and hears nothing any more when the watch has ended.
        sys.addaudithook(self._hear)

    def end(self):
        """Watch no longer; refuse what has been left behind, as far as the template's own check does not see it."""
        self._is_on = False
        if os.environ is not self._environ or self._environ._data is not self._data:
            self._refuse("`os.environ` was replaced")
        if signal.getitimer(signal.ITIMER_REAL)[0] > 0:
            self._refuse("a timer of it is running")
        if set(_shared_memory()) - self._mapped:
            self._refuse("it holds memory that workers would share")
        self._random.end()

    def renew(self):
        """In a worker: its own environment and random numbers, as they stand."""
        self._share(dict(self._data))
        self._random.renew()

    def _share(self, data):
        """Both views of the environment, that of texts and that of bytes, are of this one."""
        self._environ._data = data
        if os.supports_bytes_environ:
            os.environb._data = data
        return data

    def trip(self, what):
        """Refuse, naming the place in the project or a library."""
        if self._is_on:
            self._is_on = False
            self._refuse("%s %s" % (self._place(), what))

    def _frames(self):
        frame = sys._getframe(1)
        while frame is not None:
            yield frame
            frame = frame.f_back

    def _place(self):
        for frame in self._frames():
            file = frame.f_code.co_filename
            if not (file.startswith(self._own) or self._is_library(file)):
                shown = os.path.relpath(file) if file.startswith(os.getcwd() + os.sep) else file
                return "%s:%d" % (shown, frame.f_lineno)
        return "something"

    def _is_library(self, file):
        """Whether a file is of Python itself, on whose behalf somebody else acts."""
        packages = tuple(self._library + name + os.sep for name in ("site-packages", "dist-packages"))
        return file.startswith(("<", self._library)) and not file.startswith(packages)

    def _hear(self, event, arguments):
        if not self._is_on:
            return
        if event == "open":
            path, _, flags = arguments
            # A number is a descriptor that is open already.
            is_new = not isinstance(path, int) and path not in HARMLESS
            if is_new and isinstance(flags, int) and flags & WRITING and not self._is_of_pytest():
                self.trip("writes `%s`" % os.fsdecode(path))
        elif event.startswith("tempfile.") or event == "sqlite3.connect":
            if arguments[:1] != (":memory:",) and not self._is_of_pytest():
                self.trip("makes a temporary file" if event.startswith("tempfile.") else "opens a database")
        elif event == "subprocess.Popen":
            program = arguments[0] or arguments[1]
            if os.path.basename(str(program)) not in QUERIES:
                self.trip("starts a process")
        elif event in STARTS:
            self.trip("starts a process")
        elif event == "socket.connect":
            self.trip("connects a socket")

    def _is_of_pytest(self):
        """Whether Python caches byte code, or pytest writes its own cache or has output captured: no worker minds that."""
        for frame in self._frames():
            code = frame.f_code
            if code.co_filename.startswith(self._own):
                continue
            if code.co_filename.startswith("<frozen importlib") or code.co_name == "_get_default_tempdir":
                return True
            file = code.co_filename
            if "%s_pytest%s" % (os.sep, os.sep) in file:
                return os.path.basename(file) in ("cacheprovider.py", "capture.py", "rewrite.py")
            if not self._is_library(file):
                break
        return False


class _Variables(dict):
    """The environment of a session without identity."""

    def __init__(self, data, guard):
        super().__init__(data)
        self._guard = guard

    def __getitem__(self, key):
        if key in (IDENTITY, IDENTITY.encode()):
            self._guard.trip("reads `%s`" % IDENTITY)
        return super().__getitem__(key)

    def __iter__(self):
        self._guard.trip("reads the whole environment")
        return super().__iter__()

    def items(self):
        """All of them."""
        self._guard.trip("reads the whole environment")
        return super().items()


class Inputs(dict):
    """The `workerinput` of a session without identity."""

    guard = None

    def __getitem__(self, key):
        self._look(key)
        return super().__getitem__(key)

    def __contains__(self, key):
        self._look(key)
        return super().__contains__(key)

    def __iter__(self):
        self._look()
        return super().__iter__()

    def get(self, key, default=None):
        """One of them."""
        self._look(key)
        return super().get(key, default)

    def keys(self):
        """All names."""
        self._look()
        return super().keys()

    def values(self):
        """All values."""
        self._look()
        return super().values()

    def items(self):
        """All of them."""
        self._look()
        return super().items()

    def copy(self):
        """All of them, again."""
        self._look()
        return dict(self)

    def _look(self, key="workerid"):
        if self.guard is not None and key in ("workerid", "slaveid"):
            self.guard.trip("reads the worker's id")


class _Random:
    """The global random numbers: one seed for all workers stays, none is drawn without."""

    def __init__(self, guard):
        self._guard = guard
        self._is_seeded = False
        self._state = None
        self._numpy = None
        self._seed = self._setstate = self._own = None

    def begin(self):
        """Notice who seeds."""
        import random

        self._seed, self._setstate = random.seed, random.setstate

        def seed(a=None, version=2):
            if a is None:
                self._guard.trip("seeds `random` anew")
            self._is_seeded = True
            return self._seed(a, version)

        def setstate(state):
            self._is_seeded = True
            return self._setstate(state)

        random.seed, random.setstate = self._own = seed, setstate
        self._state = random.getstate()
        self._numpy = _numpy_state()

    def end(self):
        """Refuse what every worker would have drawn for itself."""
        import random

        for name, own, plain in zip(("seed", "setstate"), self._own, (self._seed, self._setstate)):
            if getattr(random, name) is own:
                setattr(random, name, plain)
        state = random.getstate()
        if state != self._state and not self._is_seeded:
            self._guard._refuse("random numbers were drawn that workers would share")
        self._state = state if self._is_seeded else None

    def renew(self):
        """In a worker. Python has seeded it anew, numpy has not."""
        import random

        if self._state is not None:
            self._setstate(self._state)
        numpy_random = sys.modules.get("numpy.random")
        if numpy_random is not None and not self._numpy_is_seeded():
            numpy_random.seed()

    def _numpy_is_seeded(self):
        if self._numpy is not None:
            # It was there before the session, and had a seed of its own by then.
            return self._numpy != _numpy_state()
        generator = sys.modules["numpy.random"].mtrand._rand._bit_generator
        # One that nobody has given a seed knows where it has its own from.
        return getattr(generator, "seed_seq", getattr(generator, "_seed_seq", None)) is None


def _numpy_state():
    numpy_random = sys.modules.get("numpy.random")
    return None if numpy_random is None else repr(numpy_random.get_state()[1].tolist())


def _shared_memory():
    """Writable memory that a fork does not copy."""
    with open("/proc/self/maps") as file:
        for line in file:
            fields = line.split(None, 5)
            if fields[1][1] == "w" and fields[1][3] == "s":
                yield fields[0]
