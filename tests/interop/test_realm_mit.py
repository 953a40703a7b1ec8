"""MIT's kinit, kvno, klist, gss-client and gss-server against the embedded realm."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from puregss.krb5.ccache import CachedTicket, decode_ccache
from puregss.krb5.messages.ticket import TicketFlag
from puregss.realm import Realm
from tests.interop.mit_realm import ENCTYPES
from tests.interop.realm_programs import PASSWORD, attempt, environment, log_in, run
from tests.interop.servers import free_port, running
from tests.peers import program

pytestmark = pytest.mark.requires("krb5kdc")


@pytest.fixture
def realm() -> Iterator[Realm]:
    realm = Realm()
    realm.add_user("alice", PASSWORD)
    realm.add_service("host/localhost")
    with realm:
        yield realm


def cached(realm: Realm, server: str) -> CachedTicket:
    """A ticket that MIT's programs put into the cache."""
    cache = decode_ccache((realm.directory / "krb5cc").read_bytes())
    return next(ticket for ticket in cache.tickets if ticket.server.name == server)


@pytest.mark.parametrize("enctype", ENCTYPES, ids=ENCTYPES.get)
def test_every_enctype(enctype: int) -> None:
    realm = Realm(enctypes=(enctype,))
    realm.add_user("alice", PASSWORD)
    realm.add_service("host/localhost")
    with realm:
        log_in(realm)
        assert run(realm, "kvno", "host/localhost") == "host/localhost@EXAMPLE.TEST: kvno = 1\n"
        assert run(realm, "klist", "-e").count(f"{ENCTYPES[enctype]}, {ENCTYPES[enctype]}") == 2
        assert "valid" in run(realm, "kvno", "-k", realm.keytab(), "host/localhost")  # the keytab opens the ticket
        run(realm, "kinit", "-k", "host/localhost")
        assert "Default principal: host/localhost@EXAMPLE.TEST" in run(realm, "klist")


@pytest.mark.requires("gss-samples")
@pytest.mark.parametrize("enctype", ENCTYPES, ids=ENCTYPES.get)
def test_gss_samples(enctype: int, tmp_path: Path) -> None:
    """A minted cache is enough for the initiator; delegation fetches a forwarded TGT."""
    realm = Realm(enctypes=(enctype,))
    realm.add_user("alice", PASSWORD)
    realm.add_service("host/localhost")
    port = free_port()
    server, log = program("gss-server") or "", tmp_path / "log"
    with realm, running([server, "-port", str(port), "host@localhost"], port, environment(realm), log):
        realm.ccache("alice")
        output = run(realm, "gss-client", "-port", str(port), "-d", "localhost", "host@localhost", "a message")
        assert "Signature verified" in output
        assert '"alice@EXAMPLE.TEST" to "host/localhost@EXAMPLE.TEST"' in output
        assert "GSS_C_DELEG_FLAG" in output
        deadline = time.monotonic() + 5
        while 'Received message: "a message"' not in log.read_text():
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)


def test_without_a_kdc() -> None:
    """Minted TGT and service ticket, nothing listening."""
    realm = Realm()
    realm.add_user("alice")
    realm.add_service("host/localhost")
    realm.ccache("alice", services=["host/localhost"])
    assert "valid" in run(realm, "kvno", "--cached-only", "-k", realm.keytab(), "host/localhost")
    realm.close()


def test_flags_and_lifetimes(realm: Realm) -> None:
    log_in(realm, "-f", "-p", "-l", "1h", "-r", "2d")
    tgt = cached(realm, "krbtgt/EXAMPLE.TEST")
    for flag in ("FORWARDABLE", "PROXIABLE", "RENEWABLE", "INITIAL", "PRE_AUTHENT"):
        assert tgt.flags & TicketFlag[flag]
    assert 3595 <= tgt.endtime - tgt.starttime <= 3600
    run(realm, "kinit", "-R")
    renewed = cached(realm, "krbtgt/EXAMPLE.TEST")
    assert not renewed.flags & TicketFlag.INITIAL
    assert renewed.renew_till == tgt.renew_till
    assert renewed.session_key != tgt.session_key


def test_postdated_and_validated(realm: Realm) -> None:
    log_in(realm, "-s", "1m")
    assert cached(realm, "krbtgt/EXAMPLE.TEST").flags & TicketFlag.INVALID
    assert "not yet valid" in attempt(realm, "kinit", "-v").stderr
    realm.faults.clock_offset = 60
    run(realm, "kinit", "-v")
    assert not cached(realm, "krbtgt/EXAMPLE.TEST").flags & TicketFlag.INVALID


def test_addresses(realm: Realm) -> None:
    log_in(realm, "-a")
    run(realm, "kvno", "host/localhost")
    assert cached(realm, "host/localhost").addresses == cached(realm, "krbtgt/EXAMPLE.TEST").addresses


def test_user_to_user(realm: Realm) -> None:
    realm.add_user("bob")
    log_in(realm)
    theirs = realm.ccache("bob", realm.directory / "bob")
    output = run(realm, "kvno", "--u2u", f"FILE:{theirs}", "bob")
    assert output == "bob@EXAMPLE.TEST: kvno = 0\n"
    assert cached(realm, "bob").is_skey


def test_names(realm: Realm) -> None:
    run(realm, "kinit", "-E", "-C", "alice@EXAMPLE.TEST", input=f"{PASSWORD}\n")
    assert "Default principal: alice@EXAMPLE.TEST" in run(realm, "klist")
    realm.add_service("HTTP/www.example.test", aliases=["HTTP/web.example.test"])
    assert "kvno = 1" in run(realm, "kvno", "HTTP/web.example.test")


def test_referrals_and_other_realms(realm: Realm) -> None:
    """Two hops away, found by the KDCs and not by the client's configuration."""
    with Realm("MIDDLE.TEST") as middle, Realm("FAR.TEST") as far:
        realm.trust(middle)
        middle.trust(far)
        far.add_service("host/www.far.test")
        log_in(realm)
        assert "kvno = 1" in run(realm, "kvno", "-S", "host", "www.far.test")
        keytab = far.keytab(far.directory / "far.keytab")
        assert "valid" in run(realm, "kvno", "-k", keytab, "host/www.far.test@FAR.TEST")
        log_in(realm)
        run(realm, "kvno", "host/www.far.test@FAR.TEST")
        assert "krbtgt/FAR.TEST@" in run(realm, "klist")
        far.add_user("bob", "secret")
        run(realm, "kinit", "-C", "-E", "bob@FAR.TEST", input="secret\n")
        assert "Default principal: bob@FAR.TEST" in run(realm, "klist")


def test_tcp(realm: Realm) -> None:
    realm.faults.datagram_limit = 0
    log_in(realm)
    assert "kvno = 1" in run(realm, "kvno", "host/localhost")


def test_a_lost_datagram(realm: Realm) -> None:
    realm.faults.drop = 1
    log_in(realm)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"wrong_nonce": True}, "KDC reply did not match expectations"),
        ({"wrong_client": True}, "KDC reply did not match expectations"),
        ({"wrong_server": True}, "KDC reply did not match expectations"),
        ({"wrong_key": True}, "Password incorrect"),
        ({"reject_preauthentication": True}, "Password incorrect|Preauthentication failed"),
        ({"error_code": 12}, "KDC policy rejects request"),
        ({"truncate": 30}, "ASN.1|Cannot contact any KDC"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_faults_are_noticed(realm: Realm, fault: dict[str, int], message: str) -> None:
    """What each fault is like for others, and that they too do not fall for it."""
    with realm.faults.during(**fault):
        done = attempt(realm, "kinit", "alice", input=f"{PASSWORD}\n")
        assert done.returncode == 1
        assert re.search(message, done.stderr), done.stderr
    log_in(realm)


def test_states_are_noticed(realm: Realm) -> None:
    assert "Password incorrect" in attempt(realm, "kinit", "alice", input="a guess\n").stderr
    assert "not found in Kerberos database" in attempt(realm, "kinit", "nobody").stderr
    log_in(realm)
    assert "not found in Kerberos database" in attempt(realm, "kvno", "nobody/localhost").stderr
    yesterday = realm.keytab(realm.directory / "yesterday")
    realm.rotate_key("host/localhost")
    assert "kvno = 2" in attempt(realm, "kvno", "host/localhost").stdout
    assert "kvno = 2, keytab entry invalid" in attempt(realm, "kvno", "-k", yesterday, "host/localhost").stderr
    realm.revoke("alice")
    assert "credentials have been revoked" in attempt(realm, "kinit", "alice", input=f"{PASSWORD}\n").stderr
    realm.ccache("alice", lifetime=-600)
    assert "expired" in attempt(realm, "kvno", "host/localhost").stderr.lower()


def test_from_a_shell() -> None:
    command = [sys.executable, "-c", "from puregss.cli.realm import realm; realm()", "--user", "alice:secret"]
    script = "kvno host/localhost && kdestroy && echo secret | kinit alice && klist -k"
    done = subprocess.run([*command, "--", "sh", "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert "host/localhost@EXAMPLE.TEST: kvno = 1" in done.stdout
    assert "1 host/localhost@EXAMPLE.TEST" in done.stdout
