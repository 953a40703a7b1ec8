"""RFC 2744 §5.9 (single instantiation): what was made before a fork is dead in the child.

Contexts, memory domains and channels remember the era they were made in and compare it on every
use: one identity check, no registry. The floor that knows processes ends the era in a child.
"""

from __future__ import annotations

from puregss.base.errors import MissingContextError
from puregss.base.status import ContextMinor


class Era:
    """The time between two forks, as one process sees it."""

    __slots__ = ()


current = Era()
"""Read as `era.current` (never `from era import current`): it is replaced after a fork."""


def end() -> None:
    """Begin a new era: everything that remembers the old one is dead in this process."""
    global current
    current = Era()


def check(remembered: Era, what: str) -> None:
    """MissingContextError if `what` was inherited through a fork."""
    if remembered is not current:
        raise MissingContextError(
            f"this {what} was inherited through fork(); only the process that made it may use it. "
            "Export it before the fork and import it in the child",
            minor=ContextMinor.INHERITED,
        )
