"""The AS exchange from the client's side, against honest, faulty and lying KDCs in this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from puregss.base.errors import (
    ExpiredCredentialsError,
    GSSError,
    MissingCredentialsError,
    OperationUnavailableError,
)
from puregss.base.mechanism import KdcRequest
from puregss.gss.driver import run
from puregss.krb5.ccache import CachedTicket
from puregss.krb5.kdc_exchange import KDCREP_MODIFIED, TicketOptions
from puregss.krb5.kdc_exchange_as import as_exchange
from puregss.krb5.memory import MemoryKeys
from puregss.krb5.messages.error import KrbError, KrbErrorCode, encode_krb_error
from puregss.krb5.messages.kdc import AS_REQ, decode_kdc_rep, decode_kdc_req, decode_kdc_req_body, encode_kdc_rep
from puregss.krb5.messages.padata import PaData, PaDataType, encode_method_data
from puregss.krb5.messages.ticket import TicketFlag
from puregss.krb5.preauth import ClientKeys, Password, Secret
from puregss.krb5.principal import Principal, PrincipalNameType, tgs_principal
from puregss.realm.embedded import Realm
from puregss.system.clock import SystemClock

Exchange = Callable[[KdcRequest], bytes]


@pytest.fixture
def realm() -> Iterator[Realm]:
    realm = Realm("EXAMPLE.TEST")
    realm.add_user("alice", "secret")
    realm.add_service("host/localhost")
    yield realm
    realm.close()


def alice(realm: Realm) -> Principal:
    return realm.principal("alice")


def log_in(
    realm: Realm, secret: Secret | None = None, *, exchange: Exchange | None = None, **keywords: Any
) -> CachedTicket:
    client = keywords.pop("client", alice(realm))
    steps = as_exchange(client, secret or Password("secret"), clock=SystemClock(), entropy=os.urandom, **keywords)
    return run(steps, exchange or realm.exchange)


def refusing(realm: Realm, code: int, **fields: Any) -> Exchange:
    """A KDC that answers everything with one error."""
    error = KrbError(code, int(realm.now()), 0, tgs_principal(realm.name), **fields)
    return lambda request: encode_krb_error(error)


def test_by_password(realm: Realm) -> None:
    ticket = log_in(realm)
    assert (ticket.client, ticket.server) == (alice(realm), tgs_principal("EXAMPLE.TEST"))
    assert ticket.flags & TicketFlag.INITIAL
    assert ticket.flags & TicketFlag.PRE_AUTHENT
    assert not ticket.flags & (TicketFlag.FORWARDABLE | TicketFlag.RENEWABLE)


def test_what_is_asked_for_is_given(realm: Realm) -> None:
    options = TicketOptions(forwardable=True, proxiable=True, lifetime=600, renew_lifetime=1200)
    ticket = log_in(realm, options=options)
    wanted = TicketFlag.FORWARDABLE | TicketFlag.PROXIABLE | TicketFlag.RENEWABLE
    assert ticket.flags & wanted == wanted
    assert 590 <= ticket.endtime - realm.now() <= 600
    assert 1190 <= ticket.renew_till - realm.now() <= 1200


def test_straight_to_a_service(realm: Realm) -> None:
    ticket = log_in(realm, server=realm.principal("host/localhost"))
    assert ticket.server == realm.principal("host/localhost")


def test_by_keytab(realm: Realm) -> None:
    source = MemoryKeys(realm.service_keys("host/localhost"))
    host = realm.principal("host/localhost")
    assert log_in(realm, ClientKeys(source, host), client=host).client == host


@pytest.mark.parametrize("enctype", [17, 18, 19, 20, 25, 26])
def test_every_enctype(enctype: int) -> None:
    realm = Realm("EXAMPLE.TEST", enctypes=(enctype,))
    realm.add_user("alice", "secret")
    assert log_in(realm).session_key.enctype == enctype
    realm.close()


def test_pre_authentication_is_sent_when_asked_for_and_only_then(realm: Realm) -> None:
    sent: list[list[int]] = []

    def exchange(request: KdcRequest) -> bytes:
        sent.append([pa.padata_type for pa in decode_kdc_req(request.message).padata])
        return realm.exchange(request)

    log_in(realm, exchange=exchange)
    both = PaDataType.REQ_ENC_PA_REP
    assert sent == [[both], [PaDataType.ENC_TIMESTAMP, both]]


def test_nonces_are_fresh(realm: Realm) -> None:
    nonces = []

    def exchange(request: KdcRequest) -> bytes:
        message = decode_kdc_req(request.message)
        assert message.msg_type == AS_REQ
        nonces.append(decode_kdc_req_body(message.body).nonce)
        return realm.exchange(request)

    log_in(realm, exchange=exchange)
    assert len(set(nonces)) == 2


def test_a_clock_that_differs_is_followed(realm: Realm) -> None:
    realm.faults.clock_offset = 7200
    ticket = log_in(realm)
    assert abs(ticket.authtime - realm.now()) < 60


def test_a_clock_that_differs_without_pre_authentication_is_an_error() -> None:
    realm = Realm("EXAMPLE.TEST")
    realm.add_user("alice", "secret", preauthentication=False)
    realm.faults.clock_offset = -7200
    with pytest.raises(GSSError, match=r"7[12]\d\d seconds behind this machine's"):
        log_in(realm)
    realm.close()


@pytest.mark.parametrize(
    ("secret", "name", "kind", "words"),
    [
        ("wrong", "alice", MissingCredentialsError, "alice@EXAMPLE.TEST by the password: pre-authentication failed"),
        ("secret", "nobody", MissingCredentialsError, "the client is unknown"),
    ],
)
def test_refusals_name_the_client(realm: Realm, secret: str, name: str, kind: type[GSSError], words: str) -> None:
    with pytest.raises(kind, match=words) as caught:
        log_in(realm, Password(secret), client=realm.principal(name))
    assert caught.value.minor < -1765328300


def test_a_locked_client(realm: Realm) -> None:
    realm.revoke("alice")
    with pytest.raises(MissingCredentialsError, match="locked or disabled"):
        log_in(realm)


def test_an_expired_password(realm: Realm) -> None:
    with pytest.raises(ExpiredCredentialsError, match="kpasswd"):
        log_in(realm, exchange=refusing(realm, KrbErrorCode.KDC_ERR_KEY_EXPIRED))


def test_a_wrong_password_without_pre_authentication(realm: Realm) -> None:
    realm.add_user("bob", "secret", preauthentication=False)
    with pytest.raises(MissingCredentialsError, match="cannot be opened with the password"):
        log_in(realm, Password("wrong"), client=realm.principal("bob"))


def test_a_keytab_without_the_client(realm: Realm) -> None:
    source = MemoryKeys(realm.service_keys("host/localhost"))
    with pytest.raises(MissingCredentialsError, match=r"MEMORY keytab has no key of alice@EXAMPLE\.TEST"):
        log_in(realm, ClientKeys(source, alice(realm)))


@pytest.mark.parametrize("fault", ["wrong_nonce", "wrong_client", "wrong_server"])
def test_answers_that_do_not_belong_to_the_request(realm: Realm, fault: str) -> None:
    with realm.faults.during(**{fault: True}), pytest.raises(GSSError, match="does not belong") as caught:
        log_in(realm)
    assert caught.value.minor == KDCREP_MODIFIED


def test_a_kdc_that_does_not_know_our_key(realm: Realm) -> None:
    with realm.faults.during(wrong_key=True), pytest.raises(MissingCredentialsError, match="cannot be opened"):
        log_in(realm)


def test_a_request_changed_on_its_way(realm: Realm) -> None:
    """RFC 6806 §11: somebody takes an option out of the request."""

    def exchange(request: KdcRequest) -> bytes:
        octets = request.message.replace(bytes.fromhex("03050040000000"), bytes.fromhex("03050000000000"))
        assert octets != request.message
        return realm.exchange(KdcRequest(request.realm, octets))

    with pytest.raises(GSSError, match="the request was changed on its way"):
        log_in(realm, exchange=exchange, options=TicketOptions(forwardable=True))


def test_an_answer_sealed_with_an_enctype_nobody_offered(realm: Realm) -> None:
    def exchange(request: KdcRequest) -> bytes:
        reply = decode_kdc_rep(realm.exchange(request))
        return encode_kdc_rep(reply._replace(enc_part=reply.enc_part._replace(etype=23)))

    realm.add_user("bob", "secret", preauthentication=False)
    with pytest.raises(GSSError, match=r"rc4-hmac \(23\), which was not offered"):
        log_in(realm, exchange=exchange, client=realm.principal("bob"))


def test_methods_we_lack_are_named(realm: Realm) -> None:
    methods = encode_method_data((PaData(PaDataType.PK_AS_REQ, b""), PaData(4711, b"")))
    exchange = refusing(realm, KrbErrorCode.KDC_ERR_PREAUTH_REQUIRED, e_data=methods)
    with pytest.raises(OperationUnavailableError, match=r"PK_AS_REQ \(16\), 4711"):
        log_in(realm, exchange=exchange)


def test_a_kdc_that_asks_again_and_again(realm: Realm) -> None:
    methods = encode_method_data((PaData(PaDataType.ENC_TIMESTAMP, b""),))
    answers = iter([KrbErrorCode.KDC_ERR_PREAUTH_REQUIRED, KrbErrorCode.KDC_ERR_PREAUTH_EXPIRED] * 50)

    def exchange(request: KdcRequest) -> bytes:
        return refusing(realm, next(answers), e_data=methods)(request)

    with pytest.raises(GSSError, match="10 requests are enough"):
        log_in(realm, exchange=exchange)


def test_what_is_no_kerberos(realm: Realm) -> None:
    with pytest.raises(GSSError, match=r"realm EXAMPLE\.TEST answers what is no Kerberos message"):
        log_in(realm, exchange=lambda request: b"HTTP/1.1 400 Bad Request\r\n")


def test_every_cut_of_an_answer_is_an_error(realm: Realm) -> None:
    realm.add_user("bob", "secret", preauthentication=False)

    def cut(octets: int) -> Exchange:
        return lambda request: realm.exchange(request)[:-octets]

    for octets in range(1, 700, 7):
        with pytest.raises(GSSError):
            log_in(realm, exchange=cut(octets), client=realm.principal("bob"))


def test_an_enterprise_name_is_made_canonical(realm: Realm) -> None:
    name = Principal(("alice@EXAMPLE.TEST",), "EXAMPLE.TEST", PrincipalNameType.ENTERPRISE)
    assert log_in(realm, client=name, options=TicketOptions(canonicalize=True)).client == alice(realm)


def test_a_client_is_sent_to_its_realm(realm: Realm) -> None:
    other = Realm("OTHER.TEST")
    other.trust(realm)
    name = Principal(("alice@EXAMPLE.TEST",), "OTHER.TEST", PrincipalNameType.ENTERPRISE)
    options = TicketOptions(canonicalize=True)
    assert log_in(realm, client=name, options=options, exchange=other.exchange).client == alice(realm)
    with pytest.raises(GSSError):
        log_in(realm, client=name, exchange=other.exchange)
    other.close()


def test_the_password_is_not_printed() -> None:
    assert "secret" not in repr(Password("secret")) + str(vars(type(Password("secret"))))
