"""RFC 4120 §3.2.3: what an acceptor goes by, which is the same for all contexts that one credential accepts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from puregss.base.ports import Clock, Entropy
from puregss.kcrypto.enctypes import SUPPORTED
from puregss.krb5.ports import CLOCK_SKEW, KeySource, TransitPath

if TYPE_CHECKING:
    from puregss.krb5.principal import Principal


@dataclass(frozen=True, slots=True)
class AcceptorPolicy:
    """`principal` None accepts for any key in `keys`; a host-based principal (name type 3) with an empty realm or an
    empty host accepts for any key that fits. `transit_path` is asked about cross-realm tickets whose path no KDC has
    checked. `clock_skew` is in seconds, `enctypes` are those permitted for session keys and subkeys.
    """

    keys: KeySource
    principal: Principal | None
    clock: Clock
    entropy: Entropy
    transit_path: TransitPath | None = None
    clock_skew: int = CLOCK_SKEW
    enctypes: Sequence[int] = SUPPORTED
