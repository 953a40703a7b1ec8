"""`Realm`: principals, files, environment, and the KDC with and without sockets."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import socket
import stat
import threading
import time
from pathlib import Path

import pytest

from puregss.base.errors import BadNameError, GSSError, MissingCredentialsError
from puregss.gss.driver import run, run_async
from puregss.krb5.ccache import CachedTicket, decode_ccache
from puregss.krb5.kdc_exchange_as import as_exchange
from puregss.krb5.keytab import decode_keytab
from puregss.krb5.messages.error import KrbErrorCode, decode_krb_error
from puregss.krb5.messages.kdc import AS_REQ, KdcReq, KdcReqBody, encode_kdc_req, encode_kdc_req_body
from puregss.krb5.messages.ticket import TicketFlag, decode_enc_ticket_part, decode_ticket
from puregss.krb5.preauth import Password
from puregss.krb5.principal import Principal
from puregss.realm import Policy, Realm
from puregss.system.clock import SystemClock
from puregss.system.world import SystemWorld


@pytest.fixture
def realm() -> Realm:
    """Not listening, without files."""
    realm = Realm("EXAMPLE.TEST")
    realm.add_user("alice", "secret")
    realm.add_service("host/localhost")
    return realm


def log_in(realm: Realm, user: str = "alice", password: str = "secret") -> CachedTicket:
    steps = as_exchange(realm.principal(user), Password(password), clock=SystemClock(), entropy=os.urandom)
    return run(steps, realm.exchange)


def test_names(realm: Realm) -> None:
    assert str(realm.principal("bob")) == "bob@EXAMPLE.TEST"
    assert str(realm.principal("HTTP/www")) == "HTTP/www@EXAMPLE.TEST"
    assert str(realm.principal("bob@OTHER.TEST")) == "bob@OTHER.TEST"
    with pytest.raises(BadNameError, match=r"alice@EXAMPLE\.TEST is in the realm already"):
        realm.add_user("alice")
    for stranger in (realm.remove, realm.revoke, realm.rotate_key, realm.ticket, realm.keytab_bytes):
        with pytest.raises(BadNameError, match=r"nobody@EXAMPLE\.TEST is not in the realm EXAMPLE\.TEST"):
            stranger("nobody")


def test_a_removed_user_is_gone(realm: Realm) -> None:
    assert log_in(realm).client == realm.principal("alice")
    realm.remove("alice")
    with pytest.raises(MissingCredentialsError, match="C_PRINCIPAL_UNKNOWN"):
        log_in(realm)
    realm.add_user("alice", "another")
    with pytest.raises(MissingCredentialsError):
        log_in(realm)


def test_a_removed_service_takes_its_aliases_along(realm: Realm) -> None:
    realm.add_service("HTTP/www.example.test", aliases=["HTTP/www"])
    assert len(decode_keytab(realm.keytab_bytes("HTTP/www"))) == 2
    realm.remove("HTTP/www")
    with pytest.raises(BadNameError):
        realm.keytab_bytes("HTTP/www.example.test")


def test_the_keytab_opens_the_tickets(realm: Realm, tmp_path: Path) -> None:
    realm.add_service("HTTP/localhost", enctypes=(17, 20))
    path = realm.keytab(tmp_path / "http.keytab", "HTTP/localhost")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    entries = decode_keytab(Path(path).read_bytes())
    assert [(str(e.principal), e.kvno, e.key_type) for e in entries] == [
        ("HTTP/localhost@EXAMPLE.TEST", 1, 17),
        ("HTTP/localhost@EXAMPLE.TEST", 1, 20),
    ]
    ticket = decode_ticket(realm.ticket("alice", "HTTP/localhost").ticket)
    assert (ticket.enc_part.etype, ticket.enc_part.kvno) == (17, 1)
    keys = [held.key for held in realm.service_keys("HTTP/localhost") if held.key.enctype == 17]
    assert keys[0].dangerous_material() == entries[0].key
    assert decode_enc_ticket_part(keys[0].decrypt(2, ticket.enc_part.cipher)).client == realm.principal("alice")


def test_the_default_keytab_has_every_service_and_no_user(realm: Realm) -> None:
    realm.add_service("HTTP/localhost")
    entries = decode_keytab(realm.keytab_bytes())
    assert [str(entry.principal) for entry in entries] == ["host/localhost@EXAMPLE.TEST", "HTTP/localhost@EXAMPLE.TEST"]
    users = decode_keytab(realm.keytab_bytes("alice"))
    assert [str(entry.principal) for entry in users] == ["alice@EXAMPLE.TEST"]


def test_the_ccache_holds_what_was_minted(realm: Realm, tmp_path: Path) -> None:
    path = realm.ccache("alice", tmp_path / "cc", services=["host/localhost"], lifetime=600)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    cache = decode_ccache(Path(path).read_bytes())
    assert cache.default_principal == realm.principal("alice")
    assert [ticket.server.name for ticket in cache.tickets] == ["krbtgt/EXAMPLE.TEST", "host/localhost"]
    for ticket in cache.tickets:
        assert ticket.endtime - ticket.starttime == 600
        assert abs(ticket.starttime - time.time()) < 5
        assert ticket.flags & TicketFlag.FORWARDABLE
    assert cache.tickets[0].flags & TicketFlag.INITIAL
    assert not list(tmp_path.glob(".*"))


def test_expired_tickets_can_be_minted(realm: Realm) -> None:
    ticket = realm.ticket("alice", lifetime=-60)
    assert ticket.starttime < ticket.endtime < time.time() - 55
    with realm.faults.during(ticket_expired=True):
        assert realm.ticket("alice").endtime < time.time() - 300


def test_environment(realm: Realm, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = realm.environment("alice")
    folder = realm.directory
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name, value in environment.items():
        assert value.removeprefix("FILE:").startswith(str(folder)), name
        monkeypatch.setenv(name, value)
    assert SystemWorld().config.default_realm() == "EXAMPLE.TEST"
    assert realm.environment().keys() == environment.keys()
    assert Path(environment["KRB5CCNAME"].removeprefix("FILE:")).exists()  # a later call leaves the tickets alone
    realm.close()
    assert not folder.exists()
    assert realm.directory != folder  # usable again
    realm.close()


def test_nothing_is_left_behind_without_close() -> None:
    realm = Realm()
    folder = realm.directory
    del realm
    gc.collect()
    assert not folder.exists()


def test_a_forked_child_leaves_the_parents_realm_alone(realm: Realm) -> None:
    with realm:
        realm.environment()
        child = os.fork()
        if child == 0:
            try:
                realm.close()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        assert (realm.directory / "krb5.conf").exists()
        world = SystemWorld(config=str(realm.directory / "krb5.conf"))
        steps = as_exchange(realm.principal("alice"), Password("secret"), clock=SystemClock(), entropy=os.urandom)
        assert run(steps, world.exchange).client == realm.principal("alice")


def test_a_closed_realm_starts_again_and_two_live_side_by_side() -> None:
    first, second = Realm("A.TEST"), Realm("A.TEST")
    with first, pytest.raises(GSSError, match=r"listens already, on port \d+"):
        first.start()
    assert "not listening" in repr(first)
    with first, second:
        assert 0 < first.port != second.port
        assert str(first.port) in repr(first)
    assert first.port == second.port == 0
    before = time.monotonic()
    with first:
        assert first.port
    assert time.monotonic() - before < 0.3


def test_over_sockets(realm: Realm) -> None:
    with realm:
        realm.environment()
        world = SystemWorld(config=str(realm.directory / "krb5.conf"))
        steps = as_exchange(realm.principal("alice"), Password("secret"), clock=SystemClock(), entropy=os.urandom)
        assert run(steps, world.exchange).client == realm.principal("alice")


async def _over_sockets(realm: Realm) -> CachedTicket:
    async with realm:
        realm.environment()
        world = SystemWorld(config=str(realm.directory / "krb5.conf"))
        steps = as_exchange(realm.principal("alice"), Password("secret"), clock=SystemClock(), entropy=os.urandom)
        return await run_async(steps, world.exchange_async)


def test_with_asyncio(realm: Realm) -> None:
    assert asyncio.run(_over_sockets(realm)).client == realm.principal("alice")
    assert realm.port == 0


def test_noise_on_the_port_harms_nobody(realm: Realm) -> None:
    dice = random.Random(53)
    with realm:
        for _ in range(50):
            noise = dice.choice([b"", b"\x6a", b"\x6c"]) + dice.randbytes(dice.randrange(2000))
            with socket.socket(type=socket.SOCK_DGRAM) as client:
                client.sendto(noise, ("127.0.0.1", realm.port))
            with socket.create_connection(("127.0.0.1", realm.port)) as client:
                client.sendall(dice.choice([b"", len(noise).to_bytes(4)]) + noise)
        realm.environment()
        world = SystemWorld(config=str(realm.directory / "krb5.conf"))
        steps = as_exchange(realm.principal("alice"), Password("secret"), clock=SystemClock(), entropy=os.urandom)
        assert run(steps, world.exchange).client == realm.principal("alice")


def test_threads_may_change_the_realm_while_it_answers(realm: Realm) -> None:
    """A ticket's kvno always names the key that opens it."""
    stop = threading.Event()

    def change() -> None:
        count = 0
        while not stop.is_set():
            realm.rotate_key("host/localhost")
            realm.add_user(f"user{count}")
            realm.keytab_bytes()
            realm.remove(f"user{count}")
            count += 1

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(100):
            ticket = decode_ticket(realm.ticket("alice", "host/localhost").ticket)
            entry = realm._state.database.get(realm.principal("host/localhost"))
            (key,) = entry.find_keys(ticket.enc_part.kvno, 18)
            key.decrypt(2, ticket.enc_part.cipher)
    finally:
        stop.set()
        thread.join()


def test_what_no_datagram_can_carry_goes_over_tcp(realm: Realm) -> None:
    """The KRB-ERROR repeats the names of the request, so it is as long as that."""
    name = Principal(("x" * 33000,), realm.name)
    body = KdcReqBody(0, name, realm.name, name, 0, 1, (18,))
    request = encode_kdc_req(KdcReq(AS_REQ, (), encode_kdc_req_body(body)))
    codes = [decode_krb_error(realm.answer(request, datagram) or b"").error_code for datagram in (False, True)]
    assert codes == [KrbErrorCode.KDC_ERR_C_PRINCIPAL_UNKNOWN, KrbErrorCode.KRB_ERR_RESPONSE_TOO_BIG]


def test_answers_are_messages_of_kerberos(realm: Realm) -> None:
    assert realm.answer(b"noise") is None
    assert decode_krb_error(realm.too_long()).error_code == KrbErrorCode.KRB_ERR_FIELD_TOOLONG


def test_policy_and_clock() -> None:
    realm = Realm(policy=Policy(max_life=60), clock=lambda: 1_000_000.5)
    realm.add_user("alice")
    ticket = realm.ticket("alice")
    assert (ticket.starttime, ticket.endtime) == (1_000_000, 1_000_060)
    realm.faults.clock_offset = -10
    assert realm.now() == 999_990.5


def test_preauthentication_can_be_waived() -> None:
    realm = Realm()
    realm.add_user("carol", "secret", preauthentication=False)
    assert not log_in(realm, "carol").flags & TicketFlag.PRE_AUTHENT
