"""Messages in several buffers (Microsoft's SSPI, the `gss_wrap_iov` of MIT and Heimdal): what each buffer is for."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum


class IOVBufferType(IntEnum):
    """Buffer types, by the names and numbers that users of python-gssapi know."""

    empty = 0
    data = 1
    header = 2
    mech_params = 3
    trailer = 7
    padding = 9
    stream = 10
    sign_only = 11
    mic_token = 12


IOVBuffers = Sequence[tuple[int, bytes]]
"""(type, octets), in the order of the message. What is in buffers that a call fills does not matter."""
