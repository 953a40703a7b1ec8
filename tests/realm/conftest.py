"""What the tests of the KDC's core share: a realm, and alice with two kinds of TGT."""

from __future__ import annotations

import pytest

from puregss.realm.policy import DAY, HOUR
from puregss.realm.state import RealmState
from tests.realm.client import NOW, Held, log_in
from tests.realm.states import EVERYTHING, PASSWORD, make_state


@pytest.fixture
def state() -> RealmState:
    return make_state()


@pytest.fixture
def tgt(state: RealmState) -> Held:
    return log_in(state, "alice", PASSWORD)


@pytest.fixture
def able(state: RealmState) -> Held:
    """A TGT that may do everything."""
    return log_in(state, "alice", PASSWORD, kdc_options=EVERYTHING, till=NOW + 8 * HOUR, rtime=NOW + 3 * DAY)
