"""Programming guide, Figure 1-10: what front and worker ask of a framing. Bytes in, frames out; no I/O.

A framing is one connection's view of its byte stream. The front uses its first half until the
context is established; whoever holds the context then uses the second half, starting with the
bytes that the front had read already (`leftover`).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final, NamedTuple, Protocol

Handle = Callable[[bytes], bytes]
"""A message of the peer in, the answer out."""


class Kind(Enum):
    """What a frame is about: the sorting that the front does in the relay topology."""

    CONTEXT = "context"
    DATA = "data"
    END = "end"


DATA: Final = Kind.DATA
"""As a name of its own it is found at once, and it is asked for with every message."""


class Frame(NamedTuple):
    """One frame: the framing's flag bits (0 where it has none) and what it carries."""

    flags: int
    payload: bytes


class DataContext(Protocol):
    """The per-message calls that a framing makes; `SecurityContext` has them."""

    def wrap(self, message: bytes, encrypt: bool) -> tuple[bytes, bool]: ...
    def unwrap(self, message: bytes) -> tuple[bytes, bool, int]: ...
    def get_signature(self, message: bytes) -> bytes: ...
    def delete(self) -> None: ...


class Framing(Protocol):
    """One connection's framing."""

    limit: int
    """The longest payload taken, in bytes. A longer one is refused by its header, before it is read."""

    def feed(self, data: bytes) -> None:
        """Bytes have arrived."""

    def next_frame(self) -> Frame | None:
        """The next whole frame, or None until more bytes arrive. InvalidTokenError if it is over the limit."""

    def leftover(self) -> bytes:
        """The bytes fed but not yet given out as frames; the framing is empty afterwards."""

    def context_token(self, frame: Frame) -> bytes | None:
        """The context token in a frame of the establishment; None where the frame only opens the conversation.

        InvalidTokenError for a frame that has no place there.
        """

    def encode_answer(self, token: bytes | None) -> bytes:
        """What to send after a step of the establishment that gave `token`."""

    def encode_refusal(self, token: bytes | None) -> bytes:
        """What to send before closing, where establishment failed with the error token `token`."""

    def kind(self, frame: Frame) -> Kind:
        """What a frame that came after the establishment is about."""

    def encode(self, frame: Frame) -> bytes:
        """The frame's bytes on the wire."""

    def converse(self, frame: Frame, context: DataContext, handle: Handle) -> bytes:
        """Open a DATA frame, have it handled, and give the bytes of the answer."""
