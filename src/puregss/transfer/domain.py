"""RFC 2743 §2.2.8, §2.2.9: export and import of a context through a transfer domain.

The choreography is written once, as generators that yield what they need of the claim store, and
driven by the blocking and by the awaiting forms.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from hashlib import sha256
from threading import Lock
from typing import Any, Protocol, TypeVar, overload

from puregss.base.drive import drive, drive_async
from puregss.base.errors import ExpiredContextError, GSSError, MissingContextError, OperationUnavailableError
from puregss.base.flags import RequirementFlag
from puregss.base.oid import OID
from puregss.base.ports import Clock, Entropy
from puregss.transfer import token as token_format
from puregss.transfer.claims import AsyncClaimStore, ClaimStore
from puregss.transfer.keys import DomainKey
from puregss.transfer.minor import TransferMinor
from puregss.transfer.token import DOMAIN_TAG_SIZE, KEY_SIZE, SERIAL_SIZE, Header, decode_header, encode_header

DEFAULT_TTL = 60.0
MAX_SKEW = 300_000
"""Milliseconds by which the clocks of two machines may differ, as everywhere in Kerberos (RFC 4120 §1.3)."""

EXPORTED = "this context was exported; only the process that imports its token can use it"

_TRANSFERABLE = int(RequirementFlag.transferable)  # `&` on an IntFlag costs as much as sealing
_LONGEST_TTL = 10 * 365 * 86400.0

T = TypeVar("T")


class Exportable(Protocol):
    """What `export` needs of a context; every `base.mechanism.MechanismContext` has it."""

    lock: Lock
    oid: OID
    flags: RequirementFlag
    expiry: float

    def encode(self) -> bytes: ...
    def kill(self, reason: str) -> None: ...


Decode = Callable[[OID, bytes], T]
"""Makes a live context of mechanism and record; what it makes is dropped if the claim was taken meanwhile."""


_StoreCall = tuple[str, tuple[Any, ...]]
"""A method of the claim store and its arguments: what an exchange wants done."""

_Exchange = Generator[_StoreCall, Any, T]


class Domain:
    """Who may import what is exported here: everyone who can reach `store` (and has a key, if it takes keys).

    `keys` are the domain keys of a store on a network, the one to export with first.
    Any thread may call any method.
    """

    def __init__(
        self,
        store: ClaimStore,
        clock: Clock,
        entropy: Entropy,
        keys: tuple[DomainKey, ...] = (),
        async_store: AsyncClaimStore | None = None,
    ) -> None:
        if not store.one_machine and not keys:
            raise OperationUnavailableError(
                "a claim store on a network is not trusted with identities and needs a domain key: "
                "give key_file= or set PUREGSS_TRANSFER_KEY",
                minor=TransferMinor.NO_DOMAIN_KEY,
            )
        self._store = store
        self._async_store = async_store
        self._clock = clock
        self._entropy = entropy
        self._keys = {key.tag: key for key in reversed(keys)}
        self._current_key = keys[0] if keys else None
        self._placed: tuple[bytes, bytes] = (b"", b"")

    # --- export -------------------------------------------------------------------------------

    def export(self, source: Exportable, ttl: float = DEFAULT_TTL) -> bytes:
        """RFC 2743 §2.2.8: the token of `source`, which is dead from here on.

        `ttl`: seconds in which the token must be imported. If anything is raised there is no token and
        the context is as before: OperationUnavailableError (not transferable), ExpiredContextError,
        MissingContextError (exported or deleted already), UnauthorizedError (the store is not ours),
        GSSError (the store failed).
        """
        return self._run(self._exporting(source, ttl))

    async def export_async(self, source: Exportable, ttl: float = DEFAULT_TTL) -> bytes:
        """As `export`. Cancelled, it revokes its claim and leaves the context as before."""
        return await self._run_async(self._exporting(source, ttl))

    def _exporting(self, source: Exportable, ttl: float) -> _Exchange[bytes]:
        milliseconds = checked_ttl(ttl)
        refuse_unless_transferable(source, self._clock.now())
        identity = self._identity()
        random = self._random(SERIAL_SIZE + KEY_SIZE)
        expiry = self._milliseconds() + milliseconds
        name = token_format.encode_name(identity[:DOMAIN_TAG_SIZE], expiry, random[:SERIAL_SIZE])
        secret = random[SERIAL_SIZE:]
        written = False
        try:
            yield "put", (name, secret, milliseconds)
            written = True
            header = encode_header(self._store.kind, name)
            key = secret if self._current_key is None else self._current_key.derive(secret, header)
            with source.lock:
                token = token_format.seal(key, header, identity, source.oid, source.encode())
                source.kill(EXPORTED)
        except GeneratorExit:
            raise  # nobody is left to wait for the store; the claim lapses by itself
        except BaseException as error:
            if written or not isinstance(error, GSSError) or error.minor == TransferMinor.OUTCOME_UNKNOWN:
                yield from self._take_back(name, error)
            if isinstance(error, GSSError) or not isinstance(error, Exception):
                raise
            raise failure("the context could not be exported", error) from error
        return token

    def _random(self, size: int) -> bytes:
        try:
            return self._entropy(size)
        except Exception as error:
            raise GSSError(
                f"the source of randomness failed ({type(error).__name__}); the context was not exported",
                minor=TransferMinor.NO_ENTROPY,
            ) from error

    @staticmethod
    def _take_back(name: bytes, error: BaseException) -> _Exchange[None]:
        """No token will carry this claim's name; erasing it is tidiness, not safety, so a failure is a note."""
        try:
            yield "erase", (name,)
        except Exception as second:
            error.add_note(f"its claim could not be taken back either ({type(second).__name__}); it lapses by itself")

    # --- import -------------------------------------------------------------------------------

    @overload
    def import_(self, token: bytes) -> tuple[OID, bytes]: ...
    @overload
    def import_(self, token: bytes, decode: Decode[T]) -> T: ...
    def import_(self, token: bytes, decode: Decode[Any] | None = None) -> Any:
        """RFC 2743 §2.2.9: mechanism and record of `token`, or what `decode` makes of them, once.

        If `decode` raises, the token can still be imported. InvalidTokenError: altered or cut off;
        MissingContextError: timed out, imported already, revoked, never issued; OperationUnavailableError:
        unknown format version; UnauthorizedError: no right to the store; GSSError: the store failed.
        """
        return self._run(self._importing(token, decode))

    async def import_async(self, token: bytes, decode: Decode[Any] | None = None) -> Any:
        """As `import_`."""
        return await self._run_async(self._importing(token, decode))

    def reclaim(self, token: bytes, decode: Decode[Any] | None = None) -> Any:
        """Import one's own token again, because its importer died before it imported. As `import_`.

        Needs no proof of the death: if the importer was quicker after all, this is MissingContextError.
        """
        return self._run(self._importing(token, decode))

    async def reclaim_async(self, token: bytes, decode: Decode[Any] | None = None) -> Any:
        """As `reclaim`."""
        return await self._run_async(self._importing(token, decode))

    def _importing(self, token: bytes, decode: Decode[Any] | None) -> _Exchange[Any]:
        header = decode_header(token)
        identity, key = self._identity_of(header)
        self._refuse_if_timed_out(header)
        secret = yield "fetch", (header.name,)
        if secret is None:
            raise MissingContextError(
                "the token's claim is gone: it was imported already, revoked, timed out or never issued; "
                "the peer must authenticate anew",
                minor=TransferMinor.NO_CLAIM,
            )
        data_key = secret if key is None else key.derive(secret, header.octets)
        oid, record = token_format.open_(data_key, token, identity)
        result = decoded(oid, record, decode)
        if not (yield "erase", (header.name,)):
            raise MissingContextError(
                "another process imported, revoked or swept this token at the same moment",
                minor=TransferMinor.LOST_RACE,
            )
        return result

    def _refuse_if_timed_out(self, header: Header) -> None:
        allowed = 0 if self._store.one_machine else MAX_SKEW
        late = self._milliseconds() - header.expiry
        if late > allowed:
            raise MissingContextError(
                f"the token timed out {late / 1000:.1f} s ago and cannot be imported any more; "
                "the peer must authenticate anew" + ("" if self._store.one_machine else ", or a clock is wrong"),
                minor=TransferMinor.TIMED_OUT,
            )

    # --- claims -------------------------------------------------------------------------------

    def revoke(self, token: bytes) -> bool:
        """Make `token` worthless. Whether its claim was still there."""
        return self._run(self._revoking(token))

    async def revoke_async(self, token: bytes) -> bool:
        """As `revoke`."""
        return await self._run_async(self._revoking(token))

    def _revoking(self, token: bytes) -> _Exchange[bool]:
        header = decode_header(token)
        self._identity_of(header)
        return bool((yield "erase", (header.name,)))

    def revoke_claim(self, name: bytes) -> bool:
        """As `revoke`, by the claim's name alone."""
        self._store.place()
        return self._store.erase(name)

    def is_outstanding(self, token: bytes) -> bool:
        """Whether the claim of `token` is there. The token itself is not examined."""
        header = decode_header(token)
        self._identity_of(header)
        return self._store.fetch(header.name) is not None

    def outstanding(self) -> Iterator[bytes]:
        """The names of all claims, expired ones included."""
        self._store.place()
        return self._store.outstanding()

    def tag(self) -> bytes:
        """The four octets by which new claims of this domain are known, as `outstanding` names begin."""
        return self._identity()[:DOMAIN_TAG_SIZE]

    def sweep(self) -> int:
        """Remove expired claims; how many there were."""
        return self._run(self._sweeping())

    async def sweep_async(self) -> int:
        """As `sweep`."""
        return await self._run_async(self._sweeping())

    def _sweeping(self) -> _Exchange[int]:
        return int((yield "sweep", (self._milliseconds(), self.tag())))

    async def aclose(self) -> None:
        """Close what the awaiting forms opened in the running event loop; the next call opens it again."""
        if self._async_store is not None:
            await self._async_store.aclose()

    # --- identity and time --------------------------------------------------------------------

    def _milliseconds(self) -> int:
        clock = self._clock
        return int((clock.boottime() if self._store.one_machine else clock.now()) * 1000)

    def _identity(self) -> bytes:
        """32 octets that name the domain exactly. Raises if the store is not safe to use."""
        place = self._store.place()
        if self._current_key is not None:
            return self._current_key.identity
        if self._placed[0] != place:
            boot = self._clock.boot_id()
            name = b"puregss transfer domain\0" + bytes((self._store.kind,)) + boot + place
            self._placed = (place, sha256(name).digest())
        return self._placed[1]

    def _identity_of(self, header: Header) -> tuple[bytes, DomainKey | None]:
        own = self._identity()
        if header.kind == self._store.kind:
            if header.domain_tag == own[:DOMAIN_TAG_SIZE]:
                return own, self._current_key
            key = self._keys.get(header.domain_tag)
            if key is not None:
                return key.identity, key
        raise MissingContextError(
            f"the token was not issued in this transfer domain ({self._store.kind.name.lower()} "
            f"{own[:DOMAIN_TAG_SIZE].hex()}) but in another ({_kind_name(header.kind)} {header.domain_tag.hex()}), "
            "or before this machine was restarted; give exporter and importer the same domain",
            minor=TransferMinor.WRONG_DOMAIN,
        )

    # --- drivers ------------------------------------------------------------------------------

    def _run(self, exchange: _Exchange[T]) -> T:
        store = self._store
        return drive(exchange, lambda call: getattr(store, call[0])(*call[1]), BaseException)

    async def _run_async(self, exchange: _Exchange[T]) -> T:
        store = self._async_store
        if store is None:
            return self._run(exchange)  # a store on this machine does not wait
        return await drive_async(exchange, lambda call: getattr(store, call[0])(*call[1]), BaseException)


def refuse_unless_transferable(source: Exportable, now: float) -> None:
    """RFC 2743 §2.2.8: the statuses that an export has before anything is done. `now`: wall-clock seconds."""
    expired = now > source.expiry
    if int(source.flags) & _TRANSFERABLE and not expired:
        return
    with source.lock:
        source.encode()  # a dead context is told to be dead, whatever else it lacks
    if expired:
        raise ExpiredContextError(
            "the context has expired and cannot be exported; authenticate anew "
            "(if it should not have expired, check this machine's clock)",
            minor=TransferMinor.CONTEXT_EXPIRED,
        )
    raise OperationUnavailableError(
        "this context cannot be transferred: it was established without the transferable flag",
        minor=TransferMinor.NOT_TRANSFERABLE,
    )


def checked_ttl(ttl: float) -> int:
    """A time to live in milliseconds, rounded up. ValueError unless it is a number of seconds above 0."""
    if not 0 < ttl <= _LONGEST_TTL:  # NaN fails both
        raise ValueError(f"a token's time to live is a number of seconds above 0, not {ttl!r}")
    return math.ceil(ttl * 1000)


def failure(sentence: str, error: Exception) -> GSSError:
    """FAILURE for an error that is no status. The error's own text stays out of it: it may quote the record."""
    return GSSError(f"{sentence} ({type(error).__name__})", minor=TransferMinor.ENCODING_FAILED)


def decoded(oid: OID, record: bytes, decode: Decode[Any] | None) -> Any:
    """What an import is to return; GSSError if `decode` fails in whatever way."""
    try:
        return (oid, record) if decode is None else decode(oid, record)
    except GSSError:
        raise
    except Exception as error:
        raise failure("the context could not be decoded; its token can still be imported", error) from error


def _kind_name(kind: int) -> str:
    try:
        return token_format.DomainKind(kind).name.lower()
    except ValueError:
        return f"unknown kind {kind}"
