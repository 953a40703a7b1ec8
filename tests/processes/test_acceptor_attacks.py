"""What clients and workers try against the acceptor; each costs whoever tried it, and nobody else."""

from __future__ import annotations

import errno
import os
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest

from puregss.acceptor.events import What
from puregss.acceptor.framing_length import LengthFraming, encode_frame
from puregss.acceptor.packets import packet_pair
from puregss.acceptor.settings import Limits, Settings, Topology
from puregss.acceptor.supervisor import COMMAND
from puregss.base.errors import MissingContextError, MissingCredentialsError
from tests.acceptor.fakes import FakeContext
from tests.acceptor.running import Client, eventually, running

TOPOLOGIES: tuple[Topology, ...] = ("connection", "relay")


def reset(client: Client) -> None:
    """Hang up with a RST, as after a crash of the client's machine."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_a_client_that_resets_its_connection_before_its_early_message_is_answered_ends_no_worker(
    topology: Topology, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = tmp_path / "deaf"
    deaf.touch()
    monkeypatch.setenv("FAKE_WORKER_DEAF", str(deaf))
    with running(Settings(workers=1, topology=topology)) as service:
        (worker,) = service.worker_pids
        bystander = service.connect().hello("bystander")
        attacker = service.connect()
        token, message = b"HELLO mallory K", b"early"
        attacker.socket.sendall(b"".join(len(each).to_bytes(4, "big") + each for each in (token, message)))
        assert attacker.receive() == b"WELCOME"
        eventually(lambda: service.count(What.SENT) == 2)
        reset(attacker)
        deaf.unlink()
        eventually(lambda: service.count(What.CLOSED) == 1)
        assert bystander.say(b"still here") == b"still here"
        assert service.worker_pids == [worker]


def test_an_early_message_that_is_the_last_ends_the_connection(tmp_path: Path) -> None:
    with running(Settings(workers=1, framing="gss-sample")) as service:
        client = socket.create_connection(service.address, timeout=10)
        frames = ((0x11, b""), (0x02, b"HELLO alice quiet"), (0x01, b""))
        client.sendall(b"".join(struct.pack(">BI", flags, len(octets)) + octets for flags, octets in frames))
        assert client.recv(100) == b""
        eventually(lambda: service.count(What.CLOSED) == 1)


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_a_defect_that_one_client_sets_off_in_a_worker_costs_its_connection_only(topology: Topology) -> None:
    with running(Settings(workers=1, topology=topology)) as service:
        (worker,) = service.worker_pids
        bystander = service.connect().hello("bystander")
        attacker = service.connect().hello("mallory")
        assert attacker.ask(b"BUG") is None
        assert bystander.say(b"still here") == b"still here"
        assert service.worker_pids == [worker]


def test_an_authorization_that_fails_lets_nobody_in_and_ends_nothing() -> None:
    def authorize(peer: Any) -> bool:
        return {"alice": True}[peer.initiator]

    with running(Settings(workers=1), authorize=authorize) as service:
        mallory = service.connect()
        assert mallory.ask(b"HELLO mallory quiet") == b""
        assert mallory.receive() is None
        eventually(lambda: service.count(What.REFUSED) == 1)
        assert service.count(What.SENT) == 0
        assert service.connect().hello("alice").say(b"hello") == b"hello"


def test_a_client_for_whom_no_context_can_be_made_is_sent_away_and_the_next_one_served() -> None:
    contexts: list[Any] = [MissingCredentialsError("the keytab cannot be read just now")]

    def make_context() -> FakeContext:
        if contexts:
            raise contexts.pop()
        return FakeContext()

    with running(Settings(workers=1), make_context=make_context) as service:
        assert service.connect().receive() is None
        assert service.connect().hello("alice").say(b"hello") == b"hello"


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_a_context_too_large_for_a_hand_off_is_refused_before_it_reaches_a_worker(topology: Topology) -> None:
    settings = Settings(workers=1, topology=topology, limits=Limits(token=256 * 1024))
    with running(settings) as service:
        (worker,) = service.worker_pids
        bystander = service.connect().hello("bystander")
        large = service.connect()
        large.send(b"HELLO %b quiet" % (b"m" * 200_000))
        eventually(lambda: service.count(What.REFUSED) == 1)
        assert large.receive() == b""
        assert large.receive() is None
        assert bystander.say(b"still here") == b"still here"
        assert service.worker_pids == [worker]


def test_who_is_not_let_in_is_sent_away_in_time_though_a_framing_says_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LengthFraming, "encode_refusal", lambda framing, token: encode_frame(b""))
    settings = Settings(workers=1, limits=Limits(handshake=0.5))
    with running(settings, authorize=lambda peer: False) as service:
        client = service.connect().hello()
        assert client.receive() == b""
        assert service.front._candidates
        eventually(lambda: not service.front._candidates)


def test_a_context_that_tells_nothing_of_itself_costs_its_client_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(context: FakeContext) -> NoReturn:
        raise MissingContextError("gone")

    with running(Settings(workers=1)) as service:
        bystander = service.connect().hello("bystander")
        eventually(lambda: service.count(What.HELD) == 1)
        with monkeypatch.context() as patch:
            patch.setattr(FakeContext, "inquire", gone)
            client = service.connect()
            client.send(b"HELLO alice K")
            eventually(lambda: service.count(What.REFUSED) == 1)
        assert bystander.say(b"still here") == b"still here"


def test_a_worker_that_is_taken_over_has_no_key_of_tokens_sent_before() -> None:
    with running(Settings(workers=1, handler="tests.acceptor.fake_worker:first_keys")) as service:
        client = service.connect().hello()
        assert client.say(b"?") == b"0"


def test_a_worker_that_dies_after_its_acknowledgement_gives_nothing_back() -> None:
    """The front is busy meanwhile, and the worker leaves a hand-off unread: the kernel then tells its death first."""
    with running(Settings(workers=1)) as service:
        (worker,) = service.worker_pids
        first = service.connect().hello("first")
        assert first.say(b"used") == b"used"
        os.kill(worker, signal.SIGSTOP)
        second = service.connect().hello("second")
        eventually(lambda: service.count(What.SENT) == 2)
        os.kill(worker, signal.SIGKILL)
        eventually(lambda: service.count(What.LOST) == 1)
        assert first.receive() is None
        assert second.say(b"hello") == b"hello"
        assert [event.connection for event in service.events if event.what is What.RECLAIMED] == [2]


def test_a_front_that_cannot_start_a_worker_just_now_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients that use up the descriptors must not be able to end the front with the next worker's death."""
    failures = 2

    def no_room() -> tuple[socket.socket, socket.socket]:
        nonlocal failures
        if failures:
            failures -= 1
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return packet_pair()

    with running(Settings(workers=2)) as service:
        monkeypatch.setattr("puregss.acceptor.supervisor.packet_pair", no_room)
        os.kill(service.worker_pids[0], signal.SIGKILL)
        eventually(lambda: not failures and len(service.worker_pids) == 2)
        assert service.connect().hello("alice").say(b"hello") == b"hello"


def test_a_worker_runs_no_code_from_the_folder_that_the_front_was_started_in(tmp_path: Path) -> None:
    """Root may start the acceptor anywhere, also where others can put a module."""
    for module in ("puregss", "socket", "struct"):
        (tmp_path / f"{module}.py").write_text("print('TAKEN OVER')\n")
    worker = subprocess.run((*COMMAND, "nowhere"), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "TAKEN OVER" not in worker.stdout
    assert "nowhere" in worker.stderr
    assert sys.executable == COMMAND[0]


def test_a_handler_is_found_in_the_folder_that_the_front_was_started_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shouting.py").write_text("def shout(message, peer):\n    return message.upper()\n")
    monkeypatch.chdir(tmp_path)
    with running(Settings(workers=1, handler="shouting:shout")) as service:
        assert service.connect().hello().say(b"aloud") == b"ALOUD"
