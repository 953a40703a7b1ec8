"""The messages of an AP exchange read by place: the same values as the general decoder's, and never more of them."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puregss.base.errors import GSSError
from puregss.krb5.messages import ap_rep, ap_req, ticket, usual
from puregss.krb5.messages.fields import Checksum, EncryptedData, EncryptionKey, encode_authorization_data
from puregss.krb5.principal import Principal
from puregss.wire import der
from puregss.wire.usual import Unusual

CLIENT = Principal(("alice",), "EXAMPLE.ORG")
SERVER = Principal(("HTTP", "www.example.org"), "EXAMPLE.ORG", 3)
KEY = EncryptionKey(18, bytes(range(32)))
AUTHDATA = ((1, bytes(range(256)) * 2),)
NOON = 1767268800


@dataclass(frozen=True)
class Codec:
    """One message: by place, by the general rules, and how it is made."""

    read: Callable[[bytes], Any]
    decode: Callable[[bytes], Any]
    encode: Callable[[Any], bytes]


TICKET = Codec(ticket._read_ticket, ticket._decode_ticket, ticket.encode_ticket)
TICKET_PART = Codec(ticket._read_enc_ticket_part, ticket._decode_enc_ticket_part, ticket.encode_enc_ticket_part)
AP_REQ = Codec(ap_req._read_ap_req, ap_req._decode_ap_req, ap_req.encode_ap_req)
AUTHENTICATOR = Codec(ap_req._read_authenticator, ap_req._decode_authenticator, ap_req.encode_authenticator)
AP_REP = Codec(ap_rep._read_ap_rep, ap_rep._decode_ap_rep, ap_rep._encode_ap_rep)
AP_REP_PART = Codec(ap_rep._read_enc_ap_rep_part, ap_rep._decode_enc_ap_rep_part, ap_rep._encode_enc_ap_rep_part)

octets = st.binary(max_size=700)
seconds = st.integers(0, 253402300799)
keys = st.builds(EncryptionKey, st.sampled_from((17, 18, 19, 20, 25, 26)), st.sampled_from((bytes(16), bytes(32))))
names = st.text(min_size=1, max_size=20)
principals = st.builds(Principal, st.lists(names, min_size=1, max_size=3).map(tuple), names, st.integers(0, 11))
elements = st.lists(st.tuples(st.integers(-300, 300), octets), max_size=2).map(tuple)
sealed = st.builds(EncryptedData, st.integers(-1, 200), st.none() | st.integers(0, 2**32 - 1), octets)
tickets = st.builds(ticket.Ticket, principals, sealed)
uint32 = st.integers(0, 2**32 - 1)
VALUES: dict[str, tuple[Codec, st.SearchStrategy[Any]]] = {
    "ticket": (TICKET, tickets),
    "ticket part": (
        TICKET_PART,
        st.builds(
            ticket.EncTicketPart,
            uint32,
            keys,
            principals,
            st.builds(ticket.TransitedEncoding, st.integers(0, 1), st.binary(max_size=130)),
            seconds,
            st.none() | seconds,
            seconds,
            st.none() | seconds,
            st.just(()),
            elements,
        ),
    ),
    "AP-REQ": (AP_REQ, st.builds(ap_req.ApReq, uint32, tickets.map(ticket.encode_ticket), sealed)),
    "authenticator": (
        AUTHENTICATOR,
        st.builds(
            ap_req.Authenticator,
            principals,
            st.none() | st.builds(Checksum, st.sampled_from((0x8003, 16)), st.sampled_from((bytes(24), bytes(30)))),
            st.integers(-1, 999_999),
            seconds,
            st.none() | keys,
            st.none() | uint32,
            elements,
        ),
    ),
    "AP-REP": (AP_REP, st.builds(ap_rep.ApRep, sealed)),
    "AP-REP part": (
        AP_REP_PART,
        st.builds(ap_rep.EncApRepPart, seconds, st.integers(-1, 999_999), st.none() | keys, st.none() | uint32),
    ),
}

USUAL_TICKET = ticket.Ticket(SERVER, EncryptedData(18, 3, bytes(700)))
USUAL_PART = ticket.EncTicketPart(
    0x40A10000, KEY, CLIENT, ticket.TransitedEncoding(1, b""), NOON, NOON + 1, NOON + 36000, NOON + 86400, (), AUTHDATA
)
USUAL_REQUEST = ap_req.ApReq(1 << 29, ticket.encode_ticket(USUAL_TICKET), EncryptedData(18, None, bytes(260)))
USUAL_AUTHENTICATOR = ap_req.Authenticator(CLIENT, Checksum(0x8003, bytes(24)), 123456, NOON, KEY, 0x3FFFFFFF)
USUAL: dict[str, tuple[Codec, Any]] = {
    "ticket": (TICKET, USUAL_TICKET),
    "ticket part": (TICKET_PART, USUAL_PART),
    "ticket part without options": (
        TICKET_PART,
        USUAL_PART._replace(starttime=None, renew_till=None, authorization_data=()),
    ),
    "AP-REQ": (AP_REQ, USUAL_REQUEST),
    "authenticator": (AUTHENTICATOR, USUAL_AUTHENTICATOR),
    "authenticator with more": (AUTHENTICATOR, USUAL_AUTHENTICATOR._replace(authorization_data=AUTHDATA)),
    "AP-REP": (AP_REP, ap_rep.ApRep(EncryptedData(18, None, bytes(109)))),
    "AP-REP part": (AP_REP_PART, ap_rep.EncApRepPart(NOON, 123456, KEY, 0x3FFFFFFF)),
}


def outcome(decoder: Callable[[bytes], Any], data: bytes) -> Any:
    """The value, or None for what is refused."""
    try:
        return decoder(data)
    except (Unusual, LookupError, GSSError):
        return None


def agree(codec: Codec, data: bytes) -> None:
    """What is read by place is what the general decoder reads; it may read more."""
    read = outcome(codec.read, data)
    if read is not None:
        assert read == codec.decode(data)


@pytest.mark.parametrize("kind", USUAL)
def test_the_usual_form_is_read_by_place(kind: str) -> None:
    codec, value = USUAL[kind]
    assert codec.read(codec.encode(value)) == value


@pytest.mark.parametrize("kind", USUAL)
def test_no_altered_octet_is_read_differently(kind: str) -> None:
    codec, value = USUAL[kind]
    good = codec.encode(value)
    for at in range(len(good)):
        for change in (0x01, 0x02, 0x03, 0x10, 0x20, 0x7F, 0x80, 0xFF):
            agree(codec, good[:at] + bytes((good[at] ^ change,)) + good[at + 1 :])


@pytest.mark.parametrize("kind", USUAL)
def test_no_octet_more_or_less_is_read_differently(kind: str) -> None:
    codec, value = USUAL[kind]
    good = codec.encode(value)
    for at in range(len(good)):
        assert outcome(codec.read, good[:at]) is None
        agree(codec, good[:at] + good[at + 1 :])
        agree(codec, good[:at] + b"\0" + good[at:])
    assert outcome(codec.read, good + b"\0") is None


def emptied(data: bytes) -> Iterator[bytes]:
    """The TLVs in `data`, once for each value that is made empty, with lengths that fit again."""
    at = 0
    while at < len(data):
        length, start = der.decode_length(data, at + 1)
        before, tag, contents, behind = data[:at], data[at], data[start : start + length], data[start + length :]
        yield before + der.encode_tlv(tag, b"") + behind
        if tag & 0x20:
            yield from (before + der.encode_tlv(tag, inner) + behind for inner in emptied(contents))
        at = start + length


@pytest.mark.parametrize("kind", USUAL)
def test_nothing_is_not_read_as_a_field_that_is_not_there(kind: str) -> None:
    codec, value = USUAL[kind]
    for altered in emptied(codec.encode(value)):
        agree(codec, altered)


def test_a_stranger_cannot_fill_memory_with_elements() -> None:
    for count in range(1, 40):
        elements = tuple((1, bytes((number,))) for number in range(count))
        assert usual.authorization_data(encode_authorization_data(elements)) == elements
    assert max(len(between) for _, between in usual._ELEMENTS._known.values()) <= 2 * 8 + 1


def test_tickets_that_tell_the_same_have_their_own_keys_and_flags() -> None:
    before = ticket._remembered_facts.cache_info()
    for number in range(3):
        part = USUAL_PART._replace(flags=number, key=EncryptionKey(18, bytes((number,)) * 32))
        read = ticket._read_enc_ticket_part(ticket.encode_enc_ticket_part(part))
        assert read == part
    after = ticket._remembered_facts.cache_info()
    assert after.hits >= before.hits + 2
    assert after.currsize <= before.currsize + 1


def test_a_long_ticket_is_not_remembered() -> None:
    before = ticket._remembered_facts.cache_info()
    part = USUAL_PART._replace(transited=ticket.TransitedEncoding(1, bytes(600)))
    assert ticket._read_enc_ticket_part(ticket.encode_enc_ticket_part(part)) == part
    assert ticket._remembered_facts.cache_info() == before


def test_authorization_data_is_not_remembered() -> None:
    secret = b"what the KDC says of its client"
    part = USUAL_PART._replace(authorization_data=((1, secret),))
    assert ticket._read_enc_ticket_part(ticket.encode_enc_ticket_part(part)) == part
    kept = [each for each in gc.get_referents(ticket._remembered_facts) if type(each) is dict]
    assert CLIENT.realm.encode() in repr(kept).encode()
    assert secret not in repr(kept).encode()


SAME_SIZE: dict[str, tuple[Codec, Any, Any]] = {
    "names": (
        AUTHENTICATOR,
        USUAL_AUTHENTICATOR,
        USUAL_AUTHENTICATOR._replace(client=Principal(("alic",), "EEXAMPLE.ORG")),
    ),
    "numbers": (AUTHENTICATOR, USUAL_AUTHENTICATOR, USUAL_AUTHENTICATOR._replace(cusec=300, seq_number=0xFFFFFFFF)),
    "times": (
        TICKET_PART,
        USUAL_PART._replace(starttime=None),
        USUAL_PART._replace(renew_till=None),
    ),
    "elements": (
        TICKET_PART,
        USUAL_PART._replace(authorization_data=((1, b"first"), (1, b"second"))),
        USUAL_PART._replace(authorization_data=((1, b"third-"), (1, b"forth"))),
    ),
    "reply": (
        AP_REP_PART,
        ap_rep.EncApRepPart(NOON, 123456, KEY, 0x3FFFFFFF),
        ap_rep.EncApRepPart(NOON, 300, KEY, 0xFFFFFFFF),
    ),
}


@pytest.mark.parametrize("kind", SAME_SIZE)
def test_another_form_of_the_same_size_is_not_mistaken(kind: str) -> None:
    """Where one message had its fields, the next one of its size may have something else."""
    codec, first, second = SAME_SIZE[kind]
    octets = [codec.encode(first), codec.encode(second)]
    assert len(octets[0]) == len(octets[1])
    for _ in range(2):
        assert [codec.read(one) for one in octets] == [first, second]


@pytest.mark.parametrize("kind", VALUES)
@given(data=st.data())
def test_all_values_are_read_alike(kind: str, data: st.DataObject) -> None:
    codec, values = VALUES[kind]
    value = data.draw(values)
    good = codec.encode(value)
    assert codec.decode(good) == value
    agree(codec, good)
    at = data.draw(st.integers(0, len(good)))
    agree(codec, good[:at] + data.draw(st.binary(max_size=3)) + good[at + data.draw(st.integers(0, 3)) :])


@given(data=st.data())
def test_replies_are_written_as_the_general_encoder_writes_them(data: st.DataObject) -> None:
    reply, part = data.draw(VALUES["AP-REP"][1]), data.draw(VALUES["AP-REP part"][1])
    assert ap_rep.encode_ap_rep(reply) == ap_rep._encode_ap_rep(reply)
    assert ap_rep.encode_enc_ap_rep_part(part) == ap_rep._encode_enc_ap_rep_part(part)
