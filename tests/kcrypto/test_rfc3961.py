"""RFC 3961 §5.1, appendix A.1: n-fold; and DK on every published derivation of the enctypes puregss speaks."""

from __future__ import annotations

from typing import Any

import pytest

from puregss.kcrypto.key import profile_of
from puregss.kcrypto.rfc3961 import n_fold
from tests.vectors import load


@pytest.mark.parametrize("vector", load("nfold"), ids=lambda v: f"{v['input'][:20]}-{v['output_bits']}")
def test_n_fold(vector: dict[str, Any]) -> None:
    assert n_fold(bytes.fromhex(vector["input_hex"]), vector["output_bits"] // 8).hex() == vector["output_hex"]


# Enctype 16 is 3DES, which puregss does not speak.
DERIVATIONS = [v for v in load("derive_key") if v["enctype"] != 16]


@pytest.mark.parametrize("vector", DERIVATIONS, ids=lambda v: f"{v['enctype_name']}-{v['constant_hex']}")
def test_derive(vector: dict[str, Any]) -> None:
    profile = profile_of(vector["enctype"])
    constant = bytes.fromhex(vector["constant_hex"])
    (derived,) = profile.derive(bytes.fromhex(vector["key_hex"]), constant)
    assert derived.hex() == vector["output_hex"]


def test_derive_serves_several_constants() -> None:
    profile = profile_of(18)
    key = bytes(range(32))
    assert profile.derive(key, b"one", b"two") == [*profile.derive(key, b"one"), *profile.derive(key, b"two")]


def test_the_vectors_cover_every_enctype() -> None:
    assert {v["enctype"] for v in DERIVATIONS} == {17, 18, 19, 20, 25, 26}
