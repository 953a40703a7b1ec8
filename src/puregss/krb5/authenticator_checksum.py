"""RFC 4121 §4.1.1: the checksum field of the authenticator, which carries bindings, flags and delegation."""

from __future__ import annotations

import hmac
from hashlib import md5
from struct import Struct
from typing import Final, NamedTuple

from puregss.base.bindings import ChannelBindings
from puregss.base.errors import BadChannelBindingsError, InvalidTokenError, OperationUnavailableError
from puregss.base.flags import RequirementFlag
from puregss.base.made import made

CHECKSUM_TYPE: Final = 0x8003

WIRE_FLAGS: Final = (
    RequirementFlag.delegate_to_peer
    | RequirementFlag.mutual_authentication
    | RequirementFlag.replay_detection
    | RequirementFlag.out_of_sequence_detection
    | RequirementFlag.confidentiality
    | RequirementFlag.integrity
    | RequirementFlag.dce_style
    | RequirementFlag.identify
    | RequirementFlag.extended_error
).value
"""The flags that travel: §4.1.1.1's six and RFC 4757 §7.1's three. Others are cleared by the sender, ignored by us."""

_DELEGATE: Final = RequirementFlag.delegate_to_peer.value
_NO_BINDINGS: Final = bytes(16)
MAX_DELEGATION: Final = 0xFFFF
"""The longest KRB-CRED, in octets, that its 16-bit length can tell."""
_FIXED: Final = Struct("<I16sI")
_DELEGATION: Final = Struct("<HH")
_DELEGATION_OPTION: Final = 1


class AuthenticatorChecksum(NamedTuple):
    """What the field says. `bindings_hash` is 16 octets, all zero where the initiator gave no bindings.

    `flags` are bits of `RequirementFlag`, here and in all of establishment plain integers: an IntFlag's operators
    cost more than the field's decoding.
    """

    bindings_hash: bytes
    flags: int
    delegation: bytes | None = None  # an encoded KRB-CRED


def encode_checksum(value: AuthenticatorChecksum) -> bytes:
    """The octets of the checksum. OperationUnavailableError if the delegated credential exceeds its 16-bit length."""
    flags = value.flags & WIRE_FLAGS & ~_DELEGATE
    if value.delegation is None:
        return _FIXED.pack(16, value.bindings_hash, flags)
    if len(value.delegation) > MAX_DELEGATION:
        raise OperationUnavailableError(
            f"the ticket to delegate has {len(value.delegation)} octets, and there is room for {MAX_DELEGATION}; "
            "authenticate without delegation, or ask the KDC for a ticket with less authorization data"
        )
    return (
        _FIXED.pack(16, value.bindings_hash, flags | _DELEGATE)
        + _DELEGATION.pack(_DELEGATION_OPTION, len(value.delegation))
        + value.delegation
    )


def decode_checksum(octets: bytes) -> AuthenticatorChecksum:
    """Read the octets of the checksum; extensions after it are ignored, as §4.1.1 wants."""
    if len(octets) < _FIXED.size:
        raise InvalidTokenError(f"the authenticator's checksum has {len(octets)} octets; RFC 4121 §4.1.1 needs 24")
    length, bindings_hash, number = _FIXED.unpack_from(octets)
    if length != len(bindings_hash):
        raise InvalidTokenError(f"the channel bindings field of the authenticator says {length} octets; it has 16")
    flags = number & WIRE_FLAGS
    if not flags & _DELEGATE:
        return made(AuthenticatorChecksum, (bindings_hash, flags, None))
    return AuthenticatorChecksum(bindings_hash, flags, _decode_delegation(octets[_FIXED.size :]))


def _decode_delegation(octets: bytes) -> bytes:
    if len(octets) < _DELEGATION.size:
        raise InvalidTokenError("the authenticator announces a delegated credential and ends before it")
    option, length = _DELEGATION.unpack_from(octets)
    delegation = octets[_DELEGATION.size : _DELEGATION.size + length]
    if option != _DELEGATION_OPTION:
        raise InvalidTokenError(f"the authenticator's delegation option is {option}; only 1 is known")
    if len(delegation) != length:
        raise InvalidTokenError("the authenticator's delegated credential is cut off")
    return delegation


def hash_bindings(bindings: ChannelBindings | None) -> bytes:
    """The Bnd field (§4.1.1.2): MD5 over the packed bindings, or 16 zero octets where there are none.

    MD5 is the RFC's; the hash travels inside the encrypted authenticator and guards no secret.
    """
    if bindings is None:
        return _NO_BINDINGS
    return md5(pack_bindings(bindings), usedforsecurity=False).digest()


def pack_bindings(bindings: ChannelBindings) -> bytes:
    """The octets that are hashed. BadChannelBindingsError if a number or a length does not fit 32 bits."""
    parts: list[bytes] = []
    for number, octets in (
        (bindings.initiator_address_type, bindings.initiator_address),
        (bindings.acceptor_address_type, bindings.acceptor_address),
    ):
        parts += (_number(number), _number(len(octets)), octets)
    parts += (_number(len(bindings.application_data)), bindings.application_data)
    return b"".join(parts)


def _number(value: int) -> bytes:
    if not 0 <= value <= 0xFFFFFFFF:
        raise BadChannelBindingsError(f"{value} does not fit the 32 bits of a channel bindings field")
    return value.to_bytes(4, "little")


def check_bindings(received: bytes, bindings: ChannelBindings | None, initiator_is_aware: bool) -> bool:
    """Compare the received Bnd field with the acceptor's own bindings; True if the context is bound to the channel.

    An initiator that gave none is let in, for old ones cannot; unless it declares that it always gives them where
    it has a channel (KERB_AP_OPTIONS_CBT, MS-KILE §3.2.5.8): then somebody stands between. BadChannelBindingsError.
    """
    if bindings is None:
        return False
    if received == _NO_BINDINGS:
        if not initiator_is_aware:
            return False
        raise BadChannelBindingsError(
            "the initiator speaks of channel bindings and sent none, while the acceptor has a channel to bind to"
        )
    if not hmac.compare_digest(received, hash_bindings(bindings)):
        raise BadChannelBindingsError(
            "the initiator bound itself to another channel than the acceptor's: somebody may stand between the two, "
            "or they disagree on what to bind to (for TLS: which certificate, which binding type)"
        )
    return True
