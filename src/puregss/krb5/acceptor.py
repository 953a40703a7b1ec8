"""RFC 4121 §4.1, RFC 4120 §3.2.3, §3.2.4: the acceptor's side of context establishment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from puregss.base.bindings import ChannelBindings
from puregss.base.mechanism import MechanismContext, Steps
from puregss.base.ports import Clock, Entropy
from puregss.krb5.ports import KeySource, ReplayCache, TransitPath

if TYPE_CHECKING:
    from puregss.krb5.ccache import CachedTicket
    from puregss.krb5.principal import Principal


class Acceptor:
    """An `Establishment` that learns from an AP-REQ who its peer is (the mechanism's `accept_sec_context`).

    `principal` None accepts for any key in `keys`; a host-based principal (name type 3) with an empty
    realm or an empty host accepts for any key that fits. `replay_cache` None trusts the protocol above
    to bar replays. `transit_path` is asked about cross-realm tickets whose path no KDC has checked.
    After an error in its first step the acceptor may be given another token (the initiator's retry).
    """

    context: MechanismContext | None
    complete: bool
    delegated: tuple[CachedTicket, ...]  # what the initiator delegated; the first is its TGT

    def __init__(
        self,
        *,
        keys: KeySource,
        principal: Principal | None,
        bindings: ChannelBindings | None,
        replay_cache: ReplayCache | None,
        clock: Clock,
        entropy: Entropy,
        transit_path: TransitPath | None = None,
    ) -> None:
        self.context = None
        self.complete = False
        self.delegated = ()

    def step(self, token: bytes | None) -> Steps:
        """Take a token of the initiator; returns the token to send, or None. Never yields."""
        raise NotImplementedError

    def inquire(self) -> dict[str, Any]:
        """What is known so far: `initiator_name`, `acceptor_name` (principals), `flags`, `expiry`."""
        raise NotImplementedError
