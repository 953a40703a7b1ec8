"""RFC 3961 §3: what every encryption type defines, and the objects that protect one message after the other."""

from __future__ import annotations

import hmac
from typing import Protocol, Self

from puregss.base.errors import BadMICError, OperationUnavailableError
from puregss.base.ports import Entropy
from puregss.kcrypto.cts import BLOCK, CtsDecryptor, CtsEncryptor, xor_block

KC = 0x99
KE = 0xAA
KI = 0x55


class Mac(Protocol):
    """A keyed MAC: HMAC or CMAC of `cryptography`. One that is kept is only ever copied."""

    def copy(self) -> Self: ...
    def update(self, data: bytes) -> None: ...
    def finalize(self) -> bytes: ...


class Sealer(Protocol):
    """E() of one key and usage. Not for two threads at once; to be thrown away once it has raised."""

    def seal(self, entropy: Entropy, prefix: bytes, plaintext: bytes, trailer: bytes) -> bytes:
        """`prefix`, in clear and not authenticated, then E(plaintext | trailer)."""


class Opener(Protocol):
    """D() of one key and usage. Not for two threads at once; to be thrown away once it has raised."""

    def open(self, data: bytes, start: int) -> bytes:
        """The plaintext of the ciphertext `data[start:]`. BadMICError unless it is authentic."""


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

    def sealer(self, key: bytes, usage: int) -> Sealer: ...
    def opener(self, key: bytes, usage: int) -> Opener: ...
    def checksum_mac(self, key: bytes, usage: int) -> Mac:
        """The MAC behind the mandatory checksum, which is its first `checksum_size` octets."""

    def prf(self, key: bytes, octets: bytes) -> bytes: ...
    def string_to_key(self, password: bytes, salt: bytes, params: bytes | None, minimum: int) -> bytes: ...


def usage_constant(usage: int, purpose: int) -> bytes:
    """RFC 3961 §5.3: the constant a key for this usage is derived with."""
    return usage.to_bytes(4, "big") + bytes((purpose,))


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

_FORGED = "the integrity check failed: the data was altered, or encrypted in another key"


class PlaintextMacSealer:
    """RFC 3961 §5.3: E(Ke, confounder | plaintext) | MAC(Ki, confounder | plaintext)."""

    __slots__ = ("_cts", "_mac", "_size")

    def __init__(self, cts: CtsEncryptor, mac: Mac, size: int) -> None:
        self._cts = cts
        self._mac = mac
        self._size = size

    def seal(self, entropy: Entropy, prefix: bytes, plaintext: bytes, trailer: bytes) -> bytes:
        block = entropy(BLOCK)
        mac = self._mac.copy()
        mac.update(xor_block(block, self._cts.chain))
        mac.update(plaintext)
        mac.update(trailer)
        head, last, stolen = self._cts.encrypt(block, plaintext, trailer)
        return b"".join((prefix, head, last, stolen, mac.finalize()[: self._size]))


class PlaintextMacOpener:
    """RFC 3961 §5.3, the other way."""

    __slots__ = ("_cts", "_mac", "_size")

    def __init__(self, cts: CtsDecryptor, mac: Mac, size: int) -> None:
        self._cts = cts
        self._mac = mac
        self._size = size

    def open(self, data: bytes, start: int) -> bytes:
        end = len(data) - self._size
        if end - start < BLOCK:
            raise BadMICError("the encrypted data is too short to hold a confounder and a checksum")
        chain, plaintext = self._cts.decrypt(data, start, end)
        message = plaintext[BLOCK : end - start]
        mac = self._mac.copy()
        mac.update(xor_block(plaintext[:BLOCK], chain))
        mac.update(message)
        if not hmac.compare_digest(mac.finalize()[: self._size], data[end:]):
            raise BadMICError(_FORGED)
        return message


class CiphertextMacSealer:
    """RFC 8009 §5: C = E(Ke, confounder | plaintext), then C | MAC(Ki, cipher state | C)."""

    __slots__ = ("_cts", "_mac", "_size")

    def __init__(self, cts: CtsEncryptor, mac: Mac, size: int) -> None:
        self._cts = cts
        self._mac = mac
        self._size = size

    def seal(self, entropy: Entropy, prefix: bytes, plaintext: bytes, trailer: bytes) -> bytes:
        head, last, stolen = self._cts.encrypt(entropy(BLOCK), plaintext, trailer)
        mac = self._mac.copy()
        mac.update(head)
        mac.update(last)
        mac.update(stolen)
        return b"".join((prefix, head, last, stolen, mac.finalize()[: self._size]))


class CiphertextMacOpener:
    """RFC 8009 §5, the other way: nothing is decrypted before the MAC has been verified."""

    __slots__ = ("_cts", "_mac", "_size")

    def __init__(self, cts: CtsDecryptor, mac: Mac, size: int) -> None:
        self._cts = cts
        self._mac = mac
        self._size = size

    def open(self, data: bytes, start: int) -> bytes:
        end = len(data) - self._size
        if end - start < BLOCK:
            raise BadMICError("the encrypted data is too short to hold a confounder and a checksum")
        mac = self._mac.copy()
        mac.update(data[start:end])
        if not hmac.compare_digest(mac.finalize()[: self._size], data[end:]):
            raise BadMICError(_FORGED)
        _, plaintext = self._cts.decrypt(data, start, end)
        return plaintext[BLOCK : end - start]
