from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puregss.acceptor.framing import Frame, Kind
from puregss.acceptor.framing_gss_sample import Flag, GssSampleFraming, encode_frame
from puregss.base.errors import InvalidTokenError, UnauthorizedError
from tests.acceptor.fakes import FakeContext

OPENING = bytes.fromhex("1100000000")

frames = st.builds(Frame, st.integers(0, 255), st.binary(max_size=40))


@given(st.lists(frames), st.lists(st.integers(0, 60)))
def test_frames_come_out_however_the_stream_is_cut(sent: list[Frame], cuts: list[int]) -> None:
    framing = GssSampleFraming(40)
    stream = b"".join(map(framing.encode, sent))
    found = []
    for cut in [*cuts, len(stream)]:
        framing.feed(stream[:cut])
        stream = stream[cut:]
        while (frame := framing.next_frame()) is not None:
            found.append(frame)
    assert found == sent


def test_frames_without_flags_have_no_flags_octet() -> None:
    assert encode_frame(0, b"old") == b"\0\0\0\3old"
    assert encode_frame(Flag.MIC, b"mic") == b"\x08\0\0\0\3mic"


def test_a_conversation_opens_with_noop_and_context_next() -> None:
    framing = GssSampleFraming(100)
    framing.feed(OPENING + b"\x02\0\0\0\5token\x02\0\0\0\4more" + b"\xe4\0\0")
    found = [framing.context_token(frame) for frame in (framing.next_frame(), framing.next_frame()) if frame]
    assert found == [None, b"token"]
    assert framing.encode_answer(b"answer") == b"\x02\0\0\0\6answer"
    assert framing.encode_answer(None) == b""
    assert framing.encode_refusal(b"error") == b"\x02\0\0\0\5error"
    assert framing.leftover() == b"\x02\0\0\0\4more\xe4\0\0"


@pytest.mark.parametrize(
    ("octets", "error", "text"),
    [
        (b"\x02\0\0\0\1x", InvalidTokenError, "expected a NOOP frame first, got one with the flags CONTEXT"),
        (b"\0\0\0\1x", InvalidTokenError, "flags none"),
        (b"\x01\0\0\0\0", UnauthorizedError, "no authentication"),
        (OPENING + b"\xe4\0\0\0\1x", InvalidTokenError, "expected a CONTEXT frame"),
        (OPENING + b"\x02\0\0\0\x65", InvalidTokenError, "101 octets"),
    ],
)
def test_what_does_not_belong_there_is_refused(octets: bytes, error: type[Exception], text: str) -> None:
    framing = GssSampleFraming(100)
    framing.feed(octets)
    with pytest.raises(error, match=text):
        read_all(framing)


def read_all(framing: GssSampleFraming) -> None:
    while (frame := framing.next_frame()) is not None:
        framing.context_token(frame)


WRAPPED = bytes(octet ^ 1 for octet in b"hello")
MIC = encode_frame(Flag.MIC, b"MIC of hello")
NOOP = encode_frame(Flag.NOOP, b"")


@pytest.mark.parametrize(
    ("flags", "payload", "answer"),
    [(0xE4, WRAPPED, MIC), (0xC4, b"hello", MIC), (0xA4, WRAPPED, MIC), (0x64, WRAPPED, NOOP), (0x04, b"hello", NOOP)],
    ids=["default", "-nw", "-nx", "-nm", "plain"],
)
def test_each_option_of_the_client_is_answered_as_gss_server_does(flags: int, payload: bytes, answer: bytes) -> None:
    seen = []

    def handle(message: bytes) -> bytes:
        seen.append(message)
        return b"not sent"

    framing = GssSampleFraming(100, True)
    frame = Frame(flags, payload)
    assert framing.kind(frame) is Kind.DATA
    assert framing.converse(frame, FakeContext("alice", b"\1"), handle) == answer
    assert seen == [b"hello"]


def test_frames_after_the_establishment_are_sorted() -> None:
    framing = GssSampleFraming(100, True)
    assert framing.kind(Frame(Flag.NOOP, b"")) is Kind.END
    assert framing.kind(Frame(Flag.CONTEXT, b"late")) is Kind.CONTEXT
    assert framing.kind(Frame(0, b"")) is Kind.DATA


def test_a_message_that_claims_to_be_encrypted_is_told_about(caplog: pytest.LogCaptureFixture) -> None:
    class Plain(FakeContext):
        def unwrap(self, message: bytes) -> tuple[bytes, bool, int]:
            return message, False, 0

    caplog.set_level(logging.WARNING)
    frame = Frame(Flag.DATA | Flag.WRAPPED | Flag.ENCRYPTED, b"hello")
    assert GssSampleFraming(100, True).converse(frame, Plain("alice", b"\1"), bytes) == NOOP
    assert "not confidential" in caplog.text
