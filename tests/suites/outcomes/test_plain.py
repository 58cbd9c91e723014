"""Each outcome that a function can have."""

import logging
import sys
import warnings

import pytest


def test_passes():
    print("nobody reads this")


def test_fails():
    expected = {"name": "callsheet", "numbers": [1, 2, 3]}
    found = {"name": "callsheet", "numbers": [1, 2, 4]}
    assert found == expected


def test_raises():
    def inner():
        raise KeyError("missing")

    try:
        inner()
    except KeyError as error:
        raise ValueError("of another kind") from error


def test_fails_with_words():
    pytest.fail("on purpose\nin two lines")


def test_fails_without_a_trace():
    pytest.fail("short", pytrace=False)


def test_prints_and_fails(talking):
    print("to standard output")
    print("to standard error", file=sys.stderr)
    logging.getLogger("test").error("to the log")
    raise AssertionError("after much talk")


def test_error_in_setup(broken):
    pass


def test_error_in_teardown(leaking):
    assert leaking == 1


def test_fails_twice(leaking):
    assert leaking == 2


def test_skips():
    pytest.skip("not today")


@pytest.mark.skip(reason="never")
def test_skipped_by_mark():
    pass


@pytest.mark.skipif(sys.version_info > (3,), reason="a new Python")
def test_skipped_by_condition():
    pass


def test_skips_without_a_module():
    pytest.importorskip("no_such_module_anywhere")


@pytest.mark.xfail(reason="known to fail")
def test_xfails():
    assert 0


@pytest.mark.xfail(raises=KeyError, reason="of another kind")
def test_xfail_of_another_kind():
    raise ValueError("surprise")


def test_xfails_when_run():
    pytest.xfail("found out late")


@pytest.mark.xfail(run=False, reason="would hang")
def test_xfail_that_is_not_run():
    raise SystemExit(1)


@pytest.mark.xfail(reason="was broken")
def test_xpasses():
    pass


@pytest.mark.xfail(strict=True, reason="must fail")
def test_xpasses_strictly():
    pass


def test_warns():
    warnings.warn("take care")
    warnings.warn(DeprecationWarning("old ways"))


def test_warns_again():
    warnings.warn("take care")


@pytest.mark.parametrize("left", [1, 2])
@pytest.mark.parametrize("right", ["a", "b\nc", "ü", "x" * 90])
def test_parametrised(left, right):
    assert (left, right) != (2, "a")


@pytest.mark.parametrize("nothing", [])
def test_of_no_parameters(nothing):
    pass


@pytest.mark.usefixtures("leaking_class")
class TestLeaking:
    def test_first(self):
        pass

    def test_last(self):
        pass


@pytest.mark.filterwarnings("error")
def test_warning_as_an_error():
    warnings.warn("now it counts")


def test_exits():
    sys.exit("from a test")
