"""The values of krb5.conf: durations, lists of enctypes, hosts with ports, booleans."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from puregss.kcrypto.enctypes import enctype_number

_UNITS: Final = re.compile(r"\s*(?:(-?\d+)d\s*)?(?:(-?\d+)h\s*)?(?:(-?\d+)m\s*)?(?:(-?\d+)s\s*)?")
_CLOCK: Final = re.compile(r"\s*(?:(\d+)-)?(\d+):(\d{1,2})(?::(\d{1,2}))?\s*")
_SECONDS: Final = (86400, 3600, 60, 1)
_LONGEST: Final = 100
_FAMILIES: Final = {"aes": (18, 17, 20, 19), "camellia": (26, 25), "des3": (16,), "rc4": (23,)}
_WEAK: Final = frozenset((1, 2, 3, 24))
_TRUE: Final = frozenset(("y", "yes", "true", "t", "1", "on"))
_FALSE: Final = frozenset(("n", "no", "false", "f", "nil", "0", "off"))
_PORTS: Final = range(1, 65536)


def parse_duration(text: str) -> int:
    """Seconds: `36000`, `10h`, `1d 2h 3m 4s`, `12:34:56`, `3-12:34:56`. ValueError for anything else."""
    seconds: int | None = None
    if len(text) > _LONGEST:
        pass
    elif re.fullmatch(r"\s*\d+\s*", text):
        seconds = int(text)
    elif (match := _CLOCK.fullmatch(text) or _UNITS.fullmatch(text)) and any(match.groups()):
        seconds = sum(int(group or 0) * unit for group, unit in zip(match.groups(), _SECONDS, strict=True))
    if seconds is None or not -0x80000000 <= seconds <= 0x7FFFFFFF:
        raise ValueError(f"{text!r} is no duration: write it as 10h, as 1d 12h or in seconds")
    return seconds


def parse_boolean(text: str) -> bool:
    """ValueError for what is neither yes nor no."""
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError(f"{text!r} is neither true nor false")
    return word in _TRUE


def parse_enctypes(text: str, default: Sequence[int]) -> tuple[int, ...]:
    """Numbers in order of preference: names and families (`aes`), DEFAULT, and `-name` to take one away.

    Names nobody knows are passed over, as are the export-grade and single-DES enctypes; which of the others
    can be used is the caller's to say.
    """
    chosen: dict[int, None] = {}
    for word in re.split(r"[\s,]+", text.strip().lower()):
        name = word.lstrip("+-")
        known = enctype_number(name)
        if name == "default":
            numbers: Sequence[int] = default
        elif known is not None:
            numbers = (known,)
        else:
            numbers = _FAMILIES.get(name, ())
        for number in numbers:
            if word.startswith("-"):
                chosen.pop(number, None)
            elif number not in _WEAK:
                chosen[number] = None
    return tuple(chosen)


def parse_host_port(text: str, default_port: int) -> tuple[str | None, int]:
    """`host`, `host:port`, `[address]:port`; digits alone are a port without a host. ValueError for anything else."""
    host: str | None
    host, port = text, str(default_port)
    if re.fullmatch(r"\d+", text):
        host, port = None, text
    elif (match := re.fullmatch(r"\[([^\[\]]+)\](?::(\d+))?", text)) or (
        match := re.fullmatch(r"([^:\[\]\s]+)(?::(\d+))?", text)
    ):
        host, port = match[1], match[2] or port
    else:
        raise ValueError(f"{text!r} is no host: write host, host:port or [IPv6 address]:port")
    if len(port) > 5 or int(port) not in _PORTS:
        raise ValueError(f"{text!r} has the port {port}: ports go from 1 to 65535")
    return host, int(port)
