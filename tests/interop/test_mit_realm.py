"""The test realm itself: MIT's own client gets tickets of the enctype that a test asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.conftest import service_of
from tests.interop.mit_realm import ENCTYPES, MitRealm

pytestmark = pytest.mark.requires("krb5kdc")


@pytest.mark.parametrize("enctype", ENCTYPES)
def test_ticket_and_session_key_have_the_enctype(mit_realm: MitRealm, tmp_path: Path, enctype: int) -> None:
    ccache = mit_realm.kinit("bob", ccache=tmp_path / "cc")
    mit_realm.kvno(f"{service_of(enctype)}/localhost", ccache=ccache)
    listing = mit_realm.run("klist", "-e", env=mit_realm.environment(ccache=ccache)).stdout
    ticket = listing.split(f"{service_of(enctype)}/localhost")[1]
    assert f"Etype (skey, tkt): {ENCTYPES[enctype]}, {ENCTYPES[enctype]}" in ticket


def test_rotation_raises_the_kvno(mit_realm: MitRealm, tmp_path: Path) -> None:
    mit_realm.add_service("rotated/localhost")
    mit_realm.rotate("rotated/localhost")
    ccache = mit_realm.kinit("bob", ccache=tmp_path / "cc")
    assert "kvno = 2" in mit_realm.kvno("rotated/localhost", ccache=ccache)
