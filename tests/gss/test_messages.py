"""RFC 2743 §2.3 extended: messages in several buffers and with associated data, through the calls."""

from __future__ import annotations

import pytest

from puregss.base.errors import BadMICError, DuplicateTokenError, MissingContextError
from puregss.base.iov import IOVBufferType
from puregss.gss.messages import IOVResult, UnwrapResult
from tests.gss.worlds import World, pair

HEADER, DATA, SIGN_ONLY, TRAILER = (
    IOVBufferType.header,
    IOVBufferType.data,
    IOVBufferType.sign_only,
    IOVBufferType.trailer,
)


@pytest.mark.parametrize("encrypt", [True, False])
def test_buffers_are_wrapped_and_unwrapped(encrypt: bool) -> None:
    initiator, acceptor = pair(World())
    message = [(HEADER, b""), (SIGN_ONLY, b"seen"), (DATA, b"one"), (DATA, b"two"), (TRAILER, b"")]
    lengths = initiator.wrap_iov_length(message, encrypt)
    wrapped = initiator.wrap_iov(message, encrypt)
    assert [(kind, len(octets)) for kind, octets in wrapped.buffers] == lengths
    assert wrapped.encrypted is encrypt
    opened = acceptor.unwrap_iov(wrapped.buffers)
    assert [octets for kind, octets in opened.buffers if kind == DATA] == [b"one", b"two"]
    assert opened.encrypted is encrypt
    with pytest.raises(DuplicateTokenError) as twice:
        acceptor.unwrap_iov(wrapped.buffers)
    assert isinstance(twice.value.result, IOVResult)


def test_a_mic_over_buffers() -> None:
    initiator, acceptor = pair(World())
    signed = initiator.get_mic_iov([(DATA, b"one"), (SIGN_ONLY, b"two"), (IOVBufferType.mic_token, b"")])
    assert acceptor.verify_mic_iov(signed) == 0
    forged = [(kind, b"six" if octets == b"two" else octets) for kind, octets in signed]
    with pytest.raises(BadMICError):
        acceptor.verify_mic_iov(forged)


@pytest.mark.parametrize("encrypt", [True, False])
def test_associated_data(encrypt: bool) -> None:
    initiator, acceptor = pair(World())
    wrapped = initiator.wrap_aead(b"message", b"header", encrypt)
    with pytest.raises(BadMICError):
        acceptor.unwrap_aead(wrapped.message, b"another")
    assert acceptor.unwrap_aead(wrapped.message, b"header") == UnwrapResult(b"message", encrypt, 0)
    with pytest.raises(DuplicateTokenError) as twice:
        acceptor.unwrap_aead(wrapped.message, b"header")
    assert twice.value.result == UnwrapResult(b"message", encrypt, 0)


def test_a_dead_context_does_none_of_this() -> None:
    initiator, _ = pair(World())
    initiator.delete()
    for call in (
        lambda: initiator.wrap_iov([(HEADER, b"")], True),
        lambda: initiator.wrap_iov_length([(HEADER, b"")], True),
        lambda: initiator.unwrap_iov([(HEADER, b"")]),
        lambda: initiator.get_mic_iov([(IOVBufferType.mic_token, b"")]),
        lambda: initiator.verify_mic_iov([(IOVBufferType.mic_token, b"")]),
        lambda: initiator.wrap_aead(b"", b"", True),
        lambda: initiator.unwrap_aead(b"", b""),
    ):
        with pytest.raises(MissingContextError):
            call()
