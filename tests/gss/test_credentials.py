"""RFC 2743 §2.1, RFC 5588: credentials that are acquired, asked, joined, stored and delegated."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Literal

import pytest

from puregss.base.errors import BadMechanismError, DuplicateCredentialsElementError, MissingCredentialsError
from puregss.base.flags import RequirementFlag
from puregss.base.names import KERBEROS_ALIASES, MechType, NameType
from puregss.base.oid import OID
from puregss.gss.context import SecurityContext
from puregss.gss.credentials import Credentials, InquireCredByMechResult, InquireCredResult, StoreCredResult
from puregss.gss.name import Name
from puregss.gss.transfer import import_context
from puregss.krb5.memory import MemoryTickets
from puregss.system.world import SystemWorld
from tests.gss.worlds import SERVICE, World

NO_MECHANISM = OID.from_dotted("1.2.3")
KERBEROS = frozenset((MechType.kerberos,))
DELEGATING = RequirementFlag.delegate_to_peer | RequirementFlag.mutual_authentication


@pytest.fixture
def world() -> World:
    return World()


def test_an_initiator_is_named_after_its_tickets(world: World) -> None:
    credentials = Credentials(usage="initiate", world=world)
    name, lifetime, usage, mechs = credentials.inquire()
    assert str(name) == "alice@EXAMPLE.TEST"
    assert lifetime is not None
    assert 0 < lifetime <= 86400
    assert usage == "initiate"
    assert mechs == KERBEROS
    world.moving.offset = 30 * 86400
    assert credentials.lifetime == 0


def test_an_acceptor_has_no_end_and_by_default_no_name(world: World) -> None:
    assert Credentials(usage="accept", world=world).inquire() == InquireCredResult(None, None, "accept", KERBEROS)
    named = Credentials(SERVICE, usage="accept", world=world).name
    assert named is not None
    assert named.is_mechanism_name, "RFC 2743 §2.1.3 promises one"
    assert str(named) == "host/localhost@EXAMPLE.TEST"


def test_inquiry_by_mechanism(world: World) -> None:
    both = Credentials(usage="both", world=world).inquire_by_mech(MechType.kerberos)
    assert both.accept_lifetime is None
    assert both.init_lifetime
    accepting = Credentials(usage="accept", world=world).inquire_by_mech(MechType.kerberos)
    assert accepting == InquireCredByMechResult(None, 0, None, "accept")
    with pytest.raises(BadMechanismError):
        Credentials(usage="accept", world=world).inquire_by_mech(NO_MECHANISM)


def test_an_element_is_added_once(world: World) -> None:
    accepting, initiating = (Credentials(usage=usage, world=world) for usage in ("accept", "initiate"))
    with pytest.raises(DuplicateCredentialsElementError):
        initiating.add("initiate")
    assert initiating.add("accept").tickets is initiating.tickets
    both = accepting.add("initiate")
    assert both.usage == "both"
    assert both.keys is accepting.keys
    assert both.tickets.default_principal
    for wrong in ("accept", "initiate", "both"):
        with pytest.raises(DuplicateCredentialsElementError):
            both.add(wrong)


def test_tickets_last_as_long_as_the_tgt(world: World) -> None:
    """Whatever service tickets are there, it is the TGT that new contexts need; without one they are what is left."""
    tgt, longer = world.realm.ticket("alice", lifetime=600), world.realm.ticket("alice", "host/localhost")
    both = Credentials.of_tickets(MemoryTickets([longer, tgt]), world)
    assert both.lifetime is not None
    assert 0 < both.lifetime <= 600
    alone = Credentials.of_tickets(MemoryTickets([longer]), world)
    assert alone.lifetime is not None
    assert alone.lifetime > 600


def test_mechanisms_are_chosen_by_name(world: World) -> None:
    chosen = Credentials(usage="accept", mechs=[MechType.kerberos, *KERBEROS_ALIASES], world=world)
    assert chosen.mechs == KERBEROS
    assert chosen.add("initiate", MechType.kerberos).usage == "both"
    with pytest.raises(BadMechanismError):
        Credentials(usage="accept", mechs=[MechType.kerberos, NO_MECHANISM], world=world)
    with pytest.raises(BadMechanismError):
        chosen.add("initiate", NO_MECHANISM)


def test_released_credentials_are_of_no_more_use(world: World) -> None:
    credentials = Credentials(usage="both", world=world)
    initiator = SecurityContext(name=SERVICE, creds=credentials, world=world)
    acceptor = SecurityContext(creds=credentials, usage="accept", world=world)
    credentials.release()
    credentials.release()
    initiator.step(acceptor.step(initiator.step()))
    assert acceptor.complete, "what was begun goes on"
    for use in (
        lambda: SecurityContext(name=SERVICE, creds=credentials, world=world),
        lambda: SecurityContext(creds=credentials, usage="accept", world=world),
        lambda: credentials.store(overwrite=True),
        lambda: credentials.inquire(),
        lambda: credentials.inquire_by_mech(MechType.kerberos),
    ):
        with pytest.raises(MissingCredentialsError, match="released"):
            use()
    assert Credentials(usage="both", world=world).tickets.default_principal


def test_credentials_that_are_released_while_they_are_first_used_accept_no_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = Credentials(usage="accept", world=world)

    def clock_skew() -> int:
        credentials.release()  # another thread's, at a bad moment
        return 300

    monkeypatch.setattr(world, "clock_skew", clock_skew)
    SecurityContext(creds=credentials, usage="accept", world=world)
    with pytest.raises(MissingCredentialsError, match="released"):
        SecurityContext(creds=credentials, usage="accept", world=world)


def test_each_side_needs_its_own_element(world: World) -> None:
    with pytest.raises(MissingCredentialsError, match="only accept"):
        SecurityContext(name=SERVICE, creds=Credentials(usage="accept", world=world), world=world)
    with pytest.raises(MissingCredentialsError, match="only initiate"):
        SecurityContext(creds=Credentials(usage="initiate", world=world), usage="accept", world=world)


def test_a_cache_of_somebody_else_is_refused_by_name(world: World) -> None:
    with pytest.raises(MissingCredentialsError, match=r"belongs to alice@EXAMPLE\.TEST, not to bob"):
        Credentials(Name("bob", NameType.user), usage="initiate", world=world)
    Credentials(Name("alice", NameType.user), usage="initiate", world=world)


def test_unknown_store_keys_are_refused(world: World) -> None:
    with pytest.raises(TypeError, match="rcache"):
        Credentials(usage="accept", store={"rcache": "none:"}, world=world)


@pytest.mark.parametrize("usage", ["accept", "initiate"])
def test_a_missing_file_is_named(tmp_path: Path, usage: Literal["accept", "initiate"]) -> None:
    missing = tmp_path / "missing"
    world = SystemWorld(config=str(tmp_path / "krb5.conf"), keytab=f"FILE:{missing}", ccache=f"FILE:{missing}")
    with pytest.raises(MissingCredentialsError, match=str(missing)):
        Credentials(usage=usage, world=world)


def test_delegated_credentials_initiate_in_their_turn(world: World) -> None:
    initiator = SecurityContext(name=SERVICE, flags=DELEGATING, world=world)
    acceptor = SecurityContext(usage="accept", world=world)
    initiator.step(acceptor.step(initiator.step()))
    assert acceptor.actual_flags & RequirementFlag.delegate_to_peer
    delegated = acceptor.delegated_creds
    assert delegated is not None
    assert str(delegated.name) == "alice@EXAMPLE.TEST"
    onward = SecurityContext(name=SERVICE, creds=delegated, world=world)
    onward_acceptor = SecurityContext(usage="accept", world=world)
    onward.step(onward_acceptor.step(onward.step()))
    assert str(onward_acceptor.initiator_name) == "alice@EXAMPLE.TEST"
    assert onward_acceptor.delegated_creds is None


@pytest.mark.parametrize("included", [True, False])
def test_delegated_credentials_travel_if_asked_to(world: World, included: bool) -> None:
    initiator = SecurityContext(name=SERVICE, flags=DELEGATING, world=world)
    acceptor = SecurityContext(usage="accept", world=world)
    initiator.step(acceptor.step(initiator.step()))
    moved = import_context(acceptor.export(include_delegated=included), world=world)
    assert moved.unwrap(initiator.wrap(b"moved", True).message).message == b"moved"
    if not included:
        assert moved.delegated_creds is None
        return
    assert moved.delegated_creds is not None
    onward = SecurityContext(name=SERVICE, creds=moved.delegated_creds, world=world)
    assert SecurityContext(usage="accept", world=world).step(onward.step())


def test_delegated_credentials_are_stored_once(world: World, tmp_path: Path) -> None:
    initiator = SecurityContext(name=SERVICE, flags=DELEGATING, world=world)
    acceptor = SecurityContext(usage="accept", world=world)
    initiator.step(acceptor.step(initiator.step()))
    delegated = acceptor.delegated_creds
    assert delegated is not None
    files = SystemWorld(config=str(tmp_path / "krb5.conf"), ccache=f"FILE:{tmp_path / 'cc'}")
    stored = Credentials.of_tickets(delegated.tickets, files)
    assert stored.store() == StoreCredResult(KERBEROS, "initiate")
    assert (tmp_path / "cc").stat().st_mode & 0o077 == 0
    again = Credentials(usage="initiate", world=files)
    assert str(again.name) == "alice@EXAMPLE.TEST"
    assert again.lifetime == pytest.approx(delegated.lifetime, abs=2)
    with pytest.raises(DuplicateCredentialsElementError, match="overwrite"):
        stored.store()
    stored.store(overwrite=True)
    with pytest.raises(MissingCredentialsError, match="cannot be written"):
        stored.store(str(tmp_path / "nowhere" / "cc"))


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, pickle.dumps])
def test_credentials_are_neither_copied_nor_pickled(world: World, how: object) -> None:
    assert callable(how)
    with pytest.raises(TypeError, match="hold keys"):
        how(Credentials(usage="accept", world=world))
