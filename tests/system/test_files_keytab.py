"""Keytab files as they lie on disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from puregss.base.errors import MissingCredentialsError
from puregss.krb5.keytab import KeytabEntry
from puregss.krb5.principal import Principal
from puregss.system.files_keytab import KeytabFile, save_keytab

HTTP = Principal(("HTTP", "www.example.test"), "EXAMPLE.TEST")
HOST = Principal(("host", "www.example.test"), "EXAMPLE.TEST")
OLD = KeytabEntry(HTTP, 1, 18, bytes(32), 1000)
NEW = KeytabEntry(HTTP, 2, 18, bytes(range(32)), 2000)
OTHER = KeytabEntry(HOST, 1, 17, bytes(16), 1000)
RC4 = KeytabEntry(HOST, 1, 23, bytes(16), 1000)


@pytest.fixture
def keytab(tmp_path: Path) -> KeytabFile:
    name = f"FILE:{tmp_path / 'keytab'}"
    save_keytab(name, [OLD, NEW, OTHER, RC4])
    return KeytabFile(name)


def test_keys_are_found_by_principal_version_and_enctype(keytab: KeytabFile) -> None:
    assert [key.kvno for key in keytab.find(HTTP, None, 18)] == [1, 2]
    assert [key.kvno for key in keytab.find(HTTP, 2, 18)] == [2]
    assert [key.principal for key in keytab.find(None, None, 17)] == [HOST]
    assert not keytab.find(HTTP, None, 17)
    assert not keytab.find(HOST, None, 23), "RC4 is not spoken"


def test_everything_is_listed(keytab: KeytabFile) -> None:
    listed = [(entry.principal, entry.kvno, entry.key_type) for entry in keytab.entries()]
    assert listed == [(HTTP, 1, 18), (HTTP, 2, 18), (HOST, 1, 17), (HOST, 1, 23)]


def test_a_new_key_is_seen_and_old_ones_stay_the_same_objects(keytab: KeytabFile) -> None:
    (before,) = keytab.find(HTTP, 2, 18)
    third = KeytabEntry(HTTP, 3, 18, bytes(reversed(range(32))), 3000)
    save_keytab(str(keytab.path), [NEW, third])
    assert [key.kvno for key in keytab.find(HTTP, None, 18)] == [2, 3]
    assert keytab.find(HTTP, 2, 18)[0] is before
    assert not keytab.find(HTTP, 1, 18)


def test_a_keytab_that_goes_away_is_no_longer_used(keytab: KeytabFile) -> None:
    assert keytab.find(HTTP, None, 18)
    keytab.path.unlink()
    with pytest.raises(MissingCredentialsError, match="does not exist"):
        keytab.find(HTTP, None, 18)


def test_only_its_owner_may_read_it(keytab: KeytabFile) -> None:
    assert keytab.path.stat().st_mode & 0o777 == 0o600


def test_errors_name_the_file_and_what_to_do(tmp_path: Path) -> None:
    missing = tmp_path / "none"
    with pytest.raises(MissingCredentialsError, match=f"{missing} does not exist: .*KRB5_KTNAME"):
        KeytabFile(str(missing)).entries()
    (tmp_path / "text").write_text("no keytab")
    with pytest.raises(MissingCredentialsError, match="text cannot be used: this is no keytab"):
        KeytabFile(str(tmp_path / "text")).entries()
    with pytest.raises(MissingCredentialsError, match="is a directory"):
        KeytabFile(str(tmp_path)).entries()
    with pytest.raises(MissingCredentialsError, match="MEMORY"):
        KeytabFile("MEMORY:x")
    with pytest.raises(MissingCredentialsError, match="cannot be written"):
        save_keytab(str(tmp_path / "nowhere" / "keytab"), [])


def test_a_fifo_does_not_hang_the_reader(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(MissingCredentialsError, match="is no file"):
        KeytabFile(str(tmp_path / "fifo")).entries()


def test_a_keytab_without_rights(keytab: KeytabFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("puregss.system.files.os.open", refuse)
    with pytest.raises(MissingCredentialsError, match="may not be read by the user"):
        keytab.entries()


def test_neither_repr_nor_str_shows_a_key(keytab: KeytabFile) -> None:
    found = keytab.find(HTTP, 2, 18)
    assert bytes(range(32)).hex() not in repr(found) + repr(keytab)
    assert str(bytes(range(32))) not in repr(found) + repr(keytab.entries())
