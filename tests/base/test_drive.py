"""RFC 2743 §2.2: an exchange is driven to its end alike with and without an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Any

import pytest

from puregss.base.drive import drive, drive_async

Driver = Callable[..., Any]


def awaiting(exchange: Generator[int, str, str], perform: Callable[[int], str], failures: type[BaseException]) -> str:
    async def perform_async(request: int) -> str:
        await asyncio.sleep(0)
        return perform(request)

    return asyncio.run(drive_async(exchange, perform_async, failures))


def exchange(log: list[str]) -> Generator[int, str, str]:
    try:
        log.append((yield 1))
        try:
            yield 2
        except OSError as error:
            log.append(f"handled {error}")
        return "done"
    finally:
        log.append("closed")


@pytest.mark.parametrize("run", [drive, awaiting])
def test_answers_are_sent_in_and_failures_thrown_in(run: Driver) -> None:
    def perform(request: int) -> str:
        if request == 2:
            raise OSError("lost")
        return f"answer {request}"

    log: list[str] = []
    assert run(exchange(log), perform, OSError) == "done"
    assert log == ["answer 1", "handled lost", "closed"]


@pytest.mark.parametrize("run", [drive, awaiting])
def test_other_failures_go_to_the_caller_and_close_the_exchange(run: Driver) -> None:
    def perform(request: int) -> str:
        raise LookupError("not ours")

    log: list[str] = []
    with pytest.raises(LookupError, match="not ours"):
        run(exchange(log), perform, OSError)
    assert log == ["closed"]
