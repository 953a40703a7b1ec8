"""RFC 2743 §2.2.8, as MIT krb5 writes it: the blocks of its tokens, each between two equal magic numbers.

Integers are big-endian. Whether an optional block is there shows by its magic number alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from puregss.base.errors import InvalidTokenError
from puregss.krb5.interchange.foreign import Keyblock, name_from_text
from puregss.krb5.principal import Principal
from puregss.wire.reader import Reader

GSS_CONTEXT: Final = 0x025EA108
MECHANISM: Final = 0x970EA737
SEQUENCE_STATE: Final = 0x970EA738
PRINCIPAL: Final = 0x970EA701
KEYBLOCK: Final = 0x970EA703
CHECKSUM: Final = 0x970EA704
AUTHDATA: Final = 0x970EA70A
AUTHENTICATOR: Final = 0x970EA70E
ADDRESS: Final = 0x970EA722
CONTEXT: Final = 0x970EA724
OS_CONTEXT: Final = 0x970EA725
AUTH_CONTEXT: Final = 0x970EA729
AUTHDATA_CONTEXT: Final = 0x970EA73C
PROFILE: Final = 0xAACA6012

_ADDRESS_TAGS: Final = (950916, 950917, 950918, 950919)
KEY_TAG, SEND_SUBKEY_TAG, RECV_SUBKEY_TAG = 950920, 950921, 950922


class BlockReader(Reader):
    """A reader of MIT's blocks."""

    __slots__ = ()

    def __init__(self, data: bytes) -> None:
        super().__init__(data, what="MIT's token")

    def is_next(self, number: int) -> bool:
        """Whether the next word is this one; it stays unread."""
        return int.from_bytes(self._data[self.offset : self.offset + 4], "big") == number

    def expect(self, magic: int) -> None:
        at = self.offset
        if self.u32() != magic:
            raise InvalidTokenError(f"MIT's token is damaged at octet {at}: {magic:08X} should stand there")

    @contextmanager
    def block(self, magic: int) -> Iterator[None]:
        """What stands between this magic number and its repetition."""
        self.expect(magic)
        yield
        self.expect(magic)

    def flag(self) -> bool:
        at, number = self.offset, self.u32()
        if number > 1:
            raise InvalidTokenError(f"MIT's token is damaged at octet {at}: {number} is neither 0 nor 1")
        return number == 1

    def counted(self) -> bytes:
        return self.take(self.u32())

    def leaf(self, magic: int) -> bytes:
        with self.block(magic):
            return self.counted()

    def typed(self, magic: int) -> tuple[int, bytes]:
        """Key blocks, authorization data, addresses and checksums: a type and octets."""
        with self.block(magic):
            return self.i32(), self.counted()

    def keyblock(self) -> Keyblock:
        return Keyblock(*self.typed(KEYBLOCK))

    def principal(self) -> Principal:
        return name_from_text(self.leaf(PRINCIPAL))

    def authdata(self) -> tuple[tuple[int, bytes], ...]:
        """A count and as many elements. Each takes 16 octets at least, so a false count soon finds the end."""
        return tuple(self.typed(AUTHDATA) for _ in range(self.u32()))

    def skip_context(self) -> None:
        """The krb5_context: settings of the exporter's process, of which none is taken over.

        MIT 1.18 has one list of encryption types more than its successors, and no version to say so.
        Files of a profile are named here; nothing opens them.
        """
        start = self.offset
        try:
            self._skip_context(lists=1)
        except InvalidTokenError:
            self.offset = start
            self._skip_context(lists=2)

    def _skip_context(self, lists: int) -> None:
        with self.block(CONTEXT):
            self.counted()  # default_realm
            for _ in range(lists):
                self.take(4 * self.u32())
            self.take(5 * 4)  # clockskew, kdc_default_options, library_options, profile_secure, fcc_default_format
            with self.block(OS_CONTEXT):
                self.take(3 * 4)
            if self.is_next(PROFILE):
                with self.block(PROFILE):
                    for _ in range(self.u32()):
                        self.counted()

    def auth_context(self) -> Keyblock | None:
        """The auth_context; of it the ticket's session key stays, if it is there."""
        session_key = None
        with self.block(AUTH_CONTEXT):
            self.take(5 * 4)  # flags, two sequence numbers, two checksum types
            self.counted()  # cstate
            for tag in _ADDRESS_TAGS:
                if self._tagged(tag):
                    self.typed(ADDRESS)
            if self._tagged(KEY_TAG):
                session_key = self.keyblock()
            for tag in (SEND_SUBKEY_TAG, RECV_SUBKEY_TAG):
                if self._tagged(tag):
                    self.keyblock()
            if self.is_next(AUTHENTICATOR):
                self._skip_authenticator()
        return session_key

    def _tagged(self, tag: int) -> bool:
        found = self.is_next(tag)
        if found:
            self.u32()
        return found

    def _skip_authenticator(self) -> None:
        with self.block(AUTHENTICATOR):
            self.take(3 * 4)  # ctime, cusec, seq_number
            if self.is_next(PRINCIPAL):
                self.principal()
            if self.is_next(CHECKSUM):
                self.typed(CHECKSUM)
            if self.is_next(KEYBLOCK):
                self.keyblock()
            self.authdata()

    def skip_authdata_context(self) -> None:
        """What MIT's two modules made of the authorization data. Others' data tell no size, so none can be skipped."""
        with self.block(AUTHDATA_CONTEXT):
            for _ in range(self.u32()):
                module = self.counted()
                if module == b"mspac":
                    self.counted()
                    self.u32()
                elif module == b"authentication-indicators":
                    for _ in range(self.u32()):
                        self.counted()
                else:
                    raise InvalidTokenError(f"MIT's token has authorization data of an unknown module {module[:40]!r}")


def word(number: int) -> bytes:
    """32 bits; negative numbers as their complement."""
    return (number & 0xFFFF_FFFF).to_bytes(4, "big")


def counted(octets: bytes) -> bytes:
    return word(len(octets)) + octets


def block(magic: int, *parts: bytes) -> bytes:
    return b"".join((word(magic), *parts, word(magic)))


def typed(magic: int, kind: int, octets: bytes) -> bytes:
    return block(magic, word(kind), counted(octets))


def keyblock(key: Keyblock) -> bytes:
    return typed(KEYBLOCK, key.enctype, key.material)


def authdata(elements: tuple[tuple[int, bytes], ...]) -> bytes:
    return word(len(elements)) + b"".join(typed(AUTHDATA, kind, octets) for kind, octets in elements)


def context() -> bytes:
    """A krb5_context with MIT's defaults. It names no profile: MIT up to 1.22 refuses one whose files are missing."""
    clockskew, kdc_default_options, library_options, profile_secure, fcc_default_format = 300, 0x10, 1, 0, 0x504
    words = (0, 0, clockskew, kdc_default_options, library_options, profile_secure, fcc_default_format)
    return block(CONTEXT, *map(word, words), block(OS_CONTEXT, bytes(3 * 4)))
