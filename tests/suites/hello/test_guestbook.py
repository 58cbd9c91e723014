import pytest

from greetings import Guestbook


@pytest.fixture(scope="module")
def visitors():
    """The same for all tests of the module that run in one worker."""
    return ["Ada", "Grace", "Edsger"]


@pytest.fixture
def book(tmp_path):
    return Guestbook(tmp_path / "guests.txt")


def test_a_new_book_is_empty(book):
    assert book.names() == []


def test_names_are_kept_in_order(book, visitors):
    for name in visitors:
        book.sign(name)
    assert book.names() == visitors


@pytest.mark.parametrize("times", [1, 2, 3])
def test_who_comes_again_signs_again(book, times):
    for _ in range(times):
        book.sign("Ada")
    assert book.names() == ["Ada"] * times


def test_names_may_be_in_any_script(book):
    book.sign("Ада")
    assert book.names() == ["Ада"]


def test_books_do_not_mix(book, tmp_path, visitors):
    other = Guestbook(tmp_path / "other.txt")
    other.sign(visitors[0])
    assert book.names() == []
