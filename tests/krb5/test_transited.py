"""RFC 4120 §2.7, §3.3.3.2: the realms on a ticket's way, on the published vectors."""

from __future__ import annotations

from typing import Any

import pytest

from puregss.base.errors import GSSError, InvalidTokenError, UnauthorizedError
from puregss.krb5.messages.error import KrbErrorCode
from puregss.krb5.messages.fields import EncryptionKey
from puregss.krb5.messages.ticket import EncTicketPart, TicketFlag, TransitedEncoding
from puregss.krb5.principal import Principal
from puregss.krb5.transited import check_transited, expand_transited, hierarchical_path
from tests.vectors import load

VECTORS = load("transited")


def vectors(function: str) -> list[dict[str, Any]]:
    return [vector for vector in VECTORS if vector["function"] == function and not vector.get("capaths")]


@pytest.mark.parametrize("vector", vectors("expand"), ids=lambda v: v["transited"])
def test_fields_expand_as_published(vector: dict[str, Any]) -> None:
    field, client, server = vector["transited"], vector["client_realm"] or "", vector["server_realm"] or ""
    if vector.get("expect") == "reject":
        with pytest.raises(InvalidTokenError):
            expand_transited(field, client, server)
    else:
        assert sorted(expand_transited(field, client, server)) == sorted(vector["realms_in_any_order"])


@pytest.mark.parametrize("vector", vectors("path"), ids=lambda v: f"{v['client_realm']}-{v['server_realm']}")
def test_paths_are_as_published(vector: dict[str, Any]) -> None:
    """The published walk names the TGS of each realm, both ends included; one realm has no way to itself."""
    path = hierarchical_path(vector["client_realm"], vector["server_realm"])
    if vector.get("expect") == "reject":
        assert path == []
    else:
        walked = [name.split("/")[1].split("@")[0] for name in vector["tgt_principals"]]
        assert path == walked[1:-1]


def test_names_in_x500_style_have_their_hierarchy() -> None:
    assert hierarchical_path("/COM/HP/APOLLO", "/COM/DEC") == ["/COM/HP", "/COM"]
    assert hierarchical_path("/COM/HP", "/COM/HP/APOLLO/LAB") == ["/COM/HP/APOLLO"]


def ticket(client_realm: str, transited: str, kind: int = 1, flags: int = 0) -> EncTicketPart:
    return EncTicketPart(
        flags,
        EncryptionKey(18, bytes(32)),
        Principal(("alice",), client_realm),
        TransitedEncoding(kind, transited.encode()),
        0,
        None,
        0,
    )


@pytest.mark.parametrize(
    ("client", "transited"),
    [
        ("EXAMPLE.COM", ""),
        ("A.EXAMPLE.COM", ""),
        ("A.B.EXAMPLE.COM", "B.EXAMPLE.COM"),
        ("SUB.OTHER.ORG", "OTHER.ORG,ORG,COM"),
        ("SUB.OTHER.ORG", ""),
    ],
)
def test_the_hierarchy_is_trusted(client: str, transited: str) -> None:
    check_transited(ticket(client, transited), "EXAMPLE.COM", None)


@pytest.mark.parametrize("transited", ["STRANGE.NET", "OTHER.ORG,STRANGE.NET", "ORG,EVIL."])
def test_realms_off_the_path_are_not(transited: str) -> None:
    with pytest.raises(UnauthorizedError, match=r"capaths") as caught:
        check_transited(ticket("SUB.OTHER.ORG", transited), "EXAMPLE.COM", None)
    assert caught.value.minor == KrbErrorCode.KRB_AP_PATH_NOT_ACCEPTED.minor


def test_the_configuration_replaces_the_hierarchy() -> None:
    def path(client: str, server: str) -> list[str] | None:
        return ["STRANGE.NET"] if (client, server) == ("SUB.OTHER.ORG", "EXAMPLE.COM") else None

    check_transited(ticket("SUB.OTHER.ORG", "STRANGE.NET"), "EXAMPLE.COM", path)
    with pytest.raises(UnauthorizedError):
        check_transited(ticket("SUB.OTHER.ORG", "OTHER.ORG"), "EXAMPLE.COM", path)
    check_transited(ticket("SUB.OTHER.ORG", "OTHER.ORG"), "ELSEWHERE.ORG", path)


def test_a_kdcs_word_is_taken() -> None:
    check_transited(ticket("A.ORG", "STRANGE.NET", flags=TicketFlag.TRANSITED_POLICY_CHECKED), "B.ORG", None)


def test_an_unknown_encoding_is_not_trusted() -> None:
    with pytest.raises(UnauthorizedError, match="unknown encoding"):
        check_transited(ticket("A.ORG", "ORG", kind=2), "B.ORG", None)


@pytest.mark.parametrize(
    "field", ["," * 1000, "A," * 1000, "\\", ",\\", "\x00", "A.\\..", "/" * 500, ",".join(["/X"] * 70), " ,", "."]
)
def test_hostile_fields_are_bounded(field: str) -> None:
    for client in ("A.B.C", "/X/Y", "", "A." * 2000):
        try:
            check_transited(ticket(client, field), "EXAMPLE.COM", None)
        except GSSError:
            continue
