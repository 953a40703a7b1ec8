"""RFC 2743 §1.2.3: Heimdal's list of received sequence numbers, and what it is as a window of 64 bits.

The list is newest first; Heimdal knows only 32-bit numbers. What is older than its oldest entry is refused
there, so it becomes a window in which all that is older has arrived: never the reverse, or messages could be
replayed once their context has moved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from puregss.base.errors import InvalidTokenError, OperationUnavailableError
from puregss.krb5.window import WIDTH, SequenceWindow

ENTRIES: Final = 20
"""How many numbers Heimdal remembers."""

LAST_NUMBER: Final = 0xFFFF_FFFF
_REPLAY: Final = 4
_SEQUENCE: Final = 8


@dataclass(frozen=True, slots=True)
class Order:
    """The order block: `length` of `elements` are in use."""

    flags: int
    length: int
    first_seq: int
    elements: tuple[int, ...]

    @classmethod
    def of(cls, window: SequenceWindow) -> Order:
        """The list of what arrived last. OperationUnavailableError if numbers do not fit into 32 bits."""
        highest = window.base + window.next - 1
        if highest > LAST_NUMBER:
            raise wide_numbers()
        arrived = [highest - k for k in range(min(window.next, WIDTH)) if window.bitmap >> k & 1][:ENTRIES]
        elements = arrived or [(window.base - 1) & LAST_NUMBER]
        return cls(
            flags=(_REPLAY if window.do_replay else 0) | (_SEQUENCE if window.do_sequence else 0),
            length=len(arrived),
            first_seq=window.base,
            elements=(*elements, *(0,) * (ENTRIES - len(elements))),
        )

    def window(self) -> SequenceWindow:
        """InvalidTokenError if more entries are in use than there are."""
        if self.length > len(self.elements):
            raise InvalidTokenError(
                f"Heimdal's token is damaged: {self.length} of {len(self.elements)} sequence numbers are in use"
            )
        places = [(number - self.first_seq) & LAST_NUMBER for number in self.elements[: self.length]]
        newest = places[0] if places else LAST_NUMBER
        # The number before the first stands for none. A second entry pushes the first out of Heimdal's list and
        # leaves a 0 there, so entries that would be newer than the newest are none.
        places = [place for place in places if place <= newest != LAST_NUMBER]
        expected = newest + 1 if places else 0
        bitmap = sum({1 << newest - place for place in places if newest - place < WIDTH})
        if places:
            known = newest - min(places)
            bitmap |= (1 << min(expected, WIDTH)) - 1 >> known << known if known < WIDTH else 0
        return SequenceWindow(
            self.first_seq,
            expected,
            bitmap,
            do_replay=bool(self.flags & _REPLAY),
            do_sequence=bool(self.flags & _SEQUENCE),
        )


def wide_numbers() -> OperationUnavailableError:
    return OperationUnavailableError(
        "the context's sequence numbers have outgrown 32 bits, beyond which Heimdal does not count; "
        "export it in another format"
    )
