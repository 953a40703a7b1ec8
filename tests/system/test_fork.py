"""A real fork ends the era in the child, and there alone."""

from __future__ import annotations

import os
from collections.abc import Callable

from puregss.base import era
from puregss.system import fork

assert fork


def in_child(check: Callable[[], bool]) -> bool:
    """What `check` says in a forked child; False if it raises."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if check() else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_fork_ends_the_era_in_the_child_alone() -> None:
    here = era.current
    assert in_child(lambda: era.current is not here)
    assert era.current is here


def test_a_grandchild_lives_in_a_third_era() -> None:
    here = era.current

    def child() -> bool:
        between = era.current
        return in_child(lambda: era.current not in (here, between))

    assert in_child(child)
