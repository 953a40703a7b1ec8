"""RFC 2743 §2.2.8 as MIT krb5 does it: the layout octet by octet, its variants, and what is refused."""

from __future__ import annotations

import re
from dataclasses import replace
from struct import Struct, pack

import pytest

from puregss.base.errors import BadMechanismError, GSSError, InvalidTokenError, OperationUnavailableError
from puregss.kcrypto.key import Key
from puregss.krb5.interchange.mit import decode_mit, encode_mit
from puregss.krb5.interchange.mit_blocks import (
    AUTH_CONTEXT,
    AUTHDATA_CONTEXT,
    AUTHENTICATOR,
    CONTEXT,
    PROFILE,
    SEQUENCE_STATE,
)
from puregss.krb5.principal import Principal
from puregss.krb5.window import ROUND, SequenceWindow
from tests.krb5.contexts import full, record
from tests.krb5.interchange.samples import WHOLE, sample

MIT = [name for name in WHOLE if name.startswith("mit")]
SPNEGO = bytes.fromhex("000000062b0601050502")
OS_FLAGS, REMOTE_SEQ_NUMBER, LOCAL_SEQ_NUMBER = 4 * 10, 4 * 1, 4 * 2  # places within their blocks
TOKEN = encode_mit(full(False))


def without_block(token: bytes, magic: int) -> bytes:
    """The token without the block between this magic number and its repetition, if there is one."""
    mark = re.escape(magic.to_bytes(4, "big"))
    return re.sub(mark + b".*?" + mark, b"", token, flags=re.DOTALL)


def with_word(token: bytes, magic: int, place: int, word: int) -> bytes:
    """The token with another word so many octets after the first of this magic number."""
    at = token.index(magic.to_bytes(4, "big")) + 4 + place
    return token[:at] + word.to_bytes(4, "big") + token[at + 4 :]


@pytest.mark.parametrize("name", MIT)
def test_octet_for_octet_what_mit_writes(name: str) -> None:
    """But for what an established context has no use for: three blocks, a flag, and a number from before."""
    expected = sample(name).removeprefix(SPNEGO)
    for magic in (PROFILE, AUTHENTICATOR, AUTHDATA_CONTEXT):
        expected = without_block(expected, magic)
    written = encode_mit(decode_mit(sample(name)))
    unlike = [(CONTEXT, OS_FLAGS), (AUTH_CONTEXT, LOCAL_SEQ_NUMBER)]
    if name.endswith("nomutual-init"):  # nobody told it
        unlike.append((AUTH_CONTEXT, REMOTE_SEQ_NUMBER))
    for magic, place in unlike:
        expected, written = (with_word(token, magic, place, 0) for token in (expected, written))
    assert written == expected


@pytest.mark.parametrize("types", [(), (18, 17)])
def test_the_extra_list_of_1_18(types: tuple[int, ...]) -> None:
    token = sample("mit1201-aes256sha1-krb5-acc")
    at = token.index(CONTEXT.to_bytes(4, "big")) + 8
    older = token[:at] + pack(f">I{len(types)}I", len(types), *types) + token[at:]
    assert decode_mit(older) == decode_mit(token)


def test_restricted_encryption_types_are_read() -> None:
    token = sample("mit1201-aes256sha1-krb5-init")
    at = token.index(CONTEXT.to_bytes(4, "big")) + 8
    assert decode_mit(token[:at] + pack(">3I", 2, 18, 17) + token[at + 4 :]) == decode_mit(token)


def big_endian(token: bytes) -> bytes:
    at = token.index(SEQUENCE_STATE.to_bytes(4, "big")) + 4
    state = Struct("<2I4Q").unpack_from(token, at)
    return token[:at] + Struct(">2I4Q").pack(*state) + token[at + 40 :]


@pytest.mark.parametrize("base", [1, 0x26B1F3E2, 0])
@pytest.mark.parametrize(("replay", "sequence", "next"), [(True, True, 2), (False, True, 2), (False, False, 0)])
def test_a_host_of_the_other_byte_order(base: int, replay: bool, sequence: bool, next: int) -> None:
    window = SequenceWindow(base, next, (1 << next) - 1, do_replay=replay, do_sequence=sequence)
    token = encode_mit(record(True, recv=window))
    assert decode_mit(token).recv == decode_mit(big_endian(token)).recv == window


def test_numbers_beyond_32_bits() -> None:
    window = SequenceWindow(0xFFFF_FFFF, ROUND - 5, 0b1011, do_replay=True, do_sequence=False)
    wide = record(True, recv=window, send_seq=ROUND - 1)
    assert decode_mit(encode_mit(wide)) == wide


def test_times_outside_32_bits_become_the_nearest_that_fit() -> None:
    moved = decode_mit(encode_mit(record(True, authtime=-5, starttime=0, endtime=1 << 33, renew_till=2**31)))
    assert (moved.authtime, moved.starttime, moved.endtime, moved.renew_till) == (0, 0, 2**32 - 1, 2**31)


@pytest.mark.parametrize("initiate", [True, False])
@pytest.mark.parametrize("enctype", [17, 18, 19, 20, 25, 26])
def test_every_set_of_keys(initiate: bool, enctype: int) -> None:
    whole = full(initiate, enctype)
    for fields in ({}, {"acceptor_subkey": None}, {"initiator_subkey": None, "acceptor_subkey": None}):
        before = replace(whole, **fields)  # type: ignore[arg-type]
        assert decode_mit(encode_mit(before)) == before


def test_names_of_every_kind() -> None:
    names = (
        Principal(("a/b", "c@d", "e\\f", "\0\n\t\b"), "R@/\\"),
        Principal(("", ""), ""),
        Principal(("J\u00f6rg \udcff",), "\u0424"),
    )
    for name in names:
        moved = decode_mit(encode_mit(record(True, initiator=name, acceptor=name)))
        assert moved.initiator == moved.acceptor == name


def test_authorization_data_stays_whole() -> None:
    authdata = ((1, b"x" * 5000), (-7, b""), (1, b"y"))
    assert decode_mit(encode_mit(record(False, authdata=authdata))).authdata == authdata


def test_a_session_key_that_is_not_told_is_the_subkey() -> None:
    key = full(False).session_key
    tagged = (950920).to_bytes(4, "big")
    at = TOKEN.index(tagged)
    moved = decode_mit(TOKEN[:at] + TOKEN[at + 4 + 16 + len(key.dangerous_material()) :])
    assert (moved.session_key, moved.initiator_subkey) == (full(False).initiator_subkey, None)


@pytest.mark.parametrize(
    ("octets", "instead", "error", "sentence"),
    [
        (bytes.fromhex("2a864886f712010202"), b"\x2a" * 9, BadMechanismError, "mechanism"),
        (
            bytes.fromhex("0000000100000010970ea703"),
            bytes.fromhex("0000000000000010970ea703"),
            OperationUnavailableError,
            "RFC 1964",
        ),
        (bytes.fromhex("970ea73801000000"), bytes.fromhex("970ea73802000000"), InvalidTokenError, "byte order"),
        (b"user@EXAMPLE.COM", b"user.EXAMPLE.COM", InvalidTokenError, "no realm"),
        (bytes.fromhex("970ea729000000"), bytes.fromhex("970ea728000000"), InvalidTokenError, "970EA729"),
        (bytes.fromhex("025ea1080000000000000001"), bytes.fromhex("025ea1080000000000000002"), GSSError, "yes nor no"),
        (bytes.fromhex("025ea1080000000000000001"), bytes.fromhex("025ea1080000000000000000"), GSSError, "half-open"),
    ],
)
def test_what_is_refused(octets: bytes, instead: bytes, error: type[GSSError], sentence: str) -> None:
    assert octets in TOKEN
    for count in (1, -1):  # the first of them, and all of them
        with pytest.raises(error, match=sentence):
            decode_mit(TOKEN.replace(octets, instead, count))


def test_a_key_of_a_wrong_length_is_damage() -> None:
    token = encode_mit(record(True, 17, session_key=Key(17, bytes(16))))
    with pytest.raises(InvalidTokenError, match="32 are right"):
        decode_mit(token.replace(pack(">II", 17, 16), pack(">II", 18, 16)))


def test_a_context_without_names_or_numbers_is_damage() -> None:
    with pytest.raises(InvalidTokenError, match="lacks names or numbers"):
        decode_mit(without_block(TOKEN, SEQUENCE_STATE))


def test_an_unknown_module_of_authorization_data_is_named() -> None:
    token = sample("mit1201-aes256sha1-krb5-acc")
    assert b"mspac" in token
    with pytest.raises(InvalidTokenError, match="mspoc"):
        decode_mit(token.replace(b"mspac", b"mspoc"))
