"""Strangers' words in our log: a client chooses its name, a worker its reasons."""

from __future__ import annotations

from typing import Final

LONGEST: Final = 1000
"""Characters of one text in the log."""


def plain(text: str) -> str:
    """The text with nothing in it that drives a terminal, forges a line, or fails to be written."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"
