"""RFC 2743 §2.2.8, as Heimdal 7 does it: the raw interprocess token with numbers of fixed width, big-endian.

Read: Kerberos contexts of either role, also negotiated by SPNEGO. What it has no field for is lost:
authorization data, ticket flags, and all times but the end.
"""

from __future__ import annotations

from typing import Final

from puregss.base.errors import GSSError, InvalidTokenError
from puregss.base.names import MechType
from puregss.krb5.interchange.foreign import bounded_name, is_kerberos, unknown_mechanism
from puregss.krb5.interchange.heimdal import Coding
from puregss.krb5.name import export_name, import_exported_name
from puregss.krb5.principal import Principal
from puregss.krb5.record import ContextRecord
from puregss.wire.reader import Reader


def _read_number(reader: Reader, width: int) -> int:
    return int.from_bytes(reader.take(width), "big")


def _write_number(number: int, width: int) -> bytes:
    return number.to_bytes(width, "big")


def _read_name(reader: Reader) -> Principal:
    """An exported name token, with its length before it."""
    token = reader.take(reader.u32())
    try:
        name = import_exported_name(token)
    except GSSError as error:
        raise InvalidTokenError(f"a name in Heimdal's token is damaged: {error.message}") from error
    return bounded_name(name.components, name.realm, name.name_type)


def _write_name(name: Principal) -> bytes:
    token = export_name(name)
    return len(token).to_bytes(4, "big") + token


_CODING: Final = Coding(False, _read_number, _write_number, _read_name, _write_name)


def decode_heimdal7(token: bytes) -> ContextRecord:
    """The context in `token`. Errors as of `decode_mit`."""
    reader = Reader(token, what="Heimdal's token")
    mechanism = reader.take(reader.u16())
    if mechanism == MechType.spnego.contents:
        mechanism = reader.take(reader.u16())
    if not is_kerberos(mechanism):
        raise unknown_mechanism(mechanism)
    return _CODING.decode(reader.rest())


def encode_heimdal7(record: ContextRecord) -> bytes:
    """The token that Heimdal 7 imports. Whoever reads it has the context's keys.

    OperationUnavailableError if sequence numbers do not fit into 32 bits.
    """
    contents = MechType.kerberos.contents
    return len(contents).to_bytes(2, "big") + contents + _CODING.encode(record)
