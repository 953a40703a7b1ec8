"""Values of krb5.conf, by the vectors of another implementation."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puregss.system.config_values import parse_boolean, parse_duration, parse_enctypes, parse_host_port
from tests.vectors import load

VECTORS = load("config_values")


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [vector for vector in VECTORS if vector["kind"] == kind]


@pytest.mark.parametrize("vector", of_kind("duration"), ids=lambda vector: repr(vector["text"]))
def test_duration(vector: dict[str, Any]) -> None:
    if vector.get("expect") == "reject":
        with pytest.raises(ValueError, match="is no duration"):
            parse_duration(vector["text"])
    else:
        assert parse_duration(vector["text"]) == vector["seconds"]


@pytest.mark.parametrize("vector", of_kind("enctype list"), ids=lambda vector: vector["text"])
def test_enctypes(vector: dict[str, Any]) -> None:
    assert list(parse_enctypes(vector["text"], vector["default"])) == vector["allow_weak_crypto_false"]


@pytest.mark.parametrize("vector", of_kind("host and port"), ids=lambda vector: vector["text"] or "empty")
def test_host_and_port(vector: dict[str, Any]) -> None:
    if vector.get("expect") == "reject":
        with pytest.raises(ValueError, match=r"port|host"):
            parse_host_port(vector["text"], vector["default_port"])
    else:
        default = vector["default_port"]
        assert parse_host_port(vector["text"], default) == (vector["host"], vector["port"])


@pytest.mark.parametrize(("text", "value"), [("yes", True), (" ON ", True), ("0", False), ("nil", False)])
def test_boolean(text: str, value: bool) -> None:
    assert parse_boolean(text) is value


def test_neither_true_nor_false() -> None:
    with pytest.raises(ValueError, match="neither true nor false"):
        parse_boolean("perhaps")


@given(st.text(alphabet="0123456789dhms:- \t\n[]%.xé", max_size=120))
def test_any_text(text: str) -> None:
    for parse in (parse_duration, parse_boolean, lambda t: parse_host_port(t, 88), lambda t: parse_enctypes(t, (18,))):
        try:
            parse(text)
        except ValueError:
            continue
