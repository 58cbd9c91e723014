"""The plugin that makes a pytest session a worker: introduces it, sends its collection, runs its loop, tells how it ends."""

import contextlib
import gc
import io
import os
import sys

import pytest
from _pytest._io import TerminalWriter

from . import compat, lean, options, unserved
from .bytecode import ahead
from .described import describe
from .loop import Loop
from .render import Renderer
from .stream import Stream, refusal

PART = 1000
"""Items a line of the collection."""


class Silence(io.StringIO):
    """Where pytest's own terminal reporter writes to: nowhere, except while its header is read or the worker dies."""

    def __init__(self):
        super().__init__()
        self.recording = False
        self.is_open = False

    def write(self, text):
        """Drop the text, or keep it, or let it through."""
        if self.is_open:
            os.write(2, text.encode("utf-8", "replace"))
        return super().write(text) if self.recording else len(text)


class Worker:
    """One worker's session."""

    def __init__(self, channel, setup):
        self.channel = channel
        self._setup = setup
        self._silence = Silence()
        self._writer = None
        self._early_warnings = []
        self._deselected = 0
        self._whole = None
        self._stream = None
        self._loop = None
        self._renderer = None
        self._maxfail = 0
        self._halts = False
        self._unserved = []
        self._looponfail = False
        self._asked_to_stop = False
        self.session = None
        self.is_ready = False
        self.has_told_stop = False
        self.conclude = None

    # Before the session.

    @pytest.hookimpl(hookwrapper=True)
    def pytest_load_initial_conftests(self, early_config):
        options.neutralise(early_config.known_args_namespace)
        if self._is_template:
            self.channel.check(early_config)
        compat.prepare_early(early_config, self._setup)
        yield

    def adopt(self, config):
        """Turn the parsed configuration into a worker's, before plugins are configured with it."""
        setup, option = self._setup, config.option
        self._maxfail = int(getattr(option, "maxfail", 0) or 0)
        self._halts = bool(setup.get("halt_on_failure")) or self._maxfail > 0
        self._looponfail = bool(getattr(option, "looponfail", False))
        if getattr(option, "collectonly", False):
            raise pytest.UsageError("`--collect-only` is for pytest alone; `callsheet list` lists tests")
        self._unserved = unserved.names(config, self._looponfail)
        options.neutralise(option)
        option.loadgroup = setup["dist"] == "loadgroup"
        option.maxfail = 0
        option.usepdb = False
        option.trace = False
        option.collectonly = bool(setup.get("collect_only"))
        option.color = "yes" if setup.get("color") else "no"
        option.verbose = getattr(option, "verbose", 0) + setup.get("verbosity", 0)
        config._parser.prog = os.path.basename((setup.get("argv") or ["callsheet"])[0])
        config.workerinput = {
            "workercount": setup["worker_count"],
            "testrunuid": setup["run_id"],
            "mainargv": setup.get("argv", []),
            "rampdelay": 0,
        }
        config.workeroutput = {}
        compat.extend_workerinput(config, setup)
        if self._is_template:
            self.channel.watch(config, setup)
        else:
            compat.identify(config, setup)

    @property
    def _is_template(self):
        """Whether this session is none of a worker, but what workers are forked from when all is collected."""
        return "worker" not in self._setup

    @pytest.hookimpl
    def pytest_plugin_registered(self, plugin):
        terminal = sys.modules.get("_pytest.terminal")
        if terminal is not None and isinstance(plugin, terminal.TerminalReporter):
            # Registered for the plugins that look it up; what it writes is callsheet's to say.
            writer = TerminalWriter(self._silence)
            writer.hasmarkup = False
            writer.fullwidth = self._setup.get("columns", 80)
            plugin._tw = self._writer = writer

    # The session.

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_sessionstart(self, session):
        self.session = session
        config = session.config
        compat.configured(config, self._setup)
        compat.show_last_words(self._silence)
        compat.keep_early_coverage(config, self._setup)
        self._renderer = Renderer(config, bool(self._setup.get("color")), self._setup.get("columns", 80))
        self._silence.recording = True
        outcome = yield
        self._silence.recording = False
        outcome.get_result()
        self.channel.send(self._introduction(config))
        if self._writer is not None:
            # What assertions say is highlighted by this writer.
            self._writer.hasmarkup = bool(self._setup.get("color"))
            self._writer.code_highlight = getattr(config.option, "code_highlight", "yes") != "no"
        self.is_ready = True
        for warning in self._early_warnings:
            self._warn(*warning)

    def _introduction(self, config):
        lines = self._silence.getvalue().splitlines()
        self._silence.truncate(0)
        self._silence.seek(0)
        return {
            "t": "ready",
            "protocol": 1,
            "pid": os.getpid(),
            "executable": sys.executable,
            "runtime": "%d.%d.%d" % sys.version_info[:3],
            "framework": "pytest " + pytest.__version__,
            "platform": sys.platform,
            "cwd": os.getcwd(),
            "header": [line for line in lines if line and not (line.startswith("=") and line.endswith("="))],
            "maxfail": self._maxfail,
            "continue_on_collection_errors": bool(getattr(config.option, "continue_on_collection_errors", False)),
            "summary_letters": self._letters(config),
            "unserved": self._unserved,
            "cache_dir": compat.cache_directory(config),
        }

    @staticmethod
    def _letters(config):
        if not hasattr(config.option, "reportchars"):
            return "wfE"
        from _pytest.terminal import getreportopt

        return getreportopt(config)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_collection(self, session):
        # Collecting makes many objects and hardly any garbage.
        was_enabled = gc.isenabled()
        gc.disable()
        with contextlib.ExitStack() as stack:
            if self._setup.get("stream"):
                self._whole = refusal(session.config)
                if self._whole is None:
                    self._stream = Stream(session, bool(self._setup.get("lazy_import")), self._tell_import, ahead(session.config, self._setup))
                    stack.enter_context(self._stream.finding())
            yield
        gc.freeze()
        if was_enabled:
            gc.enable()

    @pytest.hookimpl
    def pytest_collectreport(self, report):
        if not report.passed:
            self.channel.send(self._renderer.collect(report))

    @pytest.hookimpl
    def pytest_deselected(self, items):
        self._deselected += len(items)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        if self._stream is not None and self._stream.whole is not None:
            self._whole, self._stream = self._stream.whole, None
        if self._is_template:
            self._fork(session.config)
        if self._stream is None:
            self._send_collection(session.items)
        else:
            self._send_files(self._stream.units)
        lean.share_hook_proxies(session)
        lean.look_before_reading(session.config)
        letters = self._letters(session.config)
        self._loop = Loop(self.channel, session, self._renderer, letters, self._halts, self._writer, self._stream, self._make)
        message = self._loop.run()
        if self._stream is not None:
            self._stream.conclude()
        if message is None:
            if session.shouldfail:
                self.tell_stop(str(session.shouldfail), None, "fail")
                raise session.Failed(session.shouldfail)
            self.tell_stop(str(session.shouldstop), None, "stop")
            raise session.Interrupted(session.shouldstop)
        if message.kind == "interrupt":
            self._asked_to_stop = True
            raise session.Interrupted(str(message.value))
        return True

    def _fork(self, config):
        """Return once in each worker, which goes on with its own identity."""
        if self._stream is not None:
            self._stream.import_early()
        self.channel, self._setup, said = self.channel.serve()
        compat.identify(config, self._setup)
        compat.configured(config, self._setup)
        for event in said:
            self.channel.send(dict(event, pid=os.getpid()) if event["t"] == "ready" else event)

    def _send_collection(self, items):
        for first in range(0, len(items), PART):
            self.channel.send({"t": "items", "items": describe(items[first : first + PART])})
        event = {"t": "collected", "count": len(items), "deselected": self._deselected}
        if self._whole is not None:
            event["whole"] = self._whole
        self.channel.send(event)

    def _send_files(self, units):
        for first in range(0, len(units), PART):
            part = [[unit.id, unit.size()] for unit in units[first : first + PART]]
            self.channel.send({"t": "files", "files": part})
        self.channel.send({"t": "listed", "count": len(units)})

    def _make(self, place):
        """Make the items of a file and tell them."""
        self.channel.send_lines('{"t":"making","f":%d}\n' % place)
        self._deselected = 0
        items = self._stream.make(place)
        for first in range(0, max(len(items), 1), PART):
            part = describe(items[first : first + PART])
            event = {"t": "made", "f": place, "items": part, "last": first + PART >= len(items)}
            if event["last"]:
                event["deselected"] = self._deselected
            self.channel.send(event)

    def _tell_import(self, place):
        self.channel.send_lines('{"t":"importing","f":%d}\n' % place)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item):
        if self._loop is not None:
            self._loop.called(item)

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report):
        if self._loop is not None:
            self._loop.report(report)

    @pytest.hookimpl
    def pytest_warning_recorded(self, warning_message, when, nodeid):
        if self.is_ready:
            self._warn(warning_message, when, nodeid)
        else:
            self._early_warnings.append((warning_message, when, nodeid))

    def _warn(self, message, when, nodeid):
        location, text = self._renderer.warning(message, nodeid)
        stage = "run" if when == "runtest" else when
        self.channel.send({"t": "warning", "stage": stage, "id": nodeid, "location": location, "text": text})

    # The end.

    @pytest.hookimpl
    def pytest_keyboard_interrupt(self, excinfo):
        value = excinfo.value
        if isinstance(value, pytest.exit.Exception):
            self.tell_stop(str(value.msg), value.returncode, "exit")
        elif self.session is not None and isinstance(value, self.session.Interrupted):
            self.tell_stop(str(value), None, "stop")
        else:
            self.tell_stop(_where(excinfo), None, "interrupt")

    @pytest.hookimpl
    def pytest_internalerror(self, excrepr):
        self.tell_stop(str(excrepr), 3, "internal")

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session, exitstatus):
        if session.shouldfail:
            self.tell_stop(str(session.shouldfail), None, "fail")
        elif session.shouldstop:
            self.tell_stop(str(session.shouldstop), None, "stop")
        output = session.config.workeroutput
        output["exitstatus"] = int(exitstatus)
        output["shouldfail"] = session.shouldfail
        output["shouldstop"] = session.shouldstop
        self.conclude = compat.conclusion(session.config, session, self._setup)
        yield

    def tell_stop(self, reason, exit_code, kind):
        """Say, once, that the session ends by itself."""
        if not (self.has_told_stop or self._asked_to_stop):
            self.has_told_stop = True
            code = None if exit_code is None else int(exit_code)
            self.channel.send({"t": "stopping", "reason": reason, "exit_code": code, "kind": kind})


def _where(excinfo):
    try:
        crash = excinfo._getreprcrash()
    except Exception:  # noqa: BLE001 - a word less is no reason to lose the rest
        crash = None
    return "KeyboardInterrupt" if crash is None else "KeyboardInterrupt at %s:%s" % (crash.path, crash.lineno)

