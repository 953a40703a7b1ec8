"""SipHash-2-4 on the published vectors, one key at a time and many at once."""

from __future__ import annotations

from typing import Any

import pytest

from puregss.system.siphash import SipHash24
from tests.vectors import load

VECTORS = load("siphash")


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: str(len(v["data_hex"]) // 2))
def test_published_hashes(vector: dict[str, Any]) -> None:
    key, data = bytes.fromhex(vector["key_hex"]), bytes.fromhex(vector["data_hex"])
    assert SipHash24([key]).hash(data) == [int(vector["hash_hex"], 16)]


@pytest.mark.parametrize("length", [0, 7, 8, 12, 63])
def test_many_keys_at_once_are_as_one_after_the_other(length: int) -> None:
    keys = [bytes((number,)) * 16 for number in (0, 1, 0x80, 0xFF, 7)]
    data = b"\xff" * length
    assert SipHash24(keys).hash(data) == [SipHash24([key]).hash(data)[0] for key in keys]
