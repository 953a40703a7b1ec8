"""Transfer domains by URL, their default, and the keys of those on a network."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from puregss.base import era
from puregss.base.errors import GSSError, MissingContextError, OperationUnavailableError, UnauthorizedError
from puregss.base.names import MechType
from puregss.system.claims_dir import DirectoryStore
from puregss.system.domains import TransferDomain, default_claim_folder, load_domain_keys
from puregss.transfer.minor import TransferMinor
from tests.transfer.fakes import RECORD, FakeContext

KEY = bytes(range(32)).hex()
NEVER = 1e11


def context() -> FakeContext:
    return FakeContext(expiry=NEVER)


def folder_of(domain: TransferDomain) -> str:
    assert isinstance(domain._store, DirectoryStore)
    return domain._store.path


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("PUREGSS_TRANSFER_DOMAIN", "PUREGSS_TRANSFER_KEY", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.parametrize("scheme", ["memory:", "dir:{}"])
def test_a_domain_by_url_moves_a_context_once(scheme: str, tmp_path: Path) -> None:
    url = scheme.format(tmp_path / "claims")
    token = TransferDomain.from_url(url).export(context())
    assert TransferDomain.from_url(url).import_(token) == (MechType.kerberos, RECORD)
    with pytest.raises(MissingContextError):
        TransferDomain.from_url(url).import_(token)


def test_every_flip_and_truncation_is_refused_through_a_folder(tmp_path: Path) -> None:
    domain = TransferDomain.from_url(f"dir:{tmp_path / 'claims'}")
    token = domain.export(context())
    spoiled = [token[:size] for size in range(len(token))]
    for bit in range(len(token) * 8):
        flipped = bytearray(token)
        flipped[bit // 8] ^= 1 << bit % 8
        spoiled.append(bytes(flipped))
    for octets in spoiled:
        with pytest.raises(GSSError):
            domain.import_(octets)
    assert domain.import_(token) == (MechType.kerberos, RECORD)


def test_the_environment_names_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUREGSS_TRANSFER_DOMAIN", f"dir:{tmp_path}/here")
    assert folder_of(TransferDomain.from_url()) == f"{tmp_path}/here"
    monkeypatch.delenv("PUREGSS_TRANSFER_DOMAIN")
    assert folder_of(TransferDomain.from_url()) == default_claim_folder()


@pytest.mark.parametrize("url", ["", "memory", "memory:x", "dir:relative", "ftp://host/", "dirt:/x", "://", "dir:.."])
def test_what_is_no_domain_is_told_so(url: str) -> None:
    with pytest.raises(OperationUnavailableError) as error:
        TransferDomain.from_url(url or "nonsense")
    assert error.value.minor == TransferMinor.UNKNOWN_DOMAIN


@pytest.mark.parametrize(
    "url",
    [
        "ftp://user:hunter2@host/0",
        "ftp://:hunter2@host:1/0",
        "ftp://host/0?password=hunter2",
        "ftp://user:hunter2@[bad/0",
    ],
)
def test_a_password_does_not_show(url: str) -> None:
    with pytest.raises(OperationUnavailableError) as error:
        TransferDomain.from_url(url)
    assert "hunter2" not in str(error.value)


# --- the default folder ---------------------------------------------------------------------------


def test_the_runtime_folder_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert default_claim_folder() == str(tmp_path / "puregss")


@pytest.mark.parametrize("folder", ["relative", "/none/such", "/proc/1/nothing"])
def test_a_runtime_folder_that_is_not_there_is_passed_over(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = default_claim_folder()
    monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
    assert default_claim_folder() == expected


def test_another_users_runtime_folder_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    stranger = 123_456_789
    monkeypatch.setattr(os, "geteuid", lambda: stranger)
    assert default_claim_folder() == str(tmp_path / f"puregss-{stranger}")


# --- memory ---------------------------------------------------------------------------------------


def test_the_child_of_a_fork_gets_a_memory_domain_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    before = TransferDomain.from_url("memory:")
    token = before.export(context())
    monkeypatch.setattr(era, "current", era.Era())
    with pytest.raises(MissingContextError, match="fork"):
        before.import_(token)
    after = TransferDomain.from_url("memory:")
    with pytest.raises(MissingContextError):
        after.import_(token)
    assert after.import_(after.export(context()))


def test_a_domain_on_this_machine_takes_no_key_file() -> None:
    for url in ("memory:", "dir:"):
        with pytest.raises(OperationUnavailableError, match="no key file"):
            TransferDomain.from_url(url, key_file="/some/file")


# --- keys -----------------------------------------------------------------------------------------


def test_keys_come_from_the_file_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_domain_keys(None) == ()
    monkeypatch.setenv("PUREGSS_TRANSFER_KEY", KEY)
    (from_environment,) = load_domain_keys(None)
    file = tmp_path / "keys"
    file.touch(mode=0o600)
    file.write_text(f"{bytes(32).hex()}\n{KEY}\n")
    first, second = load_domain_keys(str(file))
    assert first.tag != second.tag == from_environment.tag


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o620, 0o602])
def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "keys"
    file.write_text(KEY)
    file.chmod(mode)
    with pytest.raises(UnauthorizedError, match="chmod 600"):
        load_domain_keys(str(file))


def test_a_missing_or_empty_key_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(GSSError, match="No such file"):
        load_domain_keys(str(tmp_path / "none"))
    (tmp_path / "empty").touch(mode=0o600)
    with pytest.raises(OperationUnavailableError, match="holds no domain key"):
        load_domain_keys(str(tmp_path / "empty"))
