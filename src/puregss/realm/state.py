"""What the exchanges of one realm's KDC share."""

from __future__ import annotations

from dataclasses import dataclass

from puregss.base.ports import Entropy
from puregss.realm.database import Database
from puregss.realm.faults import Faults
from puregss.realm.policy import Policy
from puregss.realm.trust import Neighbourhood


@dataclass(frozen=True, slots=True)
class RealmState:
    realm: str
    database: Database
    neighbourhood: Neighbourhood
    policy: Policy
    faults: Faults
    entropy: Entropy
