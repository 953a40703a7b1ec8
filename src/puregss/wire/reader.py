"""Fixed-width fields read in bounds: keytab, ccache, replay cache and per-message headers are made of them."""

from __future__ import annotations

from typing import Literal

from puregss.base.errors import InvalidTokenError


class Reader:
    """A cursor over `data` that never reads past its end: InvalidTokenError where octets are missing.

    `little` is for the few little-endian fields (RFC 1964, RFC 4121 §4.1.1). No length read from the
    data allocates anything before it has been compared with what is there.
    """

    __slots__ = ("_data", "_order", "_what", "offset")

    def __init__(self, data: bytes, *, little: bool = False, what: str = "data") -> None:
        self._data = data
        self._order: Literal["little", "big"] = "little" if little else "big"
        self._what = what
        self.offset = 0

    def take(self, count: int) -> bytes:
        """The next `count` octets."""
        end = self.offset + count
        if count < 0 or end > len(self._data):
            missing = end - len(self._data)
            raise InvalidTokenError(f"{self._what} is cut off at octet {self.offset}: {missing} more octets are needed")
        octets = self._data[self.offset : end]
        self.offset = end
        return octets

    def _number(self, width: int, signed: bool = False) -> int:
        return int.from_bytes(self.take(width), self._order, signed=signed)

    def u8(self) -> int:
        return self._number(1)

    def u16(self) -> int:
        return self._number(2)

    def u32(self) -> int:
        return self._number(4)

    def u64(self) -> int:
        return self._number(8)

    def i32(self) -> int:
        return self._number(4, signed=True)

    def rest(self) -> bytes:
        """Everything that is left."""
        octets = self._data[self.offset :]
        self.offset = len(self._data)
        return octets

    @property
    def remaining(self) -> int:
        """How many octets are left."""
        return len(self._data) - self.offset

    @property
    def at_end(self) -> bool:
        return self.offset >= len(self._data)

    def finish(self) -> None:
        """InvalidTokenError unless everything was read."""
        if not self.at_end:
            raise InvalidTokenError(f"{self._what} has {self.remaining} octets too many")
