"""Heimdal's kinit and kgetcred against the embedded realm."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from puregss.krb5.ccache import CredentialCache, decode_ccache
from puregss.krb5.messages.ticket import TicketFlag
from puregss.realm import Realm
from tests.interop.mit_realm import AES, ENCTYPES
from tests.interop.realm_programs import PASSWORD, attempt_heimdal, password_file

pytestmark = pytest.mark.requires("heimdal-clients")


@pytest.fixture
def realm() -> Iterator[Realm]:
    realm = Realm()
    realm.add_user("alice", PASSWORD)
    realm.add_service("host/localhost")
    with realm:
        yield realm


def run(realm: Realm, *command: str) -> None:
    done = attempt_heimdal(realm, *command)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


def log_in(realm: Realm, *options: str) -> None:
    run(realm, "kinit.heimdal", f"--password-file={password_file(realm)}", *options, "alice")


def cache(realm: Realm) -> CredentialCache:
    return decode_ccache((realm.directory / "krb5cc").read_bytes())


@pytest.mark.parametrize("enctype", AES, ids=ENCTYPES.get)
def test_every_enctype_heimdal_has(enctype: int) -> None:
    realm = Realm(enctypes=(enctype,))
    realm.add_user("alice", PASSWORD)
    realm.add_service("host/localhost")
    with realm:
        log_in(realm)
        run(realm, "kgetcred", "host/localhost@EXAMPLE.TEST")
        held = {ticket.server.name: ticket.session_key.enctype for ticket in cache(realm).tickets}
        assert held == {"krbtgt/EXAMPLE.TEST": enctype, "host/localhost": enctype}
        run(realm, "kinit.heimdal", "--use-keytab", "host/localhost")
        assert cache(realm).default_principal == realm.principal("host/localhost")


def test_flags_and_renewal(realm: Realm) -> None:
    log_in(realm, "--forwardable", "--proxiable", "--renewable", "--lifetime=1h")
    (tgt,) = cache(realm).tickets
    for flag in ("FORWARDABLE", "PROXIABLE", "RENEWABLE", "INITIAL", "PRE_AUTHENT"):
        assert tgt.flags & TicketFlag[flag]
    run(realm, "kinit.heimdal", "--renew")
    renewed = cache(realm).tickets[0]
    assert not renewed.flags & TicketFlag.INITIAL
    assert renewed.session_key != tgt.session_key


def test_forwarding(realm: Realm) -> None:
    log_in(realm, "--forwardable")
    run(realm, "kgetcred", "--forward", "krbtgt/EXAMPLE.TEST@EXAMPLE.TEST")


def test_other_realms(realm: Realm) -> None:
    with Realm("FAR.TEST") as far:
        realm.trust(far)
        far.add_service("host/www.far.test")
        log_in(realm)
        run(realm, "kgetcred", "host/www.far.test@FAR.TEST")
        servers = {str(ticket.server) for ticket in cache(realm).tickets}
        assert {"krbtgt/FAR.TEST@EXAMPLE.TEST", "host/www.far.test@FAR.TEST"} <= servers
        run(realm, "kgetcred", "--canonicalize", "--name-type=srv_hst", "host/www.far.test@EXAMPLE.TEST")


def test_tcp(realm: Realm) -> None:
    realm.faults.datagram_limit = 0
    log_in(realm)
    run(realm, "kgetcred", "host/localhost@EXAMPLE.TEST")


@pytest.mark.parametrize("fault", ["wrong_nonce", "wrong_key", "reject_preauthentication"])
def test_faults_are_noticed(realm: Realm, fault: str) -> None:
    """All but `wrong_server`: Heimdal 7.8's kinit keeps a ticket that is described as another server's."""
    with realm.faults.during(**{fault: True}):
        command = ["kinit.heimdal", f"--password-file={password_file(realm)}", "alice"]
        assert attempt_heimdal(realm, *command).returncode != 0
    log_in(realm)


def test_states_are_noticed(realm: Realm) -> None:
    wrong = attempt_heimdal(realm, "kinit.heimdal", f"--password-file={password_file(realm, 'a guess')}", "alice")
    assert "Password incorrect" in wrong.stderr
    log_in(realm)
    assert attempt_heimdal(realm, "kgetcred", "nobody/localhost@EXAMPLE.TEST").returncode != 0
    realm.revoke("alice")
    command = ["kinit.heimdal", f"--password-file={password_file(realm)}", "alice"]
    assert "revoked" in attempt_heimdal(realm, *command).stderr.lower()
