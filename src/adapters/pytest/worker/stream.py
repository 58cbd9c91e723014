"""Collecting file by file: the session finds its files, and makes the items of one when the queue asks for it.

Finding is pytest's own collection with one difference: a file is remembered where its items would be made. So arguments, ignore
rules, conftests and plugins mean what they always mean, and no module is imported. What could notice the difference makes the
session collect everything at once, with the reason.
"""

import contextlib
import gc
import os
import sys

import pytest

from . import compat, reach

OPTIONS = (
    ("lf", "--last-failed selects among all tests"),
    ("failedfirst", "--failed-first orders all tests"),
    ("newfirst", "--new-first orders all tests"),
    ("stepwise", "--stepwise orders all tests"),
    ("stepwise_skip", "--stepwise-skip orders all tests"),
)
"""Options of pytest's own that look at all tests at once."""

MODIFY = "pytest_collection_modifyitems"
RESULTS = (("pytest_collection", "collects by itself"), ("pytest_runtestloop", "has a loop of its own"))


class Unit:
    """The nodes of one file, in pytest's order; the items themselves if arguments chose them."""

    __slots__ = ("id", "nodes", "is_made")

    def __init__(self, nodeid):
        self.id = nodeid
        self.nodes = []
        self.is_made = False

    def size(self):
        """Size of the file in bytes, 0 if there is none to ask."""
        try:
            return os.stat(str(self.nodes[0].path)).st_size
        except (OSError, AttributeError):
            return 0


def refusal(config):
    """Why this session can surely not make file by file, or None."""
    if int(pytest.__version__.split(".")[0]) < 8:
        return "pytest %s collects all files at once (8.0 or later can do them one by one)" % pytest.__version__
    for name, reason in OPTIONS:
        if getattr(config.option, name, False):
            return reason
    for name, what in RESULTS:
        for impl in _foreign(config, name):
            if not _is_wrapper(impl):
                return "%s %s (%s)" % (_origin(config, impl), what, name)
            if reach.is_over_items(impl.function):
                return "%s looks at the tests of all files (%s)" % (_origin(config, impl), name)
    for impl in _foreign(config, "pytest_collection_finish"):
        found = reach.of(impl.function)
        if found.is_wide or found.lines:
            return "%s looks at the tests of all files (pytest_collection_finish)" % _origin(config, impl)
    for impl in _foreign(config, MODIFY):
        if reach.of(impl.function).is_wide:
            return _selects(config, impl)
    return None


def fixtures_refusal(session, files):
    """Why the fixtures and hooks that are known when all files are found need all tests at once, or None."""
    config, seen = session.config, set()
    for name, fixture in compat.known_fixtures(session):
        if _is_ours(fixture.func):
            continue
        if fixture.params and fixture.scope in ("session", "package") and files > 1:
            # pytest orders tests by its parameters, across files.
            return "fixture `%s` is parametrized for more than one file (scope %s)" % (name, fixture.scope)
        if reach.is_over_session(fixture.func, seen):
            return "fixture `%s` looks at the tests of all files (session.items)" % name
    for hook in vars(config.hook):
        if hook.startswith("pytest_runtest_") or hook == "pytest_sessionfinish":
            for impl in _foreign(config, hook):
                # What plugins do then with the tests of a worker, they do where each has a part of them.
                if _is_conftest(impl) and reach.is_over_session(impl.function, seen):
                    return "%s looks at the tests of all files (%s)" % (_origin(config, impl), hook)
    return None


def _selects(config, impl):
    return "%s may reorder or deselect tests across files (%s)" % (_origin(config, impl), MODIFY)


def _foreign(config, name):
    """The implementations of a hook that are neither pytest's nor a worker's."""
    for impl in getattr(config.hook, name).get_hookimpls():
        if not _is_ours(impl.function):
            yield impl


def _is_ours(function):
    module = getattr(function, "__module__", None) or ""
    return module.split(".")[0] in ("_pytest", __package__)


def _is_conftest(impl):
    return os.path.basename(getattr(impl.plugin, "__file__", None) or "") == "conftest.py"


def _is_wrapper(impl):
    return impl.hookwrapper or getattr(impl, "wrapper", False)


def _origin(config, impl):
    if _is_conftest(impl):
        return os.path.relpath(impl.plugin.__file__, str(config.rootpath))
    module = (getattr(impl.function, "__module__", None) or impl.plugin_name).split(".")[0]
    for plugin, dist in config.pluginmanager.list_plugin_distinfo():
        if plugin is impl.plugin or getattr(plugin, "__name__", "").split(".")[0] == module:
            return dist.project_name
    return module


class Stream:
    """The files of a session, and the making of their items."""

    def __init__(self, session, lazy_import, tell_import, ahead=None):
        self._session = session
        self._config = session.config
        self._lazy_import = lazy_import
        self._tell_import = tell_import
        self._ahead = ahead
        self._genitems = session.genitems
        self._found = []
        self._seen = set()
        self._is_settled = False
        self._is_imported = False
        self._is_frozen = False
        self.whole = None
        self.units = []

    # Finding the files.

    @contextlib.contextmanager
    def finding(self):
        """While the session collects, its files are remembered instead of made."""
        session, manager = self._session, self._config.pluginmanager
        session.genitems = self._remember
        manager.register(self, "callsheet-stream")
        try:
            yield
        finally:
            manager.unregister(self)
            del session.genitems
        if self.whole is None:
            self._arrange()

    def _remember(self, node):
        is_directory = isinstance(node, (pytest.Directory, pytest.Session))
        if is_directory and not isinstance(node, pytest.File):
            return self._genitems(node)
        if node not in self._seen or not isinstance(node, pytest.File) or self._config.getoption("keepduplicates"):
            self._seen.add(node)
            self._found.append(node)
        return iter(())

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, session, config, items):
        """All files are found: leave it at that, or make them all on the spot, in pytest's order."""
        if self._is_settled:
            yield
            return
        self._is_settled = True
        self.whole = refusal(config) or fixtures_refusal(session, len({_file_id(node) for node in self._found}))
        if self.whole is not None:
            self._make_all(items)
            yield
            return
        impls = list(_foreign(config, MODIFY))
        with reach.Watch([reach.of(impl.function) for impl in impls]):
            outcome = yield
        error = outcome.excinfo[1] if outcome.excinfo is not None else None
        if isinstance(error, reach.Reached):
            self.whole = next(_selects(config, impl) for impl in impls if getattr(impl.function, "__code__", None) is error.code)
            self._make_all(items)
            outcome.force_result([])
            config.hook.pytest_collection_modifyitems(session=session, config=config, items=items)

    def _make_all(self, items):
        session = self._session
        session.genitems = self._genitems
        for node in self._found:
            items.extend(session.genitems(node))

    def _arrange(self):
        units = {}
        for node in self._found:
            nodeid = _file_id(node)
            if nodeid not in units:
                units[nodeid] = Unit(nodeid)
                self.units.append(units[nodeid])
            units[nodeid].nodes.append(node)
        self._found = []
        self._seen = set()

    # Making the items of one.

    def node(self, place):
        """A node that shares with the tests of that file what they have in common."""
        return self.units[place].nodes[0]

    def make(self, place):
        """The file's items, as they stand in the session now."""
        unit, session, config = self.units[place], self._session, self._config
        if unit.is_made:
            raise IndexError(place)
        unit.is_made = True
        was_enabled = gc.isenabled()
        try:
            with self._as_collecting():
                if was_enabled and self._is_frozen:
                    # What is frozen is never freed, and there may be tests between: what they left goes first.
                    gc.collect()
                gc.disable()
                self.import_modules(place)
                # A cache of pytest's for nodes that are asked for twice within one collection.
                session._collection_cache = {}
                items = []
                for node in unit.nodes:
                    items.extend(session.genitems(node))
                session._collection_cache = {}
                config.hook.pytest_collection_modifyitems(session=session, config=config, items=items)
        finally:
            gc.freeze()
            self._is_frozen = True
            if was_enabled:
                gc.enable()
        session.items.extend(items)
        session.testscollected += len(items)
        return items

    def conclude(self):
        """A worker that others left no file is not a session without tests, which only the run as a whole can be."""
        if self._session.testscollected == 0 and not all(unit.is_made for unit in self.units):
            self._session.testscollected = 1

    def import_early(self):
        """Import the modules before any file's turn, unless each is to wait for its own."""
        was_enabled = gc.isenabled()
        gc.disable()
        with self._as_collecting():
            self.import_modules()
        if was_enabled:
            gc.enable()

    @contextlib.contextmanager
    def _as_collecting(self):
        """Warnings are those of a collection."""
        if not self._config.pluginmanager.has_plugin("warnings"):
            yield
            return
        from _pytest.warnings import catch_warnings_for_item

        with catch_warnings_for_item(config=self._config, ihook=self._config.hook, when="collect", item=None):
            yield

    def import_modules(self, made=None):
        """Import all test modules, once: many suites count on it that all are there before the first test runs.

        What an import comes to belongs to the turn of its file; `made` is the file whose turn it is now, if it is one's.
        """
        if self._is_imported or self._lazy_import:
            return
        self._is_imported = True
        if self._ahead is not None:
            nodes = [node for unit in self.units for node in unit.nodes]
            self._ahead.compile([node.path for node in nodes if isinstance(node, pytest.Module) and _imports_itself(node)])
        for place, unit in enumerate(self.units):
            modules = [node for node in unit.nodes if isinstance(node, pytest.Module) and _imports_itself(node)]
            if modules and made is not None:
                # One that ends the process is to be known.
                self._tell_import(place)
            for node in modules:
                self._import(node)
        if made is not None:
            self._tell_import(made)

    def _import(self, node):
        capture = self._config.pluginmanager.getplugin("capturemanager")
        error = None
        if capture is not None:
            capture.resume_global_capture()
        try:
            node.obj  # noqa: B018 - pytest imports the module when it is first asked for
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as caught:  # noqa: BLE001 - outcomes of pytest are no Exceptions
            error = caught
        finally:
            if capture is not None:
                capture.suspend_global_capture()
        output = capture.read_global_capture() if capture is not None else ("", "")
        if error is not None:
            node._getobj = _Kept(node, error, output)


class _Kept:
    """In place of a second import: what the first one printed and raised, once."""

    def __init__(self, node, error, output):
        self._node = node
        self._error = error
        self._traceback = error.__traceback__
        self._output = output

    def __call__(self):
        __tracebackhide__ = True
        del self._node._getobj
        for stream, text in zip((sys.stdout, sys.stderr), self._output):
            if text:
                stream.write(text)
        raise self._error.with_traceback(self._traceback)


def _imports_itself(node):
    """Whether `node.obj` is what its collection imports; doctests of early pytest 8 had an import of their own."""
    doctest = sys.modules.get("_pytest.doctest")
    if doctest is None or not isinstance(node, doctest.DoctestModule):
        return True
    return "obj" in type(node).collect.__code__.co_names


def _file_id(node):
    for each in node.listchain():
        if isinstance(each, pytest.File) and not isinstance(each, pytest.Package):
            return each.nodeid
    return node.nodeid.split("::", 1)[0]
