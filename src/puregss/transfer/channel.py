"""RFC 2743 §2.2.8, §2.2.9: export to one worker alone, through a key that it was given at its start.

Nothing is written anywhere: the right to import is the worker's own key. Each token has a key of its own, derived from
it, that is gone on both sides once the token is imported and acknowledged; what it was derived from is gone before.
What is stolen from front or worker later opens nothing that was imported and acknowledged before (`stages` says why).
"""

from __future__ import annotations

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
from puregss.transfer.stages import WINDOW, Stages, reaching, start
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

_HEADER: Final = Struct(">8sQIQ")
"""Magic, version, kind and tag, which are the same for a whole channel; expiry; the serial's 12 octets in two parts."""

T = TypeVar("T")


class _Channel:
    """What both ends share: the keys that they hold, and how they know their tokens."""

    def __init__(self, key: bytes, clock: Clock) -> None:
        if len(key) != KEY_SIZE:
            raise ValueError(f"a channel key has {KEY_SIZE} octets, not {len(key)}")
        self._clock = clock
        self._era = era.current
        self._lock = Lock()
        chain, self._identity = start(key)
        self._tag = self._identity[:DOMAIN_TAG_SIZE]
        self._prefix = encode_header(DomainKind.CHANNEL, self._tag)
        self._stages: Stages = {}, chain, 0
        """With the keys of tokens under way (or overtaken), and of those still to come in a stage that has begun.

        Replaced as one: an interruption must neither part the two ends nor bring a key back.
        """

    def __repr__(self) -> str:
        keys, _, first = self._stages
        return f"<{type(self).__name__} {self._tag.hex()}, {len(keys)} keys of tokens before {first}>"

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
        self._next = 0
        """Serial of the next token. The keys before it are of tokens under way, the others have sealed nothing yet."""
        self._bound = 0
        """The serial that must not be used without a look ahead."""

    def export(self, source: Exportable, ttl: float = DEFAULT_TTL) -> bytes:
        """RFC 2743 §2.2.8: the token of `source`, which is dead from here on; no I/O. As `Domain.export`."""
        era.check(self._era, "worker channel")
        refuse_unless_transferable(source, self._clock.now())
        expiry = self._milliseconds() + checked_ttl(ttl)
        with self._lock:
            serial = self._next
            if serial >= self._bound:
                self._look_ahead(serial)
            keys = self._stages[0]
            header = _HEADER.pack(self._prefix, expiry, 0, serial)  # nobody makes 2**64 tokens
            try:
                with source.lock:
                    record = source.encode()
                    # Before the seal: whatever interrupts us, a key that may have sealed something seals nothing else.
                    self._next = serial + 1
                    token = seal(keys[serial], header, self._identity, source.oid, record)
                    source.kill(EXPORTED)
            except BaseException as error:
                if self._next > serial:
                    keys.pop(serial, None)
                if isinstance(error, GSSError) or not isinstance(error, Exception):
                    raise
                raise failure("the context could not be exported", error) from error
        return token

    def _look_ahead(self, serial: int) -> None:
        """Refuse if no token can be made now; else derive the key of `serial`, and say when to look again."""
        if self._worker_dead:
            raise OperationUnavailableError(
                "the worker of this channel is dead; export to another worker",
                minor=TransferMinor.CHANNEL_CLOSED,
            )
        oldest = next(iter(self._stages[0]), serial)
        if serial - oldest >= WINDOW:
            raise GSSError(
                f"a token sent to this worker {WINDOW} tokens ago is still not acknowledged; "
                "export to another worker, and see what holds this one up",
                minor=TransferMinor.CHANNEL_FULL,
            )
        if serial == self._stages[2]:
            self._stages = reaching(self._stages, serial)
        self._bound = min(self._stages[2], oldest + WINDOW)

    @property
    def outstanding(self) -> int:
        """How many tokens are neither acknowledged nor reclaimed."""
        era.check(self._era, "worker channel")
        with self._lock:
            keys, _, first = self._stages
            return len(keys) - (first - self._next)

    def acknowledged(self, token: bytes) -> None:
        """The worker holds the context of `token` (or refused it for good): its key is forgotten here too."""
        _, serial, _ = self._header_of(token)
        with self._lock:
            if serial < self._next:  # else it is forged, and the key is one to come
                self._stages[0].pop(serial, None)

    def worker_died(self) -> None:
        """Declare the worker certainly dead: `waitpid` has returned, and every acknowledgement that it sent was read.

        From here on nothing is exported, and what is not acknowledged can be reclaimed. Whoever says
        this of a living worker may make a context live twice.
        """
        era.check(self._era, "worker channel")
        with self._lock:
            self._bound = 0  # the next export looks, and is refused
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
            keys = self._stages[0]
            if serial >= self._next or serial not in keys:
                raise MissingContextError(
                    "the token was acknowledged or reclaimed before; its context died with whoever held it",
                    minor=TransferMinor.NO_CLAIM,
                )
            result = decoded(*open_(keys[serial], token, self._identity), decode)
            del keys[serial]
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
            stages = self._stages
            if serial not in stages[0]:
                stages = self._stages_with(serial)
            keys = stages[0]
            oid, record = open_(keys[serial], token, self._identity)
            late = self._milliseconds() - expiry
            result = decoded(oid, record, decode) if late <= 0 else None
            # From here on the token's key does not exist here. Interrupted, it is as before, or spent.
            del keys[serial]
            self._stages = stages
        if late > 0:
            raise MissingContextError(
                f"the token timed out {late / 1000:.1f} s ago, before this worker came to it; "
                "the peer must authenticate anew, and the front should use more workers",
                minor=TransferMinor.TIMED_OUT,
            )
        return result

    def _stages_with(self, serial: int) -> Stages:
        """What this end will hold when it is at the stage of `serial`, which it has not come to.

        Changes nothing: whether the serial is true is known only when the seal opens.
        """
        unseen = self._stages[2]
        if serial < unseen:
            raise MissingContextError(
                "this worker has imported the token already; a token imports once",
                minor=TransferMinor.NO_CLAIM,
            )
        if serial >= unseen + WINDOW:
            raise MissingContextError(
                "the token is too far ahead of those this worker has seen; tokens before it were not sent",
                minor=TransferMinor.NO_CLAIM,
            )
        return reaching(self._stages, serial)
