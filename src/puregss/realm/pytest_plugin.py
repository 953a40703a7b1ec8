"""The pytest plugin: fixtures for code that speaks Kerberos. Installing puregss is enough; nothing to import.

    def test_login(kerberos_service, kerberos_user, kerberos_realm): ...

    @pytest.mark.kerberos(realm="SHOP.TEST", service="HTTP/www.shop.test", user="bob")
    def test_shop(kerberos_service, kerberos_user): ...

    def test_messages(gss_context_pair):
        initiator, acceptor = gss_context_pair

This module is loaded by every pytest run: the realm itself, with its event loop and KDC, is only fetched by those
who ask for a fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from puregss import realm
from puregss.gss import world

if TYPE_CHECKING:
    from puregss.realm import ContextPair, Realm

_OPTIONS = {"realm": "EXAMPLE.TEST", "service": "host/localhost", "user": "alice", "password": "alice's password"}


@dataclass(frozen=True, slots=True)
class KerberosService:
    """A service of the realm. `principal` as Kerberos writes it, `target` as a GSS host-based name."""

    principal: str
    target: str
    keytab: str


@dataclass(frozen=True, slots=True)
class KerberosUser:
    """A user of the realm, logged in: `ccache` holds a TGT."""

    principal: str
    password: str = field(repr=False)
    ccache: str = ""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "kerberos(realm, service, user, password, enctypes): what the fixtures kerberos_… and gss_context_pair set up",
    )


def _options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The marker's arguments over the defaults; the marker nearest to the test wins."""
    options: dict[str, Any] = dict(_OPTIONS)
    for marker in reversed(list(request.node.iter_markers("kerberos"))):
        unknown = marker.kwargs.keys() - _OPTIONS.keys() - {"enctypes"}
        if unknown or marker.args:
            raise pytest.UsageError(f"pytest.mark.kerberos takes {', '.join(_OPTIONS)} and enctypes, by name")
        options.update(marker.kwargs)
    return options


def _make(options: dict[str, Any]) -> Realm:
    enctypes = {"enctypes": options["enctypes"]} if "enctypes" in options else {}
    made = realm.Realm(options["realm"], **enctypes)
    made.add_service(options["service"])
    return made


@pytest.fixture
def kerberos_realm(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Realm]:
    """A realm with its KDC on loopback and one service; the environment of this process leads to it."""
    with _make(_options(request)) as made:
        for name, value in made.environment().items():
            monkeypatch.setenv(name, value)
        before = world.install(None)  # the one from the last test has read another krb5.conf
        yield made
        world.install(before)


@pytest.fixture
def kerberos_service(request: pytest.FixtureRequest, kerberos_realm: Realm) -> KerberosService:
    """The realm's service (`host/localhost`), whose keys are in the default keytab."""
    name = _options(request)["service"]
    keytab = kerberos_realm.environment()["KRB5_KTNAME"]
    return KerberosService(str(kerberos_realm.principal(name)), name.replace("/", "@", 1), keytab)


@pytest.fixture
def kerberos_user(request: pytest.FixtureRequest, kerberos_realm: Realm) -> KerberosUser:
    """A user (`alice`), whose TGT is in the default credential cache."""
    options = _options(request)
    principal = kerberos_realm.add_user(options["user"], options["password"])
    ccache = kerberos_realm.environment(options["user"])["KRB5CCNAME"]
    return KerberosUser(str(principal), options["password"], ccache)


@pytest.fixture
def gss_context_pair(request: pytest.FixtureRequest) -> ContextPair:
    """Both ends of an established context of the user with the service, without sockets and files."""
    options = _options(request)
    made = _make(options)
    made.add_user(options["user"])
    return realm.context_pair(realm.RealmWorld(made, options["user"]), options["service"].replace("/", "@", 1))
