"""X.660 / X.690 §8.19: object identifiers as text and octets, on MIT's vectors."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puregss.base.errors import InvalidTokenError
from puregss.base.oid import OID
from tests import vectors

INVALID = json.loads((vectors.FOLDER / "oid.json").read_text())["invalid_strings"]


@pytest.mark.parametrize("vector", vectors.load("oid"), ids=lambda vector: vector["dotted"])
def test_vectors(vector: dict[str, str]) -> None:
    oid = OID.from_dotted(vector["dotted"])
    assert oid.contents.hex() == vector["der_content_hex"]
    assert OID.from_contents(oid.contents).dotted == vector["dotted"]
    assert OID.from_dotted(vector["gss_string"]) == oid


@pytest.mark.parametrize("text", INVALID)
def test_text_that_is_no_oid(text: str) -> None:
    with pytest.raises(ValueError, match="object identifier"):
        OID.from_dotted(text)


@pytest.mark.parametrize("contents", [b"", b"\x80", b"\x2a\x86", b"\x2a\x80\x01", b"\x2a" * 256])
def test_octets_that_are_no_oid(contents: bytes) -> None:
    with pytest.raises(InvalidTokenError):
        OID.from_contents(contents)


@given(st.binary(max_size=40))
def test_any_octets_end_well(contents: bytes) -> None:
    try:
        oid = OID.from_contents(contents)
    except InvalidTokenError:
        return
    assert OID.from_dotted(oid.dotted).contents == contents
