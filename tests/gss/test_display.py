"""RFC 2743 §2.4.1: every status has a text, and no other number has."""

from __future__ import annotations

import pytest

from puregss.base.errors import BadStatusError
from puregss.base.status import CallingError, Major, Supplementary
from puregss.gss.display import display_major, display_minor
from puregss.krb5.messages.error_codes import KrbErrorCode
from puregss.krb5.messages.fields import MINOR_BASE
from puregss.transfer.minor import TransferMinor


def test_each_major_status_has_a_text_of_its_own() -> None:
    statuses = [*Major, *CallingError, *Supplementary]
    texts = [display_major(status) for status in statuses]
    assert all(len(text) == 1 and text[0] for text in texts)
    assert len({text[0] for text in texts}) == len(statuses)


def test_a_word_of_several_parts_gives_several_texts() -> None:
    word = CallingError.INACCESSIBLE_READ | Major.NO_CONTEXT | Supplementary.OLD_TOKEN | Supplementary.GAP_TOKEN
    assert display_major(word) == [
        *display_major(Major.NO_CONTEXT),
        *display_major(CallingError.INACCESSIBLE_READ),
        *display_major(Supplementary.OLD_TOKEN),
        *display_major(Supplementary.GAP_TOKEN),
    ]


@pytest.mark.parametrize("word", [20 << 16, 4 << 24, 32, 1 << 32, -1])
def test_unknown_major_statuses(word: int) -> None:
    with pytest.raises(BadStatusError):
        display_major(word)


def test_each_minor_status_has_a_text() -> None:
    minors = [*TransferMinor, *(MINOR_BASE + code for code in KrbErrorCode)]
    assert all(display_minor(minor) for minor in minors)
    assert "unknown" in display_minor(MINOR_BASE + KrbErrorCode.KDC_ERR_S_PRINCIPAL_UNKNOWN)
    assert display_minor(MINOR_BASE + KrbErrorCode.KRB_AP_ERR_SKEW).endswith("; set the clocks of both machines (NTP)")
    assert display_minor(0)


def test_unknown_minor_statuses() -> None:
    with pytest.raises(BadStatusError):
        display_minor(12345)
