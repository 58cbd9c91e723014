"""Fixtures of all scopes, and outcomes of all kinds."""

import pytest


@pytest.mark.parametrize("number", range(4))
def test_all(number, session_thing, package_thing, module_thing, class_thing, function_thing):
    assert (session_thing, function_thing) == ("session", "function")


class TestInClass:
    def test_one(self, class_thing):
        pass

    def test_two(self, class_thing, session_thing):
        pass


@pytest.fixture
def broken():
    raise OSError("no such thing")


@pytest.fixture
def leaking():
    yield
    raise OSError("still open")


def test_error_in_setup(broken):
    pass


def test_error_in_teardown(leaking):
    pass


def test_skipped():
    pytest.skip("not here")


@pytest.mark.xfail(reason="known")
def test_xfailed():
    assert 0


@pytest.mark.xfail
def test_xpassed():
    pass


@pytest.mark.xfail(strict=True)
def test_strict():
    pass
