"""RFC 2743 §1.2.3, RFC 4121 §4.2.1: which of a peer's sequence numbers have arrived, and what a new one means."""

from __future__ import annotations

from typing import Final

from puregss.base.status import Major, Supplementary

COMPLETE: Final = int(Major.COMPLETE)
DUPLICATE: Final = int(Supplementary.DUPLICATE_TOKEN)
OLD: Final = int(Supplementary.OLD_TOKEN)
UNSEQ: Final = int(Supplementary.UNSEQ_TOKEN)
GAP: Final = int(Supplementary.GAP_TOKEN)

WIDTH: Final = 64
"""How many numbers behind the expected one are remembered."""

ROUND: Final = 1 << 64
"""`next` once the last of all numbers has arrived. From there on every number is an old one: starting anew
would accept each recorded token a second time. In 64 bits it is written as 0 with a bitmap that is not."""

_MASK: Final = ROUND - 1


class SequenceWindow:
    """A peer's 64-bit sequence numbers; they may wrap around.

    `base` is the peer's first number. `next` is the highest number that arrived plus one, counted from
    `base` (0: none yet). Bit k of `bitmap` is set if number `next - 1 - k` arrived. These are MIT's
    rules, so that windows move between implementations (MIT starts anew where `next` reaches 2^64);
    with both checks off nothing is recorded.
    """

    __slots__ = ("base", "bitmap", "do_replay", "do_sequence", "next")

    def __init__(
        self, base: int, next: int = 0, bitmap: int = 0, do_replay: bool = True, do_sequence: bool = True
    ) -> None:
        self.base = base
        self.next = next or (ROUND if bitmap else 0)
        self.bitmap = bitmap
        self.do_replay = do_replay
        self.do_sequence = do_sequence

    def check(self, number: int) -> int:
        """Record a number whose token has been verified. COMPLETE, DUPLICATE, OLD, UNSEQ or GAP."""
        if not (self.do_replay or self.do_sequence):
            return COMPLETE
        ahead = ((number - self.base) & _MASK) - self.next
        if ahead < 0:
            return self._check_past(-ahead)
        self.next += ahead + 1
        # A gap of a whole window forgets everything; shifting by it could ask for any amount of memory.
        self.bitmap = (self.bitmap << ahead + 1 | 1) & _MASK if ahead < WIDTH else 1
        return GAP if ahead and self.do_sequence else COMPLETE

    def _check_past(self, behind: int) -> int:
        """A number that many places before the expected one."""
        if behind > WIDTH:
            return UNSEQ if self.do_sequence else OLD
        bit = 1 << behind - 1
        if self.do_replay and self.bitmap & bit:
            return DUPLICATE
        self.bitmap |= bit
        return UNSEQ if self.do_sequence else COMPLETE

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SequenceWindow):
            return NotImplemented
        return all(getattr(self, field) == getattr(other, field) for field in self.__slots__)

    __hash__ = None  # type: ignore[assignment]  # it changes with every token

    def __repr__(self) -> str:
        return f"<SequenceWindow from {self.base}, expecting +{self.next}>"
