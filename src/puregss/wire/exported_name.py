"""RFC 2743 §3.2: the exported name object, one flat form for the names of every mechanism."""

from __future__ import annotations

from puregss.base.errors import BadNameError, GSSError
from puregss.base.oid import OID

_TOKEN_ID = b"\x04\x01"


def encode_exported_name(oid: OID, name: bytes) -> bytes:
    """The token for `name`, the mechanism's own octets."""
    return b"".join(
        (_TOKEN_ID, len(oid.der).to_bytes(2, "big"), oid.der, len(name).to_bytes(4, "big"), name),
    )


def decode_exported_name(token: bytes) -> tuple[OID, bytes]:
    """The mechanism and its octets. BadNameError unless the token is well-formed to the last byte."""
    oid_end = 4 + int.from_bytes(token[2:4], "big")
    der = token[4:oid_end]
    name = token[oid_end + 4 :]
    well_formed = (
        token[:2] == _TOKEN_ID
        and len(token) >= oid_end + 4
        and der[:1] == b"\x06"
        and len(der) >= 2
        and der[1] == len(der) - 2
        and int.from_bytes(token[oid_end : oid_end + 4], "big") == len(name)
    )
    if not well_formed:
        raise BadNameError("the exported name is not a token of RFC 2743 §3.2; export it again where it came from")
    try:
        return OID.from_contents(der[2:]), name
    except GSSError as error:
        raise BadNameError(f"the exported name's mechanism is unreadable: {error.message}") from error
