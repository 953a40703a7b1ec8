"""The ports through which the lower floors see the world: time and randomness come in here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Entropy = Callable[[int], bytes]
"""`entropy(n)`: n fresh octets from a cryptographic source. Nothing in puregss pools or reuses them."""


class Clock(Protocol):
    """Time, in seconds."""

    def now(self) -> float:
        """Wall-clock seconds since 1970-01-01 UTC; what tickets are measured with. May jump."""

    def boottime(self) -> float:
        """Seconds since this machine started, sleep included. Never jumps."""

    def boot_id(self) -> bytes:
        """16 octets that change at every start of this machine."""
