"""Chosen faults: ways in which the realm's KDC misbehaves, each set up in one line.

    realm.faults.clock_offset = 3600        # the KDC's clock is an hour ahead
    with realm.faults.during(drop=2): ...   # the next two answers are lost

Rotated keys, unknown and revoked principals are states of the realm, not faults: `realm.rotate_key`,
`realm.remove`, `realm.revoke`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any


@dataclass(slots=True)
class Faults:
    """What is wrong with the KDC. Everything off is an honest KDC."""

    clock_offset: float = 0
    """Seconds by which the KDC's clock is ahead (negative: behind)."""

    ticket_expired: bool = False
    """Tickets end ten minutes before they are issued: beyond any usual clock skew."""

    reject_preauthentication: bool = False
    """Right passwords are refused too (KDC_ERR_PREAUTH_FAILED)."""

    error_code: int = 0
    """Every request is answered with this KRB-ERROR."""

    wrong_nonce: bool = False
    """The reply's nonce is not the request's: what a replayed reply looks like."""

    wrong_client: bool = False
    """The reply is about another client than the one who asked."""

    wrong_server: bool = False
    """The reply's encrypted part names another server than was asked for."""

    wrong_key: bool = False
    """The reply is encrypted in a key nobody has: what a KDC that is not ours can do at best."""

    drop: int = 0
    """So many of the next requests get no answer; -1: none ever."""

    delay: float = 0
    """Seconds before each answer."""

    truncate: int | None = None
    """Answers are cut to so many octets."""

    datagram_limit: int | None = None
    """Longer answers over UDP become KRB_ERR_RESPONSE_TOO_BIG, so that clients must turn to TCP; 0: all of them."""

    def drops(self) -> bool:
        """Whether the request at hand gets no answer; counts it."""
        if self.drop > 0:
            self.drop -= 1
            return True
        return self.drop < 0

    def clear(self) -> None:
        """Back to an honest KDC."""
        for field in fields(self):
            setattr(self, field.name, field.default)

    @contextmanager
    def during(self, **faults: Any) -> Iterator[Faults]:
        """These faults inside the block; afterwards what was before."""
        before = {name: getattr(self, name) for name in faults}
        for name, value in faults.items():
            setattr(self, name, value)
        try:
            yield self
        finally:
            for name, value in before.items():
                setattr(self, name, value)
