"""Names as text and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puregss.base.errors import BadNameError
from puregss.krb5.messages.fields import _remembered_name, _remembered_realm, encode_name, encode_realm
from puregss.krb5.principal import Principal, PrincipalNameType, parse_principal, tgs_principal
from tests.vectors import load

WRITTEN_OTHERWISE = {
    # Heimdal quotes a space as well. MIT does not, and exported names are compared with MIT's octet by octet.
    "\\ ": " @",
}


@pytest.mark.parametrize("vector", load("principal_names"), ids=lambda vector: repr(vector["input"])[:40])
def test_vectors(vector: dict[str, Any]) -> None:
    principal = parse_principal(vector["input"], vector.get("default_realm"), enterprise="parse_flag" in vector)
    if "components" in vector:
        assert (list(principal.components), principal.realm) == (vector["components"], vector["realm"])
    if "unparsed" in vector:
        assert str(principal) == WRITTEN_OTHERWISE.get(vector["input"], vector["unparsed"])
    if "name_type" in vector:
        assert principal.name_type == vector["name_type"]


@given(st.lists(st.text(max_size=8), min_size=1, max_size=4), st.text(max_size=8))
def test_whatever_is_written_is_read_back(components: list[str], realm: str) -> None:
    principal = Principal(tuple(components), realm)
    assert parse_principal(str(principal), None) == principal


@given(st.text(alphabet="ab\\/@n0 \0", max_size=12), st.sampled_from([None, "", "R"]), st.booleans())
def test_any_text_is_a_name_or_an_error(text: str, realm: str | None, enterprise: bool) -> None:
    try:
        principal = parse_principal(text, realm, enterprise=enterprise)
    except BadNameError:
        return
    assert parse_principal(str(principal), None) == principal


@pytest.mark.parametrize(
    ("text", "words"),
    [("a", "no realm"), ("a@B@C", "two realms"), ("a\\", "single backslash"), ("a\0@B", "bare NUL")],
)
def test_texts_that_are_no_names(text: str, words: str) -> None:
    with pytest.raises(BadNameError, match=words):
        parse_principal(text, None)


def test_the_type_is_no_part_of_the_name() -> None:
    assert Principal(("a",), "R", 1) == Principal(("a",), "R", 3)
    assert len({Principal(("a",), "R", 1), Principal(("a",), "R", 3)}) == 1


def test_ticket_granting_services() -> None:
    assert str(tgs_principal("A")) == "krbtgt/A@A"
    assert str(tgs_principal("A", "B")) == "krbtgt/A@B"
    assert tgs_principal("A").is_tgs
    assert tgs_principal("A").name_type == PrincipalNameType.SRV_INST
    assert not Principal(("krbtgt",), "A").is_tgs


def test_the_text_is_made_once_and_changes_nothing() -> None:
    spelled, other = parse_principal("a/b@R", None), parse_principal("a/b@R", None)
    assert str(spelled) is str(spelled)
    assert (spelled, hash(spelled), repr(spelled)) == (other, hash(other), repr(other))
    assert str(replace(spelled, realm="Q")) == "a/b@Q"


@pytest.mark.parametrize(
    "stranger",
    [Principal(("u" * 300,), "R"), Principal(("u",), "R" * 300), Principal(("",) * 300, "R")],
    ids=["component", "realm", "components"],
)
def test_a_stranger_cannot_fill_memory_with_long_names(stranger: Principal) -> None:
    names = _remembered_name.cache_info().currsize
    encode_name(stranger)
    assert _remembered_name.cache_info().currsize == names
    realms = _remembered_realm.cache_info().currsize
    encode_realm("R" * 300)
    assert _remembered_realm.cache_info().currsize == realms
