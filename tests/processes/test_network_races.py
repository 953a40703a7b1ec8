"""Two machines race to import: two processes with homes, runtime folders and caches of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from puregss.system.claims_postgresql import PostgreSQLStore
from tests.processes.races import race_imports
from tests.system.stores import postgresql_server, redis_server

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
