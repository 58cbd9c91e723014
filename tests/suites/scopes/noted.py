"""Everything that a worker does is a line of `log.txt`: set-ups and teardowns of fixtures, and tests, in their order."""

import os

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "plain")
LOG = os.path.join(os.path.dirname(os.path.abspath(__file__)), "log.txt")


def log(what, node, name):
    line = "\t".join((WORKER, what, node, name)) + "\n"
    descriptor = os.open(LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, line.encode())
    os.close(descriptor)


def logged(request):
    """A fixture that only says so."""
    log("setup", request.node.nodeid, request.fixturename)
    yield
    log("teardown", request.node.nodeid, request.fixturename)
