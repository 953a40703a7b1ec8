"""Messages between Windows clients and Active Directory: they decode, and come out as they went in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from puregss.kcrypto.key import Key, string_to_key
from puregss.krb5.messages import ap_req, cred, error, kdc, padata, ticket
from puregss.krb5.preauth import default_salt, read_hints
from puregss.krb5.principal import Principal
from puregss.wire.framing import decode_framed
from tests.vectors import load

EXCHANGES = {vector["name"]: vector for vector in load("kdc_exchange")}
TOKENS = load("ap_req")
KRBTGT = Key(18, bytes.fromhex("ef7422cb49e2f5b09292cbd825c295249f2a31465dc9ab4a3080edf3168a8857"))
PART_CODECS: dict[str, tuple[Callable[..., Any], Callable[..., bytes]]] = {
    "enc_ticket_part_hex": (ticket.decode_enc_ticket_part, ticket.encode_enc_ticket_part),
    "authenticator_hex": (ap_req.decode_authenticator, ap_req.encode_authenticator),
    "enc_krb_cred_part_hex": (cred.decode_enc_krb_cred_part, cred.encode_enc_krb_cred_part),
    "enc_as_rep_part_hex": (kdc.decode_enc_kdc_rep_part, kdc.encode_enc_kdc_rep_part),
    "enc_tgs_rep_part_hex": (kdc.decode_enc_kdc_rep_part, kdc.encode_enc_kdc_rep_part),
}


def parts(value: Any, path: str = "") -> Iterator[tuple[str, str, bytes]]:
    """Every decrypted part in a vector: where it was found, which it is, its octets."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        if key in PART_CODECS:
            yield f"{path}.{key}", key, bytes.fromhex(inner)
        else:
            yield from parts(inner, f"{path}.{key}")


PARTS = [
    (f"{vector['name']}{path}", kind, octets)
    for vector in (*EXCHANGES.values(), *TOKENS)
    for path, kind, octets in parts(vector)
]


@pytest.mark.parametrize("vector", EXCHANGES.values(), ids=lambda vector: vector["name"])
def test_messages_round_trip(vector: dict[str, Any]) -> None:
    octets = bytes.fromhex(vector["message_hex"])
    if vector["message_type"] == "KRB-ERROR":
        assert error.encode_krb_error(error.decode_krb_error(octets)) == octets
    elif vector["message_type"].endswith("REQ"):
        request = kdc.decode_kdc_req(octets)
        assert kdc.encode_kdc_req(request) == octets
        assert kdc.encode_kdc_req_body(kdc.decode_kdc_req_body(request.body)) == request.body
        assert [pa.padata_type for pa in request.padata] == vector["padata_types"]
    else:
        reply = kdc.decode_kdc_rep(octets)
        assert kdc.encode_kdc_rep(reply) == octets
        assert ticket.encode_ticket(ticket.decode_ticket(reply.ticket)) == reply.ticket


@pytest.mark.parametrize(("name", "kind", "octets"), PARTS, ids=[part[0] for part in PARTS])
def test_decrypted_parts_round_trip(name: str, kind: str, octets: bytes) -> None:
    decode_it, encode_it = PART_CODECS[kind]
    if kind.endswith("rep_part_hex"):
        # MIT's KDC uses the TGS-REP's tag in AS-REPs too (RFC 4120 §5.4.2).
        message_type = kdc.AS_REP if octets[0] == 0x79 else kdc.TGS_REP
        assert encode_it(decode_it(octets), message_type) == octets
    else:
        assert encode_it(decode_it(octets)) == octets


def test_there_are_parts_of_every_kind() -> None:
    assert {kind for _, kind, _ in PARTS} == set(PART_CODECS)


@pytest.mark.parametrize("vector", TOKENS, ids=lambda vector: vector["name"])
def test_tokens_of_windows_clients(vector: dict[str, Any]) -> None:
    _, inner = decode_framed(bytes.fromhex(vector["gss_token_hex"]))
    request = ap_req.decode_ap_req(inner[2:])
    assert ap_req.encode_ap_req(request) == inner[2:]
    server = ticket.decode_ticket(request.ticket).server
    assert list(server.components) == vector["ticket"]["sname"]["name-string"]
    assert server.realm == vector["ticket"]["realm"]


def test_a_password_opens_the_as_exchange() -> None:
    """From the KRB-ERROR's hints to the ticket's session key, as a client does it."""
    refusal = error.decode_krb_error(bytes.fromhex(EXCHANGES["krb-error-preauth-required"]["message_hex"]))
    hints = read_hints(padata.decode_method_data(refusal.e_data or b""))
    client = Principal(("testuser",), "CORP.IDENTITYINTERVENTION.COM")
    recipe = hints.recipe(18, client)
    assert recipe.salt == default_salt(client)
    key = string_to_key(18, b"P@ssw0rd!", recipe.salt or b"", recipe.s2kparams)
    reply = kdc.decode_kdc_rep(bytes.fromhex(EXCHANGES["as-rep"]["message_hex"]))
    part = kdc.decode_enc_kdc_rep_part(key.decrypt(3, reply.enc_part.cipher))
    assert reply.client == client
    opened = KRBTGT.decrypt(2, ticket.decode_ticket(reply.ticket).enc_part.cipher)
    assert ticket.decode_enc_ticket_part(opened).key == part.key


def test_the_kdc_opens_the_tgs_exchange() -> None:
    request = kdc.decode_kdc_req(bytes.fromhex(EXCHANGES["tgs-req-app2-s4u-self"]["message_hex"]))
    proof = ap_req.decode_ap_req(request.padata[0].padata_value)
    part = ticket.decode_enc_ticket_part(KRBTGT.decrypt(2, ticket.decode_ticket(proof.ticket).enc_part.cipher))
    session_key = Key(part.key.keytype, part.key.keyvalue)
    authenticator = ap_req.decode_authenticator(session_key.decrypt(7, proof.authenticator.cipher))
    assert authenticator.client == part.client
    assert authenticator.subkey is not None
    subkey = Key(authenticator.subkey.keytype, authenticator.subkey.keyvalue)
    reply = kdc.decode_kdc_rep(bytes.fromhex(EXCHANGES["tgs-rep-app2-s4u-self"]["message_hex"]))
    answer = kdc.decode_enc_kdc_rep_part(subkey.decrypt(9, reply.enc_part.cipher))
    assert answer.nonce == kdc.decode_kdc_req_body(request.body).nonce


def test_authorization_data_of_windows_is_reachable() -> None:
    """The PAC (ad-type 128) lies inside AD-IF-RELEVANT."""
    for _, kind, octets in PARTS:
        if kind == "enc_ticket_part_hex":
            part = ticket.decode_enc_ticket_part(octets)
            assert 128 in [number for number, _ in ticket.relevant_authorization_data(part.authorization_data)]
