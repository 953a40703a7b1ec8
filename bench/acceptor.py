"""The whole acceptor: processor time of front and workers for each connection that is accepted and handed over."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.driver import Result, summarize
from bench.pairs import forget_replays
from tests.interop.servers import free_port, running

CLIENTS = 2
CONNECTIONS = 500  # each client, each round
ROUNDS = 9
_TICK = 1e6 / os.sysconf("SC_CLK_TCK")  # microseconds


def rows(service: str) -> Iterator[Result]:
    """With one worker and with two: at most 1.3 times the peer's time, at best less."""
    for workers in (1, 2):
        yield summarize(
            f"whole acceptor, {workers} worker{'s' * (workers > 1)}", _samples(service, workers), 1 / 1.3, 1
        )


def _samples(service: str, workers: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    ports = free_port(), free_port()
    commands = (
        [
            *(str(Path(sys.executable).parent / "puregss"), "serve", "--quiet", "--service", service),
            *("--listen", f"127.0.0.1:{ports[0]}", "--workers", str(workers), "echo"),
        ],
        [sys.executable, "-m", "bench.peer_acceptor", str(ports[1]), str(workers)],
    )
    log = Path(tempfile.mkstemp(prefix="bench-acceptor-")[1])
    try:
        with (
            running(commands[0], ports[0], os.environ, log) as ours,
            running(commands[1], ports[1], os.environ, log) as theirs,
        ):
            pids, samples = (ours.pid, theirs.pid), np.empty((ROUNDS, 2))
            forget_replays()
            for port in ports:
                _load(port, service, 20)
            for number in range(ROUNDS):
                for side in (0, 1) if number % 2 else (1, 0):
                    before = processor_time(pids[side])
                    _load(ports[side], service, CONNECTIONS)
                    samples[number, side] = (processor_time(pids[side]) - before) / (CLIENTS * CONNECTIONS)
        return samples
    finally:
        log.unlink()


def _load(port: int, service: str, connections: int) -> None:
    command = [sys.executable, "-m", "bench.load", str(port), service, str(connections)]
    clients = [subprocess.Popen(command) for _ in range(CLIENTS)]
    assert [client.wait() for client in clients] == [0] * CLIENTS


def processor_time(pid: int) -> float:
    """Microseconds that a process and its children took so far, user and system."""
    total = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it ended meanwhile
            if int(entry.name) == pid or int(fields[1]) == pid:
                total += int(fields[11]) + int(fields[12])
    return total * _TICK
