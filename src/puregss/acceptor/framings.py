"""The framings a listener can speak, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from puregss.acceptor.framing import Framing
from puregss.acceptor.framing_gss_sample import GssSampleFraming
from puregss.acceptor.framing_length import LengthFraming

FRAMINGS: Final[dict[str, Callable[[int, bool], Framing]]] = {
    "length": LengthFraming,
    "gss-sample": GssSampleFraming,
}
"""Each makes a connection's framing of the limit for one payload and whether the context is established already."""
