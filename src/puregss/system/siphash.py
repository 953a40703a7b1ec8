"""SipHash-2-4 (Aumasson and Bernstein, 2012), with which replay cache files place their records.

In C where `siphashc` is installed (the extra `fast`), in Python elsewhere: see docs/decisions/replay-cache.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from struct import unpack
from typing import Final

_LANE: Final = 128  # a 64-bit word and as much room above it, where shifts may spill
_WORD: Final = (1 << 64) - 1


class SipHash24:
    """Hashes the same data under several 16-octet keys at once.

    The words of all keys lie side by side in one big integer, a lane each: Python takes as long for one
    operation on it as on one word, nearly.
    """

    __slots__ = ("_initial", "_mask", "_ones", "_shifts")

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._shifts = range(0, _LANE * len(keys), _LANE)
        self._ones = sum(1 << shift for shift in self._shifts)
        self._mask = _WORD * self._ones
        pairs = [unpack("<QQ", key) for key in keys]
        k0, k1 = (sum(pair[half] << shift for pair, shift in zip(pairs, self._shifts, strict=True)) for half in (0, 1))
        constants = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
        self._initial = [k ^ word * self._ones for k, word in zip((k0, k1, k0, k1), constants, strict=True)]

    def hash(self, data: bytes) -> list[int]:
        """The 64-bit hash under each key, in the order of the keys."""
        ones, mask = self._ones, self._mask
        v0, v1, v2, v3 = self._initial
        padded = data + bytes(7 - len(data) % 8) + bytes((len(data) & 0xFF,))
        turns = [(word * ones, 0, 2) for word in unpack(f"<{len(padded) // 8}Q", padded)]
        for word, last, rounds in (*turns, (0, 0xFF * ones, 4)):
            v3 ^= word
            v2 ^= last
            for _ in range(rounds):
                v0 = v0 + v1 & mask
                v1 = (v1 << 13 | v1 >> 51) & mask ^ v0
                v0 = (v0 << 32 | v0 >> 32) & mask
                v2 = v2 + v3 & mask
                v3 = (v3 << 16 | v3 >> 48) & mask ^ v2
                v0 = v0 + v3 & mask
                v3 = (v3 << 21 | v3 >> 43) & mask ^ v0
                v2 = v2 + v1 & mask
                v1 = (v1 << 17 | v1 >> 47) & mask ^ v2
                v2 = (v2 << 32 | v2 >> 32) & mask
            v0 ^= word
        packed = v0 ^ v1 ^ v2 ^ v3
        return [packed >> shift & _WORD for shift in self._shifts]


_hasher = lru_cache(maxsize=64)(SipHash24)


def in_lanes(keys: tuple[bytes, ...], data: bytes, likely: int) -> Iterator[int]:
    """The hash of `data` under one key after the other. `likely` of them are computed before the first is given out."""
    yield from _hasher(keys[:likely]).hash(data)
    yield from _hasher(keys[likely:]).hash(data)


def one_by_one(keys: tuple[bytes, ...], data: bytes, likely: int) -> Iterator[int]:
    """The same in C, each hash when it is asked for: so cheap that nothing is gained by knowing how many will be."""
    return map(siphashc.siphash, keys, (data,) * len(keys))


try:
    import siphashc
except ImportError:  # an extra, which has no wheel for every system
    siphash24 = in_lanes
else:
    siphash24 = one_by_one
