"""Each minor status has a text of its own."""

from __future__ import annotations

from puregss.transfer.minor import TRANSFER_MINOR_TEXT, TransferMinor


def test_each_minor_has_its_own_text() -> None:
    assert set(TRANSFER_MINOR_TEXT) == set(TransferMinor)
    assert len(set(TRANSFER_MINOR_TEXT.values())) == len(TransferMinor)


def test_minors_fit_the_32_bits_of_rfc_2744() -> None:
    assert all(0 < minor < 1 << 31 for minor in TransferMinor)
