"""Every chosen fault, set up in one line, met by our own client: what is said, and that nothing is believed."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from puregss.base.errors import ExpiredCredentialsError, GSSError, MissingCredentialsError
from puregss.base.names import NameType
from puregss.gss.context import SecurityContext
from puregss.gss.credentials import Credentials
from puregss.gss.driver import run, run_async
from puregss.gss.name import Name
from puregss.krb5.ccache import CachedTicket
from puregss.krb5.kdc_exchange_as import as_exchange
from puregss.krb5.messages.error import KrbErrorCode as Code
from puregss.krb5.preauth import Password
from puregss.realm import Faults, Realm, RealmWorld, context_pair
from puregss.system.clock import SystemClock
from puregss.system.world import SystemWorld

CLOCK = SystemClock()
KDC_UNREACH = -1765328228
HOST = Name("host@localhost", NameType.hostbased_service)


@pytest.fixture
def realm() -> Realm:
    realm = Realm()
    realm.add_user("alice", "secret")
    realm.add_service("host/localhost")
    return realm


@pytest.fixture
def served(realm: Realm) -> Iterator[Realm]:
    with realm:
        yield realm


def log_in(realm: Realm, world: SystemWorld | None = None) -> CachedTicket:
    """By password; over sockets if a world is given."""
    steps = as_exchange(realm.principal("alice"), Password("secret"), clock=CLOCK, entropy=os.urandom)
    return run(steps, realm.exchange if world is None else world.exchange)


def fails(realm: Realm, kind: type[GSSError] = GSSError) -> GSSError:
    with pytest.raises(kind) as caught:
        log_in(realm)
    return caught.value


def system(realm: Realm) -> SystemWorld:
    environment = realm.environment()
    return SystemWorld(
        config=environment["KRB5_CONFIG"], keytab=environment["KRB5_KTNAME"], ccache=environment["KRB5CCNAME"]
    )


# Faults of the KDC


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_wrong_clock(realm: Realm, seconds: int) -> None:
    """Our client is told the time and proves itself by the KDC's clock; without that chance it says what is wrong."""
    realm.faults.clock_offset = seconds
    assert abs(log_in(realm).authtime - time.time() - seconds) < 5
    realm.add_user("carol", "secret", preauthentication=False)
    steps = as_exchange(realm.principal("carol"), Password("secret"), clock=CLOCK, entropy=os.urandom)
    with pytest.raises(GSSError, match=r"3\d+ seconds (ahead of|behind)") as caught:
        run(steps, realm.exchange)
    assert caught.value.minor == Code.KRB_AP_ERR_SKEW.minor


def test_tickets_from_the_future_are_of_no_use_yet(realm: Realm) -> None:
    world = RealmWorld(realm, "alice")
    with realm.faults.during(clock_offset=3600):
        world.ticket_store(None).add(realm.ticket("alice", "host/localhost"))
    with pytest.raises(GSSError, match=r"begins at .*: set the clocks"):
        context_pair(world)


def test_expired_ticket(realm: Realm) -> None:
    realm.faults.ticket_expired = True
    world = RealmWorld(realm, "alice")
    with pytest.raises(ExpiredCredentialsError, match="expired"):
        context_pair(world)


def test_revoked_preauthentication(realm: Realm) -> None:
    realm.faults.reject_preauthentication = True
    assert fails(realm, MissingCredentialsError).minor == Code.KDC_ERR_PREAUTH_FAILED.minor


def test_a_chosen_error(realm: Realm) -> None:
    realm.faults.error_code = Code.KDC_ERR_POLICY
    assert fails(realm).minor == Code.KDC_ERR_POLICY.minor


@pytest.mark.parametrize("fault", ["wrong_nonce", "wrong_client", "wrong_server", "wrong_key"])
def test_a_lying_kdc_is_not_believed(realm: Realm, fault: str) -> None:
    with realm.faults.during(**{fault: True}):
        fails(realm)
    assert log_in(realm).client == realm.principal("alice")


@pytest.mark.parametrize("fault", ["wrong_nonce", "wrong_client", "wrong_server", "wrong_key"])
def test_a_lying_tgs_is_not_believed(realm: Realm, fault: str) -> None:
    world = RealmWorld(realm, "alice")
    with realm.faults.during(**{fault: True}), pytest.raises(GSSError):
        context_pair(world)
    assert world.ticket_store(None).find(realm.principal("alice"), realm.principal("host/localhost")) is None
    assert context_pair(world).acceptor.complete


def test_truncated_answers(realm: Realm) -> None:
    for length in (0, 1, 40, 150):
        with realm.faults.during(truncate=length):
            fails(realm)


def test_no_answer_in_process(realm: Realm) -> None:
    realm.faults.drop = 1
    assert fails(realm).minor == KDC_UNREACH
    assert log_in(realm).client == realm.principal("alice")


def test_delayed_answers_in_process(realm: Realm) -> None:
    realm.faults.delay = 0.05
    before = time.monotonic()
    log_in(realm)
    assert time.monotonic() - before > 0.1  # asked twice: without pre-authentication and with


# States of the realm


def test_unknown_principals(realm: Realm) -> None:
    realm.remove("host/localhost")
    with pytest.raises(GSSError) as caught:
        context_pair(RealmWorld(realm, "alice"))
    assert caught.value.minor == Code.KDC_ERR_S_PRINCIPAL_UNKNOWN.minor
    realm.remove("alice")
    assert fails(realm, MissingCredentialsError).minor == Code.KDC_ERR_C_PRINCIPAL_UNKNOWN.minor


def test_revoked_and_let_in_again(realm: Realm) -> None:
    realm.revoke("alice")
    assert fails(realm, MissingCredentialsError).minor == Code.KDC_ERR_CLIENT_REVOKED.minor
    realm.revoke("alice", False)
    assert log_in(realm).client == realm.principal("alice")


def test_a_rotated_key_and_the_keytab_of_yesterday(realm: Realm, tmp_path: Path) -> None:
    yesterday = realm.keytab(tmp_path / "yesterday.keytab")
    assert realm.rotate_key("host/localhost") == 2
    world = system(realm)
    realm.ccache("alice", services=["host/localhost"])
    token = SecurityContext(name=HOST, world=world).step()
    creds = Credentials(usage="accept", store={"keytab": yesterday}, world=world)
    with pytest.raises(GSSError) as caught:
        SecurityContext(usage="accept", creds=creds, world=world).step(token)
    assert "2" in caught.value.message
    assert "host/localhost@EXAMPLE.TEST" in caught.value.message
    token = SecurityContext(name=HOST, world=world).step()
    acceptor = SecurityContext(usage="accept", world=world)
    acceptor.step(token)
    assert acceptor.complete


def test_a_changed_password(realm: Realm) -> None:
    realm.rotate_key("alice", "another")
    fails(realm, MissingCredentialsError)
    realm.rotate_key("alice", "secret")
    assert log_in(realm).client == realm.principal("alice")


# Faults of the way there: over sockets


def test_a_lost_datagram_is_sent_again(served: Realm) -> None:
    served.faults.drop = 1
    assert log_in(served, system(served)).client == served.principal("alice")
    assert served.faults.drop == 0


def test_too_long_for_udp_goes_over_tcp(served: Realm) -> None:
    served.faults.datagram_limit = 0
    assert log_in(served, system(served)).client == served.principal("alice")


def test_truncated_answers_over_sockets(served: Realm) -> None:
    served.faults.truncate = 60
    with pytest.raises(GSSError):
        log_in(served, system(served))


def test_a_slow_kdc_does_not_hold_up_the_event_loop(served: Realm) -> None:
    served.faults.delay = 0.5
    world = system(served)

    async def both() -> float:
        steps = as_exchange(served.principal("alice"), Password("secret"), clock=CLOCK, entropy=os.urandom)
        asking = asyncio.create_task(run_async(steps, world.exchange_async))
        ticks, longest, before = 0, 0.0, time.monotonic()
        while not asking.done():
            await asyncio.sleep(0.01)
            now = time.monotonic()
            ticks, longest, before = ticks + 1, max(longest, now - before), now
        assert (await asking).client == served.principal("alice")
        assert ticks > 10
        return longest

    assert asyncio.run(both()) < 0.4


# The faults themselves


def test_clear_and_during() -> None:
    faults = Faults(drop=3)
    with faults.during(delay=1.5, drop=-1) as inside:
        assert inside is faults
        assert (faults.delay, faults.drop) == (1.5, -1)
        assert faults.drops()
        assert faults.drops()
    assert (faults.delay, faults.drop) == (0, 3)
    assert [faults.drops() for _ in range(4)] == [True, True, True, False]
    faults.wrong_key = True
    faults.clear()
    assert faults == Faults()


def test_a_misspelt_fault_is_told() -> None:
    with pytest.raises(AttributeError):
        Faults().dropp = 1  # type: ignore[attr-defined]
    with pytest.raises(AttributeError), Faults().during(dropp=1):
        pass
