"""pytest-xdist's options, settings, hooks, fixtures and mark, so that a project that names them works unchanged.

The options are accepted and mean nothing here: callsheet's own command line has them. Names are xdist's.
"""

import pytest

BLOCKED = ("xdist", "xdist.plugin", "xdist.looponfail", "pytest_xdist")
"""Plugins that must stay out of a worker: it is its own controller's, not theirs."""

_TEXT = (
    (("--maxprocesses",), "maxprocesses", None),
    (("--max-worker-restart", "--max-slave-restart"), "maxworkerrestart", None),
    (("--dist",), "dist", "no"),
    (("--testrunuid",), "testrunuid", None),
    (("--maxschedchunk",), "maxschedchunk", None),
    (("--ramp",), "ramp", None),
)
_LISTS = (
    (("--tx",), "tx"),
    (("--px",), "px"),
    (("--rsyncdir",), "rsyncdir"),
    (("--rsyncignore",), "rsyncignore"),
)
_SETTINGS = ("rsyncdirs", "rsyncignore", "looponfailroots")

NEUTRAL = {
    "numprocesses": None,
    "maxprocesses": None,
    "dist": "no",
    "distload": False,
    "tx": [],
    "px": [],
    "looponfail": False,
    "loadgroup": False,
}
"""The values that the options have in a worker, whatever the project asked for."""


def neutralise(namespace):
    """Give xdist's options the values that they have in a worker."""
    for name, value in NEUTRAL.items():
        setattr(namespace, name, list(value) if isinstance(value, list) else value)


def block(pluginmanager):
    """Keep xdist's plugins out, `-p xdist` included."""
    for name in BLOCKED:
        pluginmanager.set_blocked(name)
    consider = pluginmanager.consider_pluginarg

    def consider_pluginarg(arg):
        if arg not in BLOCKED:
            consider(arg)

    pluginmanager.consider_pluginarg = consider_pluginarg


def pytest_addoption(parser):
    group = parser.getgroup("xdist", "distribution (accepted, without effect in a worker)")
    quiet = {"help": "accepted, without effect"}
    group._addoption("-n", "--numprocesses", dest="numprocesses", **quiet)
    group._addoption("-d", action="store_true", dest="distload", default=False, **quiet)
    group._addoption("-f", "--looponfail", action="store_true", dest="looponfail", default=False, **quiet)
    group.addoption("--loadscope-reorder", action="store_true", dest="loadscopereorder", default=True, **quiet)
    group.addoption("--no-loadscope-reorder", action="store_false", dest="loadscopereorder", **quiet)
    for names, dest, default in _TEXT:
        group.addoption(*names, dest=dest, default=default, **quiet)
    for names, dest in _LISTS:
        group.addoption(*names, dest=dest, action="append", default=[], **quiet)
    for name in _SETTINGS:
        parser.addini(name, "accepted, without effect", type="linelist")


MARKS = (
    "xdist_group(name=None): tests of one group run on one worker.",
    "resources(*names): the test holds one of each of these counted resources while it runs (\"db\", or \"gpu=2\" for two).",
    "exclusive: nothing else runs beside the test.",
    "requires(*names): the test runs only where there is this.",
)


def pytest_addhooks(pluginmanager):
    pluginmanager.add_hookspecs(ControllerHooks)


def pytest_configure(config):
    for mark in MARKS:
        config.addinivalue_line("markers", mark)


class ControllerHooks:
    """The hooks that xdist calls in its controller; declared, called by nobody here."""

    @pytest.hookspec()
    def pytest_xdist_setupnodes(config, specs):
        """Before nodes are set up."""

    @pytest.hookspec()
    def pytest_xdist_newgateway(gateway):
        """A gateway is there."""

    @pytest.hookspec()
    def pytest_xdist_rsyncstart(source, gateways):
        """Before files are copied."""

    @pytest.hookspec()
    def pytest_xdist_rsyncfinish(source, gateways):
        """After files were copied."""

    @pytest.hookspec(firstresult=True)
    def pytest_xdist_getremotemodule():
        """The module that a node runs."""

    @pytest.hookspec()
    def pytest_configure_node(node):
        """Before a node is started."""

    @pytest.hookspec()
    def pytest_testnodeready(node):
        """A node is ready."""

    @pytest.hookspec()
    def pytest_testnodedown(node, error):
        """A node is gone."""

    @pytest.hookspec()
    def pytest_xdist_node_collection_finished(node, ids):
        """A node has collected."""

    @pytest.hookspec(firstresult=True)
    def pytest_xdist_make_scheduler(config, log):
        """The scheduler of the run."""

    @pytest.hookspec(firstresult=True)
    def pytest_xdist_auto_num_workers(config):
        """How many workers `-n auto` means."""

    @pytest.hookspec(firstresult=True)
    def pytest_handlecrashitem(crashitem, report, sched):
        """A test took its worker down."""


CONTROLLER_HOOKS = tuple(sorted(name for name in vars(ControllerHooks) if name.startswith("pytest_")))


@pytest.fixture(scope="session")
def worker_id(request):
    """The id of this worker (`gw0`, `gw1`, ...)."""
    return request.config.workerinput["workerid"]


@pytest.fixture(scope="session")
def testrun_uid(request):
    """The id of this run, the same in all of its workers."""
    return request.config.workerinput["testrunuid"]
