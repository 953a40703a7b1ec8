"""RFC 5869: the keys of a channel's tokens, derived for 32 tokens at a time (docs/interprocess-token.md §6).

Token n belongs to stage n // 32. The chain of a stage gives the keys of its tokens and the chain of the next stage;
neither gives that chain back, nor do some of its keys give another.

Keys of tokens to come lie in memory, and that gives nothing away: the chain that they come from would lie there else.
What is past is gone: a stage's chain is replaced when its keys are derived, the worker deletes a key when its token is
imported, and the front when that is acknowledged. Whoever takes over either of them later opens none of those tokens.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from puregss.transfer.token import KEY_SIZE

WINDOW: Final = 1024
"""Tokens that may be under way at once. Bounds the keys both sides keep, and the work that a forged serial costs."""

STAGE_SIZE: Final = 32
"""Tokens whose keys are derived at once. What derives them is in no cache after others' work: they share the cost."""

CHAIN_SIZE: Final = 64
"""As long as the hash, which RFC 5869 §2.3 wants of a key that is expanded."""

_HASH: Final = SHA512()
_START: Final = b"puregss channel start"
_STAGE: Final = b"puregss channel stage"
_SHAPE: Final = Struct(f"{CHAIN_SIZE}s" + f"{KEY_SIZE}s" * STAGE_SIZE)
"""What the chain of a stage gives: the next stage's chain, and the keys of the stage's tokens in their order."""

Stages = tuple[dict[int, bytes], bytes, int]
"""What an end holds: keys by serial, in ascending order; the chain of the next stage; that stage's first serial."""


def start(channel_key: bytes) -> tuple[bytes, bytes]:
    """The chain of stage 0 (64 octets) and the channel's identity (32 octets) of a key of 32 octets."""
    octets = HKDF(_HASH, CHAIN_SIZE + KEY_SIZE, None, _START).derive(channel_key)
    return octets[:CHAIN_SIZE], octets[CHAIN_SIZE:]


def reaching(stages: Stages, serial: int) -> Stages:
    """`stages` and all that follow up to that of `serial`, without the keys that are a window older than it.

    A sender that is that far has given those up. `stages` itself stays as it is, so that whoever is interrupted,
    or finds `serial` to be forged, has changed nothing.
    """
    keys, chain, first = stages
    oldest = serial - serial % STAGE_SIZE - WINDOW
    keys = {number: key for number, key in keys.items() if number >= oldest}
    while first <= serial:
        chain, *fresh = _SHAPE.unpack(HKDFExpand(_HASH, _SHAPE.size, _STAGE).derive(chain))
        keys.update(zip(range(first, first + STAGE_SIZE), fresh, strict=True))
        first += STAGE_SIZE
    return keys, chain, first
