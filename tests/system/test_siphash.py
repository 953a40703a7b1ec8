"""SipHash-2-4 on the published vectors, one key at a time and many at once, in Python and in C."""

from __future__ import annotations

import runpy
import sys
from importlib.util import find_spec
from typing import Any

import pytest

from puregss.system import siphash
from puregss.system.siphash import SipHash24, in_lanes, one_by_one
from tests.vectors import load

VECTORS = load("siphash")
in_c = pytest.param(one_by_one, id="C", marks=pytest.mark.skipif(not find_spec("siphashc"), reason="no siphashc"))
both = pytest.mark.parametrize("hashes", [pytest.param(in_lanes, id="Python"), in_c])


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: str(len(v["data_hex"]) // 2))
def test_published_hashes(vector: dict[str, Any]) -> None:
    key, data = bytes.fromhex(vector["key_hex"]), bytes.fromhex(vector["data_hex"])
    assert SipHash24([key]).hash(data) == [int(vector["hash_hex"], 16)]


@pytest.mark.parametrize("length", [0, 7, 8, 12, 63])
def test_many_keys_at_once_are_as_one_after_the_other(length: int) -> None:
    keys = [bytes((number,)) * 16 for number in (0, 1, 0x80, 0xFF, 7)]
    data = b"\xff" * length
    assert SipHash24(keys).hash(data) == [SipHash24([key]).hash(data)[0] for key in keys]


@both
@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: str(len(v["data_hex"]) // 2))
def test_published_hashes_as_they_are_asked_for(vector: dict[str, Any], hashes: Any) -> None:
    key, data = bytes.fromhex(vector["key_hex"]), bytes.fromhex(vector["data_hex"])
    assert next(hashes((key, bytes(16)), data, 1)) == int(vector["hash_hex"], 16)


@both
@pytest.mark.parametrize("likely", [0, 1, 3, 5, 9])
def test_however_many_hashes_were_expected_all_are_there(hashes: Any, likely: int) -> None:
    keys = tuple(bytes((number,)) * 16 for number in (0, 1, 0x80, 0xFF, 7))
    assert list(hashes(keys, b"twelve octet", likely)) == SipHash24(keys).hash(b"twelve octet")


@pytest.mark.parametrize("installed", [False, pytest.param(True, marks=in_c.marks)])
def test_c_is_used_where_it_is_installed(installed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not installed:
        monkeypatch.setitem(sys.modules, "siphashc", None)
    chosen = runpy.run_path(siphash.__file__)["siphash24"]
    assert chosen.__name__ == ("one_by_one" if installed else "in_lanes")
