"""RFC 2743 §2.4: names that are imported, canonicalized, compared, exported and mapped to accounts."""

from __future__ import annotations

import pytest

from puregss.base.errors import BadMechanismError, BadNameError, MechanismNameRequiredError
from puregss.base.names import KERBEROS_ALIASES, MechType, NameType
from puregss.base.oid import OID
from puregss.gss import world as worlds
from puregss.gss.name import Name
from puregss.krb5.principal import Principal
from tests.gss.worlds import SERVICE, World


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A world that is also the installed one, which comparison asks."""
    world = World()
    monkeypatch.setattr(worlds, "_installed", world)
    return world


def test_a_name_becomes_a_mechanism_name_and_travels(world: World) -> None:
    name = SERVICE.canonicalize(MechType.kerberos)
    assert str(name) == "host/localhost@EXAMPLE.TEST"
    assert name.name_type == NameType.kerberos_principal
    assert Name(token=name.export()) == name
    assert Name(name.export(), NameType.export) == name
    for alias in KERBEROS_ALIASES:
        assert SERVICE.canonicalize(alias) == name


def test_only_mechanism_names_are_exported(world: World) -> None:
    with pytest.raises(MechanismNameRequiredError, match="canonicalize it first"):
        SERVICE.export()
    with pytest.raises(BadMechanismError):
        SERVICE.canonicalize(OID.from_dotted("1.2.3"))


def test_names_are_equal_by_meaning_and_hash_alike(world: World) -> None:
    forms = [SERVICE, Name("host@LOCALHOST", NameType.hostbased_service), SERVICE.canonicalize(),
             Name("host/localhost", NameType.kerberos_principal), Name(b"host/localhost@EXAMPLE.TEST")]  # fmt: skip
    for form in forms:
        assert form == SERVICE.canonicalize()
    assert len({hash(form) for form in forms}) == 1
    assert Name("alice") != Name("bob")
    assert Name("alice") != Name("alice@OTHER.TEST")
    assert Name("alice") != "alice"


def test_an_acceptor_named_in_full_is_that_principal_alone(world: World) -> None:
    """Only service@host leaves something open."""
    assert SERVICE.acceptor_principal(world) == Principal(("host", "localhost"), "")
    full = Principal(("host", "localhost"), "EXAMPLE.TEST")
    for name in (SERVICE.canonicalize(), Name("host/localhost", NameType.kerberos_principal)):
        assert name.acceptor_principal(world) == full


def test_text_and_octets(world: World) -> None:
    name = Name(b"al\xffice")
    assert bytes(name) == b"al\xffice"
    assert repr(Name("alice")) == f"Name('alice', {NameType.user})"
    assert not Name("alice").is_mechanism_name
    with pytest.raises(TypeError, match="either"):
        Name()


def test_accounts(world: World) -> None:
    assert Name("alice").localname() == "alice"
    assert Name("alice").userok("alice")
    assert not Name("alice").userok("bob")
    stranger = Name("alice@OTHER.TEST", NameType.kerberos_principal)
    assert not stranger.userok("alice")
    with pytest.raises(BadNameError, match="auth_to_local"):
        stranger.localname()


def test_a_users_own_list_decides_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(World, "welcome_principals", lambda *_: {"alice@OTHER.TEST"})
    assert Name("alice@OTHER.TEST", NameType.kerberos_principal).userok("bob")
    assert not Name("bob").userok("bob")


def test_attributes_are_of_mechanism_names(world: World) -> None:
    assert not Name("alice").attributes
    assert Name("alice").canonicalize().attributes["urn:ietf:kerberos:nameattr-realm"].values == (b"EXAMPLE.TEST",)


@pytest.mark.parametrize(
    "name_type", [None, NameType.hostbased_service, NameType.export, NameType.machine_uid], ids=str
)
def test_half_a_surrogate_pair_is_no_name(name_type: OID | None) -> None:
    """A login form that takes JSON can be sent one; it must not end in UnicodeEncodeError later."""
    with pytest.raises(BadNameError, match="half of a surrogate pair"):
        Name("alice\ud800@EXAMPLE.TEST", name_type)
    assert bytes(Name(b"\xff@EXAMPLE.TEST")) == b"\xff@EXAMPLE.TEST", "octets that are no UTF-8 stay"


def test_a_user_id_of_thousands_of_digits(world: World) -> None:
    with pytest.raises(BadNameError, match="is not a numeric user id"):
        Name("9" * 5000, NameType.string_uid).canonicalize(world=world)
