"""The realm that the interop tests share: one MIT KDC a session, with a service for each enctype."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import peers
from tests.interop.mit_realm import AES, ENCTYPES, HOSTNAME, MitRealm


def service_of(enctype: int) -> str:
    """The service whose only key has this enctype, so that tickets and session keys for it have it too."""
    return f"enctype{enctype}"


@pytest.fixture(scope="session")
def mit_realm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MitRealm]:
    """A realm with alice (who holds a forwardable ticket in the default cache), bob, host/localhost and
    `enctypeN/localhost`; the default keytab has all the services."""
    assert peers.present("krb5kdc"), "mark the test with pytest.mark.requires('krb5kdc')"
    with MitRealm(tmp_path_factory.mktemp("mit")) as realm:
        hosts = ["host/localhost", f"host/{HOSTNAME}"]
        single = [f"{service_of(enctype)}/localhost" for enctype in ENCTYPES]
        realm.add_user("alice")
        realm.add_user("bob", "bob's password")
        realm.add_service(*hosts, enctypes=AES, flags="+ok_as_delegate")
        for enctype, name in zip(ENCTYPES, single, strict=True):
            realm.add_service(name, enctypes=[enctype])
        realm.keytab(*hosts, *single)
        realm.kinit("alice", "-f")
        yield realm
