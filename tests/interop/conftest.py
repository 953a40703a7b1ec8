"""The realm that the interop tests share: one MIT KDC a session, with a service for each enctype."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from tests import peers
from tests.interop.mit_realm import AES, ENCTYPES, HOSTNAME, MitRealm
from tests.interop.party import RemoteLibrary


def service_of(enctype: int) -> str:
    """The service whose only key has this enctype, so that tickets and session keys for it have it too."""
    return f"enctype{enctype}"


class Libraries:
    """The libraries of one test file by name, each in a process of its own from when it is first asked for."""

    def __init__(self, realm: MitRealm, commands: Mapping[str, tuple[str, ...]]) -> None:
        self._realm = realm
        self._commands = commands
        self._running: dict[tuple[str, int | None], RemoteLibrary] = {}

    def __call__(self, kind: str, enctype: int | None = None) -> RemoteLibrary:
        """Where an `enctype` is given, one whose contexts have no other (see `MitRealm.narrowed`)."""
        if (kind, enctype) not in self._running:
            env = self._realm.environment() if enctype is None else self._realm.narrowed(enctype, "alice")
            self._running[kind, enctype] = RemoteLibrary(*self._commands[kind], env=env)
        return self._running[kind, enctype]

    def close(self) -> None:
        for library in self._running.values():
            library.__exit__(None, None, None)


@pytest.fixture(scope="session")
def mit_realm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MitRealm]:
    """A realm with alice (who holds a forwardable ticket in the default cache), bob, host/localhost and
    `enctypeN/localhost`; the default keytab has all the services."""
    assert peers.present("krb5kdc"), "mark the test with pytest.mark.requires('krb5kdc')"
    with MitRealm(tmp_path_factory.mktemp("mit")) as realm:
        hosts = ["host/localhost", f"host/{HOSTNAME}"]
        single = [f"{service_of(enctype)}/localhost" for enctype in ENCTYPES]
        realm.add_user("alice", enctypes=tuple(ENCTYPES))
        realm.add_user("bob", "bob's password")
        realm.add_service(*hosts, enctypes=AES, flags="+ok_as_delegate")
        for enctype, name in zip(ENCTYPES, single, strict=True):
            realm.add_service(name, enctypes=[enctype])
        realm.keytab(*hosts, *single)
        realm.kinit("alice", "-f")
        yield realm
