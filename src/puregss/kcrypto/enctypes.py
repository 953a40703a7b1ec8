"""RFC 3961 §8: encryption type numbers, as IANA keeps them."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class EncType(IntEnum):
    """The encryption types puregss speaks."""

    AES128_CTS_HMAC_SHA1_96 = 17
    AES256_CTS_HMAC_SHA1_96 = 18
    AES128_CTS_HMAC_SHA256_128 = 19
    AES256_CTS_HMAC_SHA384_192 = 20
    CAMELLIA128_CTS_CMAC = 25
    CAMELLIA256_CTS_CMAC = 26


SUPPORTED: Final[tuple[int, ...]] = (18, 17, 20, 19, 26, 25)
"""In order of preference: what is offered to a KDC or a peer when nothing else is configured."""

_NAMES: Final = {
    1: "des-cbc-crc",
    2: "des-cbc-md4",
    3: "des-cbc-md5",
    16: "des3-cbc-sha1",
    17: "aes128-cts-hmac-sha1-96",
    18: "aes256-cts-hmac-sha1-96",
    19: "aes128-cts-hmac-sha256-128",
    20: "aes256-cts-hmac-sha384-192",
    23: "rc4-hmac",
    24: "rc4-hmac-exp",
    25: "camellia128-cts-cmac",
    26: "camellia256-cts-cmac",
}

WITHDRAWN: Final = frozenset((1, 2, 3, 16, 23, 24))
"""DES, 3DES and RC4: broken, and withdrawn by RFC 6649 and RFC 8429. puregss never speaks them."""


def enctype_name(number: int) -> str:
    """`aes256-cts-hmac-sha1-96 (18)`; for a number nobody knows, `enctype 99`."""
    name = _NAMES.get(number)
    return f"{name} ({number})" if name else f"enctype {number}"


def enctype_number(name: str) -> int | None:
    """The number behind a name as configuration files write it, or None."""
    wanted = _ALIASES.get(name.lower(), name.lower())
    return next((number for number, known in _NAMES.items() if known == wanted), None)


_ALIASES: Final = {
    "aes128-cts": "aes128-cts-hmac-sha1-96",
    "aes256-cts": "aes256-cts-hmac-sha1-96",
    "aes128-sha1": "aes128-cts-hmac-sha1-96",
    "aes256-sha1": "aes256-cts-hmac-sha1-96",
    "aes128-sha2": "aes128-cts-hmac-sha256-128",
    "aes256-sha2": "aes256-cts-hmac-sha384-192",
    "camellia128-cts": "camellia128-cts-cmac",
    "camellia256-cts": "camellia256-cts-cmac",
    "arcfour-hmac": "rc4-hmac",
    "arcfour-hmac-md5": "rc4-hmac",
    "des3-cbc-sha1-kd": "des3-cbc-sha1",
    "des3-hmac-sha1": "des3-cbc-sha1",
}
