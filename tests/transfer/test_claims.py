"""The store in this process: a claim is erased by one of any number of threads."""

from __future__ import annotations

import os
import threading

import pytest

from puregss.base import era
from puregss.base.errors import GSSError, MissingContextError
from puregss.transfer.claims import MemoryStore

NAME = bytes(4) + (1_000).to_bytes(8, "big") + bytes(12)


def test_a_claim_is_made_once_and_erased_once() -> None:
    store = MemoryStore(os.urandom)
    store.put(NAME, b"secret", 10)
    with pytest.raises(GSSError):
        store.put(NAME, b"another", 10)
    assert store.fetch(NAME) == b"secret"
    assert store.erase(NAME)
    assert not store.erase(NAME)
    assert store.fetch(NAME) is None


def test_one_of_racing_threads_erases() -> None:
    store = MemoryStore(os.urandom)
    for _ in range(200):
        store.put(NAME, b"secret", 10)
        wins: list[bool] = []
        start = threading.Barrier(4)

        def race(start: threading.Barrier = start, wins: list[bool] = wins) -> None:
            start.wait()
            wins.append(store.erase(NAME))

        threads = [threading.Thread(target=race) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(wins) == [False, False, False, True]


def test_a_fork_drops_the_secrets_in_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore(os.urandom)
    store.put(NAME, b"secret", 10)
    monkeypatch.setattr(era, "current", era.Era())
    with pytest.raises(MissingContextError, match="fork"):
        store.place()
    assert store.fetch(NAME) is None


def test_two_stores_are_two_places() -> None:
    assert MemoryStore(os.urandom).place() != MemoryStore(os.urandom).place()


def test_no_secret_shows() -> None:
    store = MemoryStore(os.urandom)
    store.put(NAME, b"secret", 10)
    assert "secret" not in repr(store)
