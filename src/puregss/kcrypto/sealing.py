"""RFC 3961 §5.3, RFC 8009 §5: the two ways to join a cipher and a MAC, for one message after the other.

Small messages take the shortest way in calls; large ones go in chunks, and their result is gathered in place. Bases are
initialized by their names, since `super()` is an object to make and two lookups for each key of each context.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hmac import compare_digest
from io import BytesIO

from cryptography.hazmat.primitives.ciphers import CipherAlgorithm

from puregss.base.errors import BadMICError
from puregss.base.ports import Entropy
from puregss.kcrypto.cts import BLOCK, LARGE, CtsDecryptor, CtsEncryptor, xor_block
from puregss.kcrypto.profile import Layout, Mac

_SHORT = "the encrypted data is too short to hold a confounder and an integrity tag"
_FORGED = "the integrity check failed: the data was altered, or encrypted in another key"
_LEAST = 2 * BLOCK  # what stands before the plaintext where it was decrypted: a block without meaning, the confounder
_VIEW = 4096  # octets from which on a view costs less than a copy


class PlaintextMacSealer(CtsEncryptor):
    """RFC 3961 §5.3: E(Ke, confounder | plaintext) | MAC(Ki, confounder | plaintext)."""

    __slots__ = ("_mac", "_size")

    def __init__(self, algorithm: CipherAlgorithm, mac: Mac, size: int) -> None:
        CtsEncryptor.__init__(self, algorithm)
        self._mac = mac
        self._size = size

    def seal(self, entropy: Entropy, prefix: bytes, plaintext: bytes, trailer: bytes) -> bytes:
        block = entropy(BLOCK)
        mac = self._mac.copy()
        mac.update(xor_block(block, self._chain))
        if len(plaintext) < LARGE:
            body = plaintext + trailer
            mac.update(body)
            head, last, stolen = self.encrypt(block, body)
            return b"".join((prefix, head, last, stolen, mac.finalize()[: self._size]))
        mac.update(plaintext)
        mac.update(trailer)
        tag = mac.finalize()[: self._size]

        def pieces() -> Iterator[bytes]:
            yield prefix
            yield from self.encrypt_large(block, plaintext, trailer)
            yield tag

        return _gather(len(prefix) + BLOCK + len(plaintext) + len(trailer) + len(tag), pieces()).getvalue()

    def seal_parts(self, entropy: Entropy, plaintext: bytes, layout: Layout) -> tuple[bytes, bytes]:
        block = entropy(BLOCK)
        mac = self._mac.copy()
        mac.update(xor_block(block, self._chain))
        _sum_up(mac, plaintext, layout)
        return b"".join(self.encrypt(block, plaintext)), mac.finalize()[: self._size]


class PlaintextMacOpener(CtsDecryptor):
    """RFC 3961 §5.3, the other way."""

    __slots__ = ("_mac", "_size")

    def __init__(self, algorithm: CipherAlgorithm, mac: Mac, size: int) -> None:
        CtsDecryptor.__init__(self, algorithm)
        self._mac = mac
        self._size = size

    def open(self, data: bytes, start: int, cut: int) -> tuple[bytes, bytes]:
        size = self._size
        end = len(data) - size
        behind = end - start + BLOCK
        if behind < _LEAST + cut:
            raise BadMICError(_SHORT)
        mac = self._mac.copy()
        if behind >= LARGE:
            return self._open_large(data, start, cut, mac)
        blocks = self.decrypt(data, start, end)
        mac.update(blocks[BLOCK:behind] if behind < _VIEW else _view(blocks, BLOCK, behind))
        if not compare_digest(mac.finalize()[:size], data[end:]):
            raise BadMICError(_FORGED)
        cut = behind - cut
        return blocks[_LEAST:cut], blocks[cut:behind]

    def _open_large(self, data: bytes, start: int, cut: int, mac: Mac) -> tuple[bytes, bytes]:
        end = len(data) - self._size
        pieces = self.decrypt_large(data, start, end)
        mac.update(next(pieces))
        plaintext = _gather(end - start - BLOCK, _summed(mac, pieces))
        _verify(mac, data[end:], self._size)
        return _parted(plaintext, end - start - BLOCK - cut)

    def open_parts(self, ciphertext: bytes, tag: bytes, layout: Layout) -> bytes:
        blocks = self.decrypt(ciphertext, 0, len(ciphertext))
        plaintext = blocks[_LEAST : BLOCK + len(ciphertext)]
        mac = self._mac.copy()
        mac.update(blocks[BLOCK:_LEAST])
        _sum_up(mac, plaintext, layout)
        _verify(mac, tag, self._size)
        return plaintext


class CiphertextMacSealer(CtsEncryptor):
    """RFC 8009 §5: C = E(Ke, confounder | plaintext), then C | MAC(Ki, cipher state | C)."""

    __slots__ = ("_mac", "_size")

    def __init__(self, algorithm: CipherAlgorithm, mac: Mac, size: int) -> None:
        CtsEncryptor.__init__(self, algorithm)
        self._mac = mac
        self._size = size

    def seal(self, entropy: Entropy, prefix: bytes, plaintext: bytes, trailer: bytes) -> bytes:
        block = entropy(BLOCK)
        mac = self._mac.copy()
        if len(plaintext) < LARGE:
            head, last, stolen = self.encrypt(block, plaintext + trailer)
            mac.update(head)
            mac.update(last + stolen)
            return b"".join((prefix, head, last, stolen, mac.finalize()[: self._size]))

        def pieces() -> Iterator[bytes]:
            yield prefix
            yield from _summed(mac, self.encrypt_large(block, plaintext, trailer))
            yield mac.finalize()[: self._size]

        return _gather(len(prefix) + BLOCK + len(plaintext) + len(trailer) + self._size, pieces()).getvalue()

    def seal_parts(self, entropy: Entropy, plaintext: bytes, layout: Layout) -> tuple[bytes, bytes]:
        ciphertext = b"".join(self.encrypt(entropy(BLOCK), plaintext))
        mac = self._mac.copy()
        _sum_up(mac, ciphertext, (BLOCK, *layout))
        return ciphertext, mac.finalize()[: self._size]


class CiphertextMacOpener(CtsDecryptor):
    """RFC 8009 §5, the other way: nothing is decrypted before the MAC has been verified."""

    __slots__ = ("_mac", "_size")

    def __init__(self, algorithm: CipherAlgorithm, mac: Mac, size: int) -> None:
        CtsDecryptor.__init__(self, algorithm)
        self._mac = mac
        self._size = size

    def open(self, data: bytes, start: int, cut: int) -> tuple[bytes, bytes]:
        size = self._size
        end = len(data) - size
        behind = end - start + BLOCK
        if behind < _LEAST + cut:
            raise BadMICError(_SHORT)
        mac = self._mac.copy()
        mac.update(data[start:end] if end < _VIEW else _view(data, start, end))
        if not compare_digest(mac.finalize()[:size], data[end:]):
            raise BadMICError(_FORGED)
        if behind >= LARGE:
            pieces = self.decrypt_large(data, start, end)
            next(pieces)  # the confounder
            return _parted(_gather(end - start - BLOCK, pieces), end - start - BLOCK - cut)
        blocks = self.decrypt(data, start, end)
        cut = behind - cut
        return blocks[_LEAST:cut], blocks[cut:behind]

    def open_parts(self, ciphertext: bytes, tag: bytes, layout: Layout) -> bytes:
        mac = self._mac.copy()
        _sum_up(mac, ciphertext, (BLOCK, *layout))
        _verify(mac, tag, self._size)
        return self.decrypt(ciphertext, 0, len(ciphertext))[_LEAST : BLOCK + len(ciphertext)]


def _sum_up(mac: Mac, octets: bytes, layout: Layout) -> None:
    at = 0
    for part in layout:
        if isinstance(part, int):
            mac.update(octets[at : at + part])
            at += part
        else:
            mac.update(part)


def _view(data: bytes, start: int, end: int) -> bytes:
    return memoryview(data)[start:end]  # type: ignore[return-value]  # a MAC takes any buffer, its stubs say bytes


def _verify(mac: Mac, tag: bytes, size: int) -> None:
    if not compare_digest(mac.finalize()[:size], tag):
        raise BadMICError(_FORGED)


def _summed(mac: Mac, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces, each of which goes through the MAC on its way."""
    for piece in pieces:
        mac.update(piece)
        yield piece


def _gather(size: int, pieces: Iterable[bytes]) -> BytesIO:
    """Pieces joined one at a time, as they are made, in memory for `size` octets that is taken once."""
    out = BytesIO()
    out.seek(size - 1)
    out.write(b"\0")
    out.seek(0)
    out.writelines(pieces)
    return out


def _parted(whole: BytesIO, size: int) -> tuple[bytes, bytes]:
    """The first `size` octets, and the others."""
    whole.seek(size)
    trailer = whole.read()
    whole.truncate(size)
    return whole.getvalue(), trailer
