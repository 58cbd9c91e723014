"""Fixtures that go wrong, and ones that print."""

import logging

import pytest


@pytest.fixture
def broken():
    print("before the fixture broke")
    raise ConnectionError("no server")


@pytest.fixture
def leaking():
    yield 1
    print("while the fixture went down")
    raise OSError("still open")


@pytest.fixture
def talking():
    logging.getLogger("fixture").warning("set up")
    print("the fixture speaks")
    yield
    print("the fixture goes")


@pytest.fixture(scope="module")
def failing_module():
    raise RuntimeError("for the whole module")


@pytest.fixture(scope="class")
def leaking_class():
    yield
    raise OSError("of the whole class")
