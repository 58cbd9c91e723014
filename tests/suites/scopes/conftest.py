"""Fixtures of every scope, and a kind of file that pytest does not know."""

import pytest

from noted import log, logged


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    log("test", item.nodeid, "")


@pytest.fixture(scope="session")
def of_session(request):
    yield from logged(request)


@pytest.fixture(scope="package", autouse=True)
def of_package(request, of_session):
    yield from logged(request)


@pytest.fixture(scope="module")
def of_module(request):
    yield from logged(request)


@pytest.fixture(scope="class")
def of_class(request, of_module):
    yield from logged(request)


@pytest.fixture
def value():
    return ["root"]


class Lists(pytest.File):
    """Each line of a file of lists is a test, also where two are the same."""

    def collect(self):
        for line in self.path.read_text().splitlines():
            yield List.from_parent(self, name=line.strip("- "))


class List(pytest.Item):
    """Fails for a line that says so."""

    def runtest(self):
        assert self.name != "fails"


def pytest_collect_file(file_path, parent):
    if file_path.suffix == ".yaml":
        return Lists.from_parent(parent, path=file_path)
    return None
