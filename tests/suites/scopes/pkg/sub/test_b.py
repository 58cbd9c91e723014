import pytest

NAMES = ["a::b", "[x]", "]", "[", "ä ö", "日本", "two words", "line\nbreak", "tab\tstop", "", "a/b.py::test[c]", "-k", "%s", "back\\slash", "'", '"']


@pytest.mark.parametrize("name", NAMES)
def test_names(name, of_module, of_pkg):
    assert name not in ("[x]", "日本", "a/b.py::test[c]")


@pytest.mark.parametrize("name", [1, 1, 2], ids=["equal", "equal", "equal"])
def test_equal(name, of_module):
    assert name == 1


@pytest.mark.parametrize("left", ["a", "b"], scope="module")
@pytest.mark.parametrize("right", ["a-b", "c"])
def test_two(left, right, of_module):
    pass


def test_value(value):
    assert value == ["root", "pkg", "sub"]
