"""The plugin as a stranger's test suite meets it: a pytest of its own, in a folder of its own."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

TOP = Path(__file__).parent.parent.parent


def run(folder: Path, test: str, *options: str) -> subprocess.CompletedProcess[str]:
    """pytest on one file; the plugin comes by its module's name, installed or not."""
    (folder / "test_it.py").write_text(test)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n")
    plugin = ["-p", "no:puregss", "-p", "puregss.realm.pytest_plugin"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugin, *options, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=folder)


def passes(folder: Path, test: str, count: int) -> None:
    result = run(folder, test)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{count} passed" in result.stdout


def test_the_package_offers_the_plugin_to_pytest() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text())
    assert project["project"]["entry-points"]["pytest11"] == {"puregss": "puregss.realm.pytest_plugin"}


def test_realm_service_and_user(tmp_path: Path) -> None:
    passes(
        tmp_path,
        """
import os
from puregss.krb5.ccache import decode_ccache
from puregss.krb5.keytab import decode_keytab

def test_all(kerberos_service, kerberos_user, kerberos_realm):
    assert kerberos_realm.port
    assert kerberos_service.principal == "host/localhost@EXAMPLE.TEST"
    assert kerberos_service.target == "host@localhost"
    assert kerberos_user.principal == "alice@EXAMPLE.TEST"
    assert kerberos_user.password not in repr(kerberos_user)
    assert os.environ["KRB5CCNAME"] == kerberos_user.ccache
    assert os.environ["KRB5_KTNAME"] == kerberos_service.keytab
    cache = decode_ccache(open(kerberos_user.ccache.removeprefix("FILE:"), "rb").read())
    assert str(cache.default_principal) == kerberos_user.principal
    keys = decode_keytab(open(kerberos_service.keytab.removeprefix("FILE:"), "rb").read())
    assert [str(key.principal) for key in keys] == [kerberos_service.principal]
    global folder
    folder = kerberos_realm.directory

def test_nothing_stays():
    assert "KRB5_KTNAME" not in os.environ
    assert not folder.exists()
""",
        2,
    )


def test_the_library_itself_follows_from_realm_to_realm(tmp_path: Path) -> None:
    """No world is named: the process's own one asks the KDC of the test's realm, over sockets."""
    passes(
        tmp_path,
        """
import pytest
import puregss

@pytest.mark.parametrize("name", [
    pytest.param("ONE.TEST", marks=pytest.mark.kerberos(realm="ONE.TEST")),
    pytest.param("TWO.TEST", marks=pytest.mark.kerberos(realm="TWO.TEST", service="HTTP/www.two.test")),
])
def test_it(name, kerberos_service, kerberos_user):
    target = puregss.Name(kerberos_service.target, puregss.NameType.hostbased_service)
    initiator = puregss.SecurityContext(name=target)
    acceptor = puregss.SecurityContext(usage="accept")
    initiator.step(acceptor.step(initiator.step()))
    assert str(acceptor.initiator_name) == f"alice@{name}"
    assert str(initiator.target_name) == kerberos_service.principal
""",
        2,
    )


def test_the_nearest_marker_wins(tmp_path: Path) -> None:
    passes(
        tmp_path,
        """
import pytest

pytestmark = pytest.mark.kerberos(realm="SHOP.TEST", service="HTTP/www.shop.test", enctypes=(19,))

@pytest.mark.kerberos(user="bob", password="secret")
def test_marked(kerberos_service, kerberos_user, kerberos_realm):
    assert kerberos_service.principal == "HTTP/www.shop.test@SHOP.TEST"
    assert (kerberos_user.principal, kerberos_user.password) == ("bob@SHOP.TEST", "secret")
    assert kerberos_realm.ticket("bob").session_key.enctype == 19
""",
        1,
    )


def test_a_misspelt_marker_is_told(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        "import pytest\n@pytest.mark.kerberos(servce='x')\ndef test_it(kerberos_realm): ...\n",
    )
    assert result.returncode == 1
    assert "takes realm, service, user, password and enctypes, by name" in result.stdout


def test_context_pair(tmp_path: Path) -> None:
    passes(
        tmp_path,
        """
import pytest

def test_it(gss_context_pair):
    initiator, acceptor = gss_context_pair
    assert acceptor.unwrap(initiator.wrap(b"hello", True).message).message == b"hello"
    assert str(acceptor.initiator_name) == "alice@EXAMPLE.TEST"

@pytest.mark.kerberos(realm="SHOP.TEST", service="HTTP/www.shop.test", user="bob", enctypes=(20,))
def test_marked(gss_context_pair):
    assert str(gss_context_pair.acceptor.initiator_name) == "bob@SHOP.TEST"
    assert str(gss_context_pair.initiator.target_name) == "HTTP/www.shop.test@SHOP.TEST"
""",
        2,
    )


def test_those_who_need_no_kerberos_do_not_pay_for_it(tmp_path: Path) -> None:
    passes(
        tmp_path,
        """
import sys

def test_it():
    assert "puregss.realm.pytest_plugin" in sys.modules
    assert "puregss.realm.embedded" not in sys.modules
""",
        1,
    )
