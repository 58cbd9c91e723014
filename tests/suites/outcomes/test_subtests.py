"""Subtests of pytest and of unittest."""

import unittest

import pytest


def test_all_pass(subtests):
    for number in range(3):
        with subtests.test(number=number):
            pass


def test_some_fail(subtests):
    for number in range(4):
        with subtests.test("kind", number=number):
            assert number % 2 == 0


def test_fails_after_them(subtests):
    with subtests.test("inside"):
        pass
    assert 0, "outside"


def test_skips_in_them(subtests):
    with subtests.test("skipped"):
        pytest.skip("not this one")
    with subtests.test("expected"):
        pytest.xfail("known")


class Case(unittest.TestCase):
    def test_sub(self):
        for number in range(3):
            with self.subTest(number=number):
                self.assertNotEqual(number, 1)

    def test_passes(self):
        with self.subTest("fine"):
            pass
