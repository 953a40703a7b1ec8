"""An embedded Kerberos realm for tests and demonstrations. Never for production."""

from puregss.realm.faults import Faults
from puregss.realm.policy import Policy
from puregss.realm.realm import Realm

__all__ = ["Faults", "Policy", "Realm"]
