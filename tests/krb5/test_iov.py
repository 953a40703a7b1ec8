"""RFC 4121 §4.2 in several buffers: layouts, associated data, DCE style, and everything that must be refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puregss.base.errors import (
    BadMICError,
    DuplicateTokenError,
    GSSError,
    InvalidTokenError,
    MissingContextError,
    TokenTooEarlyError,
)
from puregss.base.flags import RequirementFlag
from puregss.base.iov import IOVBufferType
from puregss.kcrypto.enctypes import SUPPORTED, enctype_name
from puregss.krb5.context import KerberosContext
from tests.krb5.contexts import FLAGS, pair

EMPTY, DATA, HEADER, TRAILER = (IOVBufferType[name] for name in ("empty", "data", "header", "trailer"))
PADDING, STREAM, SIGN_ONLY, MIC = (IOVBufferType[name] for name in ("padding", "stream", "sign_only", "mic_token"))
Buffers = list[tuple[int, bytes]]
DCE = int(FLAGS | RequirementFlag.dce_style)

every_enctype = pytest.mark.parametrize("enctype", sorted(SUPPORTED), ids=enctype_name)
both_styles = pytest.mark.parametrize("flags", [int(FLAGS), DCE], ids=["", "dce"])
confidential_or_not = pytest.mark.parametrize("confidential", [False, True])
LAYOUTS: list[Buffers] = [
    [(HEADER, b""), (DATA, b"a message of some length"), (PADDING, b""), (TRAILER, b"")],
    [(HEADER, b""), (SIGN_ONLY, b"signed"), (DATA, b"one"), (SIGN_ONLY, b"also"), (DATA, b"x" * 37), (TRAILER, b"")],
    [(HEADER, b""), (SIGN_ONLY, b"signed"), (DATA, b"a message" * 9)],
    [(HEADER, b""), (EMPTY, b""), (DATA, b""), (DATA, b"m")],
    [(SIGN_ONLY, b"first"), (HEADER, b""), (TRAILER, b"")],
]


def values(buffers: Buffers, kind: int) -> list[bytes]:
    return [value for of, value in buffers if of == kind]


def token_of(buffers: Buffers) -> bytes:
    """The buffers put together, which is a Wrap token."""
    return b"".join(value for kind, value in buffers if kind in (HEADER, DATA, PADDING, TRAILER))


@every_enctype
@both_styles
@confidential_or_not
@pytest.mark.parametrize("buffers", LAYOUTS)
def test_round_trip(enctype: int, flags: int, confidential: bool, buffers: Buffers) -> None:
    initiator, acceptor = pair(enctype, flags=flags)
    for sender, receiver in ((initiator, acceptor), (acceptor, initiator), (initiator, acceptor)):
        wrapped = sender.wrap_iov(buffers, confidential)
        assert [kind for kind, _ in wrapped] == [kind for kind, _ in buffers]
        assert values(wrapped, SIGN_ONLY) == values(buffers, SIGN_ONLY)
        if confidential:
            assert all(a != b for a, b in zip(values(wrapped, DATA), values(buffers, DATA), strict=True) if len(a) > 3)
        opened, was_confidential = receiver.unwrap_iov(wrapped)
        assert values(opened, DATA) == values(buffers, DATA)
        assert was_confidential == confidential


@every_enctype
@both_styles
@confidential_or_not
@pytest.mark.parametrize("buffers", LAYOUTS)
def test_lengths_are_known_before(enctype: int, flags: int, confidential: bool, buffers: Buffers) -> None:
    sender, _ = pair(enctype, flags=flags)
    lengths = sender.wrap_iov_length(buffers, confidential)
    assert lengths == [(kind, len(value)) for kind, value in sender.wrap_iov(buffers, confidential)]


@every_enctype
@both_styles
@confidential_or_not
@pytest.mark.parametrize("trailer", [True, False])
def test_buffers_put_together_are_a_token(enctype: int, flags: int, confidential: bool, trailer: bool) -> None:
    """Without associated data `unwrap` reads them, also turned and with filler; and STREAM takes them apart."""
    sender, receiver = pair(enctype, flags=flags, sequence=False)
    buffers: Buffers = [(HEADER, b""), (DATA, b"a mes"), (DATA, b"sage"), *([(TRAILER, b"")] if trailer else [])]
    assert receiver.unwrap(token_of(sender.wrap_iov(buffers, confidential))) == (b"a message", confidential)
    for token in (token_of(sender.wrap_iov(buffers, confidential)), sender.wrap(b"a message", confidential)):
        opened, was_confidential = receiver.unwrap_iov([(STREAM, token), (DATA, b"")])
        assert values(opened, DATA) == [b"a message"]
        assert was_confidential == confidential


def test_dce_style_on_the_wire() -> None:
    """Sixteen octets of filler; RRC leaves them out where the token is turned, as Windows has it."""
    sender, _ = pair(18, flags=DCE)
    (_, turned), _ = sender.wrap_iov([(HEADER, b""), (DATA, b"message")], True)
    assert (turned[4:8], len(turned)) == (b"\0\x10\0\x1c", 16 + 16 + 16 + 12 + 16)
    (_, straight), _, (_, trailer) = sender.wrap_iov([(HEADER, b""), (DATA, b"message"), (TRAILER, b"")], True)
    assert (straight[4:8], len(straight), len(trailer)) == (b"\0\x10\0\0", 32, 44)
    (_, clear), _ = sender.wrap_iov([(HEADER, b""), (DATA, b"message")], False)
    assert (clear[4:8], len(clear)) == (b"\0\x0c\0\x0c", 28)


@every_enctype
@confidential_or_not
def test_every_flipped_bit_is_refused(enctype: int, confidential: bool) -> None:
    sender, receiver = pair(enctype)
    wrapped = sender.wrap_iov([(HEADER, b""), (SIGN_ONLY, b"sig"), (DATA, b"a message"), (TRAILER, b"")], confidential)
    for place, (kind, value) in enumerate(wrapped):
        for bit in range(len(value) * 8):
            altered = bytearray(value)
            altered[bit // 8] ^= 1 << bit % 8
            with pytest.raises((BadMICError, InvalidTokenError)):
                receiver.unwrap_iov([*wrapped[:place], (kind, bytes(altered)), *wrapped[place + 1 :]])
    assert values(receiver.unwrap_iov(wrapped)[0], DATA) == [b"a message"]


@confidential_or_not
def test_what_is_signed_keeps_its_place(confidential: bool) -> None:
    """The order of buffers is part of what is protected; how DATA is cut into buffers is not."""
    sender, receiver = pair()
    header, signed, data, trailer = sender.wrap_iov(
        [(HEADER, b""), (SIGN_ONLY, b"signed"), (DATA, b"a message"), (TRAILER, b"")], confidential
    )
    for wrong in (
        [header, data, signed, trailer],
        [header, data, trailer],
        [header, signed, signed, data, trailer],
        [header, (SIGN_ONLY, b""), data, trailer],
    ):
        with pytest.raises(BadMICError):
            receiver.unwrap_iov(wrong)
    cut = [header, (SIGN_ONLY, b"sig"), (SIGN_ONLY, b"ned"), (DATA, data[1][:4]), (DATA, data[1][4:]), trailer]
    assert values(receiver.unwrap_iov(cut)[0], DATA) == [b"a me", b"ssage"]


KINDS = st.sampled_from([DATA, HEADER, TRAILER, PADDING, STREAM, SIGN_ONLY, MIC, EMPTY, 99])
STARTS = st.sampled_from([b"", b"\5\4\0\xff\0\x0c\0\0", b"\5\4\2\xff\0\0\0\0", b"\5\4\2\xff\xff\xff\0\x1c"])


@both_styles
@given(st.lists(st.tuples(KINDS, st.builds(bytes.__add__, STARTS, st.binary(max_size=80))), max_size=5))
def test_noise_is_refused(flags: int, buffers: Buffers) -> None:
    _, receiver = pair(flags=flags)
    with pytest.raises(GSSError):
        receiver.unwrap_iov(buffers)
    with pytest.raises(GSSError):
        receiver.verify_mic_iov(buffers)


@pytest.mark.parametrize(
    "call",
    [
        lambda context: context.wrap_iov([(DATA, b"m")], True),
        lambda context: context.wrap_iov([(HEADER, b""), (HEADER, b""), (DATA, b"m")], True),
        lambda context: context.wrap_iov_length([(DATA, b"m")], True),
        lambda context: context.unwrap_iov([(STREAM, b"m")]),
        lambda context: context.unwrap_iov([(STREAM, b"m"), (DATA, b""), (DATA, b"")]),
        lambda context: context.get_mic_iov([(DATA, b"m")]),
        lambda context: context.verify_mic_iov([(DATA, b"m"), (MIC, b""), (MIC, b"")]),
    ],
)
def test_missing_and_doubled_buffers(call: Callable[[KerberosContext], object]) -> None:
    with pytest.raises(GSSError, match="buffers of type"):
        call(pair()[0])


# The window


def test_numbers_are_shared_with_wrap() -> None:
    sender, receiver = pair()
    buffers: Buffers = [(HEADER, b""), (DATA, b"m"), (TRAILER, b"")]
    first, second, third = sender.wrap_iov(buffers, True), sender.wrap(b"n", True), sender.wrap_iov(buffers, False)
    receiver.unwrap_iov(first)
    with pytest.raises(DuplicateTokenError) as twice:
        receiver.unwrap_iov(first)
    assert values(twice.value.result[0], DATA) == [b"m"]
    with pytest.raises(TokenTooEarlyError):
        receiver.unwrap_iov(third)
    with pytest.raises(GSSError, match="before it"):
        receiver.unwrap(second)


def test_a_dead_context() -> None:
    context, _ = pair()
    with context.lock:
        context.kill("gone")
    for call in (
        lambda: context.wrap_iov([(HEADER, b"")], True),
        lambda: context.wrap_iov_length([(HEADER, b"")], True),
        lambda: context.unwrap_iov([(HEADER, b"")]),
        lambda: context.get_mic_iov([(MIC, b"")]),
        lambda: context.wrap_aead(b"", b"", True),
    ):
        with pytest.raises(MissingContextError, match="gone"):
            call()


# MICs over buffers, and AEAD


def test_mic_over_buffers() -> None:
    sender, receiver = pair()
    buffers: Buffers = [(DATA, b"one"), (SIGN_ONLY, b"two"), (DATA, b"three"), (MIC, b"")]
    signed = sender.get_mic_iov(buffers)
    assert signed[:3] == buffers[:3]
    with pytest.raises(BadMICError):
        receiver.verify_mic_iov([(DATA, b"One"), *signed[1:]])
    receiver.verify_mic_iov(signed)
    receiver.verify_mic(b"onetwothree", sender.get_mic_iov(buffers)[3][1])


@every_enctype
@both_styles
@confidential_or_not
def test_aead(enctype: int, flags: int, confidential: bool) -> None:
    sender, receiver = pair(enctype, flags=flags)
    token = sender.wrap_aead(b"message", b"associated", confidential)
    assert b"associated" not in token
    for wrong in (b"", b"Associated", b"associated\0"):
        with pytest.raises(BadMICError):
            receiver.unwrap_aead(token, wrong)
    assert receiver.unwrap_aead(token, b"associated") == (b"message", confidential)
    with pytest.raises(DuplicateTokenError) as twice:
        receiver.unwrap_aead(token, b"associated")
    assert twice.value.result == (b"message", confidential)


@every_enctype
def test_without_associated_data_it_is_wrap(enctype: int) -> None:
    sender, receiver = pair(enctype)
    assert receiver.unwrap(sender.wrap_aead(b"message", b"", True)) == (b"message", True)
    assert receiver.unwrap_aead(sender.wrap(b"message", False), b"") == (b"message", False)


def test_a_failed_call_throws_the_cipher_away() -> None:
    sender, receiver = pair()
    for _ in range(3):
        token = sender.wrap_aead(b"message", b"a", True)
        with pytest.raises(BadMICError):
            receiver.unwrap_aead(token, b"b")
        assert receiver.unwrap_aead(token, b"a") == (b"message", True)
        assert receiver.unwrap(sender.wrap(b"message", True)) == (b"message", True)
