"""A C GSS-API library through ctypes (RFC 2744's C bindings): Heimdal 7.8, Samba's copy of Heimdal, or MIT.

On Linux the three share one binary interface. Run as `python -m tests.interop.c_peer heimdal|samba|mit`.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from ctypes import POINTER, Structure, byref, c_int, c_size_t, c_ssize_t, c_uint32, c_void_p
from dataclasses import dataclass, field
from typing import Any

from puregss.base.oid import OID
from tests.interop.party import HEADER, KERBEROS, PADDING, TRAILER, Facts, Iov, PeerError, serve
from tests.peers import samba_gssapi

_HOSTBASED_SERVICE = "1.2.840.113554.1.2.1.4"
_PRINCIPAL = "1.2.840.113554.1.2.2.1"
_CONTINUE_NEEDED = 1
_ALLOCATE = 0x10000
_TYPE_MASK = 0xFFFF
_MAJOR_CODE, _MINOR_CODE = 1, 2
_ACCEPT = 2


class _Buffer(Structure):
    _fields_ = (("length", c_size_t), ("value", c_void_p))

    @classmethod
    def of(cls, data: bytes) -> _Buffer:
        return cls(len(data), ctypes.cast(ctypes.create_string_buffer(data, len(data) or 1), c_void_p))

    def octets(self) -> bytes:
        return ctypes.string_at(self.value, self.length) if self.value else b""


class _Oid(Structure):
    _fields_ = (("length", c_uint32), ("elements", c_void_p))

    @classmethod
    def of(cls, dotted: str) -> _Oid:
        contents = OID.from_dotted(dotted).contents
        return cls(len(contents), ctypes.cast(ctypes.create_string_buffer(contents, len(contents)), c_void_p))


class _Bindings(Structure):
    _fields_ = (
        ("initiator_addrtype", c_uint32),
        ("initiator_address", _Buffer),
        ("acceptor_addrtype", c_uint32),
        ("acceptor_address", _Buffer),
        ("application_data", _Buffer),
    )


class _IovBuffer(Structure):
    _fields_ = (("type", c_uint32), ("buffer", _Buffer))


@dataclass
class _Context:
    step: Callable[[bytes | None], tuple[bytes, bool]]
    handle: c_void_p = field(default_factory=c_void_p)
    delegated: c_void_p = field(default_factory=c_void_p)


def _path(which: str) -> str:
    if which == "samba":
        return str(samba_gssapi())
    return {"heimdal": "libgssapi.so.3", "mit": "libgssapi_krb5.so.2"}[which]


class CLibrary:
    """Contexts by number."""

    def __init__(self, which: str) -> None:
        self._library = ctypes.CDLL(_path(which))
        self._contexts: list[_Context] = []
        self._kerberos = _Oid.of(KERBEROS)

    def _add(self, context: _Context) -> int:
        self._contexts.append(context)
        return len(self._contexts) - 1

    def _call(self, function: str, *arguments: Any, output: _Buffer | None = None) -> int:
        """Call with a minor status in front; any status but COMPLETE and CONTINUE_NEEDED is a PeerError."""
        minor = c_uint32()
        called = getattr(self._library, function)
        called.restype = c_uint32
        major: int = called(byref(minor), *arguments)
        if major & ~_CONTINUE_NEEDED:
            text = f"{self._text(major, _MAJOR_CODE)}: {self._text(minor.value, _MINOR_CODE)}"
            raise PeerError(major, minor.value, text, (output.octets() or None) if output else None)
        return major

    def _text(self, status: int, kind: int) -> str:
        minor, more, text = c_uint32(), c_uint32(), _Buffer()
        self._library.gss_display_status(
            byref(minor), c_uint32(status), c_int(kind), byref(self._kerberos), byref(more), byref(text)
        )
        return text.octets().decode(errors="replace")

    def initiate(self, service: str, flags: int, bindings: bytes | None, mech: str) -> int:
        name = c_void_p()
        self._call(
            "gss_import_name", byref(_Buffer.of(service.encode())), byref(_Oid.of(_HOSTBASED_SERVICE)), byref(name)
        )
        oid, bound = _Oid.of(mech), _bindings(bindings)

        def step(token: bytes | None) -> tuple[bytes, bool]:
            output = _Buffer()
            major = self._call(
                "gss_init_sec_context",
                None,
                byref(context.handle),
                name,
                byref(oid),
                c_uint32(flags),
                c_uint32(0),
                bound,
                byref(_Buffer.of(token)) if token else None,
                None,
                byref(output),
                None,
                None,
                output=output,
            )
            return output.octets(), major == 0

        context = _Context(step)
        return self._add(context)

    def accept(self, bindings: bytes | None) -> int:
        bound = _bindings(bindings)

        def step(token: bytes | None) -> tuple[bytes, bool]:
            output, delegated = _Buffer(), c_void_p()
            major = self._call(
                "gss_accept_sec_context",
                byref(context.handle),
                None,
                byref(_Buffer.of(token or b"")),
                bound,
                None,
                None,
                byref(output),
                None,
                None,
                byref(delegated),
                output=output,
            )
            if delegated.value:  # given in the first leg only
                context.delegated = delegated
            return output.octets(), major == 0

        context = _Context(step)
        return self._add(context)

    def localname(self, principal: str) -> str:
        """The account that a principal stands for. Heimdal 7.8 has no such call."""
        name, account = c_void_p(), _Buffer()
        self._call("gss_import_name", byref(_Buffer.of(principal.encode())), byref(_Oid.of(_PRINCIPAL)), byref(name))
        self._call("gss_localname", name, None, byref(account))
        return self._take(account).decode()

    def restore(self, token: bytes) -> int:
        context = _Context(lambda _: (b"", True))
        self._call("gss_import_sec_context", byref(_Buffer.of(token)), byref(context.handle))
        return self._add(context)

    def step(self, number: int, token: bytes | None) -> tuple[bytes, bool]:
        return self._contexts[number].step(token)

    def wrap(self, number: int, message: bytes, confidential: bool) -> bytes:
        output, state = _Buffer(), c_int()
        self._call(
            "gss_wrap",
            self._contexts[number].handle,
            c_int(confidential),
            c_uint32(0),
            byref(_Buffer.of(message)),
            byref(state),
            byref(output),
        )
        assert bool(state.value) == confidential
        return self._take(output)

    def unwrap(self, number: int, token: bytes) -> tuple[bytes, bool]:
        output, state = _Buffer(), c_int()
        handle = self._contexts[number].handle
        self._call("gss_unwrap", handle, byref(_Buffer.of(token)), byref(output), byref(state), None)
        return self._take(output), bool(state.value)

    def wrap_iov(self, number: int, buffers: Iov, confidential: bool) -> Iov:
        vector, state = _iov(buffers, allocate=True), c_int()
        handle = self._contexts[number].handle
        self._call("gss_wrap_iov", handle, c_int(confidential), c_uint32(0), byref(state), vector, c_int(len(vector)))
        return [(item.type & _TYPE_MASK, item.buffer.octets()) for item in vector]

    def unwrap_iov(self, number: int, buffers: Iov) -> Iov:
        vector, state = _iov(buffers, allocate=False), c_int()
        self._call("gss_unwrap_iov", self._contexts[number].handle, byref(state), None, vector, c_int(len(vector)))
        return [(item.type & _TYPE_MASK, item.buffer.octets()) for item in vector]

    def wrap_aead(self, number: int, message: bytes, associated: bytes, confidential: bool) -> bytes:
        """MIT alone has this call, and the next."""
        output = _Buffer()
        self._call(
            "gss_wrap_aead",
            self._contexts[number].handle,
            c_int(confidential),
            c_uint32(0),
            byref(_Buffer.of(associated)),
            byref(_Buffer.of(message)),
            None,
            byref(output),
        )
        return self._take(output)

    def unwrap_aead(self, number: int, token: bytes, associated: bytes) -> tuple[bytes, bool]:
        output, state = _Buffer(), c_int()
        self._call(
            "gss_unwrap_aead",
            self._contexts[number].handle,
            byref(_Buffer.of(token)),
            byref(_Buffer.of(associated)),
            byref(output),
            byref(state),
            None,
        )
        return self._take(output), bool(state.value)

    def get_mic(self, number: int, message: bytes) -> bytes:
        output = _Buffer()
        handle = self._contexts[number].handle
        self._call("gss_get_mic", handle, c_uint32(0), byref(_Buffer.of(message)), byref(output))
        return self._take(output)

    def verify_mic(self, number: int, message: bytes, mic: bytes) -> None:
        handle = self._contexts[number].handle
        self._call("gss_verify_mic", handle, byref(_Buffer.of(message)), byref(_Buffer.of(mic)), None)

    def wrap_size_limit(self, number: int, size: int, confidential: bool) -> int:
        limit = c_uint32()
        handle = self._contexts[number].handle
        self._call("gss_wrap_size_limit", handle, c_int(confidential), c_uint32(0), c_uint32(size), byref(limit))
        return limit.value

    def pseudo_random(self, number: int, key: int, data: bytes, length: int) -> bytes:
        output = _Buffer()
        handle = self._contexts[number].handle
        self._call("gss_pseudo_random", handle, c_int(key), byref(_Buffer.of(data)), c_ssize_t(length), byref(output))
        return self._take(output)

    def facts(self, number: int) -> Facts:
        source, target = c_void_p(), c_void_p()
        lifetime, flags, local, opened = c_uint32(), c_uint32(), c_int(), c_int()
        self._call(
            "gss_inquire_context",
            self._contexts[number].handle,
            byref(source),
            byref(target),
            byref(lifetime),
            None,
            byref(flags),
            byref(local),
            byref(opened),
        )
        return Facts(self._name(source), self._name(target), flags.value, lifetime.value, bool(local.value))

    def delegated(self, number: int) -> str | None:
        credential, name = self._contexts[number].delegated, c_void_p()
        if not credential.value:
            return None
        self._call("gss_inquire_cred", credential, byref(name), None, None, None)
        return self._name(name)

    def export(self, number: int) -> bytes:
        output = _Buffer()
        self._call("gss_export_sec_context", byref(self._contexts[number].handle), byref(output))
        return self._take(output)

    def _name(self, name: c_void_p) -> str:
        text = _Buffer()
        self._call("gss_display_name", name, byref(text), None)
        return self._take(text).decode()

    def _take(self, buffer: _Buffer) -> bytes:
        octets = buffer.octets()
        self._library.gss_release_buffer(byref(c_uint32()), byref(buffer))
        return octets


def _bindings(data: bytes | None) -> Any:
    return None if data is None else POINTER(_Bindings)(_Bindings(application_data=_Buffer.of(data)))


def _iov(buffers: Iov, allocate: bool) -> Any:
    vector = (_IovBuffer * len(buffers))()
    for item, (kind, octets) in zip(vector, buffers, strict=True):
        allocated = allocate and kind in (HEADER, TRAILER, PADDING)
        item.type = kind | (_ALLOCATE if allocated else 0)
        item.buffer = _Buffer() if allocated else _Buffer.of(octets)
    return vector


if __name__ == "__main__":
    serve(CLibrary(sys.argv[1]))
