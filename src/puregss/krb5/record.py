"""RFC 2743 §2.2.8: all that stays of an established Kerberos context, and its encoding for a transfer.

What is not in the record cannot survive a transfer, so nothing may be kept beside it that cannot be
derived from it again. The encoding is puregss's own: it stands inside a sealed interprocess token.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from struct import Struct
from struct import error as StructError
from typing import Final

from puregss.base.errors import GSSError, InvalidTokenError, OperationUnavailableError
from puregss.kcrypto.key import Key, key_size
from puregss.krb5.principal import Principal
from puregss.krb5.window import ROUND, WIDTH, SequenceWindow

_VERSION: Final = 1

_INITIATE: Final = 0x01
_REPLAY: Final = 0x02
_SEQUENCE: Final = 0x04
_INITIATOR_SUBKEY: Final = 0x08
_ACCEPTOR_SUBKEY: Final = 0x10
_STARTTIME: Final = 0x20  # where it is not the authtime
_RENEW_TILL: Final = 0x40  # where it is not 0
_BITMAP: Final = 0x80  # where numbers are missing among the last ones
_INITIATOR_REALM: Final = 0x100  # where it is not the acceptor's
_KNOWN_BITS: Final = 0x1FF

_FIXED: Final = Struct(">BHIIbIbIQQQ")
_TIME: Final = Struct(">bI")  # 40 bits, signed: the years 1 to 9999 of RFC 4120's KerberosTime do not fit into 32
_NAME: Final = Struct(">iB")


@dataclass(slots=True)
class ContextRecord:
    """One side of an established context. Times are seconds since 1970, 0 where the ticket has none.

    `send_seq` is the number of the next token to send; `recv` knows the peer's. `flags` are those of
    `RequirementFlag`, `ticket_flags` those of RFC 4120 §5.3 (bit 0 is the highest of 32). `authdata`
    holds (ad-type, ad-data) of the ticket and the authenticator.
    """

    initiate: bool
    flags: int
    initiator: Principal
    acceptor: Principal
    authtime: int
    starttime: int
    endtime: int
    renew_till: int
    ticket_flags: int
    session_key: Key
    initiator_subkey: Key | None
    acceptor_subkey: Key | None
    send_seq: int
    recv: SequenceWindow
    authdata: tuple[tuple[int, bytes], ...] = field(default=(), repr=False)

    @property
    def message_key(self) -> Key:
        """RFC 4121 §2: the acceptor's subkey if there is one, else the initiator's, else the ticket's session key."""
        return self.acceptor_subkey or self.initiator_subkey or self.session_key


def encode_record(record: ContextRecord) -> bytes:
    """The record as octets: about 200, and the authorization data."""
    recv = record.recv
    bits = (
        (_INITIATE if record.initiate else 0)
        | (_REPLAY if recv.do_replay else 0)
        | (_SEQUENCE if recv.do_sequence else 0)
        | (_INITIATOR_REALM if record.initiator.realm != record.acceptor.realm else 0)
    )
    variable = [_encode_key(record.session_key)]
    for bit, key in ((_INITIATOR_SUBKEY, record.initiator_subkey), (_ACCEPTOR_SUBKEY, record.acceptor_subkey)):
        if key is not None:
            bits |= bit
            variable.append(_encode_key(key))
    if record.starttime != record.authtime:
        bits |= _STARTTIME
        variable.append(_TIME.pack(*_parted(record.starttime)))
    if record.renew_till:
        bits |= _RENEW_TILL
        variable.append(_TIME.pack(*_parted(record.renew_till)))
    expected = recv.next % ROUND
    if recv.bitmap != _unbroken(expected):
        bits |= _BITMAP
        variable.append(recv.bitmap.to_bytes(8, "big"))
    acceptor = record.acceptor
    variable.append(_encode_acceptor(acceptor.components, acceptor.realm, acceptor.name_type))
    variable.append(_encode_principal(record.initiator, with_realm=bits & _INITIATOR_REALM != 0))
    for ad_type, ad_data in record.authdata:
        variable += (ad_type.to_bytes(4, "big", signed=True), len(ad_data).to_bytes(4, "big"), ad_data)
    fixed = _FIXED.pack(
        _VERSION,
        bits,
        record.flags,
        record.ticket_flags,
        *_parted(record.authtime),
        *_parted(record.endtime),
        record.send_seq,
        recv.base,
        expected,
    )
    return fixed + b"".join(variable)


def decode_record(data: bytes) -> ContextRecord:
    """The record in `data`. InvalidTokenError if it is malformed, OperationUnavailableError for another version."""
    if data and data[0] != _VERSION:
        raise OperationUnavailableError(
            f"the context was written in format {data[0]}; this version of puregss reads format {_VERSION}"
        )
    try:
        return _decode(data)
    except (IndexError, StructError) as error:
        raise InvalidTokenError("the encoded context is cut off") from error


def _decode(data: bytes) -> ContextRecord:
    _, bits, flags, ticket_flags, *times, send_seq, base, expected = _FIXED.unpack_from(data)
    if bits & ~_KNOWN_BITS:
        raise InvalidTokenError("the encoded context has bits that format 1 does not know")
    at = _FIXED.size
    session_key, at = _decode_key(data, at)
    initiator_subkey = acceptor_subkey = None
    if bits & _INITIATOR_SUBKEY:
        initiator_subkey, at = _decode_key(data, at)
    if bits & _ACCEPTOR_SUBKEY:
        acceptor_subkey, at = _decode_key(data, at)
    starttime = authtime = times[0] << 32 | times[1]
    renew_till = 0
    if bits & _STARTTIME:
        starttime, at = _decode_time(data, at)
    if bits & _RENEW_TILL:
        renew_till, at = _decode_time(data, at)
    bitmap = _unbroken(expected)
    if bits & _BITMAP:
        written, at = _take(data, at, 8)
        bitmap = int.from_bytes(written, "big")
    size, at = _take(data, at, 2)
    name, at = _take(data, at, size[0] << 8 | size[1])
    acceptor = _decode_acceptor(name)
    initiator, at = _decode_principal(data, at, None if bits & _INITIATOR_REALM else acceptor.realm)
    return ContextRecord(
        initiate=bits & _INITIATE != 0,
        flags=flags,
        initiator=initiator,
        acceptor=acceptor,
        authtime=authtime,
        starttime=starttime,
        endtime=times[2] << 32 | times[3],
        renew_till=renew_till,
        ticket_flags=ticket_flags,
        session_key=session_key,
        initiator_subkey=initiator_subkey,
        acceptor_subkey=acceptor_subkey,
        send_seq=send_seq,
        recv=SequenceWindow(base, expected, bitmap, do_replay=bits & _REPLAY != 0, do_sequence=bits & _SEQUENCE != 0),
        authdata=_decode_authdata(data, at),
    )


def _take(data: bytes, at: int, size: int) -> tuple[bytes, int]:
    end = at + size
    if end > len(data):
        raise InvalidTokenError("the encoded context is cut off")
    return data[at:end], end


def _unbroken(expected: int) -> int:
    """The bitmap of a window in which every number up to the expected one has arrived."""
    return (1 << min(expected, WIDTH)) - 1


def _parted(seconds: int) -> tuple[int, int]:
    return seconds >> 32, seconds & 0xFFFF_FFFF


def _decode_time(data: bytes, at: int) -> tuple[int, int]:
    high, low = _TIME.unpack_from(data, at)
    return high << 32 | low, at + _TIME.size


def _encode_key(key: Key) -> bytes:
    return bytes((key.enctype,)) + key.dangerous_material()


def _decode_key(data: bytes, at: int) -> tuple[Key, int]:
    enctype = data[at]
    try:
        end = at + 1 + key_size(enctype)
        return Key(enctype, data[at + 1 : end]), end
    except GSSError as error:  # an enctype we lack, or fewer octets than its keys have
        raise InvalidTokenError(f"the encoded context holds a key we cannot use: {error.message}") from error


def _encode_principal(principal: Principal, *, with_realm: bool) -> bytes:
    texts = (*principal.components, principal.realm) if with_realm else principal.components
    encoded = [text.encode("utf-8", "surrogateescape") for text in texts]
    head = _NAME.pack(principal.name_type, len(principal.components))
    return head + b"".join([len(text).to_bytes(2, "big") + text for text in encoded])


def _decode_principal(data: bytes, at: int, realm: str | None) -> tuple[Principal, int]:
    name_type, count = _NAME.unpack_from(data, at)
    at += _NAME.size
    texts = []
    for _ in range(count if realm is not None else count + 1):
        end = at + 2 + (data[at] << 8 | data[at + 1])
        texts.append(data[at + 2 : end].decode("utf-8", "surrogateescape"))
        at = end
    if at > len(data):
        raise InvalidTokenError("the encoded context is cut off")
    if realm is None:
        realm = texts.pop()
    return Principal(tuple(texts), realm, name_type), at


@lru_cache(maxsize=64)
def _encode_acceptor(components: tuple[str, ...], realm: str, name_type: int) -> bytes:
    """The acceptor's name behind its length. The thousands of contexts of one service share one."""
    encoded = _encode_principal(Principal(components, realm, name_type), with_realm=True)
    return len(encoded).to_bytes(2, "big") + encoded


@lru_cache(maxsize=64)
def _decode_acceptor(data: bytes) -> Principal:
    """The same, the other way."""
    principal, end = _decode_principal(data, 0, None)
    if end != len(data):
        raise InvalidTokenError("the acceptor's name in the encoded context has octets too many")
    return principal


def _decode_authdata(data: bytes, at: int) -> tuple[tuple[int, bytes], ...]:
    elements = []
    while at < len(data):
        head, at = _take(data, at, 8)
        ad_data, at = _take(data, at, int.from_bytes(head[4:], "big"))
        elements.append((int.from_bytes(head[:4], "big", signed=True), ad_data))
    return tuple(elements)
