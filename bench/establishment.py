"""Establishment: each step by itself, with the ticket in the cache and the replay cache on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bench.driver import Row, Side
from bench.pairs import acceptor, initiator

_MOST = 400


def first_step(gss: Any, service: str) -> Side:
    """The initiator's AP-REQ, from the name to the token."""

    def prepare(calls: int) -> Callable[[], None]:
        def work() -> None:
            for _ in range(calls):
                initiator(gss, service).step()

        return work

    return prepare


def acceptor_step(gss: Any, service: str) -> Side:
    """The acceptor's only step; its credential is acquired once, as a server does."""
    creds = gss.Credentials(usage="accept")

    def prepare(calls: int) -> Callable[[], None]:
        tokens = [initiator(gss, service).step() for _ in range(calls)]

        def work() -> None:
            for token in tokens:
                acceptor(gss, creds).step(token)

        return work

    return prepare


def second_step(gss: Any, service: str) -> Side:
    """The initiator takes the AP-REP."""
    creds = gss.Credentials(usage="accept")

    def prepare(calls: int) -> Callable[[], None]:
        waiting = [initiator(gss, service) for _ in range(calls)]
        answers = [acceptor(gss, creds).step(context.step()) for context in waiting]

        def work() -> None:
            for context, answer in zip(waiting, answers, strict=True):
                context.step(answer)

        return work

    return prepare


def rows(ours: Any, theirs: Any, service: str) -> Iterator[Row]:
    """The rows of one enctype."""
    for name, step, least, goal in (
        ("initiator first step", first_step, 0.8, 1.2),
        ("acceptor step", acceptor_step, 0.7, 1.2),
        ("initiator second step", second_step, 1.0, 2.0),
    ):
        yield Row(name, step(ours, service), step(theirs, service), least, goal, _MOST)
