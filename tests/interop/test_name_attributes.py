"""RFC 6680 on tickets of MIT's KDC: the PAC is an attribute of the client's name, also after a transfer."""

from __future__ import annotations

from pathlib import Path

import pytest

from puregss import Name, NameType, SecurityContext, SystemWorld, TransferDomain, import_context
from puregss.krb5.name_attributes import PAC
from tests.interop.mit_realm import MitRealm

pytestmark = pytest.mark.requires("krb5kdc")


def test_the_pac_travels_with_the_name(mit_realm: MitRealm, tmp_path: Path) -> None:
    mit_realm.add_user("dora")
    ccache = mit_realm.kinit("dora", ccache=tmp_path / "cc")
    world = SystemWorld(
        config=str(mit_realm.config),
        ccache=f"FILE:{ccache}",
        keytab=f"FILE:{mit_realm.default_keytab}",
        transfer_domain=f"dir:{tmp_path / 'claims'}",
    )
    initiator = SecurityContext(name=Name("host@localhost", NameType.hostbased_service), world=world)
    acceptor = SecurityContext(usage="accept", world=world)
    initiator.step(acceptor.step(initiator.step()))
    name = acceptor.initiator_name
    assert str(name) == f"dora@{mit_realm.realm}"
    (pac,) = name.attributes[PAC].values
    assert int.from_bytes(pac[4:8], "little") == 0  # the PAC's format version
    assert not name.attributes[PAC].authenticated
    domain = TransferDomain.from_url(f"dir:{tmp_path / 'claims'}")
    moved = import_context(acceptor.export(domain), domain, world=world)
    assert moved.initiator_name.attributes == name.attributes
    assert PAC not in initiator.initiator_name.attributes
