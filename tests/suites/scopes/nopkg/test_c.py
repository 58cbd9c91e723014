import pytest


@pytest.mark.chosen
def test_value(value, of_module):
    assert value == ["nopkg"]


@pytest.mark.skip(reason="no")
def test_skipped():
    pass


@pytest.mark.xfail
def test_xfails(of_module):
    assert False


@pytest.mark.xfail
def test_xpasses():
    pass


@pytest.fixture
def fails_at_the_end():
    yield
    assert False, "the end"


def test_error_at_the_end(fails_at_the_end):
    pass
