"""The tokens that C libraries exported (tests/vectors/tokens), by the format they are in."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from puregss.krb5.interchange.heimdal7 import decode_heimdal7, encode_heimdal7
from puregss.krb5.interchange.heimdal8 import decode_heimdal8, encode_heimdal8
from puregss.krb5.interchange.mit import decode_mit, encode_mit
from puregss.krb5.record import ContextRecord
from tests.vectors import FOLDER

TOKENS = FOLDER / "tokens"


class Format(NamedTuple):
    decode: Callable[[bytes], ContextRecord]
    encode: Callable[[ContextRecord], bytes]


FORMATS = {
    "mit": Format(decode_mit, encode_mit),
    "heim7": Format(decode_heimdal7, encode_heimdal7),
    "heimhead": Format(decode_heimdal8, encode_heimdal8),
}


def format_of(name: str) -> Format:
    return next(format for prefix, format in FORMATS.items() if name.startswith(prefix))


def sample(name: str) -> bytes:
    return bytes.fromhex((TOKENS / f"{name}.hex").read_text())


def decoded(name: str) -> ContextRecord:
    return format_of(name).decode(sample(name))


NAMES = sorted(path.stem for path in TOKENS.glob("*.hex"))
RC4 = [name for name in NAMES if "-rc4-" in name and "-half-" not in name]
HALF_OPEN = [name for name in NAMES if "-half-" in name]
SANON = [name for name in NAMES if "-sanon-" in name]
WHOLE = [name for name in NAMES if name not in {*RC4, *HALF_OPEN, *SANON}]
"""Established contexts of encryption types that puregss has."""
