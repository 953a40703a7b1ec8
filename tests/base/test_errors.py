"""RFC 2744 §3.9.1: every status has one exception, one number and one text."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from puregss.base import errors
from puregss.base.status import MAJOR_TEXT, CallingError, Major, Supplementary, calling_error, routine_error


def tree(cls: type[errors.GSSError]) -> Iterator[type[errors.GSSError]]:
    yield cls
    for child in cls.__subclasses__():
        yield from tree(child)


ALL = [cls for cls in tree(errors.GSSError) if cls is not errors.SupplementaryError]


def test_every_routine_error_and_supplementary_status_has_exactly_one_class() -> None:
    expected = [*map(int, Major), *map(int, Supplementary)]
    assert sorted(cls.major for cls in ALL) == sorted(set(expected) - {Major.COMPLETE, Supplementary.CONTINUE_NEEDED})


@pytest.mark.parametrize("cls", ALL)
def test_the_text_names_the_status_and_the_cause(cls: type[errors.GSSError]) -> None:
    assert str(cls("the clock is wrong")) == f"{MAJOR_TEXT[cls.major]}: the clock is wrong"


def test_numbers_are_those_of_rfc_2744() -> None:
    numbers = [int(status) for status in (Major.DEFECTIVE_TOKEN, Major.UNAVAILABLE, Supplementary.GAP_TOKEN)]
    assert numbers == [0x90000, 0x100000, 16]
    status = CallingError.INACCESSIBLE_READ | Major.NO_CONTEXT | Supplementary.OLD_TOKEN
    assert calling_error(status) == CallingError.INACCESSIBLE_READ
    assert routine_error(status) == Major.NO_CONTEXT


def test_minor_and_token_travel_with_the_error() -> None:
    error = errors.InvalidTokenError("cut off", minor=7, token=b"for the peer")
    assert (error.minor, error.token) == (7, b"for the peer")


def test_what_a_stranger_is_called_drives_no_terminal_and_forges_no_line() -> None:
    error = errors.GSSError("no ticket for eve\x1b[2J\nroot\udcff@ÉXAMPLE.TEST")
    assert error.message == r"no ticket for eve\x1b[2J\nroot\udcff@ÉXAMPLE.TEST"
    assert str(error).isprintable()


def test_what_a_stranger_is_called_fills_no_log() -> None:
    """A name of a megabyte comes with a token that anybody can send; what to do stands at the end of the sentence."""
    name = "\udc80" * 1_000_000
    error = errors.GSSError(f"the ticket is for {name}; add this service to the keytab")
    assert len(error.message) < 40_000
    assert error.message.startswith("the ticket is for ")
    assert error.message.endswith("; add this service to the keytab")
