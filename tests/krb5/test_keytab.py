"""Keytab files written by ktutil, ktpass and others, and damaged ones."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puregss.base.errors import GSSError, InvalidCredentialsError
from puregss.krb5.keytab import KeytabEntry, decode_keytab, encode_keytab
from puregss.krb5.principal import Principal
from tests.vectors import load

VECTORS = load("keytab")
SOUND = [vector for vector in VECTORS if "entries" in vector]
DAMAGED = [vector for vector in VECTORS if "entries" not in vector]

entries = st.builds(
    KeytabEntry,
    st.builds(Principal, st.lists(st.text(max_size=9), max_size=4).map(tuple), st.text(max_size=9), st.integers(0, 11)),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**16 - 1),
    st.binary(max_size=40),
    st.integers(0, 2**32 - 1),
)


def expected(entry: dict[str, Any]) -> KeytabEntry:
    return KeytabEntry(
        Principal(tuple(entry["components"]), entry["realm"]),
        entry.get("kvno32") or entry["kvno8"],
        entry["enctype"],
        bytes.fromhex(entry["key_hex"]),
        entry["timestamp"],
    )


@pytest.mark.parametrize("vector", SOUND, ids=lambda vector: vector["name"])
def test_file_is_read(vector: dict[str, Any]) -> None:
    found = decode_keytab(bytes.fromhex(vector["file_hex"]))
    assert found == [expected(entry) for entry in vector["entries"]]
    assert [entry.principal.name_type for entry in found] == [entry["name_type"] for entry in vector["entries"]]
    assert decode_keytab(encode_keytab(found)) == found


@pytest.mark.parametrize("vector", DAMAGED, ids=lambda vector: vector["file_hex"] or "empty")
def test_damaged_file_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(InvalidCredentialsError, match="keytab"):
        decode_keytab(bytes.fromhex(vector["file_hex"]))


def test_octets_are_those_of_other_writers() -> None:
    """A file with 32-bit key versions comes out as it went in."""
    octets = bytes.fromhex(next(v for v in SOUND if "32-bit key version present" in v["name"])["file_hex"])
    assert encode_keytab(decode_keytab(octets)) == octets


def test_holes_are_skipped_and_zero_ends_the_file() -> None:
    one = encode_keytab([expected(SOUND[0]["entries"][0])])
    hole = (-7).to_bytes(4, signed=True) + bytes(7)
    found = decode_keytab(one[:2] + hole + one[2:] + hole + bytes(4) + b"whatever lies behind the end")
    assert len(found) == 1


def test_a_huge_hole_is_not_walked() -> None:
    with pytest.raises(InvalidCredentialsError, match="cut off"):
        decode_keytab(bytes.fromhex("050280000000"))


def test_keys_are_not_printed() -> None:
    assert "secret" not in repr(KeytabEntry(Principal(("a",), "R"), 1, 18, b"secret"))


@given(st.lists(entries, max_size=4))
def test_round_trip(keys: list[KeytabEntry]) -> None:
    again = decode_keytab(encode_keytab(keys))
    assert [(e.principal, e.key_type, e.key, e.timestamp) for e in again] == [
        (e.principal, e.key_type, e.key, e.timestamp) for e in keys
    ]
    assert [e.kvno for e in again] == [e.kvno for e in keys]


@given(st.binary(max_size=200))
def test_hostile_octets(octets: bytes) -> None:
    for data in (octets, b"\x05\x02" + octets, b"\x05\x01" + octets):
        try:
            decode_keytab(data)
        except GSSError:
            continue
