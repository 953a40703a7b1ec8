"""X.660 object identifiers as RFC 2743 §2 uses them: mechanisms, name types, attributes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from puregss.base.errors import InvalidTokenError

_MAX_CONTENTS = 255  # far above any OID in use; bounds the work on hostile input


@dataclass(frozen=True)
class OID:
    """An object identifier, held as its DER contents octets (no tag, no length)."""

    contents: bytes

    @classmethod
    def from_dotted(cls, text: str) -> OID:
        """Parse `1.2.840.113554.1.2.2`, also in MIT's form `{ 1 2 840 … }`. ValueError if it is neither."""
        inner = text[1:-1] if text[:1] == "{" and text[-1:] == "}" else text
        parts = inner.replace(".", " ").split()
        if not all(part.isascii() and part.isdigit() for part in parts):
            raise ValueError(f"{text!r} is not an object identifier")
        arcs = [int(part) for part in parts]
        if len(arcs) < 2 or arcs[0] > 2 or (arcs[0] < 2 and arcs[1] > 39):
            raise ValueError(f"{text!r} is not an object identifier")
        return cls(b"".join(_base128(arc) for arc in (arcs[0] * 40 + arcs[1], *arcs[2:])))

    @classmethod
    def from_contents(cls, contents: bytes) -> OID:
        """Take DER contents octets from a peer. InvalidTokenError unless X.690 §8.19 allows them."""
        if not 0 < len(contents) <= _MAX_CONTENTS or contents[-1] & 0x80:
            raise InvalidTokenError("an object identifier is empty, too long or cut off")
        starts = [0, *(i + 1 for i, octet in enumerate(contents[:-1]) if not octet & 0x80)]
        if any(contents[start] == 0x80 for start in starts):
            raise InvalidTokenError("an object identifier has a padded arc")
        return cls(contents)

    @cached_property
    def dotted(self) -> str:
        """The usual text form."""
        arcs, value = [], 0
        for octet in self.contents:
            value = value << 7 | octet & 0x7F
            if not octet & 0x80:
                arcs.append(value)
                value = 0
        first = min(arcs[0] // 40, 2)
        return ".".join(map(str, (first, arcs[0] - first * 40, *arcs[1:])))

    @property
    def der(self) -> bytes:
        """Tag, length and contents (contents of up to 127 octets, as every known OID has)."""
        return bytes((0x06, len(self.contents))) + self.contents

    def __str__(self) -> str:
        return self.dotted

    def __repr__(self) -> str:
        return f"OID({self.dotted})"


def _base128(arc: int) -> bytes:
    octets = [arc & 0x7F]
    while arc := arc >> 7:
        octets.append(arc & 0x7F | 0x80)
    return bytes(reversed(octets))
