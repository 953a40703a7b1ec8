"""One end of a context, whoever plays it: puregss here, or a C library in a process of its own.

libgssapi_krb5, Heimdal and Samba's Heimdal share symbol names, so each gets its own process; the two
ends of the pipe between are `RemoteLibrary` (in the test) and `serve` (in the other process).
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, BinaryIO, Protocol, Self

from tests.peers import TOP

DELEGATE, MUTUAL, REPLAY, SEQUENCE, CONFIDENTIAL, INTEGRITY = 1, 2, 4, 8, 16, 32
CHANNEL_BOUND, DCE_STYLE, IDENTIFY, DELEGATE_BY_POLICY = 0x800, 0x1000, 0x2000, 0x8000
KERBEROS, SPNEGO = "1.2.840.113554.1.2.2", "1.3.6.1.5.5.2"

Iov = list[tuple[int, bytes]]
HEADER, DATA, TRAILER, PADDING, SIGN_ONLY, MIC_TOKEN = 2, 1, 7, 9, 11, 12
"""RFC 6339-like buffer types, as both C libraries number them."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What inquire_context says."""

    initiator: str
    acceptor: str
    flags: int
    lifetime: int
    local: bool


class PeerError(Exception):
    """A GSS status from a C library; `token` is what it wants sent to the peer all the same."""

    def __init__(self, major: int, minor: int, text: str, token: bytes | None = None) -> None:
        super().__init__(major, minor, text, token)
        self.major, self.minor, self.text, self.token = major, minor, text, token

    def __str__(self) -> str:
        return f"{self.major:#x}/{self.minor}: {self.text}"


class Party(Protocol):
    """One end of one context."""

    complete: bool

    def step(self, token: bytes | None) -> bytes | None: ...
    def wrap(self, message: bytes, confidential: bool) -> bytes: ...
    def unwrap(self, token: bytes) -> tuple[bytes, bool]: ...
    def get_mic(self, message: bytes) -> bytes: ...
    def verify_mic(self, message: bytes, mic: bytes) -> None: ...
    def wrap_size_limit(self, size: int, confidential: bool) -> int: ...
    def pseudo_random(self, key: int, data: bytes, length: int) -> bytes: ...
    def facts(self) -> Facts: ...


class Library(Protocol):
    """Makes contexts. The realm it lives in comes from its process's environment."""

    def initiate(self, service: str, flags: int, bindings: bytes | None = None, mech: str = KERBEROS) -> Party: ...
    def accept(self, bindings: bytes | None = None) -> Party: ...


def establish(initiator: Party, acceptor: Party) -> int:
    """Exchange tokens until both ends are done; the number of tokens that it took."""
    token = initiator.step(None)
    count = 0
    receiver, sender = acceptor, initiator
    while token is not None:
        count += 1
        token = receiver.step(token)
        receiver, sender = sender, receiver
    assert initiator.complete
    assert acceptor.complete
    return count


class RemoteParty:
    """A context that lives in the other process under a number."""

    def __init__(self, library: RemoteLibrary, number: int, complete: bool = False) -> None:
        self._library = library
        self.number = number
        self.complete = complete

    def _call(self, method: str, *arguments: Any) -> Any:
        return self._library.call(method, self.number, *arguments)

    def step(self, token: bytes | None) -> bytes | None:
        answer: bytes | None
        answer, self.complete = self._call("step", token)
        return answer or None

    def wrap(self, message: bytes, confidential: bool) -> bytes:
        return bytes(self._call("wrap", message, confidential))

    def unwrap(self, token: bytes) -> tuple[bytes, bool]:
        message, confidential = self._call("unwrap", token)
        return message, confidential

    def wrap_iov(self, buffers: Iov, confidential: bool) -> Iov:
        """The buffers as the library left them; HEADER, PADDING and TRAILER are allocated by it."""
        result: Iov = self._call("wrap_iov", buffers, confidential)
        return result

    def unwrap_iov(self, buffers: Iov) -> Iov:
        result: Iov = self._call("unwrap_iov", buffers)
        return result

    def get_mic_iov(self, buffers: Iov) -> Iov:
        result: Iov = self._call("get_mic_iov", buffers)
        return result

    def verify_mic_iov(self, buffers: Iov) -> None:
        self._call("verify_mic_iov", buffers)

    def wrap_aead(self, message: bytes, associated: bytes, confidential: bool) -> bytes:
        return bytes(self._call("wrap_aead", message, associated, confidential))

    def unwrap_aead(self, token: bytes, associated: bytes) -> tuple[bytes, bool]:
        message, confidential = self._call("unwrap_aead", token, associated)
        return message, confidential

    def session_key(self) -> bytes:
        """The octets of the key that protects messages; puregss and MIT through python-gssapi tell it."""
        return bytes(self._call("session_key"))

    def get_mic(self, message: bytes) -> bytes:
        return bytes(self._call("get_mic", message))

    def verify_mic(self, message: bytes, mic: bytes) -> None:
        self._call("verify_mic", message, mic)

    def wrap_size_limit(self, size: int, confidential: bool) -> int:
        return int(self._call("wrap_size_limit", size, confidential))

    def pseudo_random(self, key: int, data: bytes, length: int) -> bytes:
        return bytes(self._call("pseudo_random", key, data, length))

    def facts(self) -> Facts:
        facts: Facts = self._call("facts")
        return facts

    def delegated(self) -> str | None:
        """The name in the credential that the initiator handed over, if it did."""
        name: str | None = self._call("delegated")
        return name

    def onward(self, service: str, flags: int) -> RemoteParty:
        """A new initiator of puregss, with the credential that was handed over."""
        return RemoteParty(self._library, self._call("onward", service, flags))

    def export(self, *format: str) -> bytes:
        """The library's own raw interprocess token; the context is gone afterwards. puregss is told a format."""
        return bytes(self._call("export", *format))


class RemoteLibrary:
    """A library in a process of its own: `with RemoteLibrary("tests.interop.mit_peer", env=…) as mit:`."""

    def __init__(self, module: str, *arguments: str, env: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=env,
            cwd=TOP,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def call(self, method: str, *arguments: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        pickle.dump((method, arguments), self._process.stdin)
        self._process.stdin.flush()
        try:
            worked, answer = pickle.load(self._process.stdout)
        except EOFError:
            raise AssertionError(f"the peer's process died in {method}: {self._process.wait()}") from None
        if not worked:
            raise answer
        return answer

    def initiate(self, service: str, flags: int, bindings: bytes | None = None, mech: str = KERBEROS) -> RemoteParty:
        return RemoteParty(self, self.call("initiate", service, flags, bindings, mech))

    def accept(self, bindings: bytes | None = None) -> RemoteParty:
        return RemoteParty(self, self.call("accept", bindings))

    def restore(self, token: bytes, *format: str) -> RemoteParty:
        """Import the library's own raw interprocess token. puregss is told a format."""
        return RemoteParty(self, self.call("restore", token, *format), complete=True)


def serve(library: object) -> None:
    """The other end of the pipe: each call is a method of `library`, until the test hangs up."""
    requests: BinaryIO = sys.stdin.buffer
    answers: BinaryIO = sys.stdout.buffer
    while True:
        try:
            method, arguments = pickle.load(requests)
        except EOFError:
            return
        handler: Callable[..., Any] = getattr(library, method)
        try:
            answer = (True, handler(*arguments))
        except PeerError as error:
            answer = (False, error)
        pickle.dump(answer, answers)
        answers.flush()
