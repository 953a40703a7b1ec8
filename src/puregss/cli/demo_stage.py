"""The processes of `puregss demo`: the front and the clients, started by exec, each telling its part in JSON lines."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Self

from puregss.cli.demo_state import ClientRow, DemoState
from puregss.realm.embedded import Realm

NAMES = ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi")
CLIENTS_PER_PROCESS = 16
PATIENCE = 30.0
"""Seconds for a step of the demo that takes milliseconds."""
FAREWELL = 10.0

Hear = Callable[[dict[str, Any]], None]


class Stage:
    """Starts the processes, hears what they tell, and ends them."""

    def __init__(self, state: DemoState, realm: Realm, workers: int, topology: str) -> None:
        self.state = state
        self.refresh: Callable[[], None] = lambda: None
        self._realm = realm
        self._heard: queue.SimpleQueue[tuple[Hear, dict[str, Any]]] = queue.SimpleQueue()
        self._clients: list[subprocess.Popen[bytes]] = []
        realm.add_service("host/localhost")
        for row in state.rows:
            realm.add_user(user_of(row))
        self._environment = {**os.environ, **realm.environment()}
        self._listeners: list[threading.Thread] = []
        self._front = self._start("demo_front", {"workers": workers, "topology": topology}, state.on_front)

    def _start(self, module: str, task: dict[str, Any], hear: Hear) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", f"puregss.cli.{module}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._environment,
            process_group=0,
        )
        listener = threading.Thread(target=self._listen, args=(process, hear), daemon=True)
        listener.start()
        self._listeners.append(listener)
        _say(process, json.dumps(task))
        return process

    def _listen(self, process: subprocess.Popen[bytes], hear: Hear) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._heard.put((hear, json.loads(line)))

    def start_clients(self, rows: Iterable[ClientRow], pause_at: int | None) -> None:
        """Start these clients; with `pause_at` they wait after so many messages until `go`."""
        tasks = [self._task(row, pause_at) for row in rows]
        for start in range(0, len(tasks), CLIENTS_PER_PROCESS):
            some = {"port": self.state.port, "clients": tasks[start : start + CLIENTS_PER_PROCESS]}
            self._clients.append(self._start("demo_clients", some, self.state.on_client))

    def _task(self, row: ClientRow, pause_at: int | None) -> dict[str, Any]:
        path = self._realm.directory / f"krb5cc_{row.number}"
        ccache = self._realm.ccache(user_of(row), path)  # a TGT alone: the service's ticket is fetched from the KDC
        return {
            "number": row.number,
            "service": "host@localhost",
            "ccache": f"FILE:{ccache}",
            "messages": row.messages_wanted,
            "pause_at": pause_at,
        }

    def go(self) -> None:
        """Let waiting clients go on."""
        for process in self._clients:
            _say(process, "go")

    def wait(self, condition: Callable[[], bool], patience: float = PATIENCE) -> bool:
        """Hear reports until the condition holds; False if it does not in time, or can no longer."""
        give_up = time.monotonic() + patience
        while not condition():
            if time.monotonic() > give_up or self._front.poll() is not None:
                return condition()
            self._hear(0.1)
        return True

    def _hear(self, seconds: float) -> None:
        try:
            hear, report = self._heard.get(timeout=seconds)
        except queue.Empty:
            return
        hear(report)
        self.refresh()

    def end(self) -> None:
        """Let everybody finish, and hear their last words."""
        for process in (*self._clients, self._front):
            _hang_up(process)
        for process in (*self._clients, self._front):
            try:
                status = process.wait(FAREWELL)
            except subprocess.TimeoutExpired:
                process.kill()
                status = process.wait()
            if status != 0:
                what = "the front" if process is self._front else "a client process"
                self.state.troubles.append(f"{what} ended with status {status}")
        for listener in self._listeners:
            listener.join(FAREWELL)
        while not self._heard.empty():
            self._hear(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in (*self._clients, self._front):
            if process.poll() is None:
                process.kill()
                process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()


def user_of(row: ClientRow) -> str:
    """The user that a client is."""
    name = NAMES[(row.number - 1) % len(NAMES)]
    return name if row.number <= len(NAMES) else f"{name}{(row.number - 1) // len(NAMES) + 1}"


def _say(process: subprocess.Popen[bytes], line: str) -> None:
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # it is gone; what that means is told by its silence
        process.stdin.write(line.encode() + b"\n")
        process.stdin.flush()


def _hang_up(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
