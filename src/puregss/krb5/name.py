"""RFC 1964 §2.1: GSS names as Kerberos principals, and back."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import lru_cache
from typing import Final

from puregss.base.errors import BadNameError, BadNameTypeError
from puregss.base.names import KERBEROS_ALIASES, MechType, NameType
from puregss.base.oid import OID
from puregss.krb5.ports import RealmMap
from puregss.krb5.principal import Principal, PrincipalNameType, parse_principal
from puregss.wire.exported_name import decode_exported_name, encode_exported_name

_MOST_DIGITS: Final = 20
ANONYMOUS: Final = Principal(("WELLKNOWN", "ANONYMOUS"), "WELLKNOWN:ANONYMOUS", PrincipalNameType.WELLKNOWN)
"""RFC 8062 §3: the anonymous principal of the anonymous realm."""

_UID_SIZE: Final = 4  # octets of a uid_t, on every system Python runs on that has one


def service_and_host(text: str) -> tuple[str, str]:
    """`service@host` or `service` taken apart (RFC 2743 §4.1); the host in lower case, "" where absent."""
    service, _, host = text.partition("@")
    if not service:
        raise BadNameError(f"{text!r} names no service; write service@host, for example HTTP@www.example.com")
    return service, host.lower().removesuffix(".")


@lru_cache(64)  # an acceptor asks for each of its contexts
def acceptor_principal(text: str, *, ignore_host: bool = False) -> Principal:
    """The keys that `service@host` stands for on the accepting side: empty parts match anything.

    With `ignore_host` the host is one of them, as krb5.conf's ignore_acceptor_hostname wants it.
    """
    service, host = service_and_host(text)
    return Principal((service, "" if ignore_host else host), "", PrincipalNameType.SRV_HST)


def canonicalize(text: str, name_type: OID | None, realms: RealmMap) -> Principal:
    """The principal that a GSS name stands for (RFC 2743 §2.4.14).

    BadNameTypeError for a name type Kerberos has no use for, BadNameError for text that is no such name.
    """
    if name_type in (NameType.hostbased_service, NameType.hostbased_service_x):
        service, host = service_and_host(text)
        host = realms.canonical_host(host) if host else realms.local_host()
        return Principal((service, host), realms.realm_of_host(host), PrincipalNameType.SRV_HST)
    if name_type in (None, NameType.user, NameType.kerberos_principal):
        principal = parse_principal(text, "")
        return principal if principal.realm else replace(principal, realm=realms.default_realm())
    if name_type == NameType.string_uid:
        return Principal((realms.user_of_uid(_uid(text)),), realms.default_realm())
    if name_type == NameType.machine_uid:
        return Principal((realms.user_of_uid(_machine_uid(text)),), realms.default_realm())
    if name_type == NameType.anonymous:
        return ANONYMOUS
    raise BadNameTypeError(f"Kerberos knows no names of type {name_type}")


def _uid(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise BadNameError(f"{text!r} is not a numeric user id")
    return int(text)


def _machine_uid(text: str) -> int:
    """§2.2.2: the octets of a uid_t in this machine's byte order; digits are the business of STRING_UID."""
    octets = text.encode("utf-8", "surrogateescape")
    if len(octets) != _UID_SIZE:
        raise BadNameError(
            f"a machine uid name has {_UID_SIZE} octets, the user id in this machine's byte order, not {len(octets)}; "
            "for digits there is the type string_uid"
        )
    return int.from_bytes(octets, sys.byteorder)


def export_name(principal: Principal) -> bytes:
    """RFC 1964 §2.1.3: the exported name token, for comparison with stored ones octet by octet."""
    return encode_exported_name(MechType.kerberos, str(principal).encode("utf-8", "surrogateescape"))


def import_exported_name(token: bytes) -> Principal:
    """The principal of an exported name token."""
    oid, name = decode_exported_name(token)
    if oid != MechType.kerberos and oid not in KERBEROS_ALIASES:
        raise BadNameError(f"the exported name belongs to the mechanism {oid}, not to Kerberos")
    return parse_principal(name.decode("utf-8", "surrogateescape"), "")
