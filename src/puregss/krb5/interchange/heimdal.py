"""RFC 2743 §2.2.8, as Heimdal does it: the Kerberos mechanism's part of its raw interprocess tokens.

Releases 7 and 8 write the same fields, but numbers and names differently, and 8 has some fields more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from puregss.base.errors import InvalidTokenError
from puregss.krb5.interchange.foreign import LATEST, Keyblock, half_open, optional_key
from puregss.krb5.interchange.heimdal_order import ENTRIES, LAST_NUMBER, Order, wide_numbers
from puregss.krb5.principal import Principal
from puregss.krb5.record import ContextRecord
from puregss.wire.reader import Reader

# Which optional fields are there. Those from SOURCE on are flagged by release 8 alone.
_LOCAL_ADDRESS: Final = 0x01
_REMOTE_ADDRESS: Final = 0x02
_KEYBLOCK: Final = 0x04
_LOCAL_SUBKEY: Final = 0x08
_REMOTE_SUBKEY: Final = 0x10
_SOURCE: Final = 0x20
_TARGET: Final = 0x40
_ORDER: Final = 0x80
_AUTHENTICATOR: Final = 0x100
_RELEASE_7: Final = 0x1F
_RELEASE_8: Final = 0x1FF

# more_flags
_LOCAL: Final = 0x01
_OPEN: Final = 0x02
_ACCEPTOR_SUBKEY: Final = 0x10
_IS_CFX: Final = 0x80

_DO_TIME_AND_SEQUENCE: Final = 0x05
_INITIATOR_READY: Final = 3
_ACCEPTOR_READY: Final = 6


@dataclass(frozen=True, slots=True)
class Coding:
    """How a release writes numbers (of a nominal width in octets) and principals. Readers may raise GSSError."""

    release_8: bool
    read_number: Callable[[Reader, int], int]
    write_number: Callable[[int, int], bytes]
    read_name: Callable[[Reader], Principal]
    write_name: Callable[[Principal], bytes]

    def read_data(self, reader: Reader) -> bytes:
        return reader.take(self.read_number(reader, 4))

    def write_data(self, data: bytes) -> bytes:
        return self.write_number(len(data), 4) + data

    def _read_keyblock(self, reader: Reader) -> Keyblock:
        return Keyblock(self.read_number(reader, 2), self.read_data(reader))

    def _read_order(self, reader: Reader) -> Order:
        flags, _start, length, jitter_window, first_seq = (self.read_number(reader, 4) for _ in range(5))
        # Each element takes an octet at least, so a false size soon finds the end of the token.
        elements = tuple(self.read_number(reader, 4) for _ in range(jitter_window))
        return Order(flags, length, first_seq, elements)

    def decode(self, token: bytes) -> ContextRecord:
        """The context, once every octet of the token has been checked."""
        reader = Reader(token, what="Heimdal's token")
        number = self.read_number
        present = number(reader, 4)
        if present & ~(_RELEASE_8 if self.release_8 else _RELEASE_7):
            raise InvalidTokenError(f"Heimdal's token is damaged: fields {present:#x} are unknown")
        if not self.release_8:
            present |= _SOURCE | _TARGET | _ORDER
        number(reader, 4)  # auth_context.flags
        for address in (_LOCAL_ADDRESS, _REMOTE_ADDRESS):
            if present & address:
                self._read_keyblock(reader)  # an address: a type and octets, as well
        number(reader, 2), number(reader, 2)  # ports
        session_key, local_subkey, remote_subkey = (
            self._read_keyblock(reader) if present & bit else None for bit in (_KEYBLOCK, _LOCAL_SUBKEY, _REMOTE_SUBKEY)
        )
        send_seq, _remote_seq = number(reader, 4), number(reader, 4)
        if present & _AUTHENTICATOR:
            number(reader, 8), number(reader, 4)  # ctime, cusec
        number(reader, 4), number(reader, 4)  # keytype, cksumtype
        source, target = (self.read_name(reader) if present & bit else None for bit in (_SOURCE, _TARGET))
        flags, more_flags = number(reader, 4), number(reader, 4)
        if self.release_8:
            number(reader, 4)  # state
        endtime = number(reader, 4)
        order = self._read_order(reader) if present & _ORDER else None
        reader.finish()
        keys = (session_key, local_subkey, remote_subkey)
        return _Token(keys, send_seq, source, target, flags, more_flags, endtime, order).record()

    def encode(self, record: ContextRecord) -> bytes:
        """The token's part. OperationUnavailableError if sequence numbers do not fit into 32 bits."""
        if record.send_seq > LAST_NUMBER:
            raise wide_numbers()
        subkeys = (record.initiator_subkey, record.acceptor_subkey)
        local_subkey, remote_subkey = subkeys if record.initiate else reversed(subkeys)
        present = _KEYBLOCK | (_LOCAL_SUBKEY if local_subkey else 0) | (_REMOTE_SUBKEY if remote_subkey else 0)
        if self.release_8:
            present |= _SOURCE | _TARGET | _ORDER
        number = self.write_number
        parts = [number(present, 4), number(_DO_TIME_AND_SEQUENCE, 4), number(0, 2), number(0, 2)]
        for key in (record.session_key, local_subkey, remote_subkey):
            if key:
                parts += (number(key.enctype, 2), self.write_data(key.dangerous_material()))
        parts += (number(record.send_seq, 4), number(record.recv.base, 4))
        parts += (number(0, 4), number(0, 4))  # keytype, cksumtype
        parts += (self.write_name(record.initiator), self.write_name(record.acceptor))
        own, ready = (_LOCAL, _INITIATOR_READY) if record.initiate else (0, _ACCEPTOR_READY)
        more_flags = own | _OPEN | _IS_CFX | (_ACCEPTOR_SUBKEY if record.acceptor_subkey else 0)
        parts += (number(record.flags, 4), number(more_flags, 4))
        if self.release_8:
            parts.append(number(ready, 4))
        # 0 means without end; so does, both ways, a time that 32 bits cannot hold.
        parts.append(number(max(record.endtime, 1) if record.endtime < LATEST else 0, 4))
        order = Order.of(record.recv)
        for value in (order.flags, 0, order.length, ENTRIES, order.first_seq, *order.elements):
            parts.append(number(value, 4))
        return b"".join(parts)


class _Token(NamedTuple):
    """What is read of a token, before it is known whether its context can be carried on."""

    keys: tuple[Keyblock | None, Keyblock | None, Keyblock | None]
    send_seq: int
    source: Principal | None
    target: Principal | None
    flags: int
    more_flags: int
    endtime: int
    order: Order | None

    def record(self) -> ContextRecord:
        if not self.more_flags & _OPEN:
            raise half_open()
        if self.source is None or self.target is None or self.order is None:
            raise InvalidTokenError("Heimdal's token says that its context is open, but lacks names or numbers")
        initiate = bool(self.more_flags & _LOCAL)
        session_key, *subkeys = map(optional_key, self.keys)
        initiator_subkey, acceptor_subkey = subkeys if initiate else reversed(subkeys)
        session_key = session_key or initiator_subkey or acceptor_subkey
        if session_key is None:
            raise InvalidTokenError("Heimdal's token is damaged: it holds no key")
        return ContextRecord(
            initiate=initiate,
            flags=self.flags,
            initiator=self.source,
            acceptor=self.target,
            authtime=0,
            starttime=0,
            endtime=self.endtime or LATEST,
            renew_till=0,
            ticket_flags=0,
            session_key=session_key,
            initiator_subkey=initiator_subkey,
            acceptor_subkey=acceptor_subkey,
            send_seq=self.send_seq,
            recv=self.order.window(),
        )
