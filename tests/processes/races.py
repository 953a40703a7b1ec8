"""Racing imports in real processes, for every domain that reaches beyond one."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from puregss.base.errors import GSSError
from puregss.system.domains import TransferDomain
from puregss.transfer.minor import TransferMinor
from tests.transfer.fakes import FakeContext

RACER = Path(__file__).with_name("racer.py")
LOST = {str(int(TransferMinor.NO_CLAIM)), str(int(TransferMinor.LOST_RACE))}


class Racers:
    """Two threads that make the same call at the same moment, as often as one likes."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], Any]] = []
        self.outcomes: list[Any] = [None, None]
        self.start, self.end = threading.Barrier(3), threading.Barrier(3)
        self.threads = [threading.Thread(target=self._run, args=(number,), daemon=True) for number in range(2)]
        for thread in self.threads:
            thread.start()

    def _run(self, number: int) -> None:
        while True:
            self.start.wait()
            if not self.calls:
                return
            try:
                self.outcomes[number] = self.calls[number]()
            except GSSError as error:
                self.outcomes[number] = error
            self.end.wait()

    def race(self, first: Callable[[], Any], second: Callable[[], Any]) -> list[Any]:
        self.calls = [first, second]
        self.start.wait()
        self.end.wait()
        return list(self.outcomes)

    def stop(self) -> None:
        self.calls = []
        self.start.wait()
        for thread in self.threads:
            thread.join()


def machine(folder: Path) -> dict[str, str]:
    """The environment of a process on a machine of its own, as far as files go."""
    homes = {name: folder / name.lower() for name in ("HOME", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "TMPDIR")}
    for home in homes.values():
        home.mkdir(parents=True, mode=0o700)
    return os.environ | {name: str(home) for name, home in homes.items()}


def race_imports(url: str, folder: Path, rounds: int, key_file: str | None = None, racers: int = 2) -> None:
    """Export `rounds` contexts, let `racers` processes import each, and see one winner a token."""
    domain = TransferDomain.from_url(url, key_file)
    tokens = folder / "tokens"
    exported = [domain.export(FakeContext(expiry=1e11), ttl=600) for _ in range(rounds)]
    tokens.write_bytes(b"".join(len(token).to_bytes(4, "big") + token for token in exported))
    line = folder / "line"
    line.write_bytes(bytes(8 * racers))
    keys = [] if key_file is None else [key_file]
    started = [
        subprocess.Popen(
            [sys.executable, str(RACER), url, str(tokens), str(line), str(number), str(racers), *keys],
            stdout=subprocess.PIPE,
            text=True,
            env=machine(folder / f"machine{number}"),
        )
        for number in range(racers)
    ]
    try:
        outcomes = [process.communicate(timeout=120)[0].split() for process in started]
    finally:
        for process in started:
            process.kill()
    assert all(process.returncode == 0 for process in started)
    assert [len(words) for words in outcomes] == [rounds] * racers
    seen: Counter[str] = Counter()
    for words in zip(*outcomes, strict=True):
        assert words.count("won") == 1, words
        assert set(words) <= LOST | {"won"}, words
        seen.update(words)
    assert seen["won"] == rounds
    assert seen[str(int(TransferMinor.LOST_RACE))] >= rounds // 2, "the racers did not meet: this tried nothing"
    assert domain.sweep() == 0
