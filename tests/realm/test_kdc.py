"""Whatever comes to the KDC's port gets a KRB-ERROR, an honest reply or silence; never an exception."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from puregss.krb5.messages.error import KrbError, decode_krb_error, is_krb_error
from puregss.krb5.messages.kdc import (
    AS_REQ,
    TGS_REQ,
    KdcReq,
    KdcReqBody,
    decode_kdc_rep,
    encode_kdc_req,
    encode_kdc_req_body,
)
from puregss.krb5.messages.padata import PaData, PaDataType
from puregss.krb5.messages.ticket import decode_enc_ticket_part, decode_ticket
from puregss.krb5.principal import Principal
from puregss.realm.kdc import handle
from puregss.realm.state import RealmState
from tests.realm.client import NONCE, NOW, as_req, log_in, open_reply, password_key, tgs_req, timestamp
from tests.realm.states import ALICE, HOST, PASSWORD, REALM, make_state
from tests.vectors import load

STATE = make_state(enctypes=(18,))


def outcome(request: bytes, state: RealmState = STATE) -> KrbError | bytes | None:
    """The KRB-ERROR, the reply's octets, or None for silence. Anything else fails the test."""
    answer = handle(state, request, NOW)
    if answer is None:
        return None
    if is_krb_error(answer):
        error = decode_krb_error(answer)
        assert error.error_code > 0
        assert error.stime == NOW
        return error
    decode_kdc_rep(answer)
    return answer


def flips(message: bytes) -> list[bytes]:
    return [
        message[:place] + bytes((message[place] ^ 1 << bit,)) + message[place + 1 :]
        for place in range(len(message))
        for bit in range(8)
    ]


def test_every_flipped_bit_of_an_as_req() -> None:
    """Nobody gets a ticket in another's name; the name type and the address family are no names."""
    key = password_key(STATE, "alice", PASSWORD)
    request = as_req(STATE, "alice", (timestamp(key),))
    assert isinstance(outcome(request), bytes)
    refused = 0
    for flipped in flips(request):
        reply = outcome(flipped)
        if isinstance(reply, bytes):
            assert decode_kdc_rep(reply).client == ALICE
        refused += isinstance(reply, KrbError)
    assert refused > len(request) * 4


def test_every_flipped_bit_of_a_tgs_req() -> None:
    """What is answered at all is answered with exactly what was asked for."""
    tgt = log_in(STATE, "alice", PASSWORD)
    request, key, usage = tgs_req(STATE, tgt, HOST)
    accepted = 0
    for flipped in flips(request):
        reply = outcome(flipped)
        if isinstance(reply, bytes):
            held = open_reply(decode_kdc_rep(reply), key, usage)
            service = decode_ticket(held.ticket)
            part = decode_enc_ticket_part(STATE.database.get(HOST).newest.keys[0].decrypt(2, service.enc_part.cipher))
            assert (held.part.nonce, held.server, part.client) == (NONCE, HOST, ALICE)
            accepted += 1
    assert accepted < 150  # ap-options, name types, and the kvno beside a ticket that opens all the same


def test_every_cut_and_every_tail() -> None:
    tgt = log_in(STATE, "alice", PASSWORD)
    for request in (as_req(STATE, "alice"), tgs_req(STATE, tgt, HOST)[0]):
        for length in range(1, len(request)):
            assert isinstance(outcome(request[:length]), KrbError)
        for tail in (b"\0", b"\x30\0", request):
            assert isinstance(outcome(request + tail), KrbError)


@pytest.mark.parametrize("octets", [b"", b"\0", b"GET / HTTP/1.0\r\n\r\n", b"\x7e\x03abc", b"\x6b\x00", b"\x6d\x00"])
def test_what_is_no_request_gets_silence(octets: bytes) -> None:
    """A KRB-ERROR above all: two KDCs that answered each other's would never stop."""
    assert outcome(octets) is None


def test_replies_and_errors_get_silence() -> None:
    key = password_key(STATE, "alice", PASSWORD)
    for request in (as_req(STATE, "alice"), as_req(STATE, "alice", (timestamp(key),))):
        answer = handle(STATE, request, NOW)
        assert answer is not None
        assert outcome(answer) is None


@settings(max_examples=300)
@given(st.sampled_from([b"\x6a", b"\x6c"]), st.binary(max_size=200))
def test_noise_behind_a_request_tag(tag: bytes, noise: bytes) -> None:
    assert isinstance(outcome(tag + noise), KrbError)


def test_noise_put_into_sound_requests() -> None:
    """Several octets at once, in lengths and in contents; the seed makes a failure come again."""
    dice = random.Random(4120)
    tgt = log_in(STATE, "alice", PASSWORD)
    for request in (as_req(STATE, "alice"), tgs_req(STATE, tgt, HOST)[0]):
        for _ in range(500):
            changed = bytearray(request)
            for _ in range(dice.randint(1, 6)):
                changed[dice.randrange(len(changed))] = dice.randrange(256)
            start = dice.randrange(len(changed))
            if dice.random() < 0.3:
                changed[start : start + dice.randrange(20)] = dice.randbytes(dice.randrange(20))
            outcome(b"\x6a" + bytes(changed[1:]))
            outcome(b"\x6c" + bytes(changed[1:]))


def test_padata_full_of_noise() -> None:
    dice = random.Random(6806)
    body = KdcReqBody(0, ALICE, REALM, HOST, 0, NONCE, (18,))
    for _ in range(300):
        kind = dice.choice([*PaDataType, 0, -1, 2**31 - 1])
        padata = (PaData(kind, dice.randbytes(dice.randrange(40))), PaData(kind, b""))
        for msg_type in (AS_REQ, TGS_REQ):
            octets = encode_kdc_req_body(body)
            assert isinstance(outcome(encode_kdc_req(KdcReq(msg_type, padata, octets))), KrbError)


@pytest.mark.parametrize(
    "name",
    [
        Principal((), REALM),
        Principal(("",), REALM),
        Principal(("\udcff\udc80", "a/b@c\\"), REALM),
        Principal(("x" * 60000,), REALM),
        Principal(("a",) * 5000, REALM),
        Principal(("alice@EXAMPLE.TEST@EXAMPLE.TEST",), REALM, 10),
        Principal(("@",), REALM, 10),
    ],
)
def test_odd_names(name: Principal) -> None:
    for options in (0, 1 << 16):
        assert isinstance(outcome(as_req(STATE, name, kdc_options=options)), KrbError)
        assert isinstance(outcome(as_req(STATE, "alice", server=name, kdc_options=options)), KrbError)
        tgt = log_in(STATE, "alice", PASSWORD)
        assert isinstance(outcome(tgs_req(STATE, tgt, name, kdc_options=options)[0]), KrbError)


@pytest.mark.parametrize("seconds", [-1, 1, 2**31 - 1, 2**32, 253402300799])
def test_odd_times(seconds: int) -> None:
    """Up to the last second of the year 9999."""
    key = password_key(STATE, "alice", PASSWORD)
    for field in ("till", "rtime", "from_"):
        fields = {"kdc_options": 1 << 23 | 1 << 25, field: seconds}
        outcome(as_req(STATE, "alice", (timestamp(key),), **fields))
    outcome(as_req(STATE, "alice", (timestamp(key, seconds),)))


def test_odd_enctypes_and_nonces() -> None:
    for etype in ((), (-(2**31),), (2**31 - 1, 18), tuple(range(-500, 500))):
        outcome(as_req(STATE, "alice", etype=etype))
    key = password_key(STATE, "alice", PASSWORD)
    for nonce in (0, 2**31, 2**32 - 1):
        reply = outcome(as_req(STATE, "alice", (timestamp(key),), nonce=nonce))
        assert isinstance(reply, bytes)
        assert open_reply(decode_kdc_rep(reply), key, 3).part.nonce == nonce


@pytest.mark.parametrize("vector", load("kdc_exchange"), ids=lambda vector: vector["name"])
def test_requests_of_other_implementations(vector: dict[str, str]) -> None:
    """Captured from other realms: refused if they are requests, passed over if not."""
    answer = outcome(bytes.fromhex(vector["message_hex"]))
    assert isinstance(answer, KrbError) == vector["message_type"].endswith("REQ")


def test_nests_and_lengths() -> None:
    for octets in (b"\x30\x80" * 3000, b"\x82\x40\x00" + bytes(0x4000), b"\x84\xff\xff\xff\xff", b"\x89" + b"\xff" * 9):
        assert isinstance(outcome(b"\x6a" + octets), KrbError)
        assert isinstance(outcome(b"\x6c" + octets), KrbError)
