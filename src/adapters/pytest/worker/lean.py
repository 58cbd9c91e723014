"""Work of a session that shows nowhere in a worker, done in a cheaper way with the same result."""

import functools
import os
import types

import pytest
from _pytest.capture import FDCapture

SILENT = ("pytest_runtest_logstart", "pytest_runtest_logfinish", "pytest_runtest_logreport")
"""Hooks of pytest's terminal reporter that write a line which nobody reads."""


class Tally:
    """Stands in for the terminal reporter's hooks of each test: keeps its statistics, and writes nothing.

    A reporter of a plugin, or one that writes elsewhere, is left alone.
    """

    def __init__(self, config, writer):
        self._reporter = None
        reporter = config.pluginmanager.getplugin("terminalreporter")
        known = getattr(type(reporter), "__module__", "") == "_pytest.terminal" and getattr(reporter, "_tw", None) is writer
        if not (known and hasattr(reporter, "_add_stats") and hasattr(reporter, "_progress_nodeids_reported")):
            return
        for name in SILENT:
            caller = getattr(config.hook, name)
            if any(impl.plugin is reporter for impl in caller.get_hookimpls()):
                caller._remove_plugin(reporter)
        self._reporter = reporter

    @property
    def is_active(self):
        """Whether there is a reporter whose statistics are kept here."""
        return self._reporter is not None

    def add(self, report, category, shows):
        """A phase's report, under its category, in the reporter's own books; `shows` if it has a letter or a word."""
        reporter = self._reporter
        reporter._tests_ran = True
        reporter._current_logreport = report
        stats = reporter.stats
        if category in stats:
            stats[category].append(report)
        else:
            reporter._add_stats(category, [report])
        if shows:
            # Since 9.2 by an object that names the test, before by its text.
            reporter._progress_nodeids_reported.add(getattr(report, "id", None) or report.nodeid)


class Locations:
    """Where tests are defined, with the files looked up once instead of once a test."""

    def __init__(self, session):
        self._session = session
        self._files = {}
        location = pytest.Item.__dict__.get("location")
        self._slow = location.func if isinstance(location, functools.cached_property) else None
        # What a subclass, or a plugin, does in its own way is asked for as ever.
        self._ways = (pytest.Item.__dict__.get("location"), pytest.Function.reportinfo, pytest.Function.getmodpath)

    def prepare(self, item):
        """Fill in the `location` of a plain test function."""
        if self._slow is None or type(item) is not pytest.Function or "location" in item.__dict__:
            return
        if (pytest.Item.__dict__.get("location"), pytest.Function.reportinfo, pytest.Function.getmodpath) != self._ways:
            return
        function = getattr(item, "_obj", None)
        if type(function) is types.MethodType:
            function = function.__func__
        if type(function) is not types.FunctionType or "reportinfo" in item.__dict__:
            return
        extra = function.__dict__
        if extra and ("__wrapped__" in extra or "place_as" in extra or "__code__" in extra):
            return
        code = function.__code__
        file = self._files.get(code.co_filename)
        if file is None:
            file = self._files[code.co_filename] = self._slow(item)[0]
        item.__dict__["location"] = (file, code.co_firstlineno - 1, item.getmodpath())


def share_hook_proxies(session):
    """Let nodes of one path share the proxy that knows which conftests apply there, as long as no conftest is added."""
    manager = session.config.pluginmanager
    conftests, places = getattr(manager, "_conftest_plugins", None), getattr(manager, "_dirpath2confmods", None)
    make = session.gethookproxy
    if not (isinstance(conftests, set) and isinstance(places, dict) and getattr(make, "__func__", None) is pytest.Session.gethookproxy):
        return
    state = [0, 0]
    proxies = {}

    def gethookproxy(fspath):
        if state[0] != len(conftests) or state[1] != len(places):
            state[:] = len(conftests), len(places)
            proxies.clear()
        proxy = proxies.get(fspath)
        if proxy is None:
            proxy = proxies[fspath] = make(fspath)
        return proxy

    session.gethookproxy = gethookproxy


def look_before_reading(config):
    """Let a phase that printed nothing end with one look at the end of each file that its output is captured in."""
    manager = config.pluginmanager.getplugin("capturemanager")
    capturing = getattr(manager, "_global_capturing", None)
    for name in ("out", "err"):
        capture = getattr(capturing, name, None)
        if type(capture) is FDCapture and "snap" not in capture.__dict__ and hasattr(capture, "_state"):
            capture.snap = _looking(capture, capture.snap)


def _looking(capture, read):
    fd, seek, end = capture.tmpfile.fileno(), os.lseek, os.SEEK_END

    def snap():
        try:
            is_empty = capture._state != "done" and seek(fd, 0, end) == 0
        except OSError:
            # A test has closed it: pytest says so in its own way.
            is_empty = False
        return "" if is_empty else read()

    return snap
