"""RFC 2743 §2.2.8, §2.2.9: export to one worker alone, through a key that it was given at its start.

Nothing is written anywhere: the right to import is the worker's own key. It is ratcheted forward with
every token, so that the key of a token is gone on both sides once the token is acknowledged, and a
key stolen from the worker later opens nothing that was sent before.
"""

from __future__ import annotations

from hashlib import sha512
from itertools import islice
from struct import Struct
from threading import Lock
from typing import Any, Final, NoReturn, TypeVar, overload

from puregss.base import era
from puregss.base.errors import GSSError, MissingContextError, OperationUnavailableError
from puregss.base.oid import OID
from puregss.base.ports import Clock
from puregss.transfer.domain import (
    DEFAULT_TTL,
    EXPORTED,
    Decode,
    Exportable,
    checked_ttl,
    decoded,
    failure,
    refuse_unless_transferable,
)
from puregss.transfer.minor import TransferMinor
from puregss.transfer.token import (
    DOMAIN_TAG_SIZE,
    KEY_SIZE,
    MINIMUM_SIZE,
    DomainKind,
    decode_header,
    encode_header,
    open_,
    seal,
)

WINDOW: Final = 1024
"""Tokens that may be under way at once. Bounds the keys both sides keep, and the work that a forged serial costs."""

_HEADER: Final = Struct(">8sQIQ")
"""Magic, version, kind and tag, which are the same for a whole channel; expiry; the serial's 12 octets in two parts."""
_LOW: Final = (1 << 64) - 1

_COUNTER: Final = b"\0\0\0\1"  # of SP 800-56C's one-step derivation, whose first block is enough here
_START: Final = b"puregss channel start"
_TOKEN: Final = b"puregss channel token"

T = TypeVar("T")


def _derive(secret: bytes, purpose: bytes) -> tuple[bytes, bytes]:
    """Two keys of 32 octets (SP 800-56C rev. 2 §4.1, option 1, with SHA-512)."""
    block = sha512(_COUNTER + secret + purpose).digest()
    return block[:KEY_SIZE], block[KEY_SIZE:]


class _Channel:
    """What both ends share: where the ratchet stands, and the keys of tokens under way by their serial."""

    def __init__(self, key: bytes, clock: Clock) -> None:
        if len(key) != KEY_SIZE:
            raise ValueError(f"a channel key has {KEY_SIZE} octets, not {len(key)}")
        self._clock = clock
        self._era = era.current
        self._lock = Lock()
        chain, self._identity = _derive(key, _START)
        self._tag = self._identity[:DOMAIN_TAG_SIZE]
        self._prefix = encode_header(DomainKind.CHANNEL, self._tag)
        self._ratchet = chain, 0
        """Chain and serial of the next token, replaced as one: an interruption must not part the two ends."""
        self._keys: dict[int, bytes] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._tag.hex()} at {self._ratchet[1]}, {len(self._keys)} under way>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} is one of a kind: a copy would let a token open twice")

    def _milliseconds(self) -> int:
        return int(self._clock.boottime() * 1000)

    def _header_of(self, token: bytes) -> tuple[bytes, int, int]:
        """The token, in octets that nobody changes meanwhile, and its serial and expiry, which are not proved yet."""
        # Before any lock: another thread of the parent may have held it when this process was forked.
        era.check(self._era, "worker channel")
        token = token if type(token) is bytes else bytes(token)
        if len(token) >= MINIMUM_SIZE:
            prefix, expiry, high, low = _HEADER.unpack_from(token)
            if prefix == self._prefix:
                return token, high << 64 | low, expiry
        decode_header(token)  # says more exactly what is wrong
        raise MissingContextError(
            f"the token was not sealed for this worker's channel ({self._tag.hex()}); "
            "it can be imported by the worker or in the domain that it was exported to",
            minor=TransferMinor.WRONG_DOMAIN,
        )


class ChannelSender(_Channel):
    """The front's end. `key`: 32 random octets for one worker, given to it at its start and forgotten then.

    Each token must be sent to the worker, and `acknowledged` when the worker says that it has imported
    (or refused) it. Any thread may call any method.
    """

    def __init__(self, key: bytes, clock: Clock) -> None:
        super().__init__(key, clock)
        self._worker_dead = False

    def export(self, source: Exportable, ttl: float = DEFAULT_TTL) -> bytes:
        """RFC 2743 §2.2.8: the token of `source`, which is dead from here on; no I/O. As `Domain.export`."""
        era.check(self._era, "worker channel")
        refuse_unless_transferable(source, self._clock.now())
        expiry = self._milliseconds() + checked_ttl(ttl)
        with self._lock:
            self._refuse_if_closed()
            chain, serial = self._ratchet
            key, chain = _derive(chain, _TOKEN)
            header = _HEADER.pack(self._prefix, expiry, serial >> 64, serial & _LOW)
            try:
                with source.lock:
                    record = source.encode()
                    # Before the seal: whatever interrupts us, a key that may have sealed something seals nothing else.
                    self._keys[serial] = key
                    self._ratchet = chain, serial + 1
                    token = seal(key, header, self._identity, source.oid, record)
                    source.kill(EXPORTED)
            except BaseException as error:
                self._keys.pop(serial, None)
                if isinstance(error, GSSError) or not isinstance(error, Exception):
                    raise
                raise failure("the context could not be exported", error) from error
        return token

    def _refuse_if_closed(self) -> None:
        if self._worker_dead:
            raise OperationUnavailableError(
                "the worker of this channel is dead; export to another worker",
                minor=TransferMinor.CHANNEL_CLOSED,
            )
        if self._keys and self._ratchet[1] - next(iter(self._keys)) >= WINDOW:
            raise GSSError(
                f"a token sent to this worker {WINDOW} tokens ago is still not acknowledged; "
                "export to another worker, and see what holds this one up",
                minor=TransferMinor.CHANNEL_FULL,
            )

    @property
    def outstanding(self) -> int:
        """How many tokens are neither acknowledged nor reclaimed."""
        return len(self._keys)

    def acknowledged(self, token: bytes) -> None:
        """The worker holds the context of `token` (or refused it for good): its key is forgotten here too."""
        _, serial, _ = self._header_of(token)
        with self._lock:
            self._keys.pop(serial, None)

    def worker_died(self) -> None:
        """Declare the worker certainly dead: `waitpid` has returned, and every acknowledgement that it sent was read.

        From here on nothing is exported, and what is not acknowledged can be reclaimed. Whoever says
        this of a living worker may make a context live twice.
        """
        era.check(self._era, "worker channel")
        with self._lock:
            self._worker_dead = True

    @overload
    def reclaim(self, token: bytes) -> tuple[OID, bytes]: ...
    @overload
    def reclaim(self, token: bytes, decode: Decode[T]) -> T: ...
    def reclaim(self, token: bytes, decode: Decode[Any] | None = None) -> Any:
        """Import one's own token again, once, after `worker_died`; however old the token is.

        OperationUnavailableError while the worker lives, MissingContextError if it was acknowledged.
        """
        token, serial, _ = self._header_of(token)
        with self._lock:
            if not self._worker_dead:
                raise OperationUnavailableError(
                    "the worker may still import this token; reclaim it after the worker's death is certain",
                    minor=TransferMinor.WORKER_ALIVE,
                )
            key = self._keys.get(serial)
            if key is None:
                raise MissingContextError(
                    "the token was acknowledged or reclaimed before; its context died with whoever held it",
                    minor=TransferMinor.NO_CLAIM,
                )
            result = decoded(*open_(key, token, self._identity), decode)
            del self._keys[serial]
        return result

    def revoke(self, token: bytes) -> bool:
        """Not possible: the key is in the worker's hands. Always OperationUnavailableError."""
        self._header_of(token)
        raise OperationUnavailableError(
            "a token sealed for a worker's channel cannot be revoked; stop the worker",
            minor=TransferMinor.NOT_REVOCABLE,
        )


class ChannelReceiver(_Channel):
    """The worker's end. Tokens open once each, also when threads of the front sent them out of order."""

    @overload
    def import_(self, token: bytes) -> tuple[OID, bytes]: ...
    @overload
    def import_(self, token: bytes, decode: Decode[T]) -> T: ...
    def import_(self, token: bytes, decode: Decode[Any] | None = None) -> Any:
        """RFC 2743 §2.2.9: mechanism and record of `token`, or what `decode` makes of them, once.

        If `decode` raises, the token can still be imported. Statuses as of `Domain.import_`.
        """
        token, serial, expiry = self._header_of(token)
        with self._lock:
            key, passed, chain = self._key_of(serial)
            oid, record = open_(key, token, self._identity)
            late = self._milliseconds() - expiry
            result = decoded(oid, record, decode) if late <= 0 else None
            self._spend(serial, passed, chain)
        if late > 0:
            raise MissingContextError(
                f"the token timed out {late / 1000:.1f} s ago, before this worker came to it; "
                "the peer must authenticate anew, and the front should use more workers",
                minor=TransferMinor.TIMED_OUT,
            )
        return result

    def _key_of(self, serial: int) -> tuple[bytes, dict[int, bytes], bytes]:
        """The token's key, those of tokens it overtook, and the ratchet behind it.

        Changes nothing: whether the serial is true is known only when the seal opens.
        """
        chain, unseen = self._ratchet
        if serial >= unseen + WINDOW:
            raise MissingContextError(
                "the token is too far ahead of those this worker has seen; tokens before it were not sent",
                minor=TransferMinor.NO_CLAIM,
            )
        if serial < unseen:
            kept = self._keys.get(serial)
            if kept is None:
                raise MissingContextError(
                    "this worker has imported the token already; a token imports once",
                    minor=TransferMinor.NO_CLAIM,
                )
            return kept, {}, chain
        key, chain = _derive(chain, _TOKEN)
        if serial == unseen:
            return key, {}, chain
        passed = {}
        for number in range(unseen, serial):
            passed[number] = key
            key, chain = _derive(chain, _TOKEN)
        return key, passed, chain

    def _spend(self, serial: int, passed: dict[int, bytes], chain: bytes) -> None:
        """From here on the token's key does not exist here. Interrupted, it is as before, or spent."""
        if passed:
            self._keys.update(passed)
        if serial >= self._ratchet[1]:
            self._ratchet = chain, serial + 1
        if self._keys:
            self._keys.pop(serial, None)
            # A sender that is that far has given up whatever is a whole window older.
            oldest = self._ratchet[1] - WINDOW
            for old in [number for number in islice(self._keys, WINDOW) if number < oldest]:
                del self._keys[old]
