"""RFC 2743 §3.2: exported names on MIT's vectors, cut, lengthened and arbitrary."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puregss.base.errors import BadNameError
from puregss.base.oid import OID
from puregss.wire.exported_name import decode_exported_name, encode_exported_name
from tests import vectors

VECTORS = [vector for vector in vectors.load("exported_names") if not vector["composite"]]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["exported_hex"][-12:])
def test_vectors(vector: dict[str, str]) -> None:
    token = bytes.fromhex(vector["exported_hex"])
    oid, name = decode_exported_name(token)
    assert (oid, name.decode()) == (OID.from_dotted(vector["mechanism"]), vector["contained_name"])
    assert encode_exported_name(oid, name) == token


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["exported_hex"][-12:])
def test_every_cut_and_any_trailing_byte_is_refused(vector: dict[str, str]) -> None:
    token = bytes.fromhex(vector["exported_hex"])
    for broken in [token + b"\0", *(token[:end] for end in range(len(token)))]:
        with pytest.raises(BadNameError):
            decode_exported_name(broken)


@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda tail: b"\x04\x01\x00\x0b\x06\x09" + tail))
def test_any_octets_end_well(token: bytes) -> None:
    with suppress(BadNameError):
        assert encode_exported_name(*decode_exported_name(token)) == token
