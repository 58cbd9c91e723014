"""Writes down which worker ran what, and fixtures of every scope."""

import os

import pytest

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")


def note(file, *words):
    """One line in one write, so that workers do not mix theirs."""
    with open(os.path.join(os.environ.get("MEDLEY_NOTES", "."), file), "a") as notes:
        notes.write("\t".join(words) + "\n")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    groups = sorted({str(mark.args[0]) for mark in item.iter_markers("xdist_group")})
    note("ran.txt", WORKER, item.nodeid, item.parent.nodeid, item.nodeid.split("::")[0], "_".join(groups))
    yield


def pytest_configure(config):
    config.addinivalue_line("markers", "xdist_group(name): stays together")
    config.addinivalue_line("markers", "slow: is slow")


def made(scope):
    """A fixture that notes its set-up and its teardown."""

    def fixture(request):
        note("fixtures.txt", WORKER, "setup", scope, request.node.nodeid)
        yield scope
        note("fixtures.txt", WORKER, "teardown", scope, request.node.nodeid)

    return pytest.fixture(scope=scope, name=scope + "_thing")(fixture)


session_thing = made("session")
package_thing = made("package")
module_thing = made("module")
class_thing = made("class")
function_thing = made("function")
