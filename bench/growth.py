"""How cost grows with what is there already: live contexts, outstanding claims, recorded replays, open connections."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.acceptor import processor_time
from bench.pairs import established
from puregss import TransferDomain, import_context
from puregss.kcrypto.key import Key
from puregss.krb5.context import KerberosContext
from puregss.krb5.principal import Principal
from puregss.krb5.record import ContextRecord
from puregss.krb5.window import SequenceWindow
from puregss.system.replay_cache import FileReplayCache
from tests.interop.servers import free_port, running

CONTEXTS = (1, 10, 100, 1_000, 10_000, 100_000)
CLAIMS = (1, 10, 100, 1_000, 10_000, 100_000)
REPLAYS = (0, 1_000, 10_000, 100_000, 1_000_000)
CONNECTIONS = (1, 4, 16, 64)
_SAMPLES = 300
_MESSAGES = 4_000
_TTL = 3600.0


@dataclass(frozen=True, slots=True)
class Curve:
    """Microseconds of one operation (median) by how many of a thing there were."""

    name: str
    points: tuple[tuple[int, float], ...]


def curves(gss: object, service: str) -> Iterator[Curve]:
    """All four."""
    yield Curve("wrap 64 B, by live contexts", tuple(live_contexts()))
    yield Curve("export + import through dir:, by outstanding claims", tuple(outstanding_claims(gss, service)))
    yield Curve("replay cache, by entries", tuple(recorded_replays()))
    yield Curve("a worker's message, by open connections", tuple(open_connections(service)))


def live_contexts() -> Iterator[tuple[int, float]]:
    """A wrap on one of N contexts, taken at random so that no cache keeps them all."""
    contexts: list[KerberosContext] = []
    for count in CONTEXTS:
        contexts += [_context(number) for number in range(len(contexts), count)]
        for context in contexts:
            context.wrap(b"", True)  # keys are derived at first use, which is not what is measured
        chosen = iter(random.choices(contexts, k=2 * _SAMPLES))
        yield count, _median(lambda chosen=chosen: next(chosen).wrap(bytes(64), True))  # type: ignore[misc]


def outstanding_claims(gss: object, service: str) -> Iterator[tuple[int, float]]:
    """A context's journey through a folder that holds N claims of other tokens."""
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        domain = TransferDomain.from_url(f"dir:{folder}/claims")
        context = established(gss, service)[1]
        there = 0

        def journey() -> None:
            nonlocal context
            context = import_context(context.export(domain), domain)

        for count in CLAIMS:
            for number in range(there, count):
                domain.export(_context(number), _TTL)
            there = count
            yield count, _median(journey)


def recorded_replays() -> Iterator[tuple[int, float]]:
    """A new authenticator meets a cache of N, none of which has expired."""
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        cache = FileReplayCache(f"{folder}/rcache2", owned=False)
        now, there = int(time.time()), 0

        def store() -> None:
            cache.store(os.urandom(12), now, now)

        for count in REPLAYS:
            for _ in range(there, count):
                store()
            there = count + _SAMPLES
            yield count, _median(store)


def open_connections(service: str) -> Iterator[tuple[int, float]]:
    """Processor time of the whole acceptor for a message, while N clients take turns."""
    port = free_port()
    command = [
        *(str(Path(sys.executable).parent / "puregss"), "serve", "--quiet", "--service", service),
        *("--listen", f"127.0.0.1:{port}", "--workers", "2", "echo"),
    ]
    with (
        tempfile.NamedTemporaryFile() as log,
        running(command, port, os.environ, Path(log.name)) as server,
    ):

        def cost(count: int, messages: int) -> float:
            before = processor_time(server.pid)
            load = [sys.executable, "-m", "bench.load", str(port), service, str(count), str(messages)]
            subprocess.run(load, check=True)
            return processor_time(server.pid) - before

        cost(1, _MESSAGES)  # warms it up
        for count in CONNECTIONS:
            establishing = cost(count, count)
            yield count, (cost(count, _MESSAGES + count) - establishing) / _MESSAGES


def _median(work: Callable[[], object]) -> float:
    figures = np.empty(_SAMPLES)
    for number in range(_SAMPLES):
        begin = time.perf_counter_ns()
        work()
        figures[number] = (time.perf_counter_ns() - begin) / 1000
    return float(np.median(figures))


def _context(number: int) -> KerberosContext:
    keys = [Key(18, os.urandom(32)) for _ in range(3)]
    record = ContextRecord(
        initiate=False,
        flags=0x1BE,
        initiator=Principal((f"user{number}",), "EXAMPLE.TEST"),
        acceptor=Principal(("host", "localhost"), "EXAMPLE.TEST"),
        authtime=int(time.time()),
        starttime=int(time.time()),
        endtime=int(time.time()) + 36_000,
        renew_till=0,
        ticket_flags=0,
        session_key=keys[0],
        initiator_subkey=keys[1],
        acceptor_subkey=keys[2],
        send_seq=1,
        recv=SequenceWindow(1, do_replay=True, do_sequence=True),
    )
    return KerberosContext(record, os.urandom)


def _memory() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
