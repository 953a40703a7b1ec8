"""RFC 2743 §2.2: driving an exchange without I/O. It yields what it needs of the world and is sent the answer.

Failures of the world are thrown into the exchange, where they may be handled: there it is known what they mean.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeVar

R = TypeVar("R")
T = TypeVar("T")


def drive(exchange: Generator[R, Any, T], perform: Callable[[R], Any], failures: type[BaseException]) -> T:
    """Run `exchange` to its end, with `perform` for the world; what of `failures` it raises is thrown in."""
    try:
        request = next(exchange)
        while True:
            try:
                answer = perform(request)
            except failures as error:
                request = exchange.throw(error)
            else:
                request = exchange.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result


async def drive_async(
    exchange: Generator[R, Any, T], perform: Callable[[R], Awaitable[Any]], failures: type[BaseException]
) -> T:
    """The same, awaiting `perform`. Whatever ends it early closes the exchange."""
    try:
        request = next(exchange)
        while True:
            try:
                answer = await perform(request)
            except failures as error:
                request = exchange.throw(error)
            else:
                request = exchange.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        exchange.close()
