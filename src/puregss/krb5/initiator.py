"""RFC 4121 §4.1, RFC 4120 §3.2.2, §3.2.5: the initiator's side of context establishment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from puregss.base.bindings import ChannelBindings
from puregss.base.flags import RequirementFlag
from puregss.base.mechanism import MechanismContext, Steps
from puregss.base.ports import Clock, Entropy
from puregss.krb5.ports import TicketStore

if TYPE_CHECKING:
    from puregss.krb5.principal import Principal


class Initiator:
    """An `Establishment` that proves to `target` who its user is (the mechanism's `init_sec_context`).

    `client` picks whose tickets to use, by default the store's own principal. `lifetime` is in seconds:
    what is asked of the KDC if a ticket must be fetched, and an upper bound of the context's own.
    Steps yield `KdcRequest` where a ticket is missing; the answer is the KDC's reply.
    """

    context: MechanismContext | None
    complete: bool

    def __init__(
        self,
        *,
        target: Principal,
        tickets: TicketStore,
        flags: RequirementFlag,
        bindings: ChannelBindings | None,
        clock: Clock,
        entropy: Entropy,
        lifetime: int | None = None,
        client: Principal | None = None,
    ) -> None:
        self.context = None
        self.complete = False

    def step(self, token: bytes | None) -> Steps:
        """First with None, then with each token of the acceptor; returns the token to send, or None."""
        raise NotImplementedError

    def inquire(self) -> dict[str, Any]:
        """What is known so far: `initiator_name`, `acceptor_name` (principals), `flags`, `expiry`."""
        raise NotImplementedError
