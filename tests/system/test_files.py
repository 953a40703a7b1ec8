"""Which keytab and which cache are meant."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from puregss.base.errors import MissingCredentialsError
from puregss.krb5.ccache import CredentialCache
from puregss.system import files
from puregss.system.config import Krb5Config
from puregss.system.files_ccache import CcacheFile
from puregss.system.files_keytab import KeytabFile
from tests.krb5.minting import CLIENT


def config(tmp_path: Path, text: str = "") -> Krb5Config:
    path = tmp_path / "krb5.conf"
    path.write_text("[libdefaults]\n" + text)
    return Krb5Config.load([path])


def test_names_come_from_the_environment_then_the_file_then_the_default(tmp_path: Path) -> None:
    text = "default_keytab_name = FILE:/k\ndefault_ccache_name = FILE:/c\ndefault_client_keytab_name = FILE:/ck\n"
    environ = {"KRB5_KTNAME": "/ek", "KRB5CCNAME": "/ec", "KRB5_CLIENT_KTNAME": "/eck"}
    said = config(tmp_path, text)
    silent = config(tmp_path)
    for name, (first, second, third) in {
        files.keytab_name: ("/ek", "FILE:/k", "FILE:/etc/krb5.keytab"),
        files.ccache_name: ("/ec", "FILE:/c", "FILE:/tmp/krb5cc_%{uid}"),
        files.client_keytab_name: ("/eck", "FILE:/ck", "FILE:/var/lib/krb5/user/%{euid}/client.keytab"),
    }.items():
        assert name(said, environ) == first
        assert name(said, {}) == second
        assert name(silent, {}) == third


def test_tokens_are_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/var/tmp")
    assert files.expand("FILE:/tmp/krb5cc_%{uid}") == f"FILE:/tmp/krb5cc_{os.getuid()}"
    assert files.expand("%{TEMP}/x%{null}_%{euid}") == f"/var/tmp/x_{os.geteuid()}"
    with pytest.raises(MissingCredentialsError, match="LIBDIR"):
        files.expand("%{LIBDIR}/x")


def test_paths() -> None:
    assert files.keytab_path("FILE:/a") == files.keytab_path("/a") == files.keytab_path("WRFILE:/a") == Path("/a")
    assert files.ccache_path("FILE:/a:b") == Path("/a:b")


def test_a_file_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(17 << 20)
    with pytest.raises(MissingCredentialsError, match="16 MiB"):
        files.read_file(path, "the keytab", "choose another")


def test_a_name_with_a_nul(tmp_path: Path) -> None:
    with pytest.raises(MissingCredentialsError, match="NUL"):
        files.read_file(Path("/tmp/a\0b"), "the keytab", "choose another")


@pytest.mark.parametrize("name", ["FILE:/tmp/a\0b", "DIR:/tmp/a\0b", "DIR::/tmp/a\0b", "FILE:/tmp/\ud800"])
def test_credentials_of_a_name_that_no_file_has(name: str) -> None:
    for read in (lambda: CcacheFile(name).load(), lambda: CcacheFile(name).save(CredentialCache(CLIENT))):
        with pytest.raises(MissingCredentialsError, match="NUL"):
            read()
    with pytest.raises(MissingCredentialsError, match=r"NUL|of the type DIR"):
        KeytabFile(name).entries()


def test_a_cache_without_a_name_is_not_written() -> None:
    with pytest.raises(MissingCredentialsError, match="cannot be written"):
        CcacheFile("FILE:").save(CredentialCache(CLIENT))


def test_a_collection_whose_primary_never_ends(tmp_path: Path) -> None:
    """A stranger may have made the folder in /tmp that KRB5CCNAME names."""
    for name in ("fifo", "zeros"):
        (tmp_path / name).mkdir()
    os.mkfifo(tmp_path / "fifo" / "primary")
    (tmp_path / "zeros" / "primary").symlink_to("/dev/zero")
    for name in ("fifo", "zeros"):
        with pytest.raises(MissingCredentialsError, match="is no file"):
            CcacheFile(f"DIR:{tmp_path / name}")


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "full").touch()
    with pytest.raises(MissingCredentialsError, match="cannot be written"):
        files.write_file(tmp_path / "target", b"octets", "the keytab")
    assert [path.name for path in tmp_path.iterdir()] == ["target"]
