"""RFC 2743 §2.2.8: the interprocess token, octet by octet (docs/interprocess-token.md).

    0   2  magic, 0xD7 0x67
    2   1  format version, 1
    3   1  kind of the transfer domain
    4  24  name of the claim: domain tag (4), expiry in milliseconds (8), serial (12)
    28  n  AES-256-GCM ciphertext of mechanism and record, tag (16) at its end

The header (octets 0 to 27) and the domain's whole identity are associated data. The key is used for
this one token, so the nonce is zero.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from puregss.base.errors import InvalidTokenError, OperationUnavailableError
from puregss.base.names import MechType
from puregss.base.oid import OID
from puregss.transfer.minor import TransferMinor

MAGIC: Final = b"\xd7\x67"
VERSION: Final = 1
KEY_SIZE: Final = 32
DOMAIN_TAG_SIZE: Final = 4
SERIAL_SIZE: Final = 12
NAME_SIZE: Final = DOMAIN_TAG_SIZE + 8 + SERIAL_SIZE
HEADER_SIZE: Final = 4 + NAME_SIZE
SEAL_TAG_SIZE: Final = 16
MINIMUM_SIZE: Final = HEADER_SIZE + 1 + SEAL_TAG_SIZE

_PREFIX: Final = MAGIC + bytes((VERSION,))
_NONCE: Final = bytes(12)
_KERBEROS: Final = MechType.kerberos


class DomainKind(IntEnum):
    """What holds the claims of a domain."""

    MEMORY = 1
    DIRECTORY = 2
    CHANNEL = 3
    REDIS = 4
    POSTGRESQL = 5


def encode_name(domain_tag: bytes, expiry: int, serial: bytes) -> bytes:
    """The name of a claim; `expiry` in milliseconds of the domain's clock."""
    return domain_tag + expiry.to_bytes(8, "big") + serial


def name_expiry(name: bytes) -> int:
    """The expiry that a claim's name tells, in milliseconds of the domain's clock."""
    return int.from_bytes(name[4:12], "big")


def encode_header(kind: int, name: bytes) -> bytes:
    return _PREFIX + bytes((kind,)) + name


class Header(NamedTuple):
    """The clear part of a token; not to be believed before the seal has been opened."""

    kind: int
    name: bytes
    octets: bytes

    @property
    def domain_tag(self) -> bytes:
        return self.name[:DOMAIN_TAG_SIZE]

    @property
    def expiry(self) -> int:
        """Milliseconds of the domain's clock."""
        return name_expiry(self.name)

    @property
    def serial(self) -> bytes:
        return self.name[-SERIAL_SIZE:]


def decode_header(token: bytes) -> Header:
    """InvalidTokenError unless this is a token of ours, OperationUnavailableError for another version."""
    if token[:2] != MAGIC:
        raise InvalidTokenError(
            "this is not an interprocess token of puregss; a token that a C library exported "
            "is read only where its format is named",
            minor=TransferMinor.NOT_A_TOKEN,
        )
    if len(token) > 2 and token[2] != VERSION:
        raise OperationUnavailableError(
            f"the interprocess token has format version {token[2]} and this puregss reads version {VERSION}; "
            "run the same release of puregss in the exporting and the importing process",
            minor=TransferMinor.UNKNOWN_VERSION,
        )
    if len(token) < MINIMUM_SIZE:
        raise InvalidTokenError(
            f"the interprocess token is cut off: {len(token)} octets, and none has less than {MINIMUM_SIZE}",
            minor=TransferMinor.NOT_A_TOKEN,
        )
    octets = bytes(token[:HEADER_SIZE])  # whatever kind of buffer it came in, a name can be looked up
    return Header(octets[3], octets[4:], octets)


def seal(key: bytes, header: bytes, identity: bytes, oid: OID, record: bytes) -> bytes:
    """The whole token. `key` (32 octets) must never seal anything else."""
    return header + AESGCM(key).encrypt(_NONCE, _encode_contents(oid, record), header + identity)


def open_(key: bytes, token: bytes, identity: bytes) -> tuple[OID, bytes]:
    """Mechanism and record of a token. InvalidTokenError, and nothing parsed, if the seal does not hold."""
    try:
        contents = AESGCM(key).decrypt(_NONCE, token[HEADER_SIZE:], b"".join((token[:HEADER_SIZE], identity)))
    except InvalidTag:
        raise InvalidTokenError(
            "the interprocess token was altered on its way (its seal does not open); "
            "the unaltered token can still be imported",
            minor=TransferMinor.SEAL_BROKEN,
        ) from None
    return _decode_contents(contents)


def _encode_contents(oid: OID, record: bytes) -> bytes:
    """One octet of length and the mechanism's OID; length 0 stands for Kerberos, the usual case."""
    if oid is _KERBEROS or oid == _KERBEROS:
        return b"\0" + record
    return bytes((len(oid.contents),)) + oid.contents + record


def _decode_contents(contents: bytes) -> tuple[OID, bytes]:
    length = contents[0]  # the smallest token has one octet here
    if not length:
        return _KERBEROS, contents[1:]
    if length >= len(contents):
        raise InvalidTokenError("the mechanism of the interprocess token is cut off", minor=TransferMinor.NOT_A_TOKEN)
    return OID.from_contents(contents[1 : 1 + length]), contents[1 + length :]
