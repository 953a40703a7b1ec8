"""Single instantiation, with real processes, real forks and real deaths (RFC 2744 §5.9)."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from puregss.base.errors import DuplicateTokenError, MissingContextError
from puregss.base.flags import RequirementFlag
from puregss.krb5.context import KerberosContext
from puregss.system.clock import SystemClock
from puregss.system.domains import TransferDomain
from puregss.transfer.channel import ChannelReceiver, ChannelSender
from puregss.transfer.domain import Domain
from tests.krb5.contexts import FLAGS, pair
from tests.processes.races import Racers, race_imports
from tests.transfer.fakes import RECORD, FakeContext

ROUNDS = 1_000
TOP = Path(__file__).parent.parent.parent


def context(record: bytes = RECORD) -> FakeContext:
    return FakeContext(record, expiry=1e11)


@pytest.fixture(params=["memory", "dir", "channel"])
def ends(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Any, Any]:
    """Something to export through and something to import through."""
    if request.param == "channel":
        key = os.urandom(32)
        return ChannelSender(key, SystemClock()), ChannelReceiver(key, SystemClock())
    url = "memory:" if request.param == "memory" else f"dir:{tmp_path / 'claims'}"
    return TransferDomain.from_url(url), TransferDomain.from_url(url)


def test_of_two_threads_that_export_one_gets_a_token_and_of_two_that_import_one_the_context(
    ends: tuple[Any, Any],
) -> None:
    exporter, importer = ends
    racers = Racers()
    try:
        for _ in range(ROUNDS):
            source = context()
            outcomes = racers.race(lambda s=source: exporter.export(s), lambda s=source: exporter.export(s))  # type: ignore[misc]
            (token,) = [outcome for outcome in outcomes if isinstance(outcome, bytes)]
            assert sum(isinstance(outcome, MissingContextError) for outcome in outcomes) == 1
            outcomes = racers.race(lambda t=token: importer.import_(t), lambda t=token: importer.import_(t))  # type: ignore[misc]
            assert sum(isinstance(outcome, tuple) for outcome in outcomes) == 1
            assert sum(isinstance(outcome, MissingContextError) for outcome in outcomes) == 1
            if isinstance(exporter, ChannelSender):
                exporter.acknowledged(token)
    finally:
        racers.stop()
    if isinstance(exporter, Domain):
        assert not list(exporter.outstanding())


def test_of_two_processes_that_import_from_a_folder_one_wins(tmp_path: Path) -> None:
    race_imports(f"dir:{tmp_path / 'claims'}", tmp_path, ROUNDS)


def race_an_export(domain: Domain, receiver: KerberosContext, incoming: list[bytes]) -> tuple[bytes, Any, Any]:
    """The token, what wrap gave out meanwhile, and what unwrap took in."""
    given: list[bytes] = []
    taken: list[bytes] = []
    start = threading.Barrier(3)

    def wrapping() -> None:
        start.wait()
        with contextlib.suppress(MissingContextError):
            while len(given) < 500:
                given.append(receiver.wrap(b"out", False))

    def unwrapping() -> None:
        start.wait()
        with contextlib.suppress(MissingContextError):
            for token in incoming:
                taken.append(receiver.unwrap(token)[0])

    threads = [threading.Thread(target=wrapping), threading.Thread(target=unwrapping)]
    for thread in threads:
        thread.start()
    start.wait()
    token = domain.export(receiver)
    for thread in threads:
        thread.join()
    return token, given, taken


def test_what_a_racing_wrap_or_unwrap_gave_out_is_counted_in_the_token() -> None:
    domain = TransferDomain.from_url("memory:")
    met = 0
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for number in range(4000):
            if number >= 200 and met:  # on a busy machine it takes longer until they meet
                break
            sender, receiver = pair(flags=int(FLAGS | RequirementFlag.transferable), endtime=4_000_000_000)
            incoming = [sender.wrap(b"in", False) for _ in range(40)]
            token, given, taken = race_an_export(domain, receiver, incoming)
            met += 0 < len(given) < 500 and 0 < len(taken) < 40
            restored = domain.import_(token, lambda _, record: KerberosContext.restore(record, os.urandom))
            # The next token out continues after the last one given out; the next one in is the first not taken.
            for each in (*given, restored.wrap(b"last", True)):
                sender.unwrap(each)
            for each in incoming[: len(taken)]:
                with pytest.raises(DuplicateTokenError):
                    restored.unwrap(each)
            for each in incoming[len(taken) :]:
                restored.unwrap(each)
    finally:
        sys.setswitchinterval(interval)
    assert met, "export came before or after the others each time: this tried nothing"


# --- fork ---------------------------------------------------------------------------------------


def in_child(check: Callable[[], Any]) -> bool:
    """Whether `check` says yes in a forked child, within five seconds."""
    child = os.fork()
    if child == 0:
        signal.alarm(5)
        code = 1
        try:
            code = 0 if check() else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def refused_for_the_fork(call: Callable[[], Any]) -> bool:
    try:
        call()
    except MissingContextError as error:
        return "fork" in error.message
    return False


def test_a_memory_domain_or_channel_is_dead_in_the_child_and_alive_in_the_parent(ends: tuple[Any, Any]) -> None:
    exporter, importer = ends
    token = exporter.export(context())
    if isinstance(exporter, TransferDomain) and exporter.url.startswith("dir:"):
        # A folder is shared by design: the child may import, and then the parent has lost the race.
        assert in_child(lambda: importer.import_(token))
        with pytest.raises(MissingContextError):
            importer.import_(token)
        return
    assert in_child(lambda: refused_for_the_fork(lambda: importer.import_(token)))
    assert in_child(lambda: refused_for_the_fork(lambda: exporter.export(context())))
    assert importer.import_(token)


def test_a_lock_that_another_thread_held_at_the_fork_does_not_hang_the_child(ends: tuple[Any, Any]) -> None:
    exporter, importer = ends
    token = exporter.export(context())
    holder: Any = exporter._store if isinstance(exporter, Domain) else exporter

    def export_through_a_folder_opened_anew() -> bytes:
        os.close(holder._folder.descriptor)
        return bytes(exporter.export(context()))

    with holder._lock:
        if isinstance(exporter, TransferDomain) and exporter.url.startswith("dir:"):
            assert in_child(export_through_a_folder_opened_anew)
        else:
            assert in_child(lambda: refused_for_the_fork(lambda: exporter.export(context())))
    assert importer.import_(token)


# --- deaths -------------------------------------------------------------------------------------

EXPORTER = """
import sys
from puregss.system.domains import TransferDomain
from tests.transfer.fakes import FakeContext
domain = TransferDomain.from_url(sys.argv[1])
out = sys.stdout.buffer
while True:
    token = domain.export(FakeContext(expiry=1e11), ttl=600)
    out.write(len(token).to_bytes(4, "big") + token)
    out.flush()
"""

IMPORTER = """
import sys
from puregss.system.clock import SystemClock
from puregss.transfer.channel import ChannelReceiver
receiver = ChannelReceiver(sys.stdin.buffer.read(32), SystemClock())
while True:
    size = int.from_bytes(sys.stdin.buffer.read(4), "big")
    _, record = receiver.import_(sys.stdin.buffer.read(size))
    sys.stdout.buffer.write(record)
    sys.stdout.buffer.flush()
"""


def start(program: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=TOP
    )


def split(octets: bytes) -> list[bytes]:
    """The complete messages of a stream that may have been cut off anywhere."""
    messages = []
    while len(octets) >= 4 and len(octets) >= 4 + int.from_bytes(octets[:4], "big"):
        size = int.from_bytes(octets[:4], "big")
        messages.append(octets[4 : 4 + size])
        octets = octets[4 + size :]
    return messages


def test_an_exporter_that_is_killed_leaves_each_context_in_one_place_or_nowhere(tmp_path: Path) -> None:
    url = f"dir:{tmp_path / 'claims'}"
    domain = TransferDomain.from_url(url)
    for number in range(6):
        with start(EXPORTER, url) as exporter:
            assert exporter.stdout is not None
            beginning = exporter.stdout.read(100 + 977 * number)
            exporter.kill()
            tokens = split(beginning + exporter.stdout.read())
        for token in tokens:
            assert domain.import_(token)
            with pytest.raises(MissingContextError):
                domain.import_(token)
        left = list(domain.outstanding())
        assert len(left) <= 1  # the token that was cut off; without it the claim is worth nothing
        for name in left:
            domain.revoke_claim(name)


def test_each_context_of_a_killed_worker_is_reclaimed_or_was_acknowledged(tmp_path: Path) -> None:
    for number in range(6):
        key = os.urandom(32)
        sender = ChannelSender(key, SystemClock())
        with start(IMPORTER) as worker:
            assert worker.stdin is not None
            assert worker.stdout is not None
            worker.stdin.write(key)
            tokens = {record: sender.export(context(record)) for record in (b"%08d" % i for i in range(200))}
            worker.stdin.write(b"".join(len(token).to_bytes(4, "big") + token for token in tokens.values()))
            worker.stdin.flush()
            drained = worker.stdout.read(8 * (1 + 30 * number))
            worker.kill()
            worker.wait()
            drained += worker.stdout.read()
        acknowledged = {drained[at : at + 8] for at in range(0, len(drained) - 7, 8)}
        for record in acknowledged:
            sender.acknowledged(tokens[record])
        sender.worker_died()
        for record, token in tokens.items():
            if record in acknowledged:
                with pytest.raises(MissingContextError):
                    sender.reclaim(token)
            else:
                assert sender.reclaim(token)[1] == record
        assert sender.outstanding == 0
