"""RFC 2743 §2.2.9: every token that a C library really exported, and what becomes of damaged ones."""

from __future__ import annotations

import builtins
import json
import os
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puregss.base.errors import BadMechanismError, GSSError, InvalidTokenError, OperationUnavailableError
from puregss.base.flags import RequirementFlag
from puregss.krb5.context import KerberosContext
from puregss.krb5.principal import Principal
from puregss.krb5.record import decode_record, encode_record
from tests.krb5.interchange.samples import (
    FORMATS,
    HALF_OPEN,
    NAMES,
    RC4,
    SANON,
    TOKENS,
    WHOLE,
    decoded,
    format_of,
    sample,
)

# One of each kind, for what takes a while
KINDS = [
    "mit1201-aes256sha1-krb5-acc",
    "mit1201-aes256sha1-krb5-half-init",
    "mit1201-aes256sha2-spnego-init",
    "mit1201-rc4-krb5-init",
    "heim78-aes256sha1-krb5-acc",
    "heim78-aes256sha1-spnego-init",
    "heimhead-aes256sha1-spnego-acc",
    "heimhead-aes256sha1-krb5-half-init",
    "heimhead-aes256sha1-krb5-init",
    "heimhead-sanon-acc",
]
PAIRS = [
    (name, partner)
    for name in WHOLE
    if (partner := name.removesuffix("-acc") + "-init") in WHOLE and name.endswith("-acc") and "dce" not in name
]


def test_no_sample_is_left_out() -> None:
    assert len(NAMES) == len(list(TOKENS.glob("*.hex"))) == 71
    assert len(WHOLE) == 42
    assert len(PAIRS) == 19


@pytest.mark.parametrize("name", WHOLE)
def test_what_a_token_says(name: str) -> None:
    record = decoded(name)
    assert record.initiate is ("-init" in name)
    assert record.initiator == Principal(("user",), "EXPORT.TEST")
    assert record.acceptor == Principal(("host", "localhost"), "EXPORT.TEST")
    beside = TOKENS / f"{name}.json"
    if beside.exists():
        told = json.loads(beside.read_text())
        assert (str(record.initiator), str(record.acceptor)) == (told["user"], told["host"])
        assert record.endtime - record.authtime == told["lifetime"]
    assert record.message_key.enctype == (20 if "sha2" in name else 18)
    assert (record.acceptor_subkey is None) is ("nomutual" in name)
    assert record.initiator_subkey not in (None, record.session_key)
    assert record.flags & RequirementFlag.transferable
    assert bool(record.flags & RequirementFlag.mutual_authentication) is ("nomutual" not in name)
    assert record.recv.do_replay is record.recv.do_sequence is ("nomutual" not in name)


@pytest.mark.parametrize("name", WHOLE)
def test_round_trip(name: str) -> None:
    record, (decode, encode) = decoded(name), format_of(name)
    token = encode(record)
    assert decode(token) == record
    assert encode(decode(token)) == token
    assert decode_record(encode_record(record)) == record


@pytest.mark.parametrize("through", FORMATS)
@pytest.mark.parametrize("name", WHOLE)
def test_through_every_other_format(name: str, through: str) -> None:
    record = decoded(name)
    decode, encode = FORMATS[through]
    there = decode(encode(record))
    for field in ("initiate", "flags", "initiator", "acceptor", "send_seq", "recv", "message_key", "session_key"):
        assert getattr(there, field) == getattr(record, field), field
    if through == "mit":
        assert there == record


@pytest.mark.parametrize(("acceptor", "initiator"), PAIRS)
def test_two_ends_that_were_exported_go_on_with_their_talk(initiator: str, acceptor: str) -> None:
    ends = [KerberosContext(decoded(name), os.urandom) for name in (initiator, acceptor)]
    for sender, receiver in (ends, ends[::-1]):
        for confidential in (True, False):
            assert receiver.unwrap(sender.wrap(b"a message", confidential)) == (b"a message", confidential)
        receiver.verify_mic(b"signed", sender.get_mic(b"signed"))


@pytest.mark.parametrize("name", HALF_OPEN)
def test_half_open_contexts_say_so(name: str) -> None:
    with pytest.raises(OperationUnavailableError, match="half-open"):
        decoded(name)


@pytest.mark.parametrize("name", RC4)
def test_rc4_is_named(name: str) -> None:
    with pytest.raises(OperationUnavailableError, match="rc4-hmac"):
        decoded(name)


@pytest.mark.parametrize("name", SANON)
def test_other_mechanisms_are_named(name: str) -> None:
    with pytest.raises(BadMechanismError, match=r"1\.3\.6\.1\.4\.1\.5322\.26\.1\.110"):
        decoded(name)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in SANON])
def test_every_token_is_read_to_its_last_octet(name: str) -> None:
    """Cut or lengthened tokens are damaged before anything else is said of them."""
    decode, token = format_of(name).decode, sample(name)
    for damaged in (token[:-1], token + b"\0"):
        with pytest.raises(InvalidTokenError):
            decode(damaged)


@pytest.mark.parametrize("name", KINDS)
def test_every_cut_is_refused(name: str) -> None:
    decode, token = format_of(name).decode, sample(name)
    for end in range(len(token)):
        with pytest.raises(GSSError):
            decode(token[:end])


@pytest.mark.parametrize("name", KINDS)
def test_every_altered_octet_ends_in_a_context_or_an_error(name: str) -> None:
    decode, token = format_of(name).decode, sample(name)
    for place in range(len(token)):
        for mask in (0x01, 0x80, 0xFF):
            try:
                record = decode(token[:place] + bytes((token[place] ^ mask,)) + token[place + 1 :])
            except GSSError:
                continue
            assert decode_record(encode_record(record)) == record


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("number", [b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0\1\0\0", b"\x84\xff\xff\xff\xff", b"\xff"])
def test_no_length_or_count_is_believed(name: str, number: bytes) -> None:
    decode, token = format_of(name).decode, sample(name)
    for place in range(len(token)):
        try:
            decode(token[:place] + number + token[place + len(number) :])
        except GSSError:
            continue


@given(st.sampled_from(list(FORMATS)), st.binary(max_size=200))
def test_noise(format: str, noise: bytes) -> None:
    with pytest.raises(GSSError):
        FORMATS[format].decode(noise)


@given(st.sampled_from(KINDS), st.data())
def test_pieces_of_tokens_put_together_wrongly(name: str, data: st.DataObject) -> None:
    token = sample(name)
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(token))] * 2)))
    at = data.draw(st.integers(0, len(token)))
    try:
        record = format_of(name).decode(token[:at] + token[start:end] * data.draw(st.integers(0, 3)) + token[at:])
    except GSSError:
        return
    assert decode_record(encode_record(record)) == record


def test_no_file_named_in_a_token_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    token = sample("mit1201-aes256sha1-krb5-acc")
    assert b"/krb5.conf" in token

    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("something was opened")

    for where in (builtins, os):
        monkeypatch.setattr(where, "open", refuse)
    FORMATS["mit"].decode(token)


@pytest.mark.parametrize("name", WHOLE)
def test_keys_are_not_printed(name: str) -> None:
    record = decoded(name)
    material = record.session_key.dangerous_material()
    assert material.hex() not in repr(record)
    assert repr(material) not in repr(record)
