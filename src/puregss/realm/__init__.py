"""An embedded Kerberos realm for tests and demonstrations. Never for production.

The names are fetched when first used: the pytest plugin below this package is loaded by every pytest run on the
machine, also by those that have nothing to do with Kerberos.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from puregss.realm.embedded import Realm
    from puregss.realm.faults import Faults
    from puregss.realm.pair import ContextPair, context_pair
    from puregss.realm.policy import Policy
    from puregss.realm.world import RealmWorld

__all__ = ["ContextPair", "Faults", "Policy", "Realm", "RealmWorld", "context_pair"]

_HOMES = {
    "ContextPair": "pair",
    "Faults": "faults",
    "Policy": "policy",
    "Realm": "embedded",
    "RealmWorld": "world",
    "context_pair": "pair",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
