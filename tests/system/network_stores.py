"""What holds for both network stores, said once: each store's test file runs these against its real server."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from puregss.base.errors import GSSError, MissingContextError
from puregss.base.names import MechType
from puregss.system.domains import TransferDomain
from puregss.transfer.domain import MAX_SKEW
from puregss.transfer.minor import TransferMinor
from puregss.transfer.token import decode_header
from tests.transfer.fakes import RECORD, FakeClock, FakeContext

KEY = bytes(range(32)).hex()
WHOLE = (MechType.kerberos, RECORD)


def context() -> FakeContext:
    return FakeContext(expiry=1e11)


def still_exports(source: FakeContext) -> None:
    assert source.dead is None
    domain = TransferDomain.from_url("memory:")
    assert domain.import_(domain.export(source)) == WHOLE


def check_a_life(url: str) -> None:
    """Export, import, import again, revoke, reclaim, list."""
    exporter, importer = TransferDomain.from_url(url), TransferDomain.from_url(url)
    token = exporter.export(context())
    assert importer.is_outstanding(token)
    assert decode_header(token).name in set(importer.outstanding())
    assert importer.import_(token) == WHOLE
    with pytest.raises(MissingContextError) as error:
        importer.import_(token)
    assert error.value.minor == TransferMinor.NO_CLAIM
    token = exporter.export(context())
    assert importer.revoke(token)
    assert not exporter.revoke(token)
    token = exporter.export(context())
    assert exporter.reclaim(token) == WHOLE
    with pytest.raises(MissingContextError):
        importer.import_(token)
    assert not list(importer.outstanding())


def check_an_awaited_life(url: str) -> None:
    """The same through the event loop, in two loops one after the other, and across the two forms."""
    domain = TransferDomain.from_url(url)

    async def life() -> bytes:
        token = await domain.export_async(context())
        assert await domain.import_async(token) == WHOLE
        with pytest.raises(MissingContextError):
            await domain.import_async(token)
        token = await domain.export_async(context())
        assert await domain.revoke_async(token)
        assert await domain.sweep_async() == 0
        tokens = await asyncio.gather(*(domain.export_async(context()) for _ in range(10)))
        assert await asyncio.gather(*(domain.reclaim_async(token) for token in tokens)) == [WHOLE] * 10
        token = await domain.export_async(context())
        await domain.aclose()
        return token

    gc.collect()  # what other tests left behind
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        token = asyncio.run(life())
        gc.collect()
    assert [str(warning.message) for warning in told if warning.category is ResourceWarning] == []
    assert domain.import_(token) == WHOLE
    token = asyncio.run(life())
    assert domain.import_(token) == WHOLE


def check_every_spoiled_token(url: str) -> None:
    domain = TransferDomain.from_url(url)
    token = domain.export(context(), ttl=600)
    spoiled = [token[:size] for size in range(len(token))]
    for bit in range(len(token) * 8):
        flipped = bytearray(token)
        flipped[bit // 8] ^= 1 << bit % 8
        spoiled.append(bytes(flipped))
    for octets in spoiled:
        with pytest.raises(GSSError):
            domain.import_(octets)
    assert domain.import_(token) == WHOLE


def check_time(url: str) -> None:
    """The store drops a claim by its own clock; ours may be a little wrong, not very."""
    clock = FakeClock(now=1e9)
    domain = TransferDomain.from_url(url, clock=clock)
    token = domain.export(context(), ttl=60)
    clock.wall += 60 + MAX_SKEW / 1000 + 1
    with pytest.raises(MissingContextError) as error:
        domain.import_(token)
    assert error.value.minor == TransferMinor.TIMED_OUT
    clock.wall = 0  # an importer whose clock is far behind cannot make a token live longer
    assert domain.import_(token) == WHOLE
    token = domain.export(context(), ttl=0.001)
    threading.Event().wait(0.02)
    clock.wall = 0
    with pytest.raises(MissingContextError) as error:
        domain.import_(token)
    assert error.value.minor == TransferMinor.NO_CLAIM


def check_a_writer_of_the_store_forges_nothing(url: str) -> None:
    """Whoever can write the store, but has not the domain's key, makes no token that imports."""
    domain = TransferDomain.from_url(url)
    mine, theirs = domain.export(context()), domain.export(FakeContext(b"mallory", expiry=1e11))
    store = domain._store
    secret = store.fetch(decode_header(theirs).name)
    assert secret is not None
    store.erase(decode_header(mine).name)
    store.put(decode_header(mine).name, secret, 60_000)
    for token in (mine, mine[:28] + theirs[28:]):
        with pytest.raises(GSSError) as error:
            domain.import_(token)
        assert error.value.minor == TransferMinor.SEAL_BROKEN
    assert domain.import_(theirs)[1] == b"mallory"
    domain.revoke(mine)


def check_nobody_there(url: str) -> None:
    """`url` leads to a port where nobody listens."""
    domain, source = TransferDomain.from_url(url), context()
    for call in (lambda: domain.export(source), lambda: list(domain.outstanding())):
        with pytest.raises(GSSError) as error:
            call()
        assert error.value.minor == TransferMinor.STORE_UNREACHABLE
    with pytest.raises(GSSError) as error:
        asyncio.run(domain.export_async(source))
    assert error.value.minor == TransferMinor.STORE_UNREACHABLE
    still_exports(source)


class Proxy:
    """Passes everything on to the server until `cut` is seen; then the server gets it, and its answer is lost."""

    def __init__(self, url: str, cut: bytes, silent: bool) -> None:
        parts = urlsplit(url)
        self.target = (parts.hostname, parts.port)
        self.cut, self.silent = cut, silent
        self.server = socket.create_server(("127.0.0.1", 0))
        port = self.server.getsockname()[1]
        self.url = url.replace(f":{parts.port}", f":{port}")
        self.cuts = 0
        self.open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.server.accept()
                server = socket.create_connection(self.target)
                self.open += [client, server]
                lost = threading.Event()
                threading.Thread(target=self._pass, args=(client, server, lost, True), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client, lost, False), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, lost: threading.Event, asking: bool) -> None:
        with contextlib.suppress(OSError):
            while octets := source.recv(65536):
                if asking and self.cut in octets:
                    self.cuts += 1
                    lost.set()
                if not asking and lost.is_set():
                    if not self.silent:
                        target.shutdown(socket.SHUT_RDWR)
                    return
                target.sendall(octets)
            target.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        for each in (self.server, *self.open):
            each.close()


@contextmanager
def answers_lost(url: str, cut: bytes, *, silent: bool) -> Iterator[Proxy]:
    proxy = Proxy(url, cut, silent)
    try:
        yield proxy
    finally:
        proxy.close()


def check_a_lost_answer_to_an_import(url: str, erase: bytes, *, silent: bool, awaited: bool) -> None:
    """The erase is done and its answer lost: outcome unknown, no context, and never one later."""
    token = TransferDomain.from_url(url).export(context())
    with answers_lost(url, erase, silent=silent) as proxy:
        domain = TransferDomain.from_url(proxy.url)
        with pytest.raises(GSSError, match="outcome is unknown") as error:
            asyncio.run(domain.import_async(token)) if awaited else domain.import_(token)
        assert error.value.minor == TransferMinor.OUTCOME_UNKNOWN
        assert proxy.cuts == 1, "the command was sent again"
    with pytest.raises(MissingContextError):
        TransferDomain.from_url(url).import_(token)


def check_a_lost_answer_to_an_export(url: str, put: bytes, *, awaited: bool) -> None:
    """The claim is there and nobody said so: the export fails, takes it back, and leaves the context alone."""
    source = context()
    with answers_lost(url, put, silent=False) as proxy:
        domain = TransferDomain.from_url(proxy.url)
        with pytest.raises(GSSError) as error:
            asyncio.run(domain.export_async(source)) if awaited else domain.export(source)
        assert error.value.minor == TransferMinor.OUTCOME_UNKNOWN
        assert proxy.cuts == 1
    assert not list(TransferDomain.from_url(url).outstanding())
    still_exports(source)


def check_a_cancelled_export(url: str, put: bytes) -> None:
    source = context()

    async def life(domain: TransferDomain, proxy: Proxy) -> None:
        export = asyncio.create_task(domain.export_async(source))
        while not proxy.cuts:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        export.cancel()
        with pytest.raises(asyncio.CancelledError):
            await export

    with answers_lost(url, put, silent=True) as proxy:
        asyncio.run(life(TransferDomain.from_url(proxy.url), proxy))
    assert not list(TransferDomain.from_url(url).outstanding())
    still_exports(source)


def check_a_fork(url: str) -> None:
    """Parent and child keep their own connections: both go on working."""
    domain = TransferDomain.from_url(url)
    first, second = domain.export(context()), domain.export(context())
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if domain.import_(first) == WHOLE else 1
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert domain.import_(second) == WHOLE
    with pytest.raises(MissingContextError):
        domain.import_(first)
