"""The acceptor with real processes and sockets, and a toy mechanism in the place of Kerberos."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from puregss.acceptor.events import What
from puregss.acceptor.settings import AcceptorError, Limits, Settings, Topology
from tests.acceptor.fakes import REFUSAL
from tests.acceptor.running import Client, Running, eventually, running

TOPOLOGIES: tuple[Topology, ...] = ("connection", "relay")


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_messages_are_answered_by_workers_that_are_other_processes(topology: Topology) -> None:
    handler = "tests.acceptor.fake_worker:whoami"
    with running(Settings(topology=topology, handler=handler)) as service:
        pids = set()
        for number in range(4):
            client = service.connect().hello(f"client{number}")
            pids.add(int(client.say(b"who?") or b"0"))
            assert client.say(b"who?") is not None
        assert pids == set(service.worker_pids)
        assert os.getpid() not in pids
        eventually(lambda: service.count(What.HELD) == 4)


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_a_worker_killed_before_it_acknowledged_costs_nothing(
    topology: Topology, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = tmp_path / "deaf"
    deaf.touch()
    monkeypatch.setenv("FAKE_WORKER_DEAF", str(deaf))
    with running(Settings(workers=1, topology=topology)) as service:
        (victim,) = service.worker_pids
        clients = [service.connect().hello(f"client{number}") for number in range(3)]
        clients[0].send(b"early")
        eventually(lambda: service.count(What.SENT) == 3)
        assert service.count(What.HELD) == 0
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: service.count(What.RECLAIMED) == 3)
        deaf.unlink()
        assert clients[0].receive() == b"early"
        for client in clients:
            assert client.say(b"hello") == b"hello"
        assert victim not in service.worker_pids
        assert service.front.counters.lost == 0


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_a_worker_killed_after_it_acknowledged_costs_its_own_connections_only(topology: Topology) -> None:
    with running(Settings(workers=2, topology=topology)) as service:
        clients = {number: service.connect().hello(f"client{number}") for number in range(1, 5)}
        eventually(lambda: service.count(What.HELD) == 4)
        victim = service.worker_pids[0]
        held = {event.connection for event in service.events if event.what is What.HELD and event.worker == victim}
        assert len(held) == 2
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: service.count(What.LOST) == 2)
        assert {event.connection for event in service.events if event.what is What.LOST} == held
        for number, client in clients.items():
            assert client.say(b"still there?") == (None if number in held else b"still there?")
        eventually(lambda: len(service.worker_pids) == 2)
        assert service.connect().hello().say(b"new") == b"new"
        assert service.front.counters.reclaimed == 0


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_bytes_sent_behind_the_last_context_token_are_not_lost(topology: Topology) -> None:
    with running(Settings(workers=1, topology=topology)) as service:
        client = service.connect()
        hello, data = b"HELLO bob K", bytes(octet ^ 0x4B for octet in b"at once")
        frames = b"".join(len(token).to_bytes(4, "big") + token for token in (hello, data, data))
        client.socket.sendall(frames + b"\0\0")
        assert client.receive() == b"WELCOME"
        assert client.receive() == data
        assert client.receive() == data


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_large_messages_pass(topology: Topology) -> None:
    message = bytes(range(256)) * 4096
    with running(Settings(workers=1, topology=topology)) as service:
        client = service.connect().hello(key=b"\0")
        assert client.say(message, key=b"\0") == message
        assert client.say(b"short", key=b"\0") == b"short"


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_a_client_that_reads_no_answers_is_not_read_further_and_loses_nothing(topology: Topology) -> None:
    message = bytes(1024 * 1024)
    with running(Settings(workers=1, topology=topology)) as service:
        greedy = service.connect().hello(key=b"\0")
        sender = threading.Thread(target=greedy.send_many, args=(message, 24))
        sender.start()
        other = service.connect().hello()
        assert other.say(b"not held up") == b"not held up"
        time.sleep(0.3)
        assert sender.is_alive()  # the pressure reached the client: nobody buffers 24 MiB for it
        for _ in range(24):
            assert greedy.receive() == message
        sender.join(5)


@pytest.mark.parametrize(
    ("token", "answer"),
    [(b"garbage", REFUSAL), (b"", REFUSAL), (b"BUG", None)],
    ids=["garbage", "empty", "defect"],
)
def test_a_bad_token_gets_the_error_token_and_one_line(
    token: bytes, answer: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "puregss.acceptor")
    with running(Settings(workers=1, limits=Limits(handshake=1.0))) as service:
        bystander = service.connect().hello()
        client = service.connect()
        client.send(token)
        assert client.receive() == answer
        assert client.receive() is None
        lines = [record for record in caplog.records if "refused" in record.message]
        assert len(lines) == 1
        assert "127.0.0.1:" in lines[0].message
        assert "\n" not in lines[0].message
        assert bystander.say(b"unmoved") == b"unmoved"


def test_oversized_and_slow_clients_are_sent_away(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "puregss.acceptor")
    with running(Settings(workers=1, limits=Limits(token=1000, handshake=0.6))) as service:
        oversized, slow, silent = service.connect(), service.connect(), service.connect()
        oversized.socket.sendall((1001).to_bytes(4, "big"))
        slow.socket.sendall((100).to_bytes(4, "big"))
        assert oversized.receive() is None
        for _ in range(5):
            slow.socket.sendall(b"x")
            time.sleep(0.05)
        assert slow.receive() is None
        assert silent.receive() is None
        text = "\n".join(record.message for record in caplog.records)
        assert text.count("refused") == 3
        assert "1001 octets" in text
        assert text.count("longer than 0.6 s") == 2


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_bad_data_ends_its_own_connection_with_one_line(topology: Topology, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "puregss.acceptor")
    with running(Settings(workers=1, topology=topology, limits=Limits(message=2000))) as service:
        good, forged, oversized = (service.connect().hello(name) for name in ("good", "forged", "oversized"))
        (pid,) = service.worker_pids
        assert forged.ask(b"FORGED token") is None
        assert oversized.ask(bytes(2001)) is None
        assert good.say(b"fine") == b"fine"
        eventually(lambda: service.count(What.CLOSED) == 2)
        text = [record.message for record in caplog.records]
        assert sum(f"handed to worker {pid}" in line for line in text) == 3
        assert sum(" forged closed by worker" in line for line in text) == 1


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_a_handler_that_raises_costs_its_connection_only(topology: Topology) -> None:
    handler = "tests.acceptor.fake_worker:picky"
    with running(Settings(workers=1, topology=topology, handler=handler)) as service:
        good, bad = service.connect().hello(), service.connect().hello()
        assert bad.say(b"raise") is None
        assert good.say(b"fine") == b"fine"
        eventually(lambda: service.count(What.CLOSED) == 1)
        (closed,) = [event for event in service.events if event.what is What.CLOSED]
        assert "the handler failed: KeyError" in closed.detail


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_an_idle_connection_is_closed(topology: Topology) -> None:
    with running(Settings(workers=1, topology=topology, limits=Limits(idle=0.4))) as service:
        client = service.connect().hello()
        assert client.say(b"hello") == b"hello"
        started = time.monotonic()
        assert client.receive() is None
        assert 0.2 < time.monotonic() - started < 3


def test_more_clients_than_the_limit_wait_for_their_turn() -> None:
    with running(Settings(workers=1, limits=Limits(connections=2))) as service:
        first, second = service.connect().hello(), service.connect().hello()
        third = service.connect()
        third.send(b"HELLO carol K")
        third.socket.settimeout(0.3)
        with pytest.raises(TimeoutError):
            third.socket.recv(1)
        first.close()
        third.socket.settimeout(10)
        assert third.socket.recv(100).endswith(b"WELCOME")
        assert second.say(b"still here") == b"still here"


def test_every_end_of_a_connection_makes_room_for_one_other() -> None:
    with running(Settings(workers=1, limits=Limits(connections=1, token=256 * 1024))) as service:
        service.connect().hello("closes").close()
        service.connect().send(b"HELLO %b quiet" % (b"too large for a hand-off" * 10_000))
        lost = service.connect().hello("is lost")
        eventually(lambda: service.count(What.HELD) == 2)
        for pid in service.worker_pids:
            os.kill(pid, signal.SIGKILL)
        assert lost.receive() is None
        waiting = service.connect().hello("waits for the next worker")
        assert waiting.say(b"here") == b"here"
        assert service.front._dispatcher.connections == 1
        waiting.close()
        eventually(lambda: service.front._dispatcher.connections == 0)
        assert [service.count(what) for what in (What.CLOSED, What.REFUSED, What.LOST)] == [2, 1, 1]


def test_an_unauthorized_client_gets_no_worker(caplog: pytest.LogCaptureFixture) -> None:
    with running(Settings(workers=1), authorize=lambda peer: peer.initiator == "alice") as service:
        assert service.connect().hello("alice").say(b"hi") == b"hi"
        mallory = service.connect().hello("mallory")
        assert mallory.receive() is None
        assert service.count(What.SENT) == 1
        assert "mallory is not allowed here" in caplog.text


def test_a_hung_worker_is_replaced_and_its_hand_offs_are_reclaimed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = tmp_path / "deaf"
    deaf.touch()
    monkeypatch.setenv("FAKE_WORKER_DEAF", str(deaf))
    with running(Settings(workers=1, limits=Limits(acknowledge=0.5))) as service:
        client = service.connect().hello()
        eventually(lambda: service.count(What.RECLAIMED) == 1)
        deaf.unlink()
        assert client.say(b"patience") == b"patience"
        assert service.front._dispatcher.connections == 1


def test_draining_lets_connections_finish() -> None:
    service = Running(Settings(limits=Limits(drain=10)))
    client = service.connect().hello()
    assert client.say(b"one") == b"one"
    service.front.drain()
    time.sleep(0.2)
    with pytest.raises(ConnectionRefusedError):
        service.connect()
    assert client.say(b"two") == b"two"
    client.close()
    service.thread.join(5)
    assert not service.thread.is_alive()
    assert service.worker_pids == []


def test_workers_get_no_way_to_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRB5_KTNAME", "/secret.keytab")
    monkeypatch.setenv("PUREGSS_TRANSFER_KEY", "secret")
    with running(Settings(workers=1)) as service, open(__file__) as other:
        (pid,) = service.worker_pids
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        assert b"KRB5" not in environment
        assert b"PUREGSS_TRANSFER" not in environment
        assert b"KRB5" not in Path(f"/proc/{pid}/cmdline").read_bytes()
        targets = [os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir()]
        assert other.name not in targets
        assert sum(target.startswith("socket:") for target in targets) == 1


def test_a_handler_that_does_not_exist_is_one_sentence() -> None:
    for handler in ("nowhere:f", "os:nothing", "nonsense"):
        with pytest.raises(AcceptorError, match=handler.partition(":")[0]) as caught:
            Running(Settings(handler=handler))
        assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can start workers as another user")
def test_workers_can_be_another_user() -> None:
    with running(Settings(workers=1, user="nobody", handler="tests.acceptor.fake_worker:read_shadow")) as service:
        (pid,) = service.worker_pids
        assert "Uid:\t65534" in Path(f"/proc/{pid}/status").read_text()
        assert service.connect().hello().say(b"?") == b"PermissionError"
    with pytest.raises(AcceptorError, match="there is no user 'noone'"):
        Running(Settings(user="noone"))


def test_contexts_outlive_a_front_that_dies() -> None:
    """In the connection topology the worker needs the front for hand-offs only."""
    script = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from puregss.acceptor.settings import Settings
from tests.acceptor.running import Running
service = Running(Settings(workers=1))
print(service.address[1], service.worker_pids[0], flush=True)
sys.stdin.read()
"""
    front = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert front.stdout is not None
    port, pid = map(int, front.stdout.readline().split())
    client = Client(("127.0.0.1", port)).hello()
    assert client.say(b"one") == b"one"
    front.kill()
    front.wait()
    assert client.say(b"two") == b"two"
    client.close()
    eventually(lambda: not Path(f"/proc/{pid}").exists() or "zombie" in Path(f"/proc/{pid}/status").read_text())


@pytest.mark.parametrize("behaviour", ["garbage", "a message of the front", "foreign numbers"])
def test_a_rogue_worker_harms_itself_only(behaviour: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One worker of two is in an attacker's hands; what it holds is its own, and the front believes it nothing else."""
    rogue = tmp_path / "rogue"
    rogue.write_text(behaviour)
    monkeypatch.setenv("FAKE_WORKER_ROGUE", str(rogue))
    with running(Settings(workers=2)) as service:
        clients = [service.connect().hello(f"client{number}") for number in range(2)]
        answers = [client.say(b"hello") if behaviour != "foreign numbers" else b"hello" for client in clients]
        if behaviour == "foreign numbers":
            eventually(lambda: service.count(What.HELD) == 1)
            assert service.count(What.CLOSED) == 0
            held = next(event.connection for event in service.events if event.what is What.HELD)
            assert clients[held - 1].say(b"mine") == b"mine"
        else:
            assert answers == [b"hello", b"hello"]
            assert service.count(What.RECLAIMED) == 1


def test_what_a_worker_has_not_acknowledged_at_the_end_is_given_up_and_told() -> None:
    """The last worker is killed after the front has stopped to listen; what it leaves must not vanish unheard."""
    with running(Settings(workers=1)) as service:
        (pid,) = service.worker_pids
        os.kill(pid, signal.SIGSTOP)
        client = service.connect().hello()
        eventually(lambda: service.count(What.SENT) == 1)
        service.stop()
        assert (service.count(What.RECLAIMED), service.count(What.REFUSED)) == (1, 1)
        assert service.front._dispatcher.connections == 0
        assert client.receive() is None
