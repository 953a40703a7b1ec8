"""RFC 2743 §2.2.8: what stays of a context is encoded and decoded without loss, and only so."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from puregss.base.errors import GSSError, InvalidTokenError, OperationUnavailableError
from puregss.kcrypto.key import Key
from puregss.krb5.principal import Principal
from puregss.krb5.record import (
    ContextRecord,
    _remembered_encoding,
    _remembered_facts,
    decode_record,
    encode_record,
)
from puregss.krb5.window import SequenceWindow
from tests.krb5.contexts import KEY_SIZES, full, record

U32 = st.integers(0, 2**32 - 1)
U64 = st.integers(0, 2**64 - 1)
I32 = st.integers(-(2**31), 2**31 - 1)
TIMES = st.integers(-62_135_596_800, 253_402_300_799)  # the years 1 to 9999
KEYS = st.sampled_from(sorted(KEY_SIZES)).flatmap(
    lambda enctype: st.binary(min_size=KEY_SIZES[enctype], max_size=KEY_SIZES[enctype]).map(
        lambda material: Key(enctype, material)
    )
)
OCTETS_AS_TEXT = st.binary(max_size=40).map(lambda octets: octets.decode("utf-8", "surrogateescape"))
PRINCIPALS = st.builds(
    Principal, st.lists(OCTETS_AS_TEXT, max_size=4).map(tuple), OCTETS_AS_TEXT | st.just("EXAMPLE.COM"), I32
)
WINDOWS = st.builds(SequenceWindow, U64, U64, U64, do_replay=st.booleans(), do_sequence=st.booleans())
RECORDS = st.builds(
    ContextRecord,
    initiate=st.booleans(),
    flags=U32,
    initiator=PRINCIPALS,
    acceptor=PRINCIPALS,
    authtime=TIMES,
    starttime=TIMES,
    endtime=TIMES,
    renew_till=TIMES,
    ticket_flags=U32,
    session_key=KEYS,
    initiator_subkey=st.none() | KEYS,
    acceptor_subkey=st.none() | KEYS,
    send_seq=U64,
    recv=WINDOWS,
    authdata=st.lists(st.tuples(I32, st.binary(max_size=30)), max_size=3).map(tuple),
)


@given(RECORDS)
@example(full(True))
@example(record(False, recv=SequenceWindow(7, 0, 1, do_replay=True, do_sequence=True)))
@example(record(False, recv=SequenceWindow(7, 0, 2**64 - 1, do_replay=True, do_sequence=True)))
def test_round_trip(original: ContextRecord) -> None:
    copy = decode_record(encode_record(original))
    assert copy == original
    # name types are hints, which equality leaves out
    assert copy.initiator.name_type == original.initiator.name_type
    assert copy.acceptor.name_type == original.acceptor.name_type


@pytest.mark.parametrize("initiate", [False, True])
def test_it_is_small(initiate: bool) -> None:
    """An aes256 context with all three keys; what sealing adds must leave the token below 300 octets."""
    assert len(encode_record(full(initiate))) <= 200


def test_unbroken_windows_cost_nothing() -> None:
    quiet, busy = full(False), full(False)
    for number in range(1000, 1300):
        busy.recv.check(number)
    assert len(encode_record(busy)) == len(encode_record(quiet))
    busy.recv.check(1302)
    assert len(encode_record(busy)) == len(encode_record(quiet)) + 8
    assert decode_record(encode_record(busy)) == busy


def test_every_cut_is_refused() -> None:
    data = encode_record(full(False))
    for size in range(len(data)):
        with pytest.raises(InvalidTokenError):
            decode_record(data[:size])


def test_trailing_octets_are_refused() -> None:
    """They would be the beginning of an authorization data element."""
    data = encode_record(full(False))
    for tail in (b"\0", bytes(7), bytes(4) + b"\0\0\0\1"):
        with pytest.raises(InvalidTokenError):
            decode_record(data + tail)


def test_every_flipped_bit_is_noticed_or_meant() -> None:
    """A flip is refused, or decodes to another record: no bit is ignored."""
    original = full(True)
    data = encode_record(original)
    for bit in range(len(data) * 8):
        altered = bytearray(data)
        altered[bit // 8] ^= 1 << bit % 8
        try:
            decoded = decode_record(bytes(altered))
        except GSSError:
            continue
        assert decoded != original or encode_record(decoded) != data


@given(st.binary(max_size=300))
def test_noise_ends_in_an_error_or_a_record(noise: bytes) -> None:
    for data in (noise, b"\3\7\x12\0\0" + noise):
        try:
            decode_record(data)
        except GSSError:
            continue


@given(RECORDS, st.data())
def test_altered_records_end_in_an_error_or_a_record(original: ContextRecord, data: st.DataObject) -> None:
    altered = bytearray(encode_record(original))
    for _ in range(data.draw(st.integers(1, 4))):
        altered[data.draw(st.integers(0, len(altered) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode_record(bytes(altered))
    except GSSError:
        return


def test_another_version_is_unavailable() -> None:
    data = encode_record(full(True))
    with pytest.raises(OperationUnavailableError, match="written in format 4"):
        decode_record(b"\4" + data[1:])


def test_an_enctype_we_lack_is_refused() -> None:
    for place in (2, 3, 4):  # session key, initiator's subkey, acceptor's subkey
        data = bytearray(encode_record(full(True)))
        assert data[place] == 18
        data[place] = 23
        with pytest.raises(InvalidTokenError, match="rc4-hmac"):
            decode_record(bytes(data))


def test_a_record_without_a_session_key_is_refused() -> None:
    data = encode_record(record(True))
    with pytest.raises(InvalidTokenError, match="no session key"):
        decode_record(data[:2] + b"\0" + data[3:])


@pytest.mark.parametrize(
    "long",
    [Principal(("u" * 600,), "EXAMPLE.COM"), Principal(("user",), "R" * 600), Principal(("",) * 255, "EXAMPLE.COM")],
)
def test_long_names_are_not_remembered(long: Principal) -> None:
    """Strangers choose them: what is remembered must have a bound in octets, not only in number."""
    caches = _remembered_encoding, _remembered_facts
    before = [cache.cache_info() for cache in caches]
    assert decode_record(encode_record(record(True, initiator=long))).initiator == long
    assert before == [cache.cache_info() for cache in caches]


def test_what_is_remembered_of_a_ticket_holds_no_key_and_no_authorization_data() -> None:
    """Two contexts of one ticket share what it tells, and have their own keys, numbers and windows."""
    first, second = full(False), full(False)
    first.authdata = second.authdata = ((1, b"what the KDC says of its client"),)
    second.session_key, second.acceptor_subkey, second.send_seq = Key(18, b"s" * 32), Key(18, b"a" * 32), 5
    second.recv.check(second.recv.base)
    decoded = [decode_record(encode_record(each)) for each in (first, second)]
    assert decoded == [first, second]
    assert decoded[0].initiator is decoded[1].initiator
    (remembered,) = [
        each for each in gc.get_referents(_remembered_facts) if type(each) is dict and "__module__" not in each
    ]
    octets = b"".join(each for key in remembered for each in key if isinstance(each, bytes))
    assert first.initiator.realm.encode() in octets
    assert all(ad_data not in octets for _, ad_data in first.authdata)
    for key in (first.session_key, first.initiator_subkey, first.acceptor_subkey, second.session_key):
        assert key is not None
        assert key.dangerous_material() not in octets


@pytest.mark.parametrize(
    ("changes", "which"),
    [
        ({}, "session_key"),
        ({"initiator_subkey": Key(17, bytes(16))}, "initiator_subkey"),
        ({"initiator_subkey": Key(17, bytes(16)), "acceptor_subkey": Key(20, bytes(32))}, "acceptor_subkey"),
        ({"acceptor_subkey": Key(20, bytes(32))}, "acceptor_subkey"),
    ],
)
def test_the_message_key(changes: dict[str, Any], which: str) -> None:
    made = record(True, **changes)
    assert made.message_key is getattr(made, which)


def test_repr_keeps_secrets() -> None:
    made = full(True)
    made.authdata = ((1, b"PAC"),)
    assert "PAC" not in repr(made)
    assert repr(bytes((1,)) * 32) not in repr(made)
