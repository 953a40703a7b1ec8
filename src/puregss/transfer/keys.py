"""RFC 5869: domain keys, without which the claims of a network store are worth nothing."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from puregss.base.errors import OperationUnavailableError
from puregss.transfer.minor import TransferMinor
from puregss.transfer.token import DOMAIN_TAG_SIZE, KEY_SIZE

_IDENTITY: Final = b"puregss domain identity\0"
_DATA_KEY: Final = b"puregss data key\0"


class DomainKey:
    """32 octets that every process of the domain has and the store has not."""

    __slots__ = ("_material", "identity", "tag")

    identity: bytes
    """Names the domain in the tokens' associated data; says nothing about the key."""
    tag: bytes
    """The identity's first octets, in the clear part of a token: which of the domain's keys it needs."""

    def __init__(self, material: bytes) -> None:
        if len(material) != KEY_SIZE:
            raise ValueError(f"a domain key has {KEY_SIZE} octets, not {len(material)}")
        self._material = material
        self.identity = _hkdf(material, _IDENTITY)
        self.tag = self.identity[:DOMAIN_TAG_SIZE]

    def __repr__(self) -> str:
        return f"<DomainKey {self.tag.hex()}>"

    def derive(self, secret: bytes, header: bytes) -> bytes:
        """The key of one token: neither the claim's secret alone nor the domain key alone opens it."""
        return _hkdf(self._material + secret, _DATA_KEY + header)


def _hkdf(secret: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), KEY_SIZE, None, info).derive(secret)


def format_domain_key(material: bytes) -> str:
    """The line of a key file that `parse_domain_keys` reads as this key."""
    return base64.b64encode(material).decode()


def parse_domain_keys(text: str, source: str) -> tuple[DomainKey, ...]:
    """The keys of a key file or of PUREGSS_TRANSFER_KEY, named by `source` in errors.

    Each is 32 octets in base64 or hex, separated by blanks or line ends; `#` begins a comment. The
    first seals new tokens, all of them open: to rotate, put the new key second everywhere, then first
    everywhere, then drop the old one.
    """
    words = [word for line in text.splitlines() for word in line.partition("#")[0].split()]
    if not words:
        raise OperationUnavailableError(
            f"{source} holds no domain key; make a file with one by `puregss transfer init --new-key FILE`",
            minor=TransferMinor.NO_DOMAIN_KEY,
        )
    return tuple(_parse_key(word, number, source) for number, word in enumerate(words, 1))


def _parse_key(word: str, number: int, source: str) -> DomainKey:
    try:
        if len(word) == 2 * KEY_SIZE:
            return DomainKey(bytes.fromhex(word))
        return DomainKey(base64.b64decode(word, validate=True))
    except (ValueError, binascii.Error):
        raise OperationUnavailableError(
            f"key {number} of {source} is not {KEY_SIZE} octets in base64 or hex",
            minor=TransferMinor.NO_DOMAIN_KEY,
        ) from None
