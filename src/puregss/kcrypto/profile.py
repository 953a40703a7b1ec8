"""RFC 3961 §3: what every encryption type defines."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol, Self

from puregss.base.errors import OperationUnavailableError
from puregss.base.ports import Entropy

KC = 0x99
KE = 0xAA
KI = 0x55


class Mac(Protocol):
    """A keyed MAC: HMAC or CMAC of `cryptography`. One that is kept is only ever copied."""

    def copy(self) -> Self: ...
    def update(self, data: bytes, /) -> None: ...
    def finalize(self) -> bytes: ...


Layout = Sequence[int | bytes]
"""What an integrity tag covers, in order: so many octets of the plaintext, or octets that are not encrypted."""


class Sealer(Protocol):
    """E() of one key and usage. Not for two threads at once; to be thrown away once it has raised."""

    def seal(self, entropy: Entropy, prefix: bytes, plaintext: bytes, trailer: bytes) -> bytes:
        """`prefix`, in clear and not authenticated, then E(plaintext | trailer)."""

    def seal_parts(self, entropy: Entropy, plaintext: bytes, layout: Layout) -> tuple[bytes, bytes]:
        """E(plaintext), its tag apart; the tag covers all of `layout`, whose numbers add up to the plaintext."""


class Opener(Protocol):
    """D() of one key and usage. Not for two threads at once; to be thrown away once it has raised."""

    def open(self, data: bytes, start: int, cut: int) -> tuple[bytes, bytes]:
        """The plaintext of the ciphertext `data[start:]`, its last `cut` octets apart. BadMICError if not authentic."""

    def open_parts(self, ciphertext: bytes, tag: bytes, layout: Layout) -> bytes:
        """The plaintext of what `seal_parts` made, at least a confounder long. BadMICError if it is not authentic."""


class Profile(Protocol):
    """One encryption type. All of these use random-to-key as it comes: a key is any `key_size` octets."""

    @property
    def enctype(self) -> int: ...
    @property
    def key_size(self) -> int: ...
    @property
    def checksum_type(self) -> int: ...
    @property
    def checksum_size(self) -> int: ...

    def derive(self, key: bytes, *constants: bytes) -> list[bytes]:
        """For each constant the derived key: DK of RFC 3961 §5.1, or what the profile has in its place."""

    def sealer(self, ke: bytes, ki: bytes) -> Sealer: ...
    def opener(self, ke: bytes, ki: bytes) -> Opener: ...
    def checksum_mac(self, key: bytes, usage: int) -> Mac:
        """The MAC behind the mandatory checksum, which is its first `checksum_size` octets."""

    def prf(self, key: bytes, octets: bytes) -> bytes: ...
    def string_to_key(self, password: bytes, salt: bytes, params: bytes | None, minimum: int) -> bytes: ...


def usage_constant(usage: int, purpose: int) -> bytes:
    """RFC 3961 §5.3: the constant a key for this usage is derived with."""
    return usage.to_bytes(4, "big") + bytes((purpose,))


@lru_cache(maxsize=64)
def sealing_constants(*usages: int) -> tuple[bytes, ...]:
    """For each usage in turn the constants of Ke and Ki, which E() and D() work with."""
    return tuple(usage_constant(usage, purpose) for usage in usages for purpose in (KE, KI))


def iteration_count(params: bytes | None, default: int, minimum: int) -> int:
    """RFC 3962 §4: the PBKDF2 count in s2kparams, four octets, big-endian.

    It can come from a peer that nobody has authenticated yet: a low count makes the password cheap to guess for
    whoever gets the answer, a high one burns this machine's time.
    """
    if params is None:
        return default
    if len(params) != 4:
        raise OperationUnavailableError(f"string-to-key parameters have {len(params)} octets, not 4")
    count = int.from_bytes(params, "big")
    if not minimum <= count <= MAXIMUM_ITERATIONS:
        raise OperationUnavailableError(
            f"the KDC asks for {count} PBKDF2 iterations; between {minimum} and {MAXIMUM_ITERATIONS} are accepted"
        )
    return count


MINIMUM_ITERATIONS = 4096
MAXIMUM_ITERATIONS = 1 << 20
