"""A module whose doctests are collected.

>>> add(1, 1)
2
"""


def add(left, right):
    """The sum.

    >>> add(2, 2)
    4
    >>> add(2, 3)
    6
    """
    return left + right


def halve(number):
    """Half of it.

    >>> halve(4)
    2.0
    """
    return number / 2
