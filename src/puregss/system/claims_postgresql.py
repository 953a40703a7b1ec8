"""RFC 2743 §2.2.8, §2.2.9: claims in a PostgreSQL: `postgresql://`.

A claim is one row; the `DELETE` that returns it is the import. The table is UNLOGGED on purpose: no
secret reaches the write-ahead log, an archive or a replica, and after a crash, a restore or a
failover the table is empty: contexts under way are lost then, and none can come twice.

Queries go through libpq's asynchronous calls, driven by `poll` or by the event loop: that way a server
that does not answer costs five seconds, and what was sent is known exactly.
"""

from __future__ import annotations

import asyncio
import select
import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from enum import IntEnum
from typing import Any, Final
from weakref import WeakKeyDictionary

from puregss.base import era
from puregss.base.errors import GSSError, OperationUnavailableError, UnauthorizedError
from puregss.transfer.minor import TransferMinor
from puregss.transfer.token import KEY_SIZE, NAME_SIZE, DomainKind, name_expiry

_TIMEOUT: Final = 5.0
_TIDY_INTERVAL: Final = 60_000  # milliseconds
_MAX_IDLE: Final = 8

_PREPARE: Final = (
    "CREATE UNLOGGED TABLE IF NOT EXISTS puregss_claims ("
    f"name bytea PRIMARY KEY CHECK (octet_length(name) = {NAME_SIZE}), "
    f"secret bytea NOT NULL CHECK (octet_length(secret) = {KEY_SIZE}), "
    "expires timestamptz NOT NULL)",
    "CREATE INDEX IF NOT EXISTS puregss_claims_expires ON puregss_claims (expires)",
)
_PUT: Final = (
    "INSERT INTO puregss_claims VALUES ($1, $2, clock_timestamp() + $3::text::bigint * interval '1 millisecond') "
    "ON CONFLICT DO NOTHING RETURNING name"
)
_FETCH: Final = "SELECT secret FROM puregss_claims WHERE name = $1 AND expires > clock_timestamp()"
_ERASE: Final = "DELETE FROM puregss_claims WHERE name = $1 RETURNING name"
_OUTSTANDING: Final = "SELECT name FROM puregss_claims"
_SWEEP: Final = "DELETE FROM puregss_claims WHERE expires < clock_timestamp() RETURNING name"
_TIDY: Final = (
    "DELETE FROM puregss_claims WHERE name IN "
    "(SELECT name FROM puregss_claims WHERE expires < clock_timestamp() LIMIT 1000 FOR UPDATE SKIP LOCKED)"
)

_SILENT: Final = frozenset((_FETCH, _OUTSTANDING))
"""Queries that change nothing, so that a lost answer leaves nothing unknown."""

_TROUBLE: Final = {
    "53100": (TransferMinor.STORE_FULL, "its disk is full; make room"),
    "53200": (TransferMinor.STORE_FULL, "it is out of memory"),
    "25006": (TransferMinor.STORE_READ_ONLY, "it is read-only; name the primary server"),
    "0A000": (TransferMinor.STORE_READ_ONLY, "it cannot do this, as a replica cannot; name the primary server"),
    "55000": (TransferMinor.STORE_READ_ONLY, "it cannot do this, as a replica cannot; name the primary server"),
    "42P01": (TransferMinor.STORE_NOT_PREPARED, "it has no table puregss_claims; run `puregss transfer init URL` once"),
}


class _Wait(IntEnum):
    READ = select.POLLIN
    WRITE = select.POLLOUT


class _Conflict(Exception):
    """Another transaction changed the row first, told as an error because the database serializes."""


_Query = Generator[_Wait, None, list[bytes]]


class _Server:
    """What both forms share: the conversation with the server, and what its errors mean."""

    kind = DomainKind.POSTGRESQL
    one_machine = False

    def __init__(self, url: str, shown: str) -> None:
        """`shown`: the URL as messages may tell it, without a password."""
        self._shown = shown
        self._tidied = 0
        try:
            import psycopg
            import psycopg.conninfo
        except ImportError as error:
            raise OperationUnavailableError(
                f"the transfer domain {shown} needs psycopg; run `pip install 'puregss[postgresql]'`",
                minor=TransferMinor.UNKNOWN_DOMAIN,
            ) from error
        self._psycopg: Any = psycopg
        try:
            self._options = {"connect_timeout": int(_TIMEOUT), **psycopg.conninfo.conninfo_to_dict(url)}
        except psycopg.ProgrammingError as error:
            raise OperationUnavailableError(
                f"{shown} does not name a database as postgresql://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE does",
                minor=TransferMinor.UNKNOWN_DOMAIN,
            ) from error

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._shown}>"

    def _query(self, pgconn: Any, sql: str, parameters: tuple[bytes, ...]) -> _Query:
        """The first column of each row; yields what to wait for on the connection's socket."""
        status = self._psycopg.pq.ExecStatus
        pgconn.nonblocking = 1
        pgconn.send_query_params(sql.encode(), parameters, param_formats=[1] * len(parameters), result_format=1)
        while pgconn.flush():
            yield _Wait.WRITE
        rows: list[bytes] = []
        refusal: Exception | None = None
        while True:
            while pgconn.is_busy():
                yield _Wait.READ
                pgconn.consume_input()
            result = pgconn.get_result()
            if result is None:
                break
            if result.status in (status.COMMAND_OK, status.TUPLES_OK):
                rows = [result.get_value(row, 0) for row in range(result.ntuples)]
            else:
                refusal = self._refusal(result, sql)
        if refusal is not None:
            raise refusal
        return rows

    def _refusal(self, result: Any, sql: str) -> Exception:
        """What an error that the server answered means. Nothing was done then, with one exception."""
        field = self._psycopg.pq.DiagnosticField
        state = (result.error_field(field.SQLSTATE) or b"").decode("ascii", "replace")
        reason = (result.error_field(field.MESSAGE_PRIMARY) or b"no answer").decode("utf-8", "replace")
        text = f"the claim store {self._shown} refuses ({reason}): "
        if state.startswith("40") and sql == _ERASE:
            return _Conflict()
        if state == "42501":
            return UnauthorizedError(
                text + "grant this user SELECT, INSERT and DELETE on puregss_claims", minor=TransferMinor.FOREIGN_STORE
            )
        if not state or state.startswith(("08", "57P0")):
            return self._lost(reason, sql)  # a server that shuts down may have done it before it said so
        minor, advice = _TROUBLE.get(state, (TransferMinor.STORE_UNREACHABLE, f"see its log for {state}"))
        return GSSError(text + advice, minor=minor)

    def _lost(self, reason: str, sql: str) -> GSSError:
        if sql in _SILENT:
            return self._unreachable(reason)
        return GSSError(
            f"the claim store {self._shown} was asked and did not answer ({reason}): the outcome is unknown",
            minor=TransferMinor.OUTCOME_UNKNOWN,
        )

    def _unreachable(self, reason: str) -> GSSError:
        if "authentication failed" in reason:
            return UnauthorizedError(
                f"the claim store {self._shown} does not let us in ({reason}); see user and password in its URL",
                minor=TransferMinor.FOREIGN_STORE,
            )
        return GSSError(
            f"the claim store {self._shown} cannot be reached ({reason}); "
            "see whether it runs, and the address in its URL",
            minor=TransferMinor.STORE_UNREACHABLE,
        )

    def _is_time_to_tidy(self, now: int) -> bool:
        """Once a minute an export also removes what nobody imported, for databases that nobody sweeps."""
        if abs(now - self._tidied) < _TIDY_INTERVAL:
            return False
        self._tidied = now
        return True

    def _secret(self, rows: list[bytes]) -> bytes | None:
        if not rows:
            return None
        if len(rows) == 1 and len(rows[0]) == KEY_SIZE:
            return rows[0]
        raise GSSError(
            f"the claim store {self._shown} answered something that is no claim; see who else writes to it",
            minor=TransferMinor.STORE_DAMAGED,
        )

    @staticmethod
    def _refuse_unless_put(rows: list[bytes]) -> None:
        if not rows:
            raise GSSError("a claim of this name exists: randomness repeats", minor=TransferMinor.NO_ENTROPY)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


class _Idle:
    """Connections that wait for work, closed at its end; but not in the child of a fork: the parent speaks on them."""

    def __init__(self) -> None:
        self._era = era.current
        self._connections: list[Any] = []

    def is_ours(self) -> bool:
        return self._era is era.current

    def take(self) -> Any:
        """A connection on which nothing has come meanwhile, neither its end nor a late answer; None without one."""
        poll = select.poll()
        while True:
            try:
                connection = self._connections.pop()
            except IndexError:
                return None
            poll.register(connection.pgconn.socket, select.POLLIN)
            if not poll.poll(0):
                return connection
            poll.unregister(connection.pgconn.socket)
            connection.pgconn.finish()

    def keep(self, connection: Any) -> None:
        if len(self._connections) < _MAX_IDLE:
            self._connections.append(connection)
        else:
            connection.pgconn.finish()

    def __del__(self) -> None:
        if self.is_ours():
            for connection in self._connections:
                connection.pgconn.finish()


class PostgreSQLStore(_Server):
    """The blocking form. Any thread may call it; connections are kept, and checked before use."""

    def __init__(self, url: str, shown: str) -> None:
        super().__init__(url, shown)
        self._idle = _Idle()

    def _connection(self) -> Any:
        if not self._idle.is_ours():
            self._idle = _Idle()
        try:
            return self._idle.take() or self._psycopg.connect(**self._options, autocommit=True)
        except self._psycopg.Error as error:
            raise self._unreachable(_first_line(error)) from error

    def _ask(self, sql: str, *parameters: bytes) -> list[bytes]:
        connection = self._connection()
        try:
            rows = self._drive(self._query(connection.pgconn, sql, parameters), connection.pgconn.socket)
        except self._psycopg.Error as error:
            connection.close()
            raise self._lost(_first_line(error), sql) from error
        except TimeoutError as error:
            connection.close()
            raise self._lost(f"within {_TIMEOUT:.0f} s", sql) from error
        except BaseException:
            connection.close()
            raise
        self._idle.keep(connection)
        return rows

    @staticmethod
    def _drive(query: _Query, descriptor: int) -> list[bytes]:
        deadline = time.monotonic() + _TIMEOUT
        poll = select.poll()
        try:
            while True:
                poll.register(descriptor, next(query))
                if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                    raise TimeoutError
        except StopIteration as done:
            rows: list[bytes] = done.value
            return rows

    def prepare(self) -> None:
        """Make the table, once in the life of a database."""
        for statement in _PREPARE:
            self._ask(statement)

    def place(self) -> bytes:
        """Nothing: a domain on a network is named by its key."""
        return b""

    def put(self, name: bytes, secret: bytes, ttl: int) -> None:
        """RFC 2743 §2.2.8."""
        self._refuse_unless_put(self._ask(_PUT, name, secret, b"%d" % ttl))
        if self._is_time_to_tidy(name_expiry(name) - ttl):
            with suppress(GSSError):
                self._ask(_TIDY)

    def fetch(self, name: bytes) -> bytes | None:
        """RFC 2743 §2.2.9."""
        return self._secret(self._ask(_FETCH, name))

    def erase(self, name: bytes) -> bool:
        """RFC 2743 §2.2.9: the row's lock lets one of racing statements return it."""
        try:
            return len(self._ask(_ERASE, name)) == 1
        except _Conflict:
            return False

    def outstanding(self) -> Iterator[bytes]:
        """The names of all claims."""
        return iter(self._ask(_OUTSTANDING))

    def sweep(self, now: int, tag: bytes) -> int:
        """What has expired by the database's clock, whatever `now` is."""
        return len(self._ask(_SWEEP))


class AsyncPostgreSQLStore(_Server):
    """The awaiting form. Connections belong to the event loop that made them, so each loop has its own."""

    def __init__(self, url: str, shown: str) -> None:
        super().__init__(url, shown)
        self._idle: WeakKeyDictionary[asyncio.AbstractEventLoop, _Idle] = WeakKeyDictionary()

    def _idle_here(self) -> _Idle:
        loop = asyncio.get_running_loop()
        idle = self._idle.get(loop)
        if idle is None or not idle.is_ours():
            idle = self._idle[loop] = _Idle()
        return idle

    async def _connection(self) -> Any:
        try:
            return self._idle_here().take() or await self._psycopg.AsyncConnection.connect(
                **self._options, autocommit=True
            )
        except self._psycopg.Error as error:
            raise self._unreachable(_first_line(error)) from error

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        self._idle.pop(asyncio.get_running_loop(), None)

    async def _ask(self, sql: str, *parameters: bytes) -> list[bytes]:
        connection = await self._connection()
        try:
            async with asyncio.timeout(_TIMEOUT):
                rows = await self._drive(self._query(connection.pgconn, sql, parameters), connection.pgconn.socket)
        except self._psycopg.Error as error:
            connection.pgconn.finish()
            raise self._lost(_first_line(error), sql) from error
        except TimeoutError as error:
            connection.pgconn.finish()
            raise self._lost(f"within {_TIMEOUT:.0f} s", sql) from error
        except BaseException:  # a cancelled task above all
            connection.pgconn.finish()
            raise
        self._idle_here().keep(connection)
        return rows

    @staticmethod
    async def _drive(query: _Query, descriptor: int) -> list[bytes]:
        loop = asyncio.get_running_loop()
        try:
            while True:
                wanted = next(query)
                ready = asyncio.Event()
                add, remove = (
                    (loop.add_reader, loop.remove_reader)
                    if wanted is _Wait.READ
                    else (loop.add_writer, loop.remove_writer)
                )
                add(descriptor, ready.set)
                try:
                    await ready.wait()
                finally:
                    remove(descriptor)
        except StopIteration as done:
            rows: list[bytes] = done.value
            return rows

    async def put(self, name: bytes, secret: bytes, ttl: int) -> None:
        """As `PostgreSQLStore.put`."""
        self._refuse_unless_put(await self._ask(_PUT, name, secret, b"%d" % ttl))
        if self._is_time_to_tidy(name_expiry(name) - ttl):
            with suppress(GSSError):
                await self._ask(_TIDY)

    async def fetch(self, name: bytes) -> bytes | None:
        """As `PostgreSQLStore.fetch`."""
        return self._secret(await self._ask(_FETCH, name))

    async def erase(self, name: bytes) -> bool:
        """As `PostgreSQLStore.erase`."""
        try:
            return len(await self._ask(_ERASE, name)) == 1
        except _Conflict:
            return False

    async def sweep(self, now: int, tag: bytes) -> int:
        """As `PostgreSQLStore.sweep`."""
        return len(await self._ask(_SWEEP))
