"""RFC 4121 §4.1, RFC 4120 §3.2.2, §3.2.5: the initiator, alone and against the acceptor."""

from __future__ import annotations

import gc
import itertools
import os
from dataclasses import replace
from typing import Any

import pytest

from puregss.base.bindings import ChannelBindings
from puregss.base.errors import (
    BadMechanismError,
    BadMICError,
    ExpiredCredentialsError,
    GSSError,
    InvalidTokenError,
    MissingCredentialsError,
    OperationUnavailableError,
)
from puregss.base.flags import RequirementFlag
from puregss.base.names import MechType
from puregss.kcrypto.key import Key, random_key
from puregss.krb5.acceptor import Acceptor
from puregss.krb5.acceptor_policy import AcceptorPolicy
from puregss.krb5.ccache import CachedTicket, CredentialCache
from puregss.krb5.context import KerberosContext
from puregss.krb5.initiator import Initiator
from puregss.krb5.mechanism_error import error_token
from puregss.krb5.mechanism_token import AP_REP, AP_REQ, decode_token, encode_token
from puregss.krb5.messages.ap_rep import (
    ApRep,
    EncApRepPart,
    decode_ap_rep,
    decode_enc_ap_rep_part,
    encode_ap_rep,
    encode_enc_ap_rep_part,
)
from puregss.krb5.messages.ap_req import ApOption, decode_ap_req, decode_authenticator
from puregss.krb5.messages.error import KrbError, KrbErrorCode, encode_krb_error
from puregss.krb5.messages.fields import EncryptedData
from puregss.krb5.messages.ticket import TicketFlag
from puregss.wire.framing import encode_framed
from tests.krb5.minting import (
    CLIENT,
    NOW,
    SERVICE,
    FixedClock,
    MemoryReplayCache,
    Tickets,
    finish,
    keys_of,
    mint,
    service_key,
)

MUTUAL = RequirementFlag.mutual_authentication
REPLAY = RequirementFlag.replay_detection
SEQUENCE = RequirementFlag.out_of_sequence_detection
DCE = RequirementFlag.dce_style
IDENTIFY = RequirementFlag.identify
ALWAYS = RequirementFlag.confidentiality | RequirementFlag.integrity
ESTABLISHED = RequirementFlag.protection_ready | RequirementFlag.transferable
HERE = ChannelBindings(application_data=b"tls-server-end-point:here")
KEY = service_key()
ENCTYPES = (17, 18, 19, 20, 25, 26)
ALL_FLAGS = list(itertools.product((0, MUTUAL), (0, REPLAY), (0, SEQUENCE), (0, IDENTIFY)))


def initiator(tickets: Tickets | None = None, **options: Any) -> Initiator:
    defaults: dict[str, Any] = {
        "target": SERVICE,
        "flags": MUTUAL,
        "bindings": None,
        "clock": FixedClock(),
        "entropy": os.urandom,
    }
    return Initiator(tickets=tickets or Tickets(mint(KEY)), **(defaults | options))


def acceptor(bindings: ChannelBindings | None = None, **options: Any) -> Acceptor:
    defaults: dict[str, Any] = {
        "keys": keys_of(KEY),
        "principal": None,
        "clock": FixedClock(),
        "entropy": os.urandom,
    }
    return Acceptor(AcceptorPolicy(**(defaults | options)), bindings, MemoryReplayCache())


def establish(first: Initiator, second: Acceptor) -> tuple[KerberosContext, KerberosContext]:
    """Run both to the end."""
    token = finish(first.step(None))
    while token is not None:
        token = finish(second.step(token))
        if token is not None:
            token = finish(first.step(token))
    assert first.complete
    assert second.complete
    assert first.context is not None
    assert second.context is not None
    return first.context, second.context


def exchange_messages(first: KerberosContext, second: KerberosContext) -> None:
    for sender, receiver in ((first, second), (second, first), (first, second)):
        for confidential in (True, False):
            assert receiver.unwrap(sender.wrap(b"message", confidential)) == (b"message", confidential)
        receiver.verify_mic(b"message", sender.get_mic(b"message"))


# Pairs


@pytest.mark.parametrize("flags", [0, MUTUAL, MUTUAL | DCE], ids=["one-way", "mutual", "dce"])
def test_establishment_leaves_no_ciphers_with_the_keys(flags: int) -> None:
    """An idle context of many thousands must stay small, and hold no key that it can derive again."""
    for context in establish(initiator(flags=RequirementFlag(flags)), acceptor()):
        record = context._record
        assert record is not None
        for key in (record.session_key, record.initiator_subkey, record.acceptor_subkey):
            assert key is None or key.bare() is key


@pytest.mark.parametrize("enctype", ENCTYPES)
@pytest.mark.parametrize("flags", [0, MUTUAL, MUTUAL | DCE], ids=["one-way", "mutual", "dce"])
@pytest.mark.parametrize("bindings", [None, HERE], ids=["free", "bound"])
def test_pairs_establish_and_understand_each_other(enctype: int, flags: int, bindings: ChannelBindings | None) -> None:
    key = service_key(enctype)
    first = initiator(Tickets(mint(key)), flags=RequirementFlag(flags), bindings=bindings)
    second = acceptor(keys=keys_of(key), bindings=bindings)
    contexts = establish(first, second)
    exchange_messages(*contexts)
    bound = RequirementFlag.channel_bound if bindings else 0
    assert first.inquire()["flags"] == flags | ALWAYS | ESTABLISHED == contexts[0].flags
    assert second.inquire()["flags"] == flags | ALWAYS | ESTABLISHED | bound == contexts[1].flags


@pytest.mark.parametrize(
    "flags", list(itertools.product((0, MUTUAL), (0, REPLAY), (0, SEQUENCE), (0, IDENTIFY))), ids=str
)
def test_flags_reach_the_acceptor(flags: tuple[int, ...]) -> None:
    asked = RequirementFlag(sum(flags))
    first, second = initiator(flags=asked), acceptor()
    contexts = establish(first, second)
    assert contexts[0].flags == contexts[1].flags == asked | ALWAYS | ESTABLISHED
    for context in contexts:
        assert context._record is not None
        window = context._record.recv
        assert (window.do_replay, window.do_sequence) == (REPLAY in asked, SEQUENCE in asked)


@pytest.mark.parametrize(("service", "session"), list(itertools.product(ENCTYPES, (17, 20, 26))))
def test_the_session_key_may_be_of_another_enctype_than_the_services(service: int, session: int) -> None:
    key = service_key(service)
    exchange_messages(*establish(initiator(Tickets(mint(key, session_enctype=session))), acceptor(keys=keys_of(key))))


def test_both_sides_know_both_names_and_the_end() -> None:
    first, second = initiator(), acceptor()
    establish(first, second)
    for side in (first, second):
        known = side.inquire()
        assert (known["initiator_name"], known["acceptor_name"], known["expiry"]) == (CLIENT, SERVICE, NOW + 36000)


def test_flags_promise_nothing_before_the_context_stands() -> None:
    first = initiator()
    finish(first.step(None))
    assert first.inquire()["flags"] == MUTUAL | ALWAYS
    assert first.context is None
    assert not first.complete


def test_a_wished_lifetime_bounds_the_context() -> None:
    first = initiator(lifetime=60)
    finish(first.step(None))
    assert first.inquire()["expiry"] == NOW + 60
    first = initiator(lifetime=10**9)
    finish(first.step(None))
    assert first.inquire()["expiry"] == NOW + 36000


# Keys and numbers


def test_keys_and_numbers_agree() -> None:
    contexts = establish(initiator(), acceptor())
    ours, theirs = (context._record for context in contexts)
    assert ours is not None
    assert theirs is not None
    assert ours.initiator_subkey == theirs.initiator_subkey
    assert ours.acceptor_subkey == theirs.acceptor_subkey
    assert len({ours.session_key, ours.initiator_subkey, ours.acceptor_subkey}) == 3
    assert (ours.send_seq, theirs.send_seq) == (theirs.recv.base, ours.recv.base)
    assert ours.send_seq != theirs.send_seq


def test_without_an_answer_there_is_no_acceptor_subkey() -> None:
    for context in establish(initiator(flags=RequirementFlag(0)), acceptor()):
        assert context._record is not None
        assert context._record.acceptor_subkey is None
        assert context._record.send_seq == context._record.recv.base


@pytest.mark.parametrize(("session", "agreed"), [(18, 18), (17, 18), (20, 18), (26, 18), (25, 18)])
def test_the_acceptors_subkey_is_of_the_enctype_preferred(session: int, agreed: int) -> None:
    """RFC 4537: the acceptor takes the initiator up on a better encryption type than the ticket's."""
    first, second = establish(initiator(Tickets(mint(KEY, session_enctype=session))), acceptor())
    assert first._record is not None
    assert first._record.acceptor_subkey is not None
    assert first._record.acceptor_subkey.enctype == agreed
    exchange_messages(first, second)


@pytest.mark.parametrize("number", [5, None])
def test_an_acceptor_may_leave_its_subkey_out(number: int | None) -> None:
    """RFC 4121 §2: then the initiator's protects the messages, and they say so. Nor need it say a number: it is 0."""
    ticket = mint(KEY)
    first = initiator(Tickets(ticket))
    request = decode_ap_req(decode_token(finish(first.step(None)) or b"")[1])
    authenticator = decode_authenticator(ticket.session_key.decrypt(11, request.authenticator.cipher))
    part = encode_enc_ap_rep_part(EncApRepPart(authenticator.ctime, authenticator.cusec, None, number))
    sealed = EncryptedData(18, None, ticket.session_key.encrypt(12, part, os.urandom))
    assert finish(first.step(encode_token(AP_REP, encode_ap_rep(ApRep(sealed))))) is None
    assert first.complete
    assert first.context is not None
    assert authenticator.subkey is not None
    assert first.context.dangerous_session_key().dangerous_material() == authenticator.subkey.keyvalue
    assert first.context._record is not None
    assert first.context._record.recv.base == (number or 0)
    assert first.context.get_mic(b"")[2] == 0, "neither sent by the acceptor, nor with its subkey"


def test_each_side_permits_what_it_permits() -> None:
    """krb5.conf's permitted_enctypes: the initiator's order decides, within what the acceptor lets in."""
    for asked, given, agreed in (((20, 17), (17, 20), 20), ((20, 17), (17,), 17), ((19, 20, 17), (20, 17), 20)):
        tickets = Tickets(mint(KEY, session_enctype=17))
        first, second = establish(initiator(tickets, enctypes=asked), acceptor(enctypes=given))
        assert first.dangerous_session_key().enctype == agreed
        exchange_messages(first, second)


def test_an_acceptor_that_takes_an_enctype_nobody_offered() -> None:
    """RFC 4537 §3: it may choose from the offer, or keep the session key's type; else it would choose the weakest."""
    first = initiator(Tickets(mint(KEY, session_enctype=20)), enctypes=(20,))
    second = acceptor()
    request = finish(first.step(None)) or b""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("puregss.krb5.acceptor.negotiate_enctype", lambda *_: 17)
        reply = finish(second.step(request))
    with pytest.raises(OperationUnavailableError, match=r"aes128-cts-hmac-sha1-96.*permitted_enctypes"):
        finish(first.step(reply))
    assert first.context is None


def test_two_contexts_share_nothing() -> None:
    tickets = Tickets(mint(KEY))
    records = [establish(initiator(tickets), acceptor())[0]._record for _ in range(2)]
    assert records[0] is not None
    assert records[1] is not None
    assert records[0].initiator_subkey != records[1].initiator_subkey
    assert records[0].send_seq != records[1].send_seq


@pytest.mark.parametrize("flags", [RequirementFlag(0), MUTUAL, MUTUAL | DCE], ids=str)
def test_after_establishment_the_machine_holds_no_keys(flags: RequirementFlag) -> None:
    """A session key must not outlive its context: only the ticket store may lead to a key."""
    first = initiator(flags=flags)
    establish(first, acceptor())
    first.context = None
    held = {name: value for name, value in vars(first).items() if name != "_tickets"}
    queue, reached = [held], set[int]()
    while queue:
        thing = queue.pop()
        if id(thing) not in reached and not isinstance(thing, type | type(os) | type(os.urandom)):
            reached.add(id(thing))
            assert not isinstance(thing, Key | CachedTicket)
            queue += gc.get_referents(thing)


# The AP-REQ


def test_the_request_says_what_the_rfc_wants() -> None:
    ticket = mint(KEY)
    first = initiator(Tickets(ticket))
    token_id, message, framed = decode_token(finish(first.step(None)) or b"")
    request = decode_ap_req(message)
    assert (token_id, framed) == (AP_REQ, True)
    assert request.ticket == ticket.ticket
    assert request.ap_options == ApOption.MUTUAL_REQUIRED
    assert (request.authenticator.etype, request.authenticator.kvno) == (18, None)


def test_dce_style_is_bare() -> None:
    first, second = initiator(flags=MUTUAL | DCE), acceptor()
    request = finish(first.step(None)) or b""
    reply = finish(second.step(request)) or b""
    assert not second.complete
    assert second.context is None
    assert RequirementFlag.transferable not in second.inquire()["flags"]
    third = finish(first.step(reply)) or b""
    assert first.complete
    assert (request[0], reply[0], third[0]) == (0x6E, 0x6F, 0x6F)
    assert finish(second.step(third)) is None
    assert second.complete


# Tickets


def test_an_expired_ticket_is_not_used() -> None:
    with pytest.raises(MissingCredentialsError):
        finish(initiator(Tickets(mint(KEY, end=NOW))).step(None))


def test_a_client_may_be_chosen() -> None:
    other = mint(KEY, client=SERVICE)
    first = initiator(Tickets(mint(KEY), other), client=SERVICE)
    establish(first, acceptor())
    assert first.inquire()["initiator_name"] == SERVICE


def test_an_anonymous_ticket_is_told() -> None:
    first, second = initiator(Tickets(mint(KEY, flags=TicketFlag.ANONYMOUS))), acceptor()
    establish(first, second)
    assert RequirementFlag.anonymity in first.inquire()["flags"] & second.inquire()["flags"]


# Wrong answers


def begun() -> tuple[Initiator, bytes]:
    """An initiator that waits, and the right answer."""
    first = initiator()
    reply = finish(acceptor().step(finish(first.step(None))))
    assert reply is not None
    return first, reply


def test_the_first_step_takes_no_token() -> None:
    with pytest.raises(InvalidTokenError):
        finish(initiator().step(b"token"))


@pytest.mark.parametrize("token", [None, b"", encode_token(AP_REQ, b""), encode_token(b"\x09\x09", b"")])
def test_an_answer_must_be_an_answer(token: bytes | None) -> None:
    first, _ = begun()
    with pytest.raises(InvalidTokenError):
        finish(first.step(token))


def test_an_answer_of_another_mechanism_is_named() -> None:
    first, _ = begun()
    with pytest.raises(BadMechanismError):
        finish(first.step(encode_framed(MechType.spnego, b"")))


def test_the_answer_to_another_request_is_refused() -> None:
    ticket = mint(KEY)
    first, other = initiator(Tickets(ticket)), initiator(Tickets(ticket), clock=FixedClock(NOW + 7))
    finish(first.step(None))
    reply = finish(acceptor().step(finish(other.step(None))))
    with pytest.raises(InvalidTokenError, match="belongs to another request") as caught:
        finish(first.step(reply))
    assert caught.value.minor == KrbErrorCode.KRB_AP_ERR_MUT_FAIL.minor


def test_an_answer_of_another_key_is_refused() -> None:
    first, _ = begun()
    cipher = random_key(18, os.urandom).encrypt(12, encode_enc_ap_rep_part(EncApRepPart(NOW, 250000)), os.urandom)
    with pytest.raises(BadMICError, match=r"is not HTTP/www\.example\.com@EXAMPLE\.COM's") as caught:
        finish(first.step(encode_token(AP_REP, encode_ap_rep(ApRep(EncryptedData(18, None, cipher))))))
    assert caught.value.minor == KrbErrorCode.KRB_AP_ERR_BAD_INTEGRITY.minor


def test_the_third_leg_must_repeat_the_acceptors_number() -> None:
    ticket = mint(KEY)
    first, second = initiator(Tickets(ticket), flags=MUTUAL | DCE), acceptor()
    third = finish(first.step(finish(second.step(finish(first.step(None)))))) or b""
    part = decode_enc_ap_rep_part(ticket.session_key.decrypt(12, decode_ap_rep(third).enc_part.cipher))
    wrong = part._replace(seq_number=(part.seq_number or 0) + 1)
    cipher = ticket.session_key.encrypt(12, encode_enc_ap_rep_part(wrong), os.urandom)
    with pytest.raises(InvalidTokenError) as caught:
        finish(second.step(encode_ap_rep(ApRep(EncryptedData(18, None, cipher)))))
    assert caught.value.minor == KrbErrorCode.KRB_AP_ERR_MUT_FAIL.minor
    assert not second.complete


def test_an_echo_of_the_reply_is_no_third_leg() -> None:
    """It is sealed with the right key and has the right number; whoever sends it back need not know the key."""
    second = acceptor()
    reply = finish(second.step(finish(initiator(flags=MUTUAL | DCE).step(None))))
    with pytest.raises(InvalidTokenError, match="echo") as caught:
        finish(second.step(reply))
    assert caught.value.minor == KrbErrorCode.KRB_AP_ERR_MUT_FAIL.minor
    assert not second.complete


@pytest.mark.parametrize("flags", [MUTUAL, MUTUAL | DCE], ids=["mutual", "dce"])
def test_every_altered_octet_of_an_answer_is_refused_or_changes_nothing(flags: RequirementFlag) -> None:
    """Each time a new initiator, for the ticket's answer is bound to its request."""
    first, second = initiator(flags=flags), acceptor()
    reply = finish(second.step(finish(first.step(None)))) or b""
    for place in range(len(reply)):
        for change in (0x01, 0x80, 0xFF):
            altered = bytearray(reply)
            altered[place] ^= change
            try:
                finish(first.step(bytes(altered)))
            except GSSError:
                assert not first.complete
                continue
            assert first.inquire()["acceptor_name"] == SERVICE
            first, second = initiator(flags=flags), acceptor()
            reply = finish(second.step(finish(first.step(None)))) or b""


def test_every_altered_octet_of_a_third_leg_is_refused() -> None:
    first, second = initiator(flags=MUTUAL | DCE), acceptor()
    third = finish(first.step(finish(second.step(finish(first.step(None)))))) or b""
    for place in range(len(third)):
        with pytest.raises(GSSError):
            finish(second.step(third[:place] + bytes((third[place] ^ 0x81,)) + third[place + 1 :]))
    assert not second.complete
    finish(second.step(third))
    assert second.complete


# KRB-ERROR


def test_an_error_of_the_acceptor_is_readable() -> None:
    first = initiator()
    token = finish(first.step(None))
    with pytest.raises(GSSError) as refused:
        finish(acceptor(keys=keys_of(service_key(kvno=4))).step(token))
    with pytest.raises(GSSError, match=r"HTTP/www\.example\.com@EXAMPLE\.COM refused: .*BADKEYVER") as caught:
        finish(first.step(refused.value.token))
    assert caught.value.minor == KrbErrorCode.KRB_AP_ERR_BADKEYVER.minor


def test_an_expired_ticket_has_its_own_status() -> None:
    first = initiator()
    finish(first.step(None))
    with pytest.raises(ExpiredCredentialsError):
        finish(first.step(error_token(KrbErrorCode.KRB_AP_ERR_TKT_EXPIRED.minor, NOW, SERVICE, None)))


@pytest.mark.parametrize("flags", [MUTUAL, MUTUAL | DCE], ids=["mutual", "dce"])
@pytest.mark.parametrize("apart", [-2000, 2000])
def test_the_acceptors_clock_is_adopted_once(flags: RequirementFlag, apart: int) -> None:
    ticket = mint(KEY, start=NOW - 10000)
    first = initiator(Tickets(ticket), flags=flags)
    second = acceptor(clock=FixedClock(NOW + apart))
    with pytest.raises(GSSError) as refused:
        finish(second.step(finish(first.step(None))))
    assert refused.value.minor == KrbErrorCode.KRB_AP_ERR_SKEW.minor
    token = finish(first.step(refused.value.token))
    while token is not None:
        token = finish(second.step(token))
        token = token and finish(first.step(token))
    assert first.complete
    assert second.complete


def test_the_kdcs_clock_is_the_acceptors_too() -> None:
    """kinit puts down how far the KDC's clock was ahead: a machine that is a day late establishes at once."""

    class Synchronized(Tickets):
        def load(self) -> CredentialCache:
            return replace(super().load(), kdc_offset=(86400, 250_000))

    late = FixedClock(NOW - 86400)
    establish(initiator(Synchronized(mint(KEY)), clock=late), acceptor())
    with pytest.raises(GSSError, match="seconds apart"):
        establish(initiator(clock=late), acceptor())
    with pytest.raises(GSSError):
        finish(initiator(Synchronized(mint(KEY, end=NOW - 10)), clock=late).step(None))


def test_the_acceptors_clock_is_not_adopted_twice() -> None:
    first = initiator()
    finish(first.step(None))
    skew = error_token(KrbErrorCode.KRB_AP_ERR_SKEW.minor, NOW + 1000, SERVICE, None)
    assert finish(first.step(skew)) is not None
    with pytest.raises(GSSError, match="clocks differ too much"):
        finish(first.step(skew))


@pytest.mark.parametrize("stime", [NOW - 601, NOW + 36001])
def test_a_time_outside_the_tickets_life_is_not_adopted(stime: int) -> None:
    first = initiator()
    finish(first.step(None))
    with pytest.raises(GSSError):
        finish(first.step(error_token(KrbErrorCode.KRB_AP_ERR_SKEW.minor, stime, SERVICE, None)))


def test_a_bare_error_is_read_too() -> None:
    first = initiator()
    finish(first.step(None))
    error = KrbError(KrbErrorCode.KRB_AP_ERR_MODIFIED, NOW, 0, SERVICE, e_text="\x1b[2Jno")
    with pytest.raises(GSSError, match=r"\[2Jno") as caught:
        finish(first.step(encode_krb_error(error)))
    assert "\x1b" not in caught.value.message


def test_every_cut_of_an_error_is_a_gss_error() -> None:
    token = error_token(KrbErrorCode.KRB_AP_ERR_SKEW.minor, NOW, SERVICE, None)
    for length in range(len(token)):
        first = initiator()
        finish(first.step(None))
        with pytest.raises(GSSError):
            finish(first.step(token[:length]))
