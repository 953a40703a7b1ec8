"""A Redis and a PostgreSQL of our own, on free ports, for as long as a test session lasts."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import peers


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@contextmanager
def running(
    arguments: list[str], ready: Callable[[], bool], user: str | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(arguments, stdout=log, stderr=log, user=user)
        try:
            deadline = time.monotonic() + 30
            while not ready():
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise RuntimeError(f"{arguments[0]} did not start: {log.read().decode(errors='replace')}")
                time.sleep(0.02)
            yield process
        finally:
            process.kill()
            process.wait()


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@contextmanager
def redis_server(*options: str, port: int | None = None) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The URL of a Redis on loopback that keeps nothing on disk, and its process."""
    port = port or free_port()
    program = peers.program("redis-server")
    assert program is not None
    arguments = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", "/", *options]
    with running(arguments, lambda: answers(port)) as process:
        yield f"redis://127.0.0.1:{port}/0", process


class PostgreSQL:
    """A cluster below `folder` that belongs to `user` (PostgreSQL refuses root)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        programs = peers.postgresql_programs()
        assert programs is not None
        self.programs = programs
        self.port = free_port()
        self.url = f"postgresql://{self.user}@127.0.0.1:{self.port}/postgres"
        self._run_as = self.user if os.geteuid() == 0 else None

    def create(self) -> None:
        if self._run_as:
            shutil.chown(self.folder, self.user)
        subprocess.run(
            [self.programs / "initdb", "-D", self.folder / "data", "-A", "trust", "-U", self.user, "--no-sync"],
            check=True,
            capture_output=True,
            user=self._run_as,
            cwd="/",
        )

    @contextmanager
    def run(self) -> Iterator[subprocess.Popen[bytes]]:
        options = {
            "fsync": "off",
            "unix_socket_directories": "",
            "listen_addresses": "127.0.0.1",
            "max_connections": "40",
        }
        arguments = [str(self.programs / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.port)]
        for name, value in options.items():
            arguments += ["-c", f"{name}={value}"]
        with running(arguments, self._is_ready, self._run_as) as process:
            try:
                yield process
            finally:
                # The fast shutdown: SIGTERM waits for idle clients, SIGKILL leaves children and shared memory behind.
                process.send_signal(signal.SIGINT)
                process.wait(30)

    def _is_ready(self) -> bool:
        probe = [str(self.programs / "pg_isready"), "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(probe, capture_output=True).returncode == 0


@contextmanager
def postgresql_server() -> Iterator[tuple[PostgreSQL, subprocess.Popen[bytes]]]:
    folder = Path(tempfile.mkdtemp(prefix="puregss-postgresql-"))
    try:
        server = PostgreSQL(folder)
        server.create()
        with server.run() as process:
            yield server, process
    finally:
        shutil.rmtree(folder)
