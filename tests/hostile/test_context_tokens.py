"""Bad input: whatever a peer sends as a context token, establishment ends in success or GSSError."""

from __future__ import annotations

import contextlib
import os

from hypothesis import example, given, settings
from hypothesis import strategies as st

from puregss.base.errors import GSSError
from puregss.base.flags import RequirementFlag
from puregss.krb5.acceptor import Acceptor
from puregss.krb5.acceptor_policy import AcceptorPolicy
from puregss.krb5.initiator import Initiator
from puregss.krb5.mechanism_error import error_token
from puregss.krb5.mechanism_token import AP_REP, AP_REQ, decode_token, encode_token
from puregss.krb5.messages.ap_rep import ApRep, decode_ap_rep, encode_ap_rep
from puregss.krb5.messages.ap_req import decode_ap_req, encode_ap_req
from puregss.krb5.messages.error import KrbErrorCode
from puregss.krb5.messages.ticket import decode_ticket, encode_ticket
from tests.krb5.minting import NOW, SERVICE, FixedClock, Tickets, finish, keys_of, mint, service_key

KEY = service_key()
TICKET = mint(KEY)
TICKETS = Tickets(TICKET)


def initiator(flags: RequirementFlag) -> Initiator:
    return Initiator(
        target=SERVICE, tickets=TICKETS, flags=flags, bindings=None, clock=FixedClock(), entropy=os.urandom
    )


def acceptor() -> Acceptor:
    return Acceptor(AcceptorPolicy(keys_of(KEY), None, FixedClock(), os.urandom), None, None)


DCE = RequirementFlag.mutual_authentication | RequirementFlag.dce_style
_begun = initiator(RequirementFlag.mutual_authentication)
REQUEST = finish(_begun.step(None)) or b""
REPLY = finish(acceptor().step(REQUEST)) or b""
BARE = finish(initiator(DCE).step(None)) or b""
ERROR = error_token(KrbErrorCode.KRB_AP_ERR_SKEW.minor, NOW, SERVICE, None)
TOKENS = st.sampled_from([REQUEST, REPLY, BARE, ERROR])


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A token with a piece cut out, repeated, or replaced, or with bits flipped."""
    token = draw(TOKENS)
    start = draw(st.integers(0, len(token)))
    end = draw(st.integers(start, min(len(token), start + 40)))
    piece = draw(st.one_of(st.binary(max_size=40), st.just(token[start:end] * 2), st.just(b"\x30\x80" * 20)))
    return token[:start] + piece + token[end:]


def offer(token: bytes) -> None:
    """To each machine that may get it."""
    waiting = initiator(RequirementFlag.mutual_authentication)
    finish(waiting.step(None))
    third = acceptor()
    finish(third.step(BARE))
    for machine in (acceptor(), waiting, third):
        try:
            finish(machine.step(token))
        except GSSError as error:
            told = error.token
        else:
            continue
        assert told is None or told[0] == 0x60


@given(st.binary(max_size=200))
@example(b"\x60\x84\xff\xff\xff\xff")
@example(b"\x6e\x30\x80\x00")
@example(b"\x30" * 5000)
@example(b"\x6e\x83\x01\x00\x00" + b"\x30\x82\xff\xf0" * 16000)
@settings(max_examples=150)
def test_noise(token: bytes) -> None:
    offer(token)


@given(damaged())
@settings(max_examples=300)
def test_damaged_tokens(token: bytes) -> None:
    offer(token)


@given(damaged(), damaged())
@settings(max_examples=50)
def test_a_machine_survives_token_after_token(first: bytes, second: bytes) -> None:
    """An acceptor may be given the next one after an error; the right one still gets in at the end."""
    machine = acceptor()
    for token in (first, second, REQUEST):
        try:
            finish(machine.step(token))
        except GSSError:
            continue
        break
    assert machine.complete or machine.inquire()


# A peer that holds the right keys may be hostile too


def damage(draw: st.DrawFn, octets: bytes) -> bytes:
    """What is drawn must not depend on the length, for that is random."""
    place = draw(st.integers(0, 9999)) % len(octets)
    if draw(st.booleans()):
        change = draw(st.integers(1, 255))
        return octets[:place] + bytes((octets[place] ^ change,)) + octets[place + 1 :]
    return octets[:place] + draw(st.binary(max_size=40)) + octets[place + draw(st.integers(0, 40)) :]


@st.composite
def sealed_requests(draw: st.DrawFn) -> bytes:
    """An AP-REQ whose authenticator or ticket is damaged below its seal."""
    ticket = TICKET
    sealed = decode_ap_req(decode_token(REQUEST)[1])
    if draw(st.booleans()):
        plaintext = damage(draw, ticket.session_key.decrypt(11, sealed.authenticator.cipher))
        cipher = ticket.session_key.encrypt(11, plaintext, os.urandom)
        sealed = sealed._replace(authenticator=sealed.authenticator._replace(cipher=cipher))
    else:
        inner = decode_ticket(sealed.ticket)
        plaintext = damage(draw, KEY.key.decrypt(2, inner.enc_part.cipher))
        enc_part = inner.enc_part._replace(cipher=KEY.key.encrypt(2, plaintext, os.urandom))
        sealed = sealed._replace(ticket=encode_ticket(inner._replace(enc_part=enc_part)))
    return encode_token(AP_REQ, encode_ap_req(sealed))


@given(sealed_requests())
@settings(max_examples=400)
def test_damage_below_the_seal(token: bytes) -> None:
    offer(token)


@given(st.integers(-62_135_596_800, 253_402_300_799), st.integers(-62_135_596_800, 253_402_300_799))
@settings(max_examples=50)
def test_any_time_of_the_calendar(first: int, second: int) -> None:
    for start, end in ((first, second), (NOW - 1, second), (first, NOW + 1)):
        ticket = mint(KEY, start=start, end=end)
        if end <= NOW:
            continue
        machine = Initiator(
            target=SERVICE,
            tickets=Tickets(ticket),
            flags=RequirementFlag(0),
            bindings=None,
            clock=FixedClock(),
            entropy=os.urandom,
        )
        offer(finish(machine.step(None)) or b"")
        with contextlib.suppress(GSSError):
            finish(initiator_that_waits().step(error_token(KrbErrorCode.KRB_AP_ERR_SKEW.minor, start, SERVICE, None)))


def initiator_that_waits() -> Initiator:
    machine = initiator(RequirementFlag.mutual_authentication)
    finish(machine.step(None))
    return machine


@st.composite
def sealed_replies(draw: st.DrawFn) -> tuple[Initiator, bytes]:
    """An AP-REP whose contents are damaged below their seal."""
    key = TICKET.session_key
    machine = initiator(RequirementFlag.mutual_authentication)
    reply = decode_ap_rep(decode_token(finish(acceptor().step(finish(machine.step(None)))) or b"")[1])
    cipher = key.encrypt(12, damage(draw, key.decrypt(12, reply.enc_part.cipher)), os.urandom)
    return machine, encode_token(AP_REP, encode_ap_rep(ApRep(reply.enc_part._replace(cipher=cipher))))


@given(sealed_replies())
@settings(max_examples=200)
def test_a_damaged_reply_below_its_seal(pair: tuple[Initiator, bytes]) -> None:
    machine, token = pair
    with contextlib.suppress(GSSError):
        finish(machine.step(token))
