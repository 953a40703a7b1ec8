"""A realm in memory for the tests of the calls, with a clock they may move and a record of what the KDC was asked."""

from __future__ import annotations

import time

from puregss.base.flags import RequirementFlag
from puregss.base.mechanism import KdcRequest
from puregss.base.names import NameType
from puregss.gss.context import SecurityContext
from puregss.gss.name import Name
from puregss.realm import Realm
from puregss.realm.world import RealmWorld

SERVICE = Name("host@localhost", NameType.hostbased_service)


class MovableClock:
    """Real time plus an offset that a test may change."""

    def __init__(self) -> None:
        self.offset = 0.0

    def now(self) -> float:
        return time.time() + self.offset

    def boottime(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME) + self.offset

    def boot_id(self) -> bytes:
        return bytes(16)


class World(RealmWorld):
    """`alice` may initiate to `host/localhost`."""

    def __init__(self) -> None:
        realm = Realm("EXAMPLE.TEST")
        realm.add_user("alice")
        realm.add_service("host/localhost")
        self.moving = MovableClock()
        super().__init__(realm, "alice", clock=self.moving)
        self.requests: list[KdcRequest] = []

    def exchange(self, request: KdcRequest) -> bytes:
        self.requests.append(request)
        return super().exchange(request)


def pair(
    world: World, flags: RequirementFlag | None = None, *, enforce_lifetime: bool = False
) -> tuple[SecurityContext, SecurityContext]:
    """An established initiator and acceptor."""
    initiator = SecurityContext(name=SERVICE, flags=flags, world=world, enforce_lifetime=enforce_lifetime)
    acceptor = SecurityContext(usage="accept", world=world, enforce_lifetime=enforce_lifetime)
    token = initiator.step()
    while token is not None:
        token = acceptor.step(token)
        if token is not None:
            token = initiator.step(token)
    assert initiator.complete
    assert acceptor.complete
    return initiator, acceptor
