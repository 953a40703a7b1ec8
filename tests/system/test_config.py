"""What krb5.conf means."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from puregss.base.errors import GSSError
from puregss.system.config import KdcAddress, Krb5Config
from tests.vectors import load

TEXT = """\
[libdefaults]
    default_realm = EXAMPLE.TEST
    forwardable = yes
    ticket_lifetime = 10h
    clockskew = many
    udp_preference_limit = 1
    permitted_enctypes = aes128-cts aes256-sha2 rc4-hmac
    default_tgs_enctypes = rc4-hmac
    EXAMPLE.TEST = {
        forwardable = no
    }
[realms]
    EXAMPLE.TEST = {
        kdc = kdc1.example.test
        kdc = tcp/kdc2.example.test:750
        kdc = [2001:db8::1]:88
        kdc = https://proxy.example.test/KdcProxy
        kdc = kdc1.example.test
    }
    BROKEN.TEST = {
        kdc = kdc1:port
    }
[domain_realm]
    Host.Other.Test = OTHER.TEST
    .example.test = EXAMPLE.TEST
    inner.test = INNER.TEST
    192.0.2.1 = ADDRESS.TEST
[capaths]
    A.TEST = {
        B.TEST = .
        C.TEST = B.TEST X.TEST
    }
"""


@pytest.fixture
def config(tmp_path: Path) -> Krb5Config:
    (tmp_path / "krb5.conf").write_text(TEXT)
    return Krb5Config.load([tmp_path / "krb5.conf"])


def test_settings(config: Krb5Config) -> None:
    assert config.default_realm() == "EXAMPLE.TEST"
    assert config.setting("forwardable") == "yes"
    assert config.setting("forwardable", "EXAMPLE.TEST") == "no"
    assert config.boolean("forwardable", False) is True
    assert config.boolean("absent", True) is True
    assert config.duration("ticket_lifetime", 1) == 36000
    assert config.integer("udp_preference_limit", 1465) == 1


def test_senseless_values_name_setting_and_file(config: Krb5Config) -> None:
    with pytest.raises(GSSError, match=r"clockskew in .*krb5\.conf: 'many' is no duration"):
        config.duration("clockskew", 300)


def test_enctypes(config: Krb5Config) -> None:
    assert config.enctypes("default_tkt_enctypes") == (17, 20)
    with pytest.raises(GSSError, match="lists no enctype"):
        config.enctypes("default_tgs_enctypes")


def test_kdcs_are_listed_in_order_and_once(config: Krb5Config) -> None:
    assert config.kdcs("EXAMPLE.TEST") == [
        KdcAddress("kdc1.example.test"),
        KdcAddress("kdc2.example.test", 750, "tcp"),
        KdcAddress("2001:db8::1"),
    ]
    assert [str(address) for address in config.kdcs("EXAMPLE.TEST")[1:]] == [
        "kdc2.example.test:750 (tcp)",
        "[2001:db8::1]:88",
    ]
    assert config.kdcs("OTHER.TEST") == []
    with pytest.raises(GSSError, match=r"kdc of BROKEN\.TEST"):
        config.kdcs("BROKEN.TEST")


@pytest.mark.parametrize(
    ("host", "realm"),
    [
        ("host.other.test", "OTHER.TEST"),
        ("HOST.OTHER.TEST.", "OTHER.TEST"),
        ("other.test", ""),
        ("www.deep.example.test", "EXAMPLE.TEST"),
        ("example.test", ""),
        ("www.inner.test", "INNER.TEST"),
        ("192.0.2.1", "ADDRESS.TEST"),
        ("192.0.2.2", ""),
        ("2001:db8::1", ""),
        ("", ""),
    ],
)
def test_realm_of_a_host(config: Krb5Config, host: str, realm: str) -> None:
    assert config.realm_of_host(host) == realm


def test_the_realm_of_an_absurd_host_costs_nothing(config: Krb5Config) -> None:
    """A URL can bring it: to look at all its domains takes the square of its length."""
    started = time.process_time()
    assert config.realm_of_host("a." * 20_000 + "example.com") == ""
    assert time.process_time() - started < 0.5


def test_transit_path(config: Krb5Config) -> None:
    assert config.transit_path("A.TEST", "B.TEST") == []
    assert config.transit_path("A.TEST", "C.TEST") == ["B.TEST", "X.TEST"]
    assert config.transit_path("B.TEST", "A.TEST") is None


CAPATHS = """
[capaths]
    ATHENA.MIT.EDU = {
        KERBEROS.COM = .
    }
    LCS.MIT.EDU = {
        KERBEROS.COM = ATHENA.MIT.EDU
        ATHENA.MIT.EDU = .
        KABLOOEY.KERBEROS.COM = ATHENA.MIT.EDU
        KABLOOEY.KERBEROS.COM = KERBEROS.COM
    }
"""


@pytest.mark.parametrize(
    "vector",
    [v for v in load("transited") if v.get("capaths")],
    ids=lambda v: f"{v['client_realm']}-{v['server_realm']}",
)
def test_paths_are_as_published(vector: dict[str, Any], tmp_path: Path) -> None:
    """The published walk names the TGS of each realm on the way, the two ends included."""
    (tmp_path / "krb5.conf").write_text(CAPATHS)
    path = Krb5Config.load([tmp_path / "krb5.conf"]).transit_path(vector["client_realm"], vector["server_realm"])
    assert path == [name.split("/")[1].split("@")[0] for name in vector["tgt_principals"]][1:-1]


def test_the_environment_names_the_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text(f"[libdefaults]\ndefault_realm = {name}\n{name} = here\n")
    config = Krb5Config.load(environ={"KRB5_CONFIG": f"{tmp_path}/one:{tmp_path}/missing:{tmp_path}/two"})
    assert (config.default_realm(), config.setting("two")) == ("one", "here")
    assert config.describe() == f"{tmp_path}/one, {tmp_path}/two"


def test_without_a_default_realm(tmp_path: Path) -> None:
    with pytest.raises(GSSError, match="set default_realm in"):
        Krb5Config.load([tmp_path / "none"]).default_realm()
