"""A toy mechanism, so that the acceptor's processes and sockets can be tested without Kerberos."""

from __future__ import annotations

from threading import Lock
from typing import Any, NamedTuple

from puregss.base.errors import InvalidTokenError, MissingContextError
from puregss.base.flags import RequirementFlag
from puregss.base.names import MechType
from puregss.base.oid import OID
from puregss.transfer.channel import ChannelSender

REFUSAL = b"error token"


class FakeFacts(NamedTuple):
    """What a context tells of itself."""

    initiator_name: str
    target_name: str = "service"
    mech: OID = MechType.kerberos
    flags: RequirementFlag = RequirementFlag.mutual_authentication


class FakeContext:
    """`HELLO name key` establishes; wrapping is xor with the key's first octet, a MIC is the key's first octet."""

    def __init__(self, name: str = "", key: bytes = b"", sent: int = 0) -> None:
        self.lock = Lock()
        self.oid: OID = MechType.kerberos
        self.flags = RequirementFlag.transferable
        self.expiry = 2.0**40
        self.name, self.key, self.sent = name, key, sent
        self.dead = ""

    # What a mechanism gives to a channel

    def encode(self) -> bytes:
        self._check()
        return b"|".join((self.name.encode(), self.key, str(self.sent).encode()))

    def kill(self, reason: str) -> None:
        self.dead, self.key = reason, b""

    @classmethod
    def decode(cls, oid: OID, body: bytes) -> FakeContext:
        name, key, sent = body.split(b"|")
        return cls(name.decode(), key, int(sent))

    # What the acceptor uses of a context

    complete = property(lambda self: bool(self.name))
    enctype = "toy"

    def inquire(self) -> FakeFacts:
        return FakeFacts(self.name)

    def step(self, token: bytes) -> bytes | None:
        word, _, rest = token.partition(b" ")
        if word == b"BUG":
            raise ZeroDivisionError("a defect")
        if word != b"HELLO":
            raise InvalidTokenError("not a greeting", token=REFUSAL)
        name, _, key = rest.partition(b" ")
        self.name, self.key = name.decode(), key
        return None if key.startswith(b"quiet") else b"WELCOME"

    def export(self, domain: Any, ttl: float = 60.0) -> bytes:
        token: bytes = domain.export(self, ttl)
        return token

    def delete(self) -> None:
        self.kill("deleted")

    def wrap(self, message: bytes, encrypt: bool) -> tuple[bytes, bool]:
        self._check()
        self.sent += 1
        return bytes(octet ^ self.key[0] for octet in message), encrypt

    def unwrap(self, message: bytes) -> tuple[bytes, bool, int]:
        self._check()
        if message == b"BUG":
            raise ZeroDivisionError("a defect")
        if message.startswith(b"FORGED"):
            raise InvalidTokenError("forged")
        return bytes(octet ^ self.key[0] for octet in message), True, 0

    def get_signature(self, message: bytes) -> bytes:
        self._check()
        return b"MIC of " + message

    def _check(self) -> None:
        if self.dead:
            raise MissingContextError(self.dead)


def reclaim(token: bytes, sender: ChannelSender) -> FakeContext:
    return sender.reclaim(token, FakeContext.decode)
