from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puregss.acceptor.framing import Frame, Kind
from puregss.acceptor.framing_length import LengthFraming, encode_frame
from puregss.base.errors import InvalidTokenError
from tests.acceptor.fakes import FakeContext


@given(st.lists(st.binary(max_size=40)), st.lists(st.integers(0, 60)))
def test_frames_come_out_however_the_stream_is_cut(payloads: list[bytes], cuts: list[int]) -> None:
    framing = LengthFraming(40)
    stream = b"".join(map(encode_frame, payloads))
    found = []
    for cut in [*cuts, len(stream)]:
        framing.feed(stream[:cut])
        stream = stream[cut:]
        while (frame := framing.next_frame()) is not None:
            found.append(frame)
    assert found == [Frame(0, payload) for payload in payloads]
    assert framing.leftover() == b""


def test_a_frame_over_the_limit_is_refused_by_its_header() -> None:
    framing = LengthFraming(10)
    framing.feed(encode_frame(b"0123456789") + (11).to_bytes(4, "big"))
    assert framing.next_frame() == Frame(0, b"0123456789")
    with pytest.raises(InvalidTokenError, match=r"11 octets.*limit here is 10"):
        framing.next_frame()


def test_what_was_not_given_out_is_left_over_once() -> None:
    framing = LengthFraming(100)
    framing.feed(encode_frame(b"first") + b"\0\0\0\5sec")
    framing.next_frame()
    assert framing.next_frame() is None
    assert framing.leftover() == b"\0\0\0\5sec"
    assert framing.leftover() == b""


def test_what_was_given_out_is_not_kept_beside_the_beginning_of_the_next() -> None:
    framing = LengthFraming(100_000)
    framing.feed(encode_frame(bytes(60_000)) + b"\0\0")
    assert framing.next_frame() == Frame(0, bytes(60_000))
    assert framing.next_frame() is None
    assert len(framing._buffer) == 2


def test_each_context_token_gets_one_frame() -> None:
    framing = LengthFraming(100)
    assert framing.context_token(Frame(0, b"token")) == b"token"
    assert framing.encode_answer(b"answer") == b"\0\0\0\6answer"
    assert framing.encode_answer(None) == b"\0\0\0\0"
    assert framing.encode_refusal(b"error") == b"\0\0\0\5error"
    assert framing.encode_refusal(None) == b""


def test_an_answer_is_wrapped_as_the_question_was() -> None:
    framing = LengthFraming(100, True)
    context = FakeContext("alice", b"\1")
    frame = Frame(0, b"bcd")
    assert framing.kind(frame) is Kind.DATA
    assert framing.encode(frame) == encode_frame(b"bcd")
    assert framing.converse(frame, context, bytes.upper) == encode_frame(bytes(o ^ 1 for o in b"CBE"))
