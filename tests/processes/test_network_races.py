"""Two machines race to import: two processes with homes, runtime folders and caches of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from puregss.base.errors import MissingContextError
from puregss.system.claims_postgresql import PostgreSQLStore
from puregss.system.domains import TransferDomain
from tests.processes.races import Racers, race_imports
from tests.system.stores import postgresql_server, redis_server
from tests.transfer.fakes import FakeContext

ROUNDS = 1_000


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    file = tmp_path / "domain-keys"
    file.touch(mode=0o600)
    file.write_text(bytes(range(32)).hex())
    return str(file)


@pytest.mark.requires("redis-server")
def test_of_two_machines_that_import_through_redis_one_wins(tmp_path: Path, key_file: str) -> None:
    with redis_server() as (url, _):
        race_imports(url, tmp_path, ROUNDS, key_file)


@pytest.mark.requires("postgresql")
def test_of_two_machines_that_import_through_postgresql_one_wins(tmp_path: Path, key_file: str) -> None:
    with postgresql_server() as (server, _):
        PostgreSQLStore(server.url, server.url).prepare()
        race_imports(server.url, tmp_path, ROUNDS, key_file)


# Threads and tasks of one process, which share its connections


def race_threads(url: str, key_file: str) -> None:
    domain, racers, winners = TransferDomain.from_url(url, key_file), Racers(), set()
    try:
        for _ in range(ROUNDS):
            source = FakeContext(expiry=1e11)
            outcomes = racers.race(*[lambda s=source: domain.export(s)] * 2)
            (token,) = [outcome for outcome in outcomes if isinstance(outcome, bytes)]
            assert sum(isinstance(outcome, MissingContextError) for outcome in outcomes) == 1
            outcomes = racers.race(*[lambda t=token: domain.import_(t)] * 2)
            assert sum(isinstance(outcome, MissingContextError) for outcome in outcomes) == 1
            assert sum(isinstance(outcome, tuple) for outcome in outcomes) == 1
            winners.add(isinstance(outcomes[0], tuple))
    finally:
        racers.stop()
    assert winners == {True, False}
    assert not list(domain.outstanding())


def race_tasks(url: str, key_file: str) -> None:
    async def life() -> None:
        domain = TransferDomain.from_url(url, key_file)
        for _ in range(ROUNDS // 4):
            source = FakeContext(expiry=1e11)
            calls = [domain.export_async(source) for _ in range(4)]
            outcomes: list[Any] = await asyncio.gather(*calls, return_exceptions=True)
            (token,) = [outcome for outcome in outcomes if isinstance(outcome, bytes)]
            assert sum(isinstance(outcome, MissingContextError) for outcome in outcomes) == 3
            imports = [domain.import_async(token), domain.reclaim_async(token), domain.import_async(token)]
            outcomes = await asyncio.gather(*imports, return_exceptions=True)
            assert sum(isinstance(outcome, tuple) for outcome in outcomes) == 1
            assert sum(isinstance(outcome, MissingContextError) for outcome in outcomes) == 2
        assert not list(domain.outstanding())
        await domain.aclose()

    asyncio.run(life())


@pytest.mark.requires("redis-server")
@pytest.mark.parametrize("race", [race_threads, race_tasks])
def test_of_those_that_race_through_redis_one_wins(key_file: str, race: Callable[[str, str], None]) -> None:
    with redis_server() as (url, _):
        race(url, key_file)


@pytest.mark.requires("postgresql")
@pytest.mark.parametrize("race", [race_threads, race_tasks])
def test_of_those_that_race_through_postgresql_one_wins(key_file: str, race: Callable[[str, str], None]) -> None:
    with postgresql_server() as (server, _):
        PostgreSQLStore(server.url, server.url).prepare()
        race(server.url, key_file)
