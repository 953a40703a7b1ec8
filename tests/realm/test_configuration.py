"""The krb5.conf of an embedded realm."""

from __future__ import annotations

import pytest

from puregss.base.errors import BadNameError
from puregss.realm import Realm
from puregss.realm.configuration import krb5_conf


@pytest.fixture
def realm() -> Realm:
    """Not listening, without files."""
    realm = Realm("EXAMPLE.TEST")
    realm.add_user("alice", "secret")
    realm.add_service("host/localhost")
    return realm


def test_configuration() -> None:
    paths = {("A.TEST", "B.TEST"): [], ("A.TEST", "D.TEST"): ["B.TEST", "C.TEST"]}
    hosts = ["www.a.example", "a.test"]
    text = krb5_conf("A.TEST", {"A.TEST": 1088, "B.TEST": 0}, hosts, "FILE:/k", "FILE:/c", paths)
    assert "never for production" in text.lower()
    assert text.count(" kdc = ") == 1
    assert "kdc = 127.0.0.1:1088" in text
    for host in (".a.test", "a.test", "www.a.example"):
        assert text.count(f"    {host} = A.TEST\n") == 1
    assert "    A.TEST = {\n        B.TEST = .\n        D.TEST = B.TEST\n        D.TEST = C.TEST\n    }\n" in text


def test_odd_hosts_stay_out_of_the_configuration(realm: Realm) -> None:
    realm.add_service("host/evil\\n[libdefaults]")
    realm.add_service("host/good.shop.test")
    realm.environment()
    text = (realm.directory / "krb5.conf").read_text()
    assert text.count("[libdefaults]") == 1
    assert "good.shop.test = EXAMPLE.TEST" in text


@pytest.mark.parametrize("name", ["", "A B", "A\nB", "A}", "[x]", "A;B", "Ä.TEST"])
def test_names_that_a_configuration_cannot_hold(name: str) -> None:
    with pytest.raises(BadNameError, match="cannot be the name of a realm"):
        Realm(name)
