from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puregss.acceptor.handoff import (
    Acknowledged,
    Closed,
    Data,
    Drain,
    Failed,
    HandOff,
    Message,
    Ready,
    Refused,
    Start,
    decode_datagram,
    encode_message,
)
from puregss.acceptor.peer import peer_of
from puregss.base.errors import GSSError, InvalidTokenError
from tests.acceptor.fakes import FakeContext

# Principals may hold octets that are not UTF-8, which reach us as lone surrogates, and names any character at all.
CONTEXT = FakeContext("al\udcff\0i\r\nce@R")
PEER = peer_of(CONTEXT, "127.0.0.1:1", 4711)

MESSAGES: list[Message] = [
    Start(b"k" * 32, "module:function", "length", 2**31, 1.5, "nobody"),
    Ready(),
    Failed("it cannot"),
    HandOff(2**40, b"token", b"leftover", PEER, True),
    HandOff(1, b"token", b"", PEER, False),
    Acknowledged(7),
    # A reason may quote a principal, with octets that are not UTF-8, which reach us as lone surrogates.
    Refused(7, "not al\udcff\0i\r\nce@R"),
    Data(7, b"octets"),
    Closed(7, "reset"),
    Drain(10.0),
]


def header(kind: int, size: int, connection: int = 1) -> bytes:
    return struct.pack(">BQI", kind, connection, size)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_decoding_undoes_encoding(message: Message) -> None:
    assert decode_datagram(encode_message(message)) == [message]


def test_records_share_a_datagram() -> None:
    assert decode_datagram(b"".join(map(encode_message, MESSAGES))) == MESSAGES


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_cut_or_longer_datagram_is_refused(message: Message) -> None:
    octets = encode_message(message)
    for end in range(1, len(octets)):
        with pytest.raises(GSSError):
            decode_datagram(octets[:end])
    with pytest.raises(GSSError):
        decode_datagram(octets + b"\0")


@pytest.mark.parametrize("sizes", [(6, 0), (0, 6), (3, 3), (2**32 - 1, 2**32 - 1)])
def test_a_hand_off_whose_sizes_run_past_its_end_is_refused(sizes: tuple[int, int]) -> None:
    body = struct.pack(">?IIII", True, 0, 0, *sizes) + b"token"
    with pytest.raises(InvalidTokenError):
        decode_datagram(header(3, len(body)) + body)


@pytest.mark.parametrize("texts", [b"", b"a\0b\0c\0d", b"a\0b\0c\0d\0e\0f"])
def test_a_hand_off_without_five_texts_is_refused(texts: bytes) -> None:
    body = struct.pack(">?IIII", True, 0, 0, 0, 0) + texts
    with pytest.raises(InvalidTokenError):
        decode_datagram(header(3, len(body)) + body)


@given(st.binary(max_size=200))
def test_hostile_octets_end_in_messages_or_a_status(octets: bytes) -> None:
    for kind in range(10):
        body = header(kind, len(octets)) + octets
        for datagram in (octets, body):
            try:
                decode_datagram(datagram)
            except GSSError:
                continue


@pytest.mark.parametrize("message", [m for m in MESSAGES if not m.connection], ids=lambda m: type(m).__name__)
def test_what_is_not_about_a_connection_names_none(message: Message) -> None:
    octets = encode_message(message)
    with pytest.raises(InvalidTokenError):
        decode_datagram(octets[:1] + (7).to_bytes(8, "big") + octets[9:])


@pytest.mark.parametrize("kind", [1, 4])
def test_what_says_all_by_its_type_has_no_contents(kind: int) -> None:
    with pytest.raises(InvalidTokenError):
        decode_datagram(header(kind, 1, connection=0) + b"x")


def test_secrets_do_not_show() -> None:
    assert "kkkk" not in repr(MESSAGES[0])
    assert "token" not in repr(MESSAGES[3])
