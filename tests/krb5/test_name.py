"""RFC 1964 §2.1: GSS names as principals, on MIT's vectors and by name type."""

from __future__ import annotations

import sys

import pytest

from puregss.base.errors import BadNameError, BadNameTypeError, GSSError
from puregss.base.names import KERBEROS_ALIASES, MechType, NameType
from puregss.base.oid import OID
from puregss.krb5.name import (
    ANONYMOUS,
    acceptor_principal,
    canonicalize,
    export_name,
    import_exported_name,
    service_and_host,
)
from puregss.krb5.principal import Principal
from puregss.wire.exported_name import encode_exported_name
from tests import vectors

NAME_TYPES = {
    "GSS_C_NT_USER_NAME": NameType.user,
    "GSS_KRB5_NT_PRINCIPAL_NAME": NameType.kerberos_principal,
    "GSS_C_NT_HOSTBASED_SERVICE": NameType.hostbased_service,
}


class Realms:
    """One realm for everything but the hosts below `other.test`."""

    def __init__(self, default: str | None = "KRBTEST.COM") -> None:
        self.default = default

    def default_realm(self) -> str:
        if self.default is None:
            raise GSSError("no default realm is configured")
        return self.default

    def realm_of_host(self, host: str) -> str:
        return "OTHER.TEST" if host.endswith("other.test") else ""

    def canonical_host(self, host: str) -> str:
        return host.lower()

    def local_host(self) -> str:
        return "here.example.com"

    def user_of_uid(self, uid: int) -> str:
        if uid != 1000:
            raise BadNameError(f"this machine has no user {uid}")
        return "alice"


def machine_uid(uid: int) -> str:
    """RFC 1964 §2.2.2: a uid_t in host byte order, as a name holds octets that are no text."""
    return uid.to_bytes(4, sys.byteorder).decode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    "vector",
    [v for v in vectors.load("exported_names") if not v["composite"] and v["mechanism"] == str(MechType.kerberos)],
    ids=lambda vector: vector["contained_name"],
)
def test_exported_names(vector: dict[str, str]) -> None:
    principal = canonicalize(
        vector["imported_name"], NAME_TYPES[vector["imported_as"]], Realms(vector["default_realm"])
    )
    token = bytes.fromhex(vector["exported_hex"])
    assert export_name(principal) == token
    assert import_exported_name(token) == principal


@pytest.mark.parametrize("oid", sorted(KERBEROS_ALIASES, key=str), ids=str)
def test_names_under_the_mechanisms_other_oids_are_read(oid: OID) -> None:
    assert import_exported_name(encode_exported_name(oid, b"a@B")) == Principal(("a",), "B")


def test_composite_names_are_refused() -> None:
    """MIT reads back what it wrote here. RFC 6680 leaves the octets of the attributes to each mechanism and
    library; who holds them need not be who the KDC vouched for, so we neither write nor believe them."""
    composite = [vector for vector in vectors.load("exported_names") if vector["composite"]]
    assert composite
    for vector in composite:
        with pytest.raises(BadNameError):
            import_exported_name(bytes.fromhex(vector["exported_hex"]))


def test_names_of_other_mechanisms_are_refused() -> None:
    for vector in vectors.load("exported_names"):
        if vector["mechanism"] != str(MechType.kerberos):
            with pytest.raises(BadNameError):
                import_exported_name(bytes.fromhex(vector["exported_hex"]))


@pytest.mark.parametrize(
    ("text", "name_type", "expected"),
    [
        ("HTTP@WWW.other.test", NameType.hostbased_service, Principal(("HTTP", "www.other.test"), "OTHER.TEST")),
        ("host@a.example.com", NameType.hostbased_service_x, Principal(("host", "a.example.com"), "")),
        ("host", NameType.hostbased_service, Principal(("host", "here.example.com"), "")),
        ("alice", None, Principal(("alice",), "KRBTEST.COM")),
        ("alice/admin@A", NameType.user, Principal(("alice", "admin"), "A")),
        (r"al\@ice", NameType.kerberos_principal, Principal(("al@ice",), "KRBTEST.COM")),
        ("1000", NameType.string_uid, Principal(("alice",), "KRBTEST.COM")),
        (machine_uid(1000), NameType.machine_uid, Principal(("alice",), "KRBTEST.COM")),
        ("anyone", NameType.anonymous, ANONYMOUS),
    ],
)
def test_canonicalize(text: str, name_type: OID | None, expected: Principal) -> None:
    assert canonicalize(text, name_type, Realms()) == expected


def test_a_full_name_needs_no_default_realm() -> None:
    assert canonicalize("a@B", None, Realms(None)) == Principal(("a",), "B")
    with pytest.raises(GSSError, match="default realm"):
        canonicalize("a", None, Realms(None))


@pytest.mark.parametrize(
    ("text", "name_type", "error"),
    [
        ("@host", NameType.hostbased_service, BadNameError),
        ("", NameType.hostbased_service, BadNameError),
        ("-1", NameType.string_uid, BadNameError),
        ("1001", NameType.string_uid, BadNameError),
        ("١٠٠٠", NameType.string_uid, BadNameError),
        ("", NameType.string_uid, BadNameError),
        ("1" * 5000, NameType.string_uid, BadNameError),
        (machine_uid(1001), NameType.machine_uid, BadNameError),
        ("1000", NameType.machine_uid, BadNameError),
        ("a user", NameType.machine_uid, BadNameError),
        ("x", NameType.composite_export, BadNameTypeError),
    ],
)
def test_names_that_are_none(text: str, name_type: OID, error: type[GSSError]) -> None:
    with pytest.raises(error):
        canonicalize(text, name_type, Realms())


def test_an_acceptor_may_leave_out_host_and_realm() -> None:
    assert acceptor_principal("host") == Principal(("host", ""), "")
    assert acceptor_principal("host@Www.Example.com.") == Principal(("host", "www.example.com"), "")
    assert service_and_host("imap") == ("imap", "")
