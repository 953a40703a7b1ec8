"""RFC 2743 §2.2.8, §2.2.9: what exports and imports a context, as the calls see it."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from puregss.transfer.domain import Decode, Exportable

T = TypeVar("T")


class Exporter(Protocol):
    """Where a context can go: a `TransferDomain`, or the front's end of a worker's channel."""

    def export(self, source: Exportable, ttl: float) -> bytes: ...


class Importer(Protocol):
    """Where a context can come from: a `TransferDomain`, or the worker's end of its channel."""

    def import_(self, token: bytes, decode: Decode[T]) -> T: ...


class Reclaimer(Protocol):
    """Where an exporter can take back what nobody imported: a `TransferDomain`, or the front's end of a channel."""

    def reclaim(self, token: bytes, decode: Decode[T]) -> T: ...


class AsyncDomain(Protocol):
    """A domain that can be waited for: a `TransferDomain`."""

    async def export_async(self, source: Exportable, ttl: float) -> bytes: ...
    async def import_async(self, token: bytes, decode: Decode[Any]) -> Any: ...
