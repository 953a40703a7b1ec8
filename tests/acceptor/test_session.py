from __future__ import annotations

import pytest

from puregss.acceptor.framing_gss_sample import Flag, GssSampleFraming
from puregss.acceptor.framing_gss_sample import encode_frame as sample_frame
from puregss.acceptor.framing_length import LengthFraming, encode_frame
from puregss.acceptor.handlers import Handler, echo
from puregss.acceptor.peer import Peer, peer_of
from puregss.acceptor.session import HandlerError, Session, reason_of
from puregss.base.errors import InvalidTokenError, MissingContextError
from tests.acceptor.fakes import FakeContext

PEER = peer_of(FakeContext("alice"), "127.0.0.1:1", 1)


def session(handler: Handler = echo, *, sample: bool = False) -> Session:
    framing = (GssSampleFraming if sample else LengthFraming)(1000, True)
    return Session(FakeContext("alice", b"\1"), framing, handler, PEER)


def test_whole_frames_are_answered_in_order() -> None:
    talk = session(lambda message, peer: message + peer.initiator.encode())
    stream = encode_frame(b"abc") + encode_frame(b"") + encode_frame(b"de")
    assert talk.receive(stream[:-1]) == encode_frame(b"abc`mhbd") + encode_frame(b"`mhbd")
    assert talk.receive(stream[-1:]) == encode_frame(b"de`mhbd")


def test_nothing_is_read_behind_the_end() -> None:
    handled: list[bytes] = []

    def note(message: bytes, peer: Peer) -> bytes:
        handled.append(message)
        return b""

    talk = session(note, sample=True)
    data = sample_frame(Flag.DATA, b"hello")
    answer = talk.receive(data + sample_frame(Flag.NOOP, b"") + data)
    assert answer == sample_frame(Flag.NOOP, b"")
    assert talk.ended
    assert handled == [b"hello"]


def test_a_context_token_has_no_business_here() -> None:
    with pytest.raises(InvalidTokenError, match="after the context was established"):
        session(sample=True).receive(sample_frame(Flag.CONTEXT, b"token"))


def test_a_handler_must_give_bytes_and_may_not_raise() -> None:
    with pytest.raises(HandlerError, match="returned str, not bytes"):
        session(lambda message, peer: "text").receive(encode_frame(b"x"))  # type: ignore[arg-type, return-value]

    def fail(message: bytes, peer: Peer) -> bytes:
        raise KeyError("two\nlines")

    with pytest.raises(HandlerError) as caught:
        session(fail).receive(encode_frame(b"x"))
    assert "\n" not in reason_of(caught.value)


def test_afterwards_the_context_is_gone() -> None:
    talk = session()
    talk.delete()
    assert talk.receive(encode_frame(b"x")) == b""
    with pytest.raises(MissingContextError):
        talk._context.wrap(b"x", True)
