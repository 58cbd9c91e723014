import sys

import pytest

from greetings import GREETINGS, greet


@pytest.mark.parametrize("language", sorted(GREETINGS))
def test_every_language_greets_by_name(language):
    assert greet("Ada", language).endswith(", Ada!")


def test_english_is_spoken_unless_asked_otherwise():
    assert greet("Ada") == "Hello, Ada!"


def test_an_unknown_language_is_refused():
    with pytest.raises(KeyError, match="tlh"):
        greet("Ada", "tlh")


def test_nobody_is_not_greeted():
    with pytest.raises(ValueError, match="nobody"):
        greet("")


@pytest.mark.xfail(reason="names are taken as they come", strict=True)
def test_names_are_capitalised():
    assert greet("ada") == "Hello, Ada!"


@pytest.mark.skipif(sys.version_info >= (3,), reason="only for Python 2")
def test_names_may_be_bytes():
    assert greet(b"Ada") == "Hello, Ada!"
