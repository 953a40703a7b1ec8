"""RFC 4120 §3.2.3: which key opens a ticket, and what a person is told when none does."""

from __future__ import annotations

from typing import Any

import pytest

from puregss.base.errors import BadMICError, GSSError, MissingCredentialsError, OperationUnavailableError
from puregss.krb5.acceptor_keys import matches, open_ticket
from puregss.krb5.messages.error import KrbErrorCode
from puregss.krb5.messages.fields import EncryptedData
from puregss.krb5.messages.ticket import Ticket, decode_ticket
from puregss.krb5.name import acceptor_principal
from puregss.krb5.ports import ServiceKey
from puregss.krb5.principal import Principal, parse_principal
from tests.krb5.minting import CLIENT, REALM, SERVICE, keys_of, mint, service_key
from tests.vectors import load

ALIAS = Principal(("HTTP", "alias.example.com"), REALM, 3)
LDAP = Principal(("ldap", "www.example.com"), REALM, 3)


@pytest.mark.parametrize(
    "vector",
    load("acceptor_name_match"),
    ids=lambda v: f"{v['matching']}-{v['principal']}-{v['matching_name_type']}-{v['ignore_acceptor_hostname']}",
)
def test_names_match_as_mit_has_them(vector: dict[str, Any]) -> None:
    text = vector["matching"]
    acceptor = None
    if text is not None:
        parsed = parse_principal(text, None)
        acceptor = Principal(parsed.components, parsed.realm, vector["matching_name_type"])
        if vector["ignore_acceptor_hostname"]:
            # MIT asks the option while it compares, we when the acceptor is named: a principal that somebody spells
            # out with its realm is taken at its word. So the realm of these two vectors does not come into it here.
            acceptor = acceptor_principal("@".join(parsed.components), ignore_host=True)
    assert matches(acceptor, parse_principal(vector["principal"], None)) is vector["match"]


def test_a_named_host_is_that_host_alone() -> None:
    """Which none of the published vectors says."""
    here = acceptor_principal("HTTP@www.example.com")
    assert matches(here, SERVICE)
    assert not matches(here, ALIAS)
    key = service_key(service=ALIAS)
    with pytest.raises(MissingCredentialsError, match=r"no key for HTTP/www\.example\.com"):
        open_ticket(ticket_of(key), keys_of(key), here)


def ticket_of(key: ServiceKey, **options: Any) -> Ticket:
    return decode_ticket(mint(key, **options).ticket)


@pytest.mark.parametrize(
    "acceptor",
    [None, SERVICE, Principal(("HTTP", ""), "", 3), Principal(("HTTP", "www.example.com"), "", 3)],
    ids=["any", "exact", "service", "host"],
)
def test_the_named_key_opens(acceptor: Principal | None) -> None:
    key = service_key()
    part, service = open_ticket(ticket_of(key), keys_of(service_key(service=LDAP), key), acceptor)
    assert (part.client, service) == (CLIENT, SERVICE)


def test_a_ticket_for_an_alias_opens_with_the_key_that_fits() -> None:
    """The KDC knows the alias, the keytab does not: the acceptor is who the key says."""
    key = service_key()
    assert open_ticket(ticket_of(key, server=ALIAS), keys_of(key), None)[1] == SERVICE
    assert open_ticket(ticket_of(key, server=ALIAS), keys_of(key), SERVICE)[1] == SERVICE


def test_a_version_counted_otherwise_opens() -> None:
    key = service_key(kvno=3)
    assert open_ticket(ticket_of(key, kvno=259), keys_of(key), None)[1] == SERVICE


def test_the_newest_of_many_versions_is_not_guessed() -> None:
    keys = [service_key(kvno=kvno) for kvno in range(1, 9)]
    for key in keys:
        assert open_ticket(ticket_of(key), keys_of(*keys), None)[1] == SERVICE


def refusal(ticket: Ticket, acceptor: Principal | None, *keys: ServiceKey) -> GSSError:
    with pytest.raises(GSSError) as caught:
        open_ticket(ticket, keys_of(*keys), acceptor)
    return caught.value


def test_an_empty_keytab_is_told() -> None:
    error = refusal(ticket_of(service_key()), None)
    assert isinstance(error, MissingCredentialsError)
    assert error.minor == KrbErrorCode.KRB_AP_ERR_NOKEY.minor
    assert "has nothing" in error.message


def test_another_version_is_told_with_what_is_there() -> None:
    error = refusal(ticket_of(service_key(kvno=4)), None, service_key(kvno=3))
    assert isinstance(error, MissingCredentialsError)
    assert error.minor == KrbErrorCode.KRB_AP_ERR_BADKEYVER.minor
    for fact in ("HTTP/www.example.com@EXAMPLE.COM", "kvno 4", "kvno 3", "aes256-cts-hmac-sha1-96", "MEMORY keytab"):
        assert fact in error.message


def test_another_enctype_is_told_with_what_is_there() -> None:
    error = refusal(ticket_of(service_key(17)), None, service_key(18))
    assert error.minor == KrbErrorCode.KRB_AP_ERR_BADKEYVER.minor
    assert "aes128-cts-hmac-sha1-96" in error.message
    assert "aes256-cts-hmac-sha1-96" in error.message


def test_another_service_is_told_with_what_is_there() -> None:
    error = refusal(ticket_of(service_key()), None, service_key(service=LDAP))
    assert isinstance(error, MissingCredentialsError)
    assert error.minor == KrbErrorCode.KRB_AP_ERR_NOT_US.minor
    assert "ldap/www.example.com@EXAMPLE.COM" in error.message


def test_a_credential_for_another_service_does_not_use_this_key() -> None:
    key = service_key()
    error = refusal(ticket_of(key), LDAP, key)
    assert isinstance(error, MissingCredentialsError)
    assert "no key for ldap/www.example.com@EXAMPLE.COM" in error.message


def test_a_key_of_another_password_is_told_apart_from_a_missing_one() -> None:
    error = refusal(ticket_of(service_key(kvno=3)), None, service_key(kvno=3))
    assert isinstance(error, BadMICError)
    assert error.minor == KrbErrorCode.KRB_AP_ERR_BAD_INTEGRITY.minor
    assert "another password" in error.message


@pytest.mark.parametrize(("etype", "name"), [(23, "rc4-hmac"), (16, "des3-cbc-sha1"), (-128, "enctype -128")])
def test_an_encryption_type_we_lack_is_named(etype: int, name: str) -> None:
    ticket = Ticket(SERVICE, EncryptedData(etype, 3, bytes(100)))
    error = refusal(ticket, None, service_key())
    assert isinstance(error, OperationUnavailableError)
    assert error.minor == KrbErrorCode.KDC_ERR_ETYPE_NOSUPP.minor
    assert name in error.message


def test_a_long_keytab_is_not_listed_in_full() -> None:
    many = [service_key(service=Principal(("host", f"h{n}.example.com"), REALM)) for n in range(50)]
    error = refusal(ticket_of(service_key()), None, *many)
    assert "and 44 more" in error.message
    assert len(error.message) < 1000
