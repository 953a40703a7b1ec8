"""RFC 2743 §2.2.8, §2.2.9: raw interprocess tokens, which C libraries write and read, by the name of their format.

| format      | who speaks it                                                                             |
|-------------|-------------------------------------------------------------------------------------------|
| `mit`       | MIT krb5 1.18 and later                                                                   |
| `heimdal-7` | Heimdal 7 and older                                                                       |
| `heimdal-8` | Heimdal's master and the copy of it in Samba                                              |
| `lucid`     | the Linux kernel, which takes a key and a number of it (gss-proxy's `linux_lucid_v1`); export only |

A raw token has the context's keys in clear, and whoever has it imports it, as often as he likes. So none is
ever written or read unless its format is named.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from puregss.base.errors import BadMechanismError, GSSError, InvalidTokenError, OperationUnavailableError
from puregss.base.mechanism import MechanismContext
from puregss.base.names import MechType
from puregss.base.ports import Entropy
from puregss.krb5.context import KerberosContext
from puregss.krb5.interchange.heimdal7 import decode_heimdal7, encode_heimdal7
from puregss.krb5.interchange.heimdal8 import decode_heimdal8, encode_heimdal8
from puregss.krb5.interchange.lucid import encode_lucid, refuse_lucid
from puregss.krb5.interchange.mit import decode_mit, encode_mit
from puregss.krb5.record import ContextRecord, decode_record
from puregss.transfer.domain import EXPORTED, failure, refuse_unless_transferable
from puregss.transfer.minor import TransferMinor
from puregss.transfer.token import MAGIC

RawFormat = Literal["mit", "heimdal-7", "heimdal-8", "lucid"]


class _Format(NamedTuple):
    encode: Callable[[ContextRecord], bytes]
    decode: Callable[[bytes], ContextRecord]


_FORMATS: Final[dict[str, _Format]] = {
    "mit": _Format(encode_mit, decode_mit),
    "heimdal-7": _Format(encode_heimdal7, decode_heimdal7),
    "heimdal-8": _Format(encode_heimdal8, decode_heimdal8),
    "lucid": _Format(encode_lucid, refuse_lucid),
}


def _named(format: str) -> _Format:
    found = _FORMATS.get(format)
    if found is None:
        raise ValueError(f"{format!r} is no format of raw tokens; there are {', '.join(_FORMATS)}")
    return found


def export_raw(source: MechanismContext, format: str, now: float) -> bytes:
    """The raw token of `source`, which is dead from here on. `now`: wall-clock seconds.

    If anything is raised the context is as before: ExpiredContextError, MissingContextError (dead already),
    OperationUnavailableError (not transferable, or nothing the format can hold), ValueError (no such format).
    """
    encode = _named(format).encode
    if source.oid != MechType.kerberos:
        raise OperationUnavailableError(f"a context of the mechanism {source.oid} has no raw format")
    refuse_unless_transferable(source, now)
    with source.lock:
        try:
            token = encode(decode_record(source.encode()))
        except OperationUnavailableError as error:
            error.minor = TransferMinor.NOT_TRANSFERABLE
            raise
        except GSSError:
            raise
        except Exception as error:
            raise failure("the context could not be exported", error) from error
        source.kill(EXPORTED)
    return token


def import_raw(token: bytes, format: str, entropy: Entropy) -> KerberosContext:
    """The context in a raw token.

    InvalidTokenError: damaged, or of another format; OperationUnavailableError: half-open, or of an encryption
    type puregss lacks; BadMechanismError: not of Kerberos; ValueError: no such format.
    """
    decode = _named(format).decode
    actual = _recognized(token)
    if actual not in (None, format) and format != "lucid":
        raise InvalidTokenError(
            f"the token is in the format {actual!r}, not {format!r}"
            if actual in _FORMATS
            else "this is an interprocess token of puregss, which is imported through its domain: name no format",
            minor=TransferMinor.NOT_A_TOKEN,
        )
    try:
        record = decode(token)
    except InvalidTokenError as error:
        error.minor = TransferMinor.NOT_A_TOKEN
        raise
    except (OperationUnavailableError, BadMechanismError) as error:
        error.minor = TransferMinor.NOT_TRANSFERABLE
        raise
    return KerberosContext(record, entropy)


def _recognized(token: bytes) -> str | None:
    """What a token's first octets look like, if they tell."""
    if token[:2] == MAGIC:
        return "puregss"
    if token[:1] == b"\0" and len(token) > 1:
        return "heimdal-7" if token[1] else "mit"
    return "heimdal-8" if token[:1] in (b"\x04", b"\x08", b"\x0c") else None
