"""Realms for the tests of the KDC's core."""

from __future__ import annotations

import os

from puregss.krb5.messages.kdc import KdcOption
from puregss.krb5.principal import Principal, tgs_principal
from puregss.realm.database import Database
from puregss.realm.faults import Faults
from puregss.realm.policy import Policy
from puregss.realm.state import RealmState
from puregss.realm.trust import Neighbourhood

REALM = "EXAMPLE.TEST"
PASSWORD = "alice's password"
ALICE = Principal(("alice",), REALM)
HOST = Principal(("host", "localhost"), REALM)
TGS = tgs_principal(REALM)
EVERYTHING = KdcOption.FORWARDABLE | KdcOption.PROXIABLE | KdcOption.RENEWABLE | KdcOption.ALLOW_POSTDATE
ALL = (18, 17, 20, 19, 26, 25)


def make_state(realm: str = REALM, policy: Policy | None = None, enctypes: tuple[int, ...] = (18, 17)) -> RealmState:
    """A realm with alice, who has a password, and the service host/localhost."""
    database = Database(realm, enctypes, os.urandom)
    database.add(Principal(("alice",), realm), PASSWORD)
    database.add(Principal(("host", "localhost"), realm))
    return RealmState(realm, database, Neighbourhood(realm), policy or Policy(), Faults(), os.urandom)
