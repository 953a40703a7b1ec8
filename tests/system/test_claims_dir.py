"""Claims in a folder: what is safe to use, what is not, and what everything that goes wrong says."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from puregss.base.errors import GSSError, InvalidTokenError, MissingContextError, UnauthorizedError
from puregss.base.names import MechType
from puregss.system.claims_dir import DirectoryStore
from puregss.transfer.domain import Domain
from puregss.transfer.minor import TransferMinor
from puregss.transfer.token import encode_name
from tests.descriptors import open_descriptors
from tests.transfer.fakes import RECORD, FakeClock, FakeContext

SECRET = bytes(range(32))
TAG = b"tagg"


def name(number: int = 0, expiry: int = 10_000, tag: bytes = TAG) -> bytes:
    return encode_name(tag, expiry, number.to_bytes(12, "big"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "claims"


@pytest.fixture
def store(folder: Path) -> DirectoryStore:
    store = DirectoryStore(str(folder))
    store.place()
    return store


def descriptor_of(store: DirectoryStore) -> int:
    assert store._folder is not None
    return store._folder.descriptor


def test_the_folder_is_made_for_its_owner_alone(folder: Path) -> None:
    old = os.umask(0)
    try:
        DirectoryStore(str(folder)).place()
    finally:
        os.umask(old)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_claim_is_made_read_and_erased_once(store: DirectoryStore, folder: Path) -> None:
    store.put(name(), SECRET, 100)
    (entry,) = folder.iterdir()
    assert entry.is_symlink()
    assert len(os.readlink(entry)) < 60  # so that it lies in the inode
    assert store.fetch(name()) == SECRET
    assert store.erase(name())
    assert not store.erase(name())
    assert store.fetch(name()) is None
    assert not list(folder.iterdir())


def test_two_stores_on_one_folder_are_one_place(folder: Path, tmp_path: Path) -> None:
    first, second = DirectoryStore(str(folder)), DirectoryStore(str(folder))
    assert first.place() == second.place() != DirectoryStore(str(tmp_path / "other")).place()
    first.put(name(), SECRET, 100)
    assert second.erase(name())


def test_a_claim_never_replaces_another(store: DirectoryStore) -> None:
    store.put(name(), SECRET, 100)
    with pytest.raises(GSSError) as error:
        store.put(name(), bytes(32), 100)
    assert error.value.minor == TransferMinor.NO_ENTROPY
    assert store.fetch(name()) == SECRET


# --- folders that are not safe ------------------------------------------------------------------


def refusal(store: DirectoryStore) -> GSSError:
    with pytest.raises(GSSError) as error:
        store.place()
    return error.value


@pytest.mark.parametrize("mode", [0o777, 0o701, 0o750, 0o1777])
def test_a_folder_open_to_others_is_refused(folder: Path, mode: int) -> None:
    folder.mkdir()
    folder.chmod(mode)
    error = refusal(DirectoryStore(str(folder)))
    assert isinstance(error, UnauthorizedError)
    assert error.minor == TransferMinor.UNSAFE_STORE
    assert "chmod 700" in error.message


def test_a_folder_that_is_opened_to_others_later_is_refused_then(store: DirectoryStore, folder: Path) -> None:
    folder.chmod(0o755)
    assert refusal(store).minor == TransferMinor.UNSAFE_STORE
    folder.chmod(0o700)
    store.place()


def test_a_link_in_the_folders_place_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(tmp_path / "elsewhere")
    error = refusal(DirectoryStore(str(folder)))
    assert isinstance(error, UnauthorizedError)
    assert error.minor == TransferMinor.UNSAFE_STORE
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_file_in_the_folders_place_is_refused(folder: Path) -> None:
    folder.write_bytes(b"")
    assert refusal(DirectoryStore(str(folder))).minor == TransferMinor.UNSAFE_STORE


@pytest.mark.parametrize("opened_before", [True, False])
def test_another_users_folder_is_unauthorized(
    folder: Path, opened_before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DirectoryStore(str(folder))
    if opened_before:
        store.place()  # a service that opens it as root and becomes another user afterwards
    else:
        folder.mkdir(mode=0o700)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    error = refusal(store)
    assert isinstance(error, UnauthorizedError)
    assert error.minor == TransferMinor.FOREIGN_STORE
    assert f"user {owner}" in error.message
    assert f"user {owner + 1}" in error.message


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_root_does_not_use_another_users_folder_either(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    os.chown(folder, 65534, 65534)
    assert refusal(DirectoryStore(str(folder))).minor == TransferMinor.FOREIGN_STORE


def test_a_missing_parent_is_told(tmp_path: Path) -> None:
    error = refusal(DirectoryStore(str(tmp_path / "none" / "claims")))
    assert error.minor == TransferMinor.STORE_UNREACHABLE
    assert "No such file" in error.message


def test_a_folder_is_named_absolutely() -> None:
    with pytest.raises(ValueError, match="absolute"):
        DirectoryStore("claims")


# --- folders and descriptors that change ----------------------------------------------------------


def test_a_folder_that_was_removed_is_made_again(store: DirectoryStore, folder: Path) -> None:
    folder.rmdir()
    store.place()
    store.put(name(), SECRET, 100)
    assert len(list(folder.iterdir())) == 1


def test_a_descriptor_that_someone_closed_is_opened_again(store: DirectoryStore, folder: Path) -> None:
    place = store.place()
    os.close(descriptor_of(store))
    assert store.place() == place
    store.put(name(), SECRET, 100)
    assert len(list(folder.iterdir())) == 1


def test_a_descriptor_that_became_another_folders_is_left_alone(store: DirectoryStore, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    number = descriptor_of(store)
    os.close(number)
    descriptor = os.open(other, os.O_RDONLY)
    os.dup2(descriptor, number)
    place = store.place()
    store.put(name(), SECRET, 100)
    assert not list(other.iterdir())
    os.fstat(number)  # not ours any more, so we did not close it
    assert store.place() == place
    for mine in {number, descriptor}:
        os.close(mine)


def test_no_claim_is_written_into_a_folder_that_another_thread_found_in_place_of_ours(
    store: DirectoryStore, folder: Path
) -> None:
    """Between our look at the folder and our writing, somebody puts his own there and another thread opens that."""
    store.place()
    folder.rmdir()
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(UnauthorizedError):
        store.place()
    with pytest.raises(GSSError) as error:
        store.put(name(), SECRET, 100)
    assert error.value.minor == TransferMinor.STORE_UNREACHABLE
    assert not list(folder.iterdir())
    folder.chmod(0o700)
    store.place()
    store.put(name(), SECRET, 100)
    assert len(list(folder.iterdir())) == 1


def test_no_token_outlives_a_restart_though_its_claim_does(folder: Path) -> None:
    before, after = FakeClock(boottime=500.0), FakeClock(boottime=5.0)
    after.boot_identity = b"c" * 16
    exporter = Domain(DirectoryStore(str(folder)), before, os.urandom)
    tokens = [exporter.export(FakeContext(), ttl=600) for _ in range(3)]
    importer = Domain(DirectoryStore(str(folder)), after, os.urandom)
    assert len(list(importer.outstanding())) == 3
    for token in tokens:
        with pytest.raises(MissingContextError, match="restarted") as error:
            importer.import_(token)
        assert error.value.minor == TransferMinor.WRONG_DOMAIN
        forged = token[:4] + importer.tag() + token[8:]  # the tag alone is not what decides
        with pytest.raises(MissingContextError):
            importer.import_(forged)
        claim = forged[4:28].hex()
        (folder / token[4:28].hex()).rename(folder / claim)
        with pytest.raises(InvalidTokenError):
            importer.import_(forged)
    importer.sweep()
    assert importer.import_(importer.export(FakeContext())) == (MechType.kerberos, RECORD)
    assert all(entry.name.startswith(importer.tag().hex()) for entry in folder.iterdir())


def test_no_descriptor_leaks(store: DirectoryStore, folder: Path) -> None:
    before = open_descriptors()
    for _ in range(5):
        folder.rmdir()
        store.place()
        store.sweep(0, TAG)
        list(store.outstanding())
        DirectoryStore(str(folder)).place()
    assert open_descriptors() == before


def test_threads_that_find_the_folder_gone_open_it_once(store: DirectoryStore, folder: Path) -> None:
    """A second opening would close the descriptor that the first thread is about to use."""
    for _ in range(50):
        for claim in folder.iterdir():
            claim.unlink()
        folder.rmdir()
        opened: list[int] = []
        start = threading.Barrier(4)

        def use(start: threading.Barrier = start, opened: list[int] = opened) -> None:
            start.wait()
            store.place()
            opened.append(id(store._folder))

        threads = [threading.Thread(target=use) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(opened) == 4
        assert len(set(opened)) == 1


# --- calls that fail ----------------------------------------------------------------------------


def failing(number: int) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize(
    ("number", "minor"),
    [
        (errno.ENOSPC, TransferMinor.STORE_FULL),
        (errno.EDQUOT, TransferMinor.STORE_FULL),
        (errno.EROFS, TransferMinor.STORE_READ_ONLY),
        (errno.EACCES, TransferMinor.FOREIGN_STORE),
        (errno.EIO, TransferMinor.STORE_UNREACHABLE),
    ],
)
@pytest.mark.parametrize("call", ["symlink", "readlink", "unlink"])
def test_a_call_that_fails_says_what_and_where(
    store: DirectoryStore, folder: Path, call: str, number: int, minor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, call, failing(number))
    use: Callable[[], Any] = {
        "symlink": lambda: store.put(name(), SECRET, 100),
        "readlink": lambda: store.fetch(name()),
        "unlink": lambda: store.erase(name()),
    }[call]
    with pytest.raises(GSSError) as error:
        use()
    assert error.value.minor == minor
    assert str(folder) in error.value.message
    assert os.strerror(number) in error.value.message


@pytest.mark.parametrize("target", ["", "AAAA", "not base64!", "é" * 43, "A" * 400, "../../etc/passwd"])
def test_a_claim_with_a_strange_target_is_damaged_and_never_followed(
    store: DirectoryStore, folder: Path, target: str
) -> None:
    path = folder / name().hex()
    if target:
        path.symlink_to(target)
    else:
        path.write_bytes(SECRET)
    with pytest.raises(GSSError) as error:
        store.fetch(name())
    assert error.value.minor == TransferMinor.STORE_DAMAGED


# --- sweeping -----------------------------------------------------------------------------------


def test_sweep_takes_expired_claims_and_those_of_an_earlier_boot(store: DirectoryStore, folder: Path) -> None:
    store.put(name(1, expiry=999), SECRET, 10)
    store.put(name(2, expiry=1000), SECRET, 10)
    store.put(name(3, expiry=9999, tag=b"boot"), SECRET, 10)
    (folder / "README").write_text("not a claim")
    (folder / "abcd").write_text("hexadecimal, but not a claim")
    assert store.sweep(1000, TAG) == 2
    assert list(store.outstanding()) == [name(2, expiry=1000)]
    assert {entry.name for entry in folder.iterdir()} == {name(2, expiry=1000).hex(), "README", "abcd"}


def test_exports_tidy_up_behind_those_that_were_never_imported(store: DirectoryStore, folder: Path) -> None:
    for number in range(400):
        store.put(name(number, expiry=1_000 + number), SECRET, 1_000)
    for number in range(400):
        store.put(name(number, expiry=200_000 + number), SECRET, 1_000)
    assert not [claim for claim in store.outstanding() if claim < name(0, expiry=200_000)]


def test_tidying_that_fails_does_not_fail_the_export(store: DirectoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "scandir", failing(errno.EMFILE))
    for number in range(10):
        store.put(name(number, expiry=1_000_000 * number), SECRET, 100)
    monkeypatch.undo()
    assert len(list(store.outstanding())) == 10


def test_an_export_among_many_claims_looks_at_few_of_them(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5_000):
        store.put(name(number, expiry=10**9), SECRET, 10**9)
    looked_at = 0
    scandir = os.scandir

    def counting(descriptor: int) -> Any:
        entries = scandir(descriptor)

        class Counting:
            def __enter__(self) -> Counting:
                return self

            def __exit__(self, *_: object) -> None:
                entries.close()

            def __iter__(self) -> Any:
                nonlocal looked_at
                for entry in entries:
                    looked_at += 1
                    yield entry

        return Counting()

    monkeypatch.setattr(os, "scandir", counting)
    store._tidying, store._tidied = iter(()), -(10**9)
    for number in range(100):
        store.put(name(10_000 + number, expiry=10**9), SECRET, 10**9)
        assert store.fetch(name(number, expiry=10**9))
        assert store.erase(name(number, expiry=10**9))
    assert 0 < looked_at <= 4 * 100
