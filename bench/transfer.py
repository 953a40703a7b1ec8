"""Transfer: a context goes out as a token and comes back, sealed and one-time with us, raw with the peer."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from bench.driver import Result, Row, Side
from bench.pairs import established
from puregss import TransferDomain, import_context
from puregss.system.clock import SystemClock
from puregss.transfer.channel import ChannelReceiver, ChannelSender


def raw(gss: Any, service: str) -> Side:
    """The peer: a token that anybody may import any number of times."""
    context = established(gss, service)[1]

    def prepare(calls: int) -> Callable[[], None]:
        def work() -> None:
            nonlocal context
            for _ in range(calls):
                context = gss.SecurityContext(token=context.export())

        return work

    return prepare


def through_domain(gss: Any, service: str, domain: TransferDomain) -> Side:
    """Through a transfer domain: claim written, token sealed, seal opened, claim erased."""
    context = established(gss, service)[1]

    def prepare(calls: int) -> Callable[[], None]:
        def work() -> None:
            nonlocal context
            for _ in range(calls):
                context = import_context(context.export(domain), domain)

        return work

    return prepare


def through_channel(gss: Any, service: str) -> Side:
    """Through a worker's channel, the acknowledgement included."""
    context = established(gss, service)[1]
    key = os.urandom(32)
    sender, receiver = ChannelSender(key, SystemClock()), ChannelReceiver(key, SystemClock())

    def prepare(calls: int) -> Callable[[], None]:
        def work() -> None:
            nonlocal context
            for _ in range(calls):
                token = context.export(sender)
                context = import_context(token, receiver)
                sender.acknowledged(token)

        return work

    return prepare


def rows(ours: Any, theirs: Any, service: str) -> Iterator[Row]:
    """The rows of one enctype."""
    peer = raw(theirs, service)
    yield Row("export + import, worker channel", through_channel(ours, service), peer, 1.3, 2)
    yield Row("export + import, dir:", through_domain(ours, service, folder_domain()), peer, 0.6, 1)


def folder_domain() -> TransferDomain:
    """Claims in memory, beside the realm's other files, as a runtime directory would have them."""
    return TransferDomain.from_url(f"dir:{os.path.dirname(os.environ['KRB5_CONFIG'])}/claims")


def sizes(ours: Any, theirs: Any, service: str) -> Result:
    """The octets of an acceptor's token besides authorization data, of which MIT's realm puts some into each ticket."""
    token = established(ours, service)[1].export(TransferDomain.from_url("memory:"))
    peer = established(theirs, service)[1].export()
    carried = _authorization_data(established(ours, service)[1])
    ours_size, theirs_size = len(token) - carried, len(peer) - carried
    ratio = theirs_size / ours_size
    # At most 300 octets, at best 250, whatever the peer takes.
    return Result(
        "interprocess token",
        ours_size,
        theirs_size,
        ratio,
        ratio,
        ratio,
        theirs_size / 300,
        theirs_size / 250,
        "octets",
    )


def _authorization_data(context: Any) -> int:
    """The octets of the authorization data that a context carries, with their types and lengths."""
    return sum(8 + len(data) for _, data in context._context().authdata)
