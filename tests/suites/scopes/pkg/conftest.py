import pytest

from noted import logged


@pytest.fixture
def value(value):
    return value + ["pkg"]


@pytest.fixture(scope="package")
def of_pkg(request):
    yield from logged(request)
