"""RFC 2743 §2.2.5, §2.2.6: what a context tells of itself and of its peers."""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple

from puregss.base import era
from puregss.base.flags import RequirementFlag
from puregss.base.made import made
from puregss.base.mechanism import Establishment
from puregss.base.names import MechType
from puregss.base.oid import OID
from puregss.gss.name import Name
from puregss.gss.world import World
from puregss.krb5.context import KerberosContext

_KERBEROS: Final = MechType.kerberos


class InquireContextResult(NamedTuple):
    """GSS_Inquire_context (RFC 2743 §2.2.6). `lifetime` is in whole seconds, 0 when expired."""

    initiator_name: Name
    target_name: Name
    lifetime: int
    mech: OID
    flags: RequirementFlag
    locally_init: bool
    complete: bool


class InquiryCalls:
    """The inquiries of a context. MissingContextError where there is none, and for what is not known yet of one that
    is being established.
    """

    __slots__ = ()

    _live: KerberosContext | None
    _establishment: Establishment | None
    _era: era.Era
    _usage: Literal["initiate", "accept"]
    _world: World

    def _context(self) -> KerberosContext:
        """The live mechanism context."""
        raise NotImplementedError

    def inquire(self) -> InquireContextResult:
        """GSS_Inquire_context (RFC 2743 §2.2.6): all there is to know."""
        if self._live is None:
            return InquireContextResult(
                self.initiator_name,
                self.target_name,
                self.lifetime,
                self.mech,
                self.actual_flags,
                self.locally_initiated,
                self.complete,
            )
        context = self._context()  # at once, for an acceptor asks it of each of its contexts
        return made(
            InquireContextResult,
            (
                Name.of_principal(context.initiator_name, context.authdata),
                Name.of_principal(context.acceptor_name),
                _seconds_left(context.expiry, self._world),
                _KERBEROS,
                context.flags,
                context.locally_initiated,
                self._establishment is None,
            ),
        )

    def _known_so_far(self, fact: str) -> Any:
        """A fact of a context that is being established; None where it is not known, or the context stands."""
        establishment = self._establishment
        if self._live is not None or establishment is None or self._era is not era.current:
            return None
        return establishment.inquire().get(fact)

    @property
    def complete(self) -> bool:
        """Whether the context is established."""
        return self._live is not None and self._establishment is None and self._era is era.current

    @property
    def usage(self) -> Literal["initiate", "accept"]:
        """Which side of the context this is."""
        return self._usage

    @property
    def locally_initiated(self) -> bool:
        """Whether this side initiated."""
        return self._usage == "initiate"

    @property
    def mech(self) -> OID:
        """The mechanism."""
        return _KERBEROS

    @property
    def lifetime(self) -> int:
        """GSS_Context_time (RFC 2743 §2.2.5): whole seconds left, 0 when expired."""
        known = self._known_so_far("expiry")
        expiry = self._context().expiry if known is None else known
        return _seconds_left(expiry, self._world)

    @property
    def initiator_name(self) -> Name:
        """The initiator's mechanism name, with the attributes that its ticket gives an acceptor."""
        if (known := self._known_so_far("initiator_name")) is not None:
            return Name.of_principal(known)
        context = self._context()
        return Name.of_principal(context.initiator_name, context.authdata)

    @property
    def target_name(self) -> Name:
        """The acceptor's mechanism name."""
        if (known := self._known_so_far("acceptor_name")) is not None:
            return Name.of_principal(known)
        return Name.of_principal(self._context().acceptor_name)

    @property
    def actual_flags(self) -> RequirementFlag:
        """What the context gives; while establishing, what is known of it so far."""
        if self._live is None and self._establishment is not None:
            return RequirementFlag(self._known_so_far("flags") or 0)
        return self._context().flags


def _seconds_left(expiry: float, world: World) -> int:
    left = int(expiry - world.clock.now())
    return left if left > 0 else 0
