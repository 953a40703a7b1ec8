"""docs/calls.md: every name in it leads somewhere from the front door, and no call of RFC 2743 §2 is missing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import puregss

TEXT = (Path(__file__).parent.parent / "docs" / "calls.md").read_text()
ROWS = [line.split("|")[1:4] for line in TEXT.splitlines() if line.startswith("| ") and "---" not in line][1:]
NAMES = sorted(set(re.findall(r"`([A-Za-z_.]+)`", " ".join(here for _, _, here in ROWS))) - {"_async", "name"})
MATTER_OF_C = {"2.4.6", "2.4.7", "2.4.8", "2.4.9", "2.4.10", "2.4.11", "2.4.16"}
"""Releasing, sets of OIDs and copies of names, which Python has of its own."""


@pytest.mark.parametrize("name", [name for name in NAMES if name != "initiator_name"])
def test_every_name_is_there(name: str) -> None:
    found: object = puregss
    for part in name.split("."):
        found = getattr(found, part)
    assert found.__doc__


def test_every_call_of_the_rfc_is_listed() -> None:
    counts = {"2.1": 5, "2.2": 9, "2.3": 4, "2.4": 16}
    wanted = {f"{section}.{number}" for section, count in counts.items() for number in range(1, count + 1)}
    assert {match for _, rfc, _ in ROWS for match in re.findall(r"2743 §([\d.]+)", rfc)} == wanted - MATTER_OF_C
