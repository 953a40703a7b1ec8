"""What the tests of transfer share: a context, a clock and a randomness that do as they are told."""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import Lock

from puregss.base.errors import MissingContextError
from puregss.base.flags import RequirementFlag
from puregss.base.names import MechType
from puregss.base.oid import OID
from puregss.transfer.claims import MemoryStore
from puregss.transfer.domain import Domain

RECORD = bytes(range(200))


class FakeContext:
    """An established context whose record is whatever the test wants; `sent` counts what it gave out."""

    def __init__(self, record: bytes = RECORD, *, oid: OID = MechType.kerberos, expiry: float = 2_000.0) -> None:
        self.lock = Lock()
        self.oid = oid
        self.flags = RequirementFlag.transferable | RequirementFlag.integrity
        self.expiry = expiry
        self.record = record
        self.dead: str | None = None
        self.fail_encode: BaseException | None = None
        self.fail_kill: BaseException | None = None

    def encode(self) -> bytes:
        assert self.lock.locked()
        if self.dead is not None:
            raise MissingContextError(self.dead)
        if self.fail_encode is not None:
            raise self.fail_encode
        return self.record

    def kill(self, reason: str) -> None:
        assert self.lock.locked()
        if self.fail_kill is not None:
            raise self.fail_kill
        self.dead = reason


class FakeClock:
    def __init__(self, now: float = 1_000.0, boottime: float = 50.0) -> None:
        self.wall = now
        self.boot = boottime
        self.boot_identity = b"b" * 16

    def now(self) -> float:
        return self.wall

    def boottime(self) -> float:
        return self.boot

    def boot_id(self) -> bytes:
        return self.boot_identity


def memory_domain(clock: FakeClock | None = None, entropy: Callable[[int], bytes] = os.urandom) -> Domain:
    return Domain(MemoryStore(entropy), clock or FakeClock(), entropy)
