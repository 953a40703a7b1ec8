"""A task that is cancelled at any of its awaits: never a context in two places, and no claim left behind."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import pytest

from puregss.base.errors import GSSError
from puregss.base.names import MechType
from puregss.transfer.claims import MemoryStore
from puregss.transfer.domain import Domain
from tests.transfer.fakes import RECORD, FakeClock, FakeContext

WHOLE = (MechType.kerberos, RECORD)


class FarStore:
    """The awaiting half of a memory store, with waiting before and after everything."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store

    async def _after_a_while(self, call: Callable[..., Any], *arguments: Any) -> Any:
        for _ in range(2):
            await asyncio.sleep(0)
        answer = call(*arguments)
        for _ in range(2):
            await asyncio.sleep(0)
        return answer

    async def put(self, name: bytes, secret: bytes, ttl: int) -> None:
        await self._after_a_while(self.store.put, name, secret, ttl)

    async def fetch(self, name: bytes) -> bytes | None:
        found: bytes | None = await self._after_a_while(self.store.fetch, name)
        return found

    async def erase(self, name: bytes) -> bool:
        return bool(await self._after_a_while(self.store.erase, name))

    async def sweep(self, now: int, tag: bytes) -> int:
        return int(await self._after_a_while(self.store.sweep, now, tag))

    async def aclose(self) -> None:
        pass


def far_domain() -> tuple[MemoryStore, Domain]:
    store = MemoryStore(os.urandom)
    return store, Domain(store, FakeClock(), os.urandom, (), FarStore(store))


async def cancelled_after(steps: int, call: Awaitable[Any]) -> tuple[bool, Any]:
    """Whether the call was cancelled, and what it returned or raised."""
    task = asyncio.ensure_future(call)
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    try:
        return False, await task
    except asyncio.CancelledError:
        return True, None
    except GSSError as error:
        return False, error


def test_an_export_that_is_cancelled_anywhere_leaves_the_context_and_no_claim() -> None:
    async def life() -> None:
        for steps in count():
            store, domain = far_domain()
            context = FakeContext()
            cancelled, token = await cancelled_after(steps, domain.export_async(context))
            if not cancelled:
                assert context.dead is not None
                assert domain.import_(token) == WHOLE
                return
            assert context.dead is None
            assert not context.lock.locked()
            assert not list(store.outstanding())
            assert domain.import_(domain.export(context)) == WHOLE

    asyncio.run(life())


@pytest.mark.parametrize("name", ["import_async", "reclaim_async"])
def test_an_import_that_is_cancelled_anywhere_leaves_the_token_importable_or_gone(name: str) -> None:
    async def life() -> None:
        again = set()
        for steps in count():
            _, domain = far_domain()
            token = domain.export(FakeContext())
            cancelled, result = await cancelled_after(steps, getattr(domain, name)(token))
            try:
                second = domain.import_(token)
            except GSSError:
                second = None
            if not cancelled:
                assert (result, second) == (WHOLE, None)
                break
            again.add(second is not None)
        assert again == {True, False}

    asyncio.run(life())
