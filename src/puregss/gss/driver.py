"""RFC 2743 §2.2: running an exchange with KDCs, blocking or asynchronously. The exchange itself knows neither."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import TypeVar

from puregss.base.drive import drive, drive_async
from puregss.base.errors import GSSError
from puregss.base.mechanism import KdcRequest

T = TypeVar("T")


def run(steps: Generator[KdcRequest, bytes, T], exchange: Callable[[KdcRequest], bytes]) -> T:
    """Drive `steps` to its end; a GSSError of `exchange` is raised inside it, where it may be handled."""
    return drive(steps, exchange, GSSError)


async def run_async(steps: Generator[KdcRequest, bytes, T], exchange: Callable[[KdcRequest], Awaitable[bytes]]) -> T:
    """The same, awaiting `exchange`. Cancelling it closes the exchange."""
    return await drive_async(steps, exchange, GSSError)
