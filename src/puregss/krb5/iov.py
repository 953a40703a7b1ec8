"""RFC 4121 §4.2 for messages in several buffers, parts of which may be signed without being sent (AEAD).

What stands in the buffers is an ordinary Wrap token. With a TRAILER buffer it is not rotated; without one
it is turned so far right that all that follows the message comes to stand in the HEADER buffer.
"""

from __future__ import annotations

import hmac
from typing import Final

from puregss.base.errors import BadMICError, GSSError, InvalidTokenError
from puregss.base.iov import IOVBuffers, IOVBufferType
from puregss.kcrypto.profile import Layout
from puregss.krb5.protection import HEADER, SEALED, WRAP, Protection, octets, unrotated

_CONFOUNDER: Final = 16
_DCE_FILLER: Final = b"\xff" * 16

_DATA: Final = IOVBufferType.data
_SIGN_ONLY: Final = IOVBufferType.sign_only
_MESSAGE: Final = (_DATA, _SIGN_ONLY)


class BufferProtection(Protection):
    """Wrap tokens in buffers. The caller serializes all calls, as for `Protection`."""

    __slots__ = ()

    def wrap_iov(self, buffers: IOVBuffers, confidential: bool, number: int) -> list[tuple[int, bytes]]:
        """The buffers with HEADER, DATA, PADDING and TRAILER filled in."""
        _require(buffers, IOVBufferType.header)
        data, layout = _message(buffers)
        rotated = not _has(buffers, IOVBufferType.trailer)
        make = self._seal_parts if confidential else self._sum_parts
        header, data, trailer = make(data, layout, number, rotated)
        return _filled(buffers, header, data, trailer)

    def wrap_iov_length(self, buffers: IOVBuffers, confidential: bool) -> list[tuple[int, int]]:
        """The length that `wrap_iov` will give to each buffer."""
        _require(buffers, IOVBufferType.header)
        trailer = self._behind(confidential)
        header = HEADER + (_CONFOUNDER if confidential else 0)
        if not _has(buffers, IOVBufferType.trailer):
            header, trailer = header + trailer, 0
        fixed: dict[int, int] = {IOVBufferType.header: header, IOVBufferType.trailer: trailer, IOVBufferType.padding: 0}
        return [(kind, fixed.get(kind, len(value))) for kind, value in buffers]

    def unwrap_iov(self, buffers: IOVBuffers) -> tuple[list[tuple[int, bytes]], bool, int]:
        """The buffers with plaintext in DATA, whether it was confidential, the sequence number.

        Either HEADER, DATA, PADDING, TRAILER as `wrap_iov` made them, or STREAM, a whole token, and one DATA to fill.
        """
        if _has(buffers, IOVBufferType.stream):
            token = _require(buffers, IOVBufferType.stream)
            _require(buffers, _DATA)
            size = max(0, len(token) - HEADER - self._around(token[:HEADER]))
            layout: Layout = [size if kind == _DATA else value for kind, value in buffers if kind in _MESSAGE]
        else:
            _require(buffers, IOVBufferType.header)
            data, layout = _message(buffers)
            ends = [
                b"".join(octets(value) for kind, value in buffers if kind == wanted)
                for wanted in (IOVBufferType.header, IOVBufferType.padding, IOVBufferType.trailer)
            ]
            token = ends[0] + data + ends[1] + ends[2]
        header = token[:HEADER]
        sealed = self.check_header(header, WRAP) & SEALED != 0
        if len(token) - HEADER - self._around(header) != sum(part for part in layout if isinstance(part, int)):
            raise InvalidTokenError("the token and the buffers for its message differ in length")
        data = (self._open_parts if sealed else self._verify_parts)(header, token, layout)
        return _opened(buffers, data, layout), sealed, int.from_bytes(header[8:], "big")

    def _behind(self, confidential: bool) -> int:
        """Octets that stand behind the message: filler, header copy, checksum."""
        filler = len(_DCE_FILLER) if self._dce else 0
        return self._size + (filler + HEADER if confidential else 0)

    def _around(self, header: bytes) -> int:
        """Octets of a token with this header that are neither header nor message."""
        if len(header) < HEADER or not header[2] & SEALED:
            return self._size
        return _CONFOUNDER + (header[4] << 8 | header[5]) + HEADER + self._size

    def _seal_parts(self, data: bytes, layout: Layout, number: int, rotated: bool) -> tuple[bytes, bytes, bytes]:
        filler = _DCE_FILLER if self._dce else b""
        snd_seq = number.to_bytes(8, "big")
        start = self._out.sealed[:4] + len(filler).to_bytes(2, "big")
        behind = filler + start + b"\0\0" + snd_seq
        sealer = self._sealer or self._new_sealer()
        self._sealer = None
        ciphertext, tag = sealer.seal_parts(self._entropy, data + behind, (*layout, len(behind)))
        self._sealer = sealer
        confounder, end = ciphertext[:_CONFOUNDER], _CONFOUNDER + len(data)
        trailer = ciphertext[end:] + tag
        # Windows counts the filler on its own in DCE style: see `unrotated`.
        rrc = len(trailer) - len(filler) if rotated else 0
        header = start + rrc.to_bytes(2, "big") + snd_seq
        data = ciphertext[_CONFOUNDER:end]
        return (header + trailer + confounder, data, b"") if rotated else (header + confounder, data, trailer)

    def _sum_parts(self, data: bytes, layout: Layout, number: int, rotated: bool) -> tuple[bytes, bytes, bytes]:
        snd_seq = number.to_bytes(8, "big")
        tag = self._tag(self._out.seal_usage, data, layout, self._out.clear + snd_seq)
        ec = len(tag).to_bytes(2, "big")
        header = self._out.clear[:4] + ec + (ec if rotated else b"\0\0") + snd_seq
        return (header + tag, data, b"") if rotated else (header, data, tag)

    def _open_parts(self, header: bytes, token: bytes, layout: Layout) -> bytes:
        filler = header[4] << 8 | header[5]
        turned = header[6:8] != b"\0\0"
        body = unrotated(header, token, filler if self._dce else 0) if turned else token[HEADER:]
        opener = self._opener or self._new_opener()
        self._opener = None
        plaintext = opener.open_parts(body[: -self._size], body[-self._size :], (*layout, filler + HEADER))
        self._opener = opener
        inner = plaintext[-HEADER:]
        if inner[:6] != header[:6] or inner[8:] != header[8:]:
            raise InvalidTokenError("the token's header is not the one that was encrypted with the message")
        return plaintext[: len(plaintext) - HEADER - filler]

    def _verify_parts(self, header: bytes, token: bytes, layout: Layout) -> bytes:
        if header[4] << 8 | header[5] != self._size:
            raise InvalidTokenError("the token claims a checksum of another length than that of its key")
        body = unrotated(header, token)
        data, tag = body[: -self._size], body[-self._size :]
        summed = self._tag(self._in.seal_usage, data, layout, header[:4] + b"\0\0\0\0" + header[8:])
        if not hmac.compare_digest(summed, tag):
            raise BadMICError("the token's checksum does not belong to its message")
        return data

    def _tag(self, usage: int, data: bytes, layout: Layout, header: bytes) -> bytes:
        return self._key.checksum(usage, _joined(data, layout) + header)


def message_of(buffers: IOVBuffers) -> bytes:
    """What a MIC over these buffers vouches for: DATA and SIGN_ONLY, in order."""
    return b"".join(octets(value) for kind, value in buffers if kind in _MESSAGE)


def mic_of(buffers: IOVBuffers) -> bytes:
    """The octets of the one MIC_TOKEN buffer."""
    return _require(buffers, IOVBufferType.mic_token)


def with_mic(buffers: IOVBuffers, mic: bytes) -> list[tuple[int, bytes]]:
    """The buffers with this MIC in the one MIC_TOKEN buffer."""
    mic_of(buffers)
    return [(kind, mic if kind == IOVBufferType.mic_token else value) for kind, value in buffers]


def _has(buffers: IOVBuffers, wanted: int) -> bool:
    return any(kind == wanted for kind, _ in buffers)


def _require(buffers: IOVBuffers, wanted: IOVBufferType) -> bytes:
    """The octets of the one buffer of this type."""
    found = [value for kind, value in buffers if kind == wanted]
    if len(found) != 1:
        raise GSSError(f"the message has {len(found)} buffers of type {wanted.name}, not one")
    return octets(found[0] or b"")


def _message(buffers: IOVBuffers) -> tuple[bytes, Layout]:
    """DATA put together, and how it lies between SIGN_ONLY."""
    parts = [(kind, octets(value)) for kind, value in buffers if kind in _MESSAGE]
    data = b"".join(value for kind, value in parts if kind == _DATA)
    return data, [len(value) if kind == _DATA else value for kind, value in parts]


def _joined(data: bytes, layout: Layout) -> bytes:
    at, parts = 0, []
    for part in layout:
        if isinstance(part, int):
            parts.append(data[at : at + part])
            at += part
        else:
            parts.append(part)
    return b"".join(parts)


def _filled(buffers: IOVBuffers, header: bytes, data: bytes, trailer: bytes) -> list[tuple[int, bytes]]:
    ends: dict[int, bytes] = {IOVBufferType.header: header, IOVBufferType.trailer: trailer, IOVBufferType.padding: b""}
    at, filled = 0, []
    for kind, value in buffers:
        if kind == _DATA:
            filled.append((kind, data[at : at + len(value)]))
            at += len(value)
        else:
            filled.append((kind, ends.get(kind, value)))
    return filled


def _opened(buffers: IOVBuffers, data: bytes, layout: Layout) -> list[tuple[int, bytes]]:
    """The buffers with the plaintext in DATA; each takes what the layout says, which for a STREAM is everything."""
    sizes = iter([part for part in layout if isinstance(part, int)])
    at, opened = 0, []
    for kind, value in buffers:
        if kind == _DATA:
            size = next(sizes)
            opened.append((kind, data[at : at + size]))
            at += size
        else:
            opened.append((kind, value))
    return opened
