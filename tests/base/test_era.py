"""RFC 2744 §5.9: what was made before a fork is dead in the child."""

from __future__ import annotations

import pytest

from puregss.base import era
from puregss.base.errors import MissingContextError


def test_the_end_of_an_era_kills_what_remembers_it() -> None:
    mine = era.current
    era.check(mine, "context")
    try:
        era.end()
        with pytest.raises(MissingContextError, match="inherited through fork"):
            era.check(mine, "context")
        era.check(era.current, "context")
    finally:
        era.current = mine
