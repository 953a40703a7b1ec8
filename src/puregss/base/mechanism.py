"""RFC 2743 §2.2, §2.3: what a mechanism gives to the calls above it.

A context has two lives. `Establishment` is a machine that exchanges tokens and is thrown away;
what stays is one `MechanismContext`. Whatever the second holds can be encoded, and decoded in
another process; there is nothing beside it.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from threading import Lock
from typing import Any, Protocol

from puregss.base.flags import RequirementFlag
from puregss.base.oid import OID


@dataclass(frozen=True, slots=True)
class KdcRequest:
    """A step needs an answer from a KDC of `realm`: `message` is the encoded request."""

    realm: str
    message: bytes


Steps = Generator[KdcRequest, bytes, bytes | None]
"""An exchange without I/O: yields what it needs of the world, is sent the answer (the KDC's reply),
returns the token for the peer or None. A driver throws GSSError into it where the world failed."""


class MechanismName(Protocol):
    """A name in the mechanism's own form (an MN of RFC 2743 §1.1.5)."""

    def __str__(self) -> str: ...


class MechanismContext(Protocol):
    """An established context. The calls lock by themselves; `encode` and `kill` need `lock` held."""

    lock: Lock
    oid: OID
    flags: RequirementFlag
    locally_initiated: bool
    expiry: float  # seconds since 1970; what `lifetime` counts down to

    @property
    def initiator_name(self) -> MechanismName: ...
    @property
    def acceptor_name(self) -> MechanismName: ...

    def wrap(self, message: bytes, confidential: bool) -> bytes: ...
    def unwrap(self, token: bytes) -> tuple[bytes, bool]:
        """The message and whether it was confidential. Raises SupplementaryError with `result`."""
        ...

    def get_mic(self, message: bytes) -> bytes: ...
    def verify_mic(self, message: bytes, mic: bytes) -> None: ...
    def wrap_size_limit(self, max_output: int, confidential: bool) -> int: ...
    def pseudo_random(self, prf_key: int, prf_in: bytes, length: int) -> bytes: ...

    def encode(self) -> bytes:
        """The whole record, for sealing. The caller holds `lock`. Raises if dead."""
        ...

    def kill(self, reason: str) -> None:
        """Forget every key; from here on each call raises MissingContextError(reason). The caller holds `lock`."""
        ...


class Establishment(Protocol):
    """A context on its way."""

    @property
    def context(self) -> MechanismContext | None:
        """What stays; there as soon as the context is established or protection-ready."""
        ...

    @property
    def complete(self) -> bool:
        """Whether the context is established."""
        ...

    def step(self, token: bytes | None) -> Steps: ...

    def inquire(self) -> dict[str, Any]:
        """What is known so far: any of `initiator_name`, `acceptor_name`, `flags`, `expiry`."""
        ...
