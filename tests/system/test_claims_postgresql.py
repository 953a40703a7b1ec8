"""Claims in a real PostgreSQL: one winner, one time, and a clear word for everything that goes wrong."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import threading
from collections.abc import Iterator

import psycopg
import pytest

from puregss.base.errors import GSSError, OperationUnavailableError, UnauthorizedError
from puregss.system import claims_postgresql
from puregss.system.claims_postgresql import PostgreSQLStore
from puregss.system.domains import TransferDomain
from puregss.transfer.minor import TransferMinor
from puregss.transfer.token import decode_header
from tests.system import network_stores as checks
from tests.system.network_stores import KEY, WHOLE, context
from tests.system.stores import PostgreSQL, free_port, postgresql_server

pytestmark = pytest.mark.requires("postgresql")


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    with postgresql_server() as (server, _):
        PostgreSQLStore(server.url, server.url).prepare()
        yield server


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUREGSS_TRANSFER_KEY", KEY)
    monkeypatch.setattr(claims_postgresql, "_TIMEOUT", 2.0)


def run(url: str, *statements: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def url(server: PostgreSQL) -> str:
    run(server.url, "TRUNCATE puregss_claims")
    return server.url


def test_a_context_moves_once(url: str) -> None:
    checks.check_a_life(url)


def test_the_awaiting_forms_do_the_same(url: str) -> None:
    checks.check_an_awaited_life(url)


def test_every_flip_and_truncation_is_refused(url: str) -> None:
    checks.check_every_spoiled_token(url)


def test_time_is_kept_by_the_server(url: str) -> None:
    checks.check_time(url)


def test_whoever_can_only_write_the_store_forges_nothing(url: str) -> None:
    checks.check_a_writer_of_the_store_forges_nothing(url)


def test_a_child_of_a_fork_and_its_parent_both_go_on(url: str) -> None:
    checks.check_a_fork(url)


def test_nobody_there_is_unreachable() -> None:
    checks.check_nobody_there(f"postgresql://nobody@127.0.0.1:{free_port()}/none")


@pytest.mark.parametrize("awaited", [False, True], ids=["blocking", "awaited"])
@pytest.mark.parametrize("silent", [False, True], ids=["cut off", "silence"])
def test_an_import_whose_answer_is_lost_is_unknown(
    url: str, silent: bool, awaited: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims_postgresql, "_TIMEOUT", 0.5)
    checks.check_a_lost_answer_to_an_import(url, b"DELETE", silent=silent, awaited=awaited)


@pytest.mark.parametrize("awaited", [False, True], ids=["blocking", "awaited"])
def test_an_export_whose_answer_is_lost_leaves_nothing(url: str, awaited: bool) -> None:
    checks.check_a_lost_answer_to_an_export(url, b"INSERT", awaited=awaited)


def test_a_cancelled_export_revokes_its_claim(url: str) -> None:
    checks.check_a_cancelled_export(url, b"INSERT")


def test_the_table_is_not_logged_and_holds_no_more_than_the_claim(url: str) -> None:
    token = TransferDomain.from_url(url).export(context(), ttl=60)
    assert run(url, "SELECT relpersistence FROM pg_class WHERE relname = 'puregss_claims'") == [("u",)]
    ((name, secret, left),) = run(url, "SELECT name, secret, extract(epoch FROM expires - now()) FROM puregss_claims")
    assert name == decode_header(token).name
    assert isinstance(secret, bytes)
    assert secret not in token
    assert 50 < float(str(left)) <= 60


def test_a_crash_of_the_server_loses_claims_and_brings_none_back() -> None:
    """A token that was imported before the crash does not come back; one that was not is gone too."""
    with postgresql_server() as (server, process):
        PostgreSQLStore(server.url, server.url).prepare()
        domain = TransferDomain.from_url(server.url)
        imported, waiting = domain.export(context()), domain.export(context())
        assert domain.import_(imported)
        children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
        for victim in (process.pid, *map(int, children)):
            os.kill(victim, signal.SIGKILL)
        process.wait()
        with pytest.raises(GSSError) as error:
            domain.import_(waiting)
        assert error.value.minor == TransferMinor.STORE_UNREACHABLE
        (server.folder / "data" / "postmaster.pid").unlink()
        with server.run():
            for token in (imported, waiting):
                with pytest.raises(GSSError) as error:
                    domain.import_(token)
                assert error.value.minor == TransferMinor.NO_CLAIM
            assert domain.import_(domain.export(context())) == WHOLE


def test_a_server_that_stands_still_is_left_after_a_while(server: PostgreSQL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims_postgresql, "_TIMEOUT", 0.3)
    domain = TransferDomain.from_url(server.url)
    token = domain.export(context())
    source = context()
    with psycopg.connect(server.url) as blocker:
        blocker.execute("LOCK TABLE puregss_claims")
        with pytest.raises(GSSError) as error:
            domain.import_(token)
        assert error.value.minor == TransferMinor.STORE_UNREACHABLE
        with pytest.raises(GSSError) as error:
            asyncio.run(domain.import_async(token))
        assert error.value.minor == TransferMinor.STORE_UNREACHABLE
        with pytest.raises(GSSError) as error:
            domain.export(source)
        assert error.value.minor == TransferMinor.OUTCOME_UNKNOWN
        blocker.rollback()
    checks.still_exports(source)
    assert domain.import_(token) == WHOLE


def test_sweep_and_exports_remove_what_expired(url: str) -> None:
    domain = TransferDomain.from_url(url)
    for _ in range(3):
        domain.export(context(), ttl=600)
    expire = "UPDATE puregss_claims SET expires = now() - interval '1 second'"
    run(url, f"{expire} WHERE name <> (SELECT name FROM puregss_claims LIMIT 1)")
    assert domain.sweep() == 2
    assert domain.sweep() == 0
    run(url, expire)
    TransferDomain.from_url(url).export(context())  # the first export of a process tidies up
    assert len(list(domain.outstanding())) == 1


def test_a_database_that_serializes_still_has_one_winner(url: str, server: PostgreSQL) -> None:
    """The loser is told by an error there, which is no error to us."""
    store = PostgreSQLStore(url + "?options=-c%20default_transaction_isolation%3Dserializable", "serializing")
    domain = TransferDomain.from_url(url)
    token = domain.export(context())
    name = decode_header(token).name
    with psycopg.connect(url) as other:
        other.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
        other.execute("DELETE FROM puregss_claims WHERE name = %s", [name])
        results: list[bool] = []

        def erase() -> None:
            results.append(store.erase(name))

        thread = threading.Thread(target=erase)
        thread.start()
        thread.join(0.2)
        other.commit()
        thread.join()
    assert results == [False]


def test_a_database_that_gives_up_a_transaction_costs_an_error_of_ours_or_nothing(url: str) -> None:
    """Where a put is given up nothing was done; where tidying is, the export went well."""
    run(
        url,
        "CREATE FUNCTION give_up() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'could not serialize access' USING ERRCODE = '40001'; END $$",
    )
    try:
        TransferDomain.from_url(url).export(context(), ttl=600)
        run(url, "UPDATE puregss_claims SET expires = now() - interval '1 second'")
        run(url, "CREATE TRIGGER give_up BEFORE DELETE ON puregss_claims FOR EACH ROW EXECUTE FUNCTION give_up()")
        assert TransferDomain.from_url(url).export(context())
        assert asyncio.run(TransferDomain.from_url(url).export_async(context()))
        with pytest.raises(GSSError) as error:
            TransferDomain.from_url(url).sweep()
        assert error.value.minor == TransferMinor.STORE_UNREACHABLE
        run(url, "DROP TRIGGER give_up ON puregss_claims")
        run(url, "CREATE TRIGGER give_up BEFORE INSERT ON puregss_claims FOR EACH ROW EXECUTE FUNCTION give_up()")
        source = context()
        with pytest.raises(GSSError) as error:
            TransferDomain.from_url(url).export(source)
        assert error.value.minor == TransferMinor.STORE_UNREACHABLE
        checks.still_exports(source)
    finally:
        run(url, "DROP FUNCTION give_up CASCADE", "DELETE FROM puregss_claims")


def refusal(url: str) -> GSSError:
    source = context()
    with pytest.raises(GSSError) as error:
        TransferDomain.from_url(url).export(source)
    checks.still_exports(source)
    assert "hunter2" not in str(error.value)
    return error.value


def test_a_database_without_the_table_says_how_to_make_it(url: str) -> None:
    run(url, "DROP DATABASE IF EXISTS bare", "CREATE DATABASE bare")
    bare = url.replace("/postgres", "/bare").replace("//bare", "//postgres")
    error = refusal(bare)
    assert error.minor == TransferMinor.STORE_NOT_PREPARED
    assert "puregss transfer init" in error.message


def test_a_user_without_rights_is_unauthorized(url: str, server: PostgreSQL) -> None:
    run(url, "DROP ROLE IF EXISTS stranger", "CREATE ROLE stranger LOGIN")
    error = refusal(url.replace(f"//{server.user}@", "//stranger:hunter2@"))
    assert isinstance(error, UnauthorizedError)
    assert error.minor == TransferMinor.FOREIGN_STORE
    assert "GRANT" in error.message.upper()


def test_a_wrong_password_is_unauthorized(url: str, server: PostgreSQL) -> None:
    run(url, "DROP ROLE IF EXISTS secretive", "CREATE ROLE secretive LOGIN PASSWORD 'right'")
    rules = server.folder / "data" / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text("host all secretive 127.0.0.1/32 scram-sha-256\n" + before)
    run(url, "SELECT pg_reload_conf()")
    try:
        assert isinstance(refusal(url.replace(f"//{server.user}@", "//secretive:hunter2@")), UnauthorizedError)
    finally:
        rules.write_text(before)
        run(url, "SELECT pg_reload_conf()")


def test_a_read_only_database_is_told(url: str) -> None:
    assert refusal(url + "?options=-c%20default_transaction_read_only%3Don").minor == TransferMinor.STORE_READ_ONLY


def test_a_server_that_ends_our_connections_is_found_again(url: str) -> None:
    domain = TransferDomain.from_url(url)
    first = domain.export(context())
    others = "pid <> pg_backend_pid() AND usename IS NOT NULL"
    run(url, f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others}")
    assert domain.import_(first) == WHOLE


@pytest.mark.parametrize("bad", ["postgresql://[bad/x", "postgresql://h/d?no_such_option=1"])
def test_a_url_that_names_no_database_is_told_so(bad: str) -> None:
    with pytest.raises(OperationUnavailableError) as error:
        TransferDomain.from_url(bad)
    assert error.value.minor == TransferMinor.UNKNOWN_DOMAIN


def test_a_claim_of_this_name_is_never_replaced(url: str) -> None:
    store = PostgreSQLStore(url, url)
    store.put(bytes(24), bytes(32), 60_000)
    with pytest.raises(GSSError) as error:
        store.put(bytes(24), b"x" * 32, 60_000)
    assert error.value.minor == TransferMinor.NO_ENTROPY
    assert store.fetch(bytes(24)) == bytes(32)
