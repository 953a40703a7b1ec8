"""MIT krb5's ~/.k5login: whom a user lets in, and files that are not to be believed."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from types import SimpleNamespace

import pytest

from puregss.system.files_k5login import read_k5login


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(pwd, "getpwnam", lambda _: SimpleNamespace(pw_dir=str(tmp_path), pw_uid=os.geteuid()))
    return tmp_path


def test_the_lines_are_principals(home: Path) -> None:
    (home / ".k5login").write_text("alice@EXAMPLE.TEST\n\n  bob/admin@EXAMPLE.TEST \r\n")
    assert read_k5login("me") == frozenset(("alice@EXAMPLE.TEST", "bob/admin@EXAMPLE.TEST"))


def test_no_file_is_no_list(home: Path) -> None:
    assert read_k5login("me") is None


def test_an_empty_file_lets_nobody_in(home: Path) -> None:
    (home / ".k5login").touch()
    assert read_k5login("me") == frozenset()


def test_what_is_no_file_lets_nobody_in(home: Path) -> None:
    (home / ".k5login").mkdir()
    assert read_k5login("me") == frozenset()


def test_a_list_that_would_be_cut_off_lets_nobody_in(home: Path) -> None:
    """The cut may make a principal of another realm one of ours."""
    line = b"mallory@EXAMPLE.TEST.EVIL.TEST\n"
    cut = (1 << 20) - len(b"mallory@EXAMPLE.TEST")
    (home / ".k5login").write_bytes(b"\n" * cut + line)
    assert read_k5login("me") == frozenset()


def test_a_file_of_somebody_else_lets_nobody_in(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / ".k5login").write_text("mallory@EXAMPLE.TEST\n")
    real = os.fstat
    monkeypatch.setattr(os, "fstat", lambda fd: os.stat_result((real(fd).st_mode, 0, 0, 1, 4242, 0, 0, 0, 0, 0)))
    assert read_k5login("me") == frozenset()


def test_a_user_who_does_not_exist_lets_nobody_in() -> None:
    assert read_k5login("there-is-no-such-user") == frozenset()
