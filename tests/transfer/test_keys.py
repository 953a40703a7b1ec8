"""Domain keys: how they are written, and that nothing but both halves gives a data key."""

from __future__ import annotations

import base64

import pytest

from puregss.base.errors import OperationUnavailableError
from puregss.transfer.keys import DomainKey, parse_domain_keys

FIRST, SECOND = bytes(range(32)), bytes(range(32, 64))


@pytest.mark.parametrize(
    "text",
    [
        base64.b64encode(FIRST).decode() + " " + SECOND.hex(),
        f"# the domain's keys\n{FIRST.hex()}  # since March\n\n{SECOND.hex().upper()}\n",
    ],
)
def test_keys_are_read_in_order(text: str) -> None:
    assert [key.tag for key in parse_domain_keys(text, "file")] == [DomainKey(FIRST).tag, DomainKey(SECOND).tag]


@pytest.mark.parametrize("text", ["", "# nothing", "short", FIRST.hex()[:-2], "g" * 64, "é" * 64, "=" * 44])
def test_what_is_no_key_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(OperationUnavailableError, match="the-file") as error:
        parse_domain_keys(text, "the-file")
    assert not text or text not in str(error.value)


def test_a_data_key_needs_both_halves_and_is_for_one_token() -> None:
    key = DomainKey(FIRST)
    derived = {
        key.derive(b"s" * 32, b"header"),
        key.derive(b"t" * 32, b"header"),
        key.derive(b"s" * 32, b"other"),
        DomainKey(SECOND).derive(b"s" * 32, b"header"),
        key.identity,
    }
    assert len(derived) == 5
