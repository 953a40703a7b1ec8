"""RFC 2743 §2.2.8, §2.2.9: claims in a Redis or Valkey: `redis://`, `rediss://`.

A claim is one key with a time to live. Of racing `DEL`s one is answered 1, and that one is the import.
The client library's connections are used without its client, which repeats a command whose answer was
lost: then "another process was quicker" could be ourselves. A connection on which anything failed is
thrown away, so that a late answer is not taken for the next one's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Final
from weakref import WeakKeyDictionary

from puregss.base.errors import GSSError, OperationUnavailableError, UnauthorizedError
from puregss.transfer.minor import TransferMinor
from puregss.transfer.token import KEY_SIZE, NAME_SIZE, DomainKind

_TIMEOUT: Final = 5.0
_PREFIX: Final = b"puregss:claim:"
_SCAN_COUNT: Final = b"1000"
_DANGEROUS_OPTIONS: Final = ("retry", "retry_on_timeout", "retry_on_error", "decode_responses", "protocol")
"""What a URL must not change: each would repeat commands, or change the form of their answers."""

_Command = tuple[bytes | int, ...]


class _Server:
    """What both forms share: where the server is, the commands, and what their answers mean."""

    kind = DomainKind.REDIS
    one_machine = False

    def __init__(self, url: str, shown: str) -> None:
        """`shown`: the URL as messages may tell it, without a password."""
        self._url, self._shown = url, shown
        try:
            import redis
        except ImportError as error:
            raise OperationUnavailableError(
                f"the transfer domain {shown} needs the redis client; run `pip install 'puregss[redis]'`",
                minor=TransferMinor.UNKNOWN_DOMAIN,
            ) from error
        self._errors: Any = redis.exceptions

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._shown}>"

    def _new_pool(self, library: Any) -> Any:
        """`library`: `redis.connection` or `redis.asyncio.connection`."""
        try:
            options = library.parse_url(self._url)
            for option in _DANGEROUS_OPTIONS:
                options.pop(option, None)
            pool = library.ConnectionPool(
                **{"socket_timeout": _TIMEOUT, "socket_connect_timeout": _TIMEOUT, **options, "protocol": 2}
            )
            pool.connection_class(**pool.connection_kwargs)  # connects to nothing, but knows which options there are
            return pool
        except (ValueError, TypeError) as error:
            raise OperationUnavailableError(
                f"{self._shown} does not name a Redis server as redis://[USER:PASSWORD@]HOST[:PORT][/NUMBER] does",
                minor=TransferMinor.UNKNOWN_DOMAIN,
            ) from error

    @staticmethod
    def _put(name: bytes, secret: bytes, ttl: int) -> _Command:
        return (b"SET", _key(name), secret, b"NX", b"PX", ttl)

    @staticmethod
    def _refuse_unless_put(answer: object) -> None:
        if answer is None:
            raise GSSError("a claim of this name exists: randomness repeats", minor=TransferMinor.NO_ENTROPY)

    @staticmethod
    def _fetch(name: bytes) -> _Command:
        return (b"GET", _key(name))

    def _secret(self, answer: object) -> bytes | None:
        if answer is None or (isinstance(answer, bytes) and len(answer) == KEY_SIZE):
            return answer
        raise GSSError(
            f"the claim store {self._shown} answered something that is no claim; see who else writes to it",
            minor=TransferMinor.STORE_DAMAGED,
        )

    @staticmethod
    def _erase(name: bytes) -> _Command:
        return (b"DEL", _key(name))

    def _unreachable(self, error: Exception) -> GSSError:
        """Before a command was sent."""
        if isinstance(error, (self._errors.AuthenticationError, self._errors.AuthorizationError)):
            return self._unauthorized(error)
        return GSSError(
            f"the claim store {self._shown} cannot be reached ({_first_line(error)}); "
            "see whether it runs, and the address in its URL",
            minor=TransferMinor.STORE_UNREACHABLE,
        )

    def _lost(self, error: Exception, command: _Command) -> GSSError:
        """After it was sent: an error is an answer, but silence is none."""
        errors = self._errors
        text = f"the claim store {self._shown} "
        if isinstance(error, (errors.NoPermissionError, errors.AuthenticationError)):
            return self._unauthorized(error)
        if isinstance(error, errors.OutOfMemoryError):
            return GSSError(text + "is full; give it more memory", minor=TransferMinor.STORE_FULL)
        if isinstance(error, errors.ReadOnlyError):
            return GSSError(text + "is a replica; name the primary", minor=TransferMinor.STORE_READ_ONLY)
        if isinstance(error, (errors.ResponseError, errors.BusyLoadingError)):
            return GSSError(text + f"refuses: {_first_line(error)}", minor=TransferMinor.STORE_UNREACHABLE)
        if command[0] == b"GET":
            return self._unreachable(error)
        return GSSError(
            text + f"was asked and did not answer ({_first_line(error)}): the outcome is unknown",
            minor=TransferMinor.OUTCOME_UNKNOWN,
        )

    def _unauthorized(self, error: Exception) -> GSSError:
        return UnauthorizedError(
            f"the claim store {self._shown} does not let us in ({_first_line(error)}); see user and password "
            "in its URL, and the user's rights to SET, GET, DEL and SCAN of puregss:claim:*",
            minor=TransferMinor.FOREIGN_STORE,
        )


def _key(name: bytes) -> bytes:
    return _PREFIX + name.hex().encode()


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


class RedisStore(_Server):
    """The blocking form. Any thread may call it; connections wait in a pool and are checked before use."""

    def __init__(self, url: str, shown: str) -> None:
        super().__init__(url, shown)
        import redis.connection

        self._pool = self._new_pool(redis.connection)

    def _ask(self, *command: bytes | int) -> Any:
        try:
            connection = self._pool.get_connection()
        except self._errors.RedisError as error:
            raise self._unreachable(error) from error
        try:
            connection.send_command(*command)
            return connection.read_response()
        except self._errors.RedisError as error:
            connection.disconnect()
            raise self._lost(error, command) from error
        except BaseException:
            connection.disconnect()
            raise
        finally:
            self._pool.release(connection)

    def place(self) -> bytes:
        """Nothing: a domain on a network is named by its key."""
        return b""

    def put(self, name: bytes, secret: bytes, ttl: int) -> None:
        """RFC 2743 §2.2.8."""
        self._refuse_unless_put(self._ask(*self._put(name, secret, ttl)))

    def fetch(self, name: bytes) -> bytes | None:
        """RFC 2743 §2.2.9."""
        return self._secret(self._ask(*self._fetch(name)))

    def erase(self, name: bytes) -> bool:
        """RFC 2743 §2.2.9: the server runs one command after the other, so one of racing calls sees 1."""
        return bool(self._ask(*self._erase(name)) == 1)

    def outstanding(self) -> Iterator[bytes]:
        """A claim may come twice or be missed while others come and go, as SCAN has it."""
        cursor: bytes = b"0"
        while True:
            cursor, keys = self._ask(b"SCAN", cursor, b"MATCH", _PREFIX + b"*", b"COUNT", _SCAN_COUNT)
            for key in keys:
                try:
                    name = bytes.fromhex(key[len(_PREFIX) :].decode("ascii"))
                except ValueError:
                    continue  # not a claim of ours
                if len(name) == NAME_SIZE:
                    yield name
            if cursor in (b"0", 0):
                return

    def sweep(self, now: int, tag: bytes) -> int:
        """Nothing to do: the server drops what has expired."""
        return 0


class AsyncRedisStore(_Server):
    """The awaiting form. Connections belong to the event loop that made them, so each loop has its own."""

    def __init__(self, url: str, shown: str) -> None:
        super().__init__(url, shown)
        self._pools: WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = WeakKeyDictionary()

    def _pool(self) -> Any:
        import redis.asyncio.connection

        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None:
            pool = self._pools[loop] = self._new_pool(redis.asyncio.connection)
        return pool

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await pool.disconnect()

    async def _ask(self, *command: bytes | int) -> Any:
        pool = self._pool()
        try:
            connection = await pool.get_connection()
        except self._errors.RedisError as error:
            raise self._unreachable(error) from error
        try:
            await connection.send_command(*command)
            return await connection.read_response()
        except self._errors.RedisError as error:
            await connection.disconnect(nowait=True)
            raise self._lost(error, command) from error
        except BaseException:  # a cancelled task above all
            await connection.disconnect(nowait=True)
            raise
        finally:
            await pool.release(connection)

    async def put(self, name: bytes, secret: bytes, ttl: int) -> None:
        """As `RedisStore.put`."""
        self._refuse_unless_put(await self._ask(*self._put(name, secret, ttl)))

    async def fetch(self, name: bytes) -> bytes | None:
        """As `RedisStore.fetch`."""
        return self._secret(await self._ask(*self._fetch(name)))

    async def erase(self, name: bytes) -> bool:
        """As `RedisStore.erase`."""
        return bool(await self._ask(*self._erase(name)) == 1)

    async def sweep(self, now: int, tag: bytes) -> int:
        """As `RedisStore.sweep`."""
        return 0
