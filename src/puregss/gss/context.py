"""RFC 2743 §2.2, §2.3: security contexts, from the first token to export or deletion."""

from __future__ import annotations

from threading import Lock
from typing import Literal, NoReturn, Self

from puregss.base import era
from puregss.base.bindings import ChannelBindings
from puregss.base.errors import (
    BadMechanismError,
    ExpiredContextError,
    GSSError,
    InvalidTokenError,
    MissingContextError,
    OperationUnavailableError,
)
from puregss.base.flags import RequirementFlag
from puregss.base.mechanism import Establishment, MechanismContext
from puregss.base.names import KERBEROS_ALIASES, MechType
from puregss.base.oid import OID
from puregss.base.status import ContextMinor
from puregss.gss import world as worlds
from puregss.gss.contents import Restored, WithDelegated, restorer
from puregss.gss.credentials import Credentials, acceptor_policy
from puregss.gss.domains import AsyncDomain, Exporter, Importer
from puregss.gss.driver import run, run_async
from puregss.gss.inquiry import InquiryCalls
from puregss.gss.interchange import RawFormat, export_raw
from puregss.gss.messages import MessageCalls
from puregss.gss.name import Name
from puregss.gss.world import World
from puregss.krb5.acceptor import Acceptor
from puregss.krb5.context import KerberosContext
from puregss.krb5.initiator import Initiator
from puregss.krb5.memory import MemoryTickets
from puregss.krb5.protection import octets
from puregss.transfer.domain import DEFAULT_TTL, EXPORTED

DEFAULT_FLAGS = (
    RequirementFlag.mutual_authentication | RequirementFlag.replay_detection | RequirementFlag.out_of_sequence_detection
)
LIFETIME_SKEW = 300.0  # seconds that clocks may differ, where lifetimes are enforced (RFC 4120 §8.2)


class SecurityContext(InquiryCalls, MessageCalls):
    """A security context, held by this process alone.

    With `name` it initiates towards that peer, without it accepts; `usage` says so explicitly.
    `creds` come from the environment where none are given. `flags` are the initiator's requests
    (default: mutual authentication, replay and sequence detection), `lifetime` its wish in seconds,
    `channel_bindings` what ties the context to the channel under it: other bindings than the acceptor's are
    refused, but an initiator that sends none is let in, for old ones cannot. An acceptor that must not be
    relayed to asks `actual_flags` for `channel_bound`. `token` is an interprocess
    token instead of all these: the context is imported through `domain` (RFC 2743 §2.2.9).
    With `enforce_lifetime` per-message calls stop 300 s after the context expired; without, they
    go on, as long sessions with every other implementation expect.

    A context is not copied, pickled or used after fork(): see `export`. All methods may be called
    from several threads.
    """

    __slots__ = (
        "__weakref__",
        "_deadline",
        "_delegated",
        "_era",
        "_establishment",
        "_live",
        "_stepping",
        "_usage",
        "_why_dead",
        "_world",
    )

    _live: KerberosContext | None
    _establishment: Establishment | None
    _stepping: Lock | None
    _delegated: Credentials | None
    _deadline: float | None
    _usage: Literal["initiate", "accept"]

    def __init__(
        self,
        *,
        name: Name | None = None,
        creds: Credentials | None = None,
        lifetime: int | None = None,
        flags: RequirementFlag | int | None = None,
        mech: OID | None = None,
        channel_bindings: ChannelBindings | None = None,
        usage: Literal["initiate", "accept"] | None = None,
        token: bytes | None = None,
        domain: Importer | None = None,
        world: World | None = None,
        enforce_lifetime: bool = False,
    ) -> None:
        self._prepare(world, enforce_lifetime)
        if token is not None:
            if name or creds or usage or flags is not None or mech or channel_bindings:
                raise TypeError("an imported context takes a token, a domain and a world, and nothing else")
            restored = (domain or self._world.transfer_domain()).import_(token, restorer(self._world))
            self._adopt(restored.context)
            self._delegated = restored.delegated
            return
        if mech is not None and mech != MechType.kerberos and mech not in KERBEROS_ALIASES:
            raise BadMechanismError(f"puregss cannot establish contexts of the mechanism {mech}")
        self._usage = usage or ("accept" if name is None else "initiate")
        self._stepping = Lock()
        if self._usage == "accept":
            self._establishment = self._acceptor(creds, channel_bindings)
        else:
            if name is None:
                raise TypeError("an initiator needs the name of its peer")
            wanted = DEFAULT_FLAGS if flags is None else RequirementFlag(flags)
            self._establishment = self._initiator(name, creds, wanted, channel_bindings, lifetime)

    def _prepare(self, world: World | None, enforce_lifetime: bool) -> None:
        self._world = world or worlds.default()
        self._era = era.current
        self._live = None
        self._establishment = None
        self._stepping = None
        self._delegated = None
        self._deadline = float("inf") if enforce_lifetime else None
        self._why_dead = ""

    @classmethod
    def of_restored(cls, restored: Restored, world: World) -> Self:
        """The handle of a context that came out of a token."""
        handle = cls.__new__(cls)
        handle._prepare(world, False)
        handle._adopt(restored.context)
        handle._delegated = restored.delegated
        return handle

    @classmethod
    def accepting(cls, creds: Credentials, world: World | None) -> Self:
        """`SecurityContext(creds=creds, usage="accept", world=world)`, for a service that makes one after the other:
        without names for its arguments, which Python sorts out anew each time.
        """
        handle = cls.__new__(cls)
        handle._prepare(world, False)
        handle._usage = "accept"
        handle._stepping = Lock()
        handle._establishment = handle._acceptor(creds, None)
        return handle

    def _initiator(
        self,
        name: Name,
        creds: Credentials | None,
        flags: RequirementFlag,
        bindings: ChannelBindings | None,
        lifetime: int | None,
    ) -> Initiator:
        return Initiator(
            target=name.principal(self._world),
            tickets=creds.tickets if creds else self._world.ticket_store(None),
            flags=flags,
            bindings=bindings,
            clock=self._world.clock,
            entropy=self._world.entropy,
            lifetime=lifetime,
            enctypes=self._world.permitted_enctypes(),
        )

    def _acceptor(self, creds: Credentials | None, bindings: ChannelBindings | None) -> Acceptor:
        world = self._world
        policy = creds.policy(world) if creds else acceptor_policy(world, world.key_source(None), None)
        return Acceptor(policy, bindings, world.replay_cache())

    # Establishment (RFC 2743 §2.2.1, §2.2.2)

    def step(self, token: bytes | None = None) -> bytes | None:
        """Take the peer's token (None for an initiator's first step) and return the one to send, if any.

        `complete` tells when to stop. May wait for a KDC: see `step_async`. On GSSError the context
        is beyond use, and the error's `token`, where not None, should be sent to the peer.
        """
        establishment, stepping = self._begin_step()
        try:
            if isinstance(establishment, Acceptor):  # which asks nothing of the world
                answer = establishment.accept(_copied(token))
            else:
                answer = run(establishment.step(_copied(token)), self._world.exchange)
            self._settle(establishment)
        except BaseException as error:
            self._abandon(error)
            raise
        finally:
            stepping.release()
        return answer

    async def step_async(self, token: bytes | None = None) -> bytes | None:
        """The same for asyncio: waits for KDCs without blocking the event loop. Cancelling abandons the context."""
        establishment, stepping = self._begin_step()
        try:
            answer = await run_async(establishment.step(_copied(token)), self._world.exchange_async)
            self._settle(establishment)
        except BaseException as error:
            self._abandon(error)
            raise
        finally:
            stepping.release()
        return answer

    def _begin_step(self) -> tuple[Establishment, Lock]:
        era.check(self._era, "context")
        establishment, stepping = self._establishment, self._stepping
        if establishment is None or stepping is None:
            self._context()
            raise GSSError(
                "the context is established already; it takes no more context tokens", minor=ContextMinor.ESTABLISHED
            )
        if not stepping.acquire(False):
            raise GSSError("another thread or task is stepping this context; a context takes one token at a time")
        if self._establishment is not establishment:  # established, or deleted, since we looked
            stepping.release()
            return self._begin_step()
        return establishment, stepping

    def _settle(self, establishment: Establishment) -> None:
        if establishment.context is not None and self._live is None:
            self._adopt(establishment.context)
        if isinstance(establishment, Acceptor) and establishment.delegated:
            self._delegated = Credentials.of_tickets(MemoryTickets(establishment.delegated), self._world)
        if establishment.complete:
            self._establishment = self._stepping = None
        if self._why_dead:  # deleted while the step was under way, for a KDC can take its time
            self._die(self._why_dead)
            raise self._no_context()

    def _adopt(self, context: MechanismContext) -> None:
        assert isinstance(context, KerberosContext)  # whose calls go beyond those of every mechanism
        self._live = context
        self._usage = "initiate" if context.locally_initiated else "accept"
        if self._deadline is not None:
            self._deadline = context.expiry + LIFETIME_SKEW

    def _abandon(self, error: BaseException) -> None:
        cause = error.message if isinstance(error, GSSError) else type(error).__name__
        self._die(self._why_dead or f"establishment failed: {cause}")

    # The states of a context

    def _context(self) -> KerberosContext:
        """The live mechanism context; MissingContextError in every other state."""
        live = self._live
        if live is None or self._era is not era.current:
            raise self._no_context()
        return live

    def _protecting(self) -> KerberosContext:
        """The live mechanism context for a per-message call, which alone may be refused for age."""
        context = self._context()
        if self._deadline is not None and self._world.clock.now() > self._deadline:
            raise ExpiredContextError(
                "the context's lifetime is over; establish a new one with a fresh ticket",
                minor=ContextMinor.LIFETIME_OVER,
            )
        return context

    def _no_context(self) -> GSSError:
        try:
            era.check(self._era, "context")
        except MissingContextError as inherited:
            return inherited
        if why := self._why_dead:
            return MissingContextError(why, minor=ContextMinor.DEAD)
        return MissingContextError(
            "the context is not established yet; go on with step()", minor=ContextMinor.NOT_ESTABLISHED
        )

    def _forget(self, why: str) -> None:
        self._why_dead = why
        self._live = self._establishment = self._stepping = self._delegated = None

    def _die(self, why: str) -> None:
        self._why_dead = why  # first: a step that ends now looks at it after it has put its context in place
        live = self._live
        self._forget(why)
        if live is not None and self._era is era.current:  # in a child of fork nobody will release the lock
            with live.lock:
                live.kill(why)

    def delete(self) -> None:
        """GSS_Delete_sec_context (RFC 2743 §2.2.3). No token is sent (RFC 4121 §4.3). Twice does nothing."""
        if not self._why_dead:
            self._die("the context was deleted")

    # Beside the inquiries

    @property
    def delegated_creds(self) -> Credentials | None:
        """What an accepted peer delegated, or None. The name in them is what the peer says: identify it by
        `initiator_name`, which its ticket vouches for.
        """
        self._context()
        return self._delegated

    def process_token(self, token: bytes) -> NoReturn:
        """GSS_Process_context_token (RFC 2743 §2.2.4). Always InvalidTokenError.

        Kerberos has no context tokens for established contexts: RFC 4121 §4.3 did away with the
        deletion token, which anybody who replayed it could end a context with.
        """
        self._context()
        raise InvalidTokenError("Kerberos contexts take no tokens but those of establishment and messages")

    # Transfer (RFC 2743 §2.2.8)

    def export(
        self,
        domain: Exporter | None = None,
        ttl: float = DEFAULT_TTL,
        include_delegated: bool = False,
        format: RawFormat | None = None,
    ) -> bytes:
        """GSS_Export_sec_context: the context as a token that exactly one process may import, once.

        The token can be imported for `ttl` seconds through the same `domain` (default: the
        environment's). A delegated credential goes with it if `include_delegated`, else it ends here.
        From here on this handle answers MissingContextError; if the export fails, there is no token
        and the context is as usable as before.

        With a `format` (see `gss.interchange`) the token is one for a C library instead: the keys
        stand in it in clear, and neither domain nor `ttl` protect it.
        """
        if format is None:
            token = (domain or self._world.transfer_domain()).export(self._exportable(include_delegated), ttl)
        elif domain is None and not include_delegated:
            token = export_raw(self._established(), format, self._world.clock.now())
        else:
            raise TypeError("a raw format has no transfer domain, and no place for a delegated credential")
        self._forget(EXPORTED)
        return token

    async def export_async(
        self, domain: AsyncDomain | None = None, ttl: float = DEFAULT_TTL, include_delegated: bool = False
    ) -> bytes:
        """The same for domains that wait on a network. Cancelled, it leaves the context as before."""
        source = self._exportable(include_delegated)
        token = await (domain or self._world.transfer_domain()).export_async(source, ttl)
        self._forget(EXPORTED)
        return token

    def _established(self) -> KerberosContext:
        if self._establishment is not None:
            raise OperationUnavailableError(
                "the context is not established yet; export it when it is complete", minor=ContextMinor.NOT_ESTABLISHED
            )
        return self._context()

    def _exportable(self, include_delegated: bool) -> KerberosContext | WithDelegated:
        context, delegated = self._established(), self._delegated
        if not include_delegated or delegated is None:
            return context
        return WithDelegated(context, delegated.tickets.load())

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a security context lives in one process at a time: move it with export(), never copy or pickle it"
        )

    def __repr__(self) -> str:
        state = self._why_dead or ("established" if self.complete else "establishing")
        return f"<SecurityContext {self._usage}: {state}>"


def _copied(token: bytes | None) -> bytes | None:
    """A peer's token in a buffer that may be written to again while it is looked at becomes octets that stay."""
    return token if token is None or type(token) is bytes else octets(token)
