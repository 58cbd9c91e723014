"""The session's own loop: takes items from the queue, runs them, and decides the next item only when teardown needs it.

pytest needs `nextitem` at teardown alone, so nothing waits before a test. What was looked at may be gone when it is taken: then
what the next item does not share is torn down before its set-up, and an error there still belongs to the item before.
"""

import time

from _pytest import runner
from _pytest.outcomes import Exit
from _pytest.reports import TestReport

from . import compat, lean
from .channel import BROKEN

RANK = {"passed": 0, "xpassed": 1, "xfailed": 2, "skipped": 3, "error": 4, "failed": 5}
"""Outcomes from good to bad: an item ends in the worst of its phases."""

PHASES = {"setup": 1, "call": 2, "teardown": 3}


class Running:
    """The account of the item that is running."""

    __slots__ = ("index", "item", "started", "clock", "seconds", "outcome", "seen", "told", "held", "subtests", "failed", "halt", "judged", "ran", "decided", "waited")

    def __init__(self, index, item, started, clock):
        self.index = index
        self.item = item
        self.started = started
        self.clock = clock
        self.seconds = {"setup": 0.0, "call": 0.0, "teardown": 0.0}
        self.outcome = "passed"
        self.seen = False
        self.told = False
        self.held = None
        self.subtests = False
        self.failed = False
        self.halt = False
        self.judged = False
        self.ran = False
        self.decided = False
        self.waited = 0.0

    def worsen(self, outcome):
        """Take the outcome of one more phase into account."""
        if RANK[outcome] > RANK[self.outcome]:
            self.outcome = outcome

    def end_line(self):
        """The `end` event."""
        seconds = self.seconds
        # A plugin that reports nothing at all for an item has not run it.
        outcome = self.outcome if self.seen else "skipped"
        return '{"t":"end","i":%d,"o":"%s","d":[%.6f,%.6f,%.6f],"s":%.6f}\n' % (
            self.index,
            outcome,
            seconds["setup"],
            seconds["call"],
            seconds["teardown"],
            self.started,
        )


class Loop:
    """Runs the items of one session as the queue asks for them."""

    def __init__(self, channel, session, renderer, letters, halts, writer, stream=None, make=None):
        self._channel = channel
        self._session = session
        self._config = session.config
        self._renderer = renderer
        self._halts = halts
        self._stream = stream
        self._make = make
        self._show_passed = "P" in letters
        self._plain_status = compat.has_plain_status(session.config)
        self._asks_for_next = compat.asks_for_next(session.config)
        self._tally = lean.Tally(session.config, writer)
        self._locations = lean.Locations(session)
        self._pause = compat.Pause(session.config)
        self._running = None
        self._last = None
        self._time = time.time
        self._clock = time.perf_counter
        self._sleep = time.sleep
        self._call_and_report = runner.call_and_report

    def run(self):
        """Run until the queue says finish; returns the message that ended it, or None for a stop by the session."""
        runner.call_and_report = self._wrapped
        self._teardown_exact = self._session._setupstate.teardown_exact
        self._session._setupstate.teardown_exact = self._torn_down
        try:
            return self._run()
        except BaseException:
            # The session ends in the middle of the item; what its call came to stands, whatever its teardown does.
            if self._running is not None and not self._running.judged:
                self._running.outcome = "notrun"
                self._running.seen = True
            self._end()
            raise
        finally:
            runner.call_and_report = self._call_and_report
            del self._session._setupstate.teardown_exact
            self._channel.mark[0] = 0

    def _run(self):
        session = self._session
        message = self._take(wait=True)
        while message.kind in ("run", "make"):
            if message.kind == "make":
                message = self._made(message.value)
                if message is None:
                    return None
                continue
            item = self._item(message)
            self._begin(message.value, item)
            hint = self._peeked(self._peek(wait=False)) if self._asks_for_next else None
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=hint)
            if session.shouldfail or session.shouldstop:
                self._settle(None)
                self._end()
                return None
            self._halt()
            message = self._take(wait=False)
            if message is None:
                # Only an empty stack is sure to need nothing of this item's account any more.
                if session._setupstate.stack:
                    self._tell_ran()
                else:
                    self._end()
                message = self._take(wait=True)
            self._settle(self._named(message))
        self._end()
        return message

    def _made(self, place):
        """Make the items of a file; returns the message that comes next, or None for a stop by the session."""
        session = self._session
        self._end()
        self._file(place)
        self._make(place)
        if session.shouldfail or session.shouldstop:
            self._settle(None)
            return None
        message = self._take(wait=True)
        self._settle(self._named(message))
        return message

    def _take(self, wait):
        message = self._channel.take(wait)
        while message is not None and message.kind == "resume":
            message = self._channel.take(wait)
        return message

    def _peek(self, wait):
        message = self._channel.peek(wait)
        while message is not None and message.kind == "resume":
            self._channel.take(wait=False)
            message = self._channel.peek(wait)
        return message

    def _item(self, message):
        try:
            if message.value < 0:
                raise IndexError(message.value)
            return self._session.items[message.value]
        except (IndexError, TypeError):
            self._channel._exit(BROKEN)

    def _file(self, place):
        """A node of a file that is still to be made."""
        try:
            if place < 0 or self._stream.units[place].is_made:
                raise IndexError(place)
            return self._stream.node(place)
        except (IndexError, TypeError, AttributeError):
            self._channel._exit(BROKEN)

    def _named(self, message):
        """What the message is about to run: an item, a node of a file, or nothing."""
        if message.kind == "run":
            return self._item(message)
        return self._file(message.value) if message.kind == "make" else None

    def _begin(self, index, item):
        end = self._running.end_line() if self._running is not None else ""
        self._running = Running(index, item, self._time(), self._clock())
        self._last = item
        self._channel.send_lines('%s{"t":"start","i":%d}\n' % (end, index))
        self._channel.mark[0] = PHASES["setup"]
        self._locations.prepare(item)

    def _end(self):
        if self._running is not None:
            self._channel.send_lines(self._running.end_line())
            self._running = None
        self._channel.mark[0] = 0

    def _tell_ran(self):
        running = self._running
        if not running.ran:
            running.ran = True
            self._channel.send_lines('{"t":"ran","i":%d,"d":%.6f}\n' % (running.index, self._clock() - running.clock))

    def _halt(self):
        """After a failure, where the run counts them: wait for leave to look for the next item."""
        running, channel = self._running, self._channel
        if not (self._halts and running.halt):
            return
        running.halt = False
        channel.send_lines('{"t":"halted","i":%d}\n' % running.index)
        while True:
            message = channel.peek(wait=True)
            if message.kind == "resume":
                channel.take(wait=True)
            if message.kind not in ("run", "make"):
                return
            # The agent is about to take it back.
            self._sleep(0.001)

    def _peeked(self, message):
        """The item, or the file, that a message announces; None for an item that runs again, so that it is torn down."""
        if message is None:
            return None
        item = self._named(message)
        return None if self._running is not None and item is self._running.item else item

    def _wrapped(self, item, when, log=True, **kwds):
        """In place of pytest's `call_and_report`: the teardown of our item gets the item that really seems to be next.

        The wait is over before pytest's clock for the phase starts. Sessions inside a test (pytester) pass through.
        """
        running = self._running
        if running is not None and item is running.item:
            self._channel.mark[0] = PHASES.get(when, 0)
            if when == "teardown":
                kwds["nextitem"] = self._next_for_teardown(item)
                running.decided = True
        return self._call_and_report(item, when, log, **kwds)

    def _torn_down(self, nextitem):
        """In place of the session's `teardown_exact`, for plugins that have a `call_and_report` of their own (flaky)."""
        __tracebackhide__ = True
        running = self._running
        if running is not None and not running.decided and running.item in self._session._setupstate.stack:
            self._channel.mark[0] = PHASES["teardown"]
            before = self._clock()
            nextitem = self._next_for_teardown(running.item)
            running.waited += self._clock() - before
        if running is not None:
            running.decided = False
        self._teardown_exact(nextitem)

    def _next_for_teardown(self, item):
        if self._session.shouldfail or self._session.shouldstop:
            return None
        if self._halts and self._running.halt:
            with self._pause.around(item):
                self._halt()
        message = self._peek(wait=False)
        if message is None:
            self._tell_ran()
            with self._pause.around(item):
                message = self._peek(wait=True)
        return self._peeked(message)

    def _settle(self, nextitem):
        """Tear down what `nextitem` does not share, if the last teardown was told of another item."""
        running = self._running
        state = self._session._setupstate
        stack = list(state.stack)
        needed = nextitem.listchain() if nextitem is not None else []
        if stack == needed[: len(stack)] and nextitem not in state.stack:
            return
        if stack and nextitem in state.stack:
            nextitem = None
        if self._last is None:
            self._teardown_exact(nextitem)
            return
        item = self._last
        call = self._teardown_call(item, lambda: self._teardown_exact(nextitem))
        if call.excinfo is None:
            if running is not None:
                running.seconds["teardown"] += call.duration
            return
        report = item.ihook.pytest_runtest_makereport(item=item, call=call)
        item.ihook.pytest_runtest_logreport(report=report)
        if running is None:
            # A file without tests came between: its item has ended, so this error stands for itself.
            self._channel.send(self._renderer.collect(report))

    def _teardown_call(self, item, teardown):
        """The late teardown as a phase of `item`, its output captured for it."""

        def run():
            return runner.CallInfo.from_call(teardown, when="teardown", reraise=(Exit, KeyboardInterrupt))

        capture = self._config.pluginmanager.getplugin("capturemanager")
        if capture is None:
            return run()
        with capture.item_capture("teardown", item):
            return run()

    def called(self, item):
        """The call of an item begins, whoever runs it."""
        if self._running is not None and item is self._running.item:
            self._channel.mark[0] = PHASES["call"]

    def report(self, report):
        """Take a phase's report into the account of its item and send it if it has something to say."""
        running = self._running
        if running is None or report.nodeid != running.item.nodeid:
            if self._tally.is_active:
                category, letter, word = self._status(report)
                self._tally.add(report, category, letter or word)
            return
        running.seen = True
        is_plain = type(report) is TestReport
        if is_plain and report.when in running.seconds:
            if running.waited:
                report.duration = max(report.duration - running.waited, 0.0)
                running.waited = 0.0
            running.seconds[report.when] += report.duration
        if not is_plain:
            running.subtests = True
        running.judged = running.judged or is_plain and (report.when == "call" or report.outcome != "passed")
        if is_plain and report.outcome == "passed" and self._plain_status and not running.subtests and not hasattr(report, "wasxfail"):
            category, letter, word = ("passed", ".", "PASSED") if report.when == "call" else ("", "", "")
        else:
            category, letter, word = self._status(report)
        if self._tally.is_active:
            self._tally.add(report, category, letter or word)
        self._account(running, report, is_plain, category)
        self._say(running, report, category, letter, word)

    def _status(self, report):
        status = self._config.hook.pytest_report_teststatus(report=report, config=self._config)
        if not status:
            if report.outcome == "passed" and report.when != "call":
                return "", "", ""
            return report.outcome, {"passed": ".", "failed": "F", "skipped": "s"}.get(report.outcome, "?"), report.outcome.upper()
        category, letter, word = status
        return str(category), str(letter), str(word[0] if isinstance(word, tuple) else word)

    @staticmethod
    def _account(running, report, is_plain, category):
        if report.failed and not hasattr(report, "wasxfail"):
            running.failed = running.halt = True
            running.worsen("failed" if report.when == "call" or category == "failed" else "error")
        elif is_plain and category in RANK:
            running.worsen(category)
        elif is_plain and report.outcome == "skipped":
            running.worsen("skipped")

    def _say(self, running, report, category, letter, word):
        if not (category or letter or word):
            # Output of a teardown belongs to the failure that was told before.
            if report.when == "teardown" and running.failed:
                sections = self._renderer.sections(report, only="teardown")
                if sections:
                    event = self._renderer.phase(running.index, report, "", "", "")
                    event["sections"] = sections
                    self._channel.send(event)
            return
        event_is_plain_pass = (category, letter, word) == ("passed", ".", "PASSED") and not hasattr(report, "wasxfail")
        wants_output = self._show_passed and category == "passed" and report.sections
        if event_is_plain_pass and not wants_output and not running.told:
            # The `end` says it, unless another report of this item is still to come.
            running.held = report
            return
        events = []
        if running.held is not None:
            events.append(self._renderer.phase(running.index, running.held, "passed", ".", "PASSED"))
            running.held = None
        event = self._renderer.phase(running.index, report, category, letter, word)
        if event_is_plain_pass and not self._show_passed:
            event["sections"] = []
        running.told = True
        self._channel.send(*(events + [event]))
