"""Our client of KDCs against MIT's KDC, and our files against MIT's programs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from puregss.base.errors import GSSError, MissingCredentialsError
from puregss.gss.driver import run, run_async
from puregss.krb5.ccache import CachedTicket, CredentialCache
from puregss.krb5.kdc_exchange import TicketOptions
from puregss.krb5.kdc_exchange_as import as_exchange
from puregss.krb5.kdc_exchange_tgs import Asker, forwarded_tgt, obtain_ticket, renewed_ticket
from puregss.krb5.keytab import KeytabEntry
from puregss.krb5.messages.ticket import TicketFlag, decode_ticket
from puregss.krb5.preauth import ClientKeys, Password, Secret
from puregss.krb5.principal import Principal, PrincipalNameType, parse_principal, tgs_principal
from puregss.system.clock import SystemClock
from puregss.system.config import Krb5Config
from puregss.system.files_ccache import CcacheFile
from puregss.system.files_keytab import KeytabFile, save_keytab
from puregss.system.kdc_transport_async import AsyncTransport
from puregss.system.kdc_transport_blocking import BlockingTransport
from tests.interop.conftest import service_of
from tests.interop.mit_realm import ENCTYPES, PLAIN_NAMES, MitRealm

pytestmark = pytest.mark.requires("krb5kdc")

CLOCK = SystemClock()
ASKER = Asker(CLOCK, os.urandom)


def config(realm: MitRealm) -> Krb5Config:
    return Krb5Config.load([realm.config])


def principal(realm: MitRealm, text: str) -> Principal:
    return parse_principal(text, realm.realm)


def log_in(realm: MitRealm, name: str, secret: Secret, options: TicketOptions | None = None) -> CachedTicket:
    steps = as_exchange(principal(realm, name), secret, clock=CLOCK, entropy=os.urandom, options=options)
    return run(steps, BlockingTransport(config(realm)).exchange)


@pytest.fixture(scope="module", autouse=True)
def strict_user(mit_realm: MitRealm) -> None:
    """carol must authenticate beforehand."""
    mit_realm.add_user("carol", "carol's password")
    mit_realm.admin("modprinc +requires_preauth carol")


@pytest.fixture
def ccache(mit_realm: MitRealm, tmp_path: Path) -> CcacheFile:
    """Ours, with a TGT of carol."""
    options = TicketOptions(forwardable=True, renew_lifetime=86400)
    ticket = log_in(mit_realm, "carol", Password("carol's password"), options)
    cache = CcacheFile(str(tmp_path / "cc"))
    cache.save(CredentialCache(ticket.client, (ticket,)))
    return cache


def fetch(realm: MitRealm, cache: CcacheFile, server: Principal) -> CachedTicket:
    steps = obtain_ticket(cache, cache.default_principal, server, ASKER)
    return run(steps, BlockingTransport(config(realm)).exchange)


def test_by_password(mit_realm: MitRealm) -> None:
    ticket = log_in(mit_realm, "carol", Password("carol's password"), TicketOptions(forwardable=True))
    assert ticket.server == tgs_principal(mit_realm.realm)
    for flag in (TicketFlag.INITIAL, TicketFlag.PRE_AUTHENT, TicketFlag.FORWARDABLE, TicketFlag.ENC_PA_REP):
        assert ticket.flags & flag


def test_by_password_without_pre_authentication(mit_realm: MitRealm) -> None:
    assert not log_in(mit_realm, "bob", Password("bob's password")).flags & TicketFlag.PRE_AUTHENT
    with pytest.raises(MissingCredentialsError, match="cannot be opened with the password"):
        log_in(mit_realm, "bob", Password("another"))


@pytest.mark.parametrize("enctype", ENCTYPES)
def test_by_password_in_every_enctype(mit_realm: MitRealm, enctype: int) -> None:
    mit_realm.add_user(f"user{enctype}", "a pässword", [enctype])
    mit_realm.admin(f"modprinc +requires_preauth user{enctype}")
    assert log_in(mit_realm, f"user{enctype}", Password("a pässword")).flags & TicketFlag.PRE_AUTHENT


def test_by_a_keytab_of_ktadd(mit_realm: MitRealm, tmp_path: Path) -> None:
    path = mit_realm.keytab("host/localhost", path=tmp_path / "keytab")
    host = principal(mit_realm, "host/localhost")
    assert log_in(mit_realm, "host/localhost", ClientKeys(KeytabFile(str(path)), host)).client == host


def test_wrong_password_and_unknown_client(mit_realm: MitRealm) -> None:
    with pytest.raises(MissingCredentialsError, match="pre-authentication failed"):
        log_in(mit_realm, "carol", Password("wrong"))
    with pytest.raises(MissingCredentialsError, match="the client is unknown"):
        log_in(mit_realm, "nobody", Password("wrong"))


def test_with_asyncio(mit_realm: MitRealm) -> None:
    async def log_in_and_fetch() -> CachedTicket:
        transport = AsyncTransport(config(mit_realm))
        carol = principal(mit_realm, "carol")
        steps = as_exchange(carol, Password("carol's password"), clock=CLOCK, entropy=os.urandom)
        return await run_async(steps, transport.exchange)

    assert asyncio.run(log_in_and_fetch()).client == principal(mit_realm, "carol")


def test_over_tcp(mit_realm: MitRealm, tmp_path: Path) -> None:
    path = tmp_path / "krb5.conf"
    path.write_text(mit_realm.config.read_text().replace("kdc = 127", "kdc = tcp/127"))
    steps = as_exchange(principal(mit_realm, "carol"), Password("carol's password"), clock=CLOCK, entropy=os.urandom)
    assert run(steps, BlockingTransport(Krb5Config.load([path])).exchange)


@pytest.mark.parametrize("enctype", ENCTYPES)
def test_service_tickets(mit_realm: MitRealm, ccache: CcacheFile, enctype: int) -> None:
    server = principal(mit_realm, f"{service_of(enctype)}/localhost")
    ticket = fetch(mit_realm, ccache, server)
    assert ticket.server == server
    assert ticket.session_key.enctype == enctype
    assert decode_ticket(ticket.ticket).enc_part.etype == enctype


def test_klist_reads_our_cache(mit_realm: MitRealm, ccache: CcacheFile) -> None:
    fetch(mit_realm, ccache, principal(mit_realm, "host/localhost"))
    listing = mit_realm.run("klist", "-f", env=mit_realm.environment(ccache=ccache.path)).stdout
    assert f"Default principal: carol@{mit_realm.realm}" in listing
    assert f"krbtgt/{mit_realm.realm}@{mit_realm.realm}" in listing
    assert f"host/localhost@{mit_realm.realm}" in listing
    assert "Flags: FRIA" in listing


def test_kvno_uses_and_extends_our_cache_and_we_read_it_again(mit_realm: MitRealm, ccache: CcacheFile) -> None:
    mit_realm.kvno("host/localhost", ccache=ccache.path)
    host = principal(mit_realm, "host/localhost")
    found = ccache.find(ccache.default_principal, host)
    assert found is not None
    assert fetch(mit_realm, ccache, host) is found


def test_we_use_and_extend_kinits_cache_and_mit_reads_it_again(mit_realm: MitRealm, tmp_path: Path) -> None:
    path = mit_realm.kinit("alice", "-f", ccache=tmp_path / "cc")
    cache = CcacheFile(str(path))
    assert cache.default_principal == principal(mit_realm, "alice")
    assert any(entry.key == "fast_avail" for entry in cache.load().config)
    fetch(mit_realm, cache, principal(mit_realm, "host/localhost"))
    listing = mit_realm.run("klist", env=mit_realm.environment(ccache=path)).stdout
    assert f"host/localhost@{mit_realm.realm}" in listing
    mit_realm.kvno("enctype18/localhost", ccache=path)
    assert len(cache.load().tickets) == 3


def test_a_service_without_a_realm(mit_realm: MitRealm, ccache: CcacheFile) -> None:
    ticket = fetch(mit_realm, ccache, Principal(("host", "localhost"), ""))
    assert ticket.server == principal(mit_realm, "host/localhost")


def test_an_unknown_service(mit_realm: MitRealm, ccache: CcacheFile) -> None:
    with pytest.raises(GSSError, match="the service is unknown"):
        fetch(mit_realm, ccache, principal(mit_realm, "host/nowhere"))


def test_forwarding_and_renewal(mit_realm: MitRealm, ccache: CcacheFile) -> None:
    exchange = BlockingTransport(config(mit_realm)).exchange
    forwarded = run(forwarded_tgt(ccache, ccache.default_principal, ASKER), exchange)
    assert forwarded.flags & TicketFlag.FORWARDED
    (tgt,) = ccache.load().tickets
    assert run(renewed_ticket(tgt, ASKER), exchange).session_key != tgt.session_key


def test_kinit_uses_our_keytab(mit_realm: MitRealm, tmp_path: Path) -> None:
    path = mit_realm.keytab("host/localhost", path=tmp_path / "theirs")
    ours = tmp_path / "ours"
    entries = [
        KeytabEntry(key.principal, key.kvno, key.key.enctype, key.key.dangerous_material(), 1)
        for key in KeytabFile(str(path)).find(None, None, 18)
    ]
    save_keytab(str(ours), entries)
    env = mit_realm.environment(ccache=tmp_path / "cc")
    mit_realm.run("kinit", "-k", "-t", str(ours), "host/localhost", env=env)
    assert "host/localhost" in mit_realm.run("klist", "-k", str(ours), env=env).stdout


def test_no_kdc(mit_realm: MitRealm, tmp_path: Path) -> None:
    path = tmp_path / "krb5.conf"
    path.write_text(mit_realm.config.read_text().replace(str(mit_realm.port), "1"))
    steps = as_exchange(principal(mit_realm, "carol"), Password("x"), clock=CLOCK, entropy=os.urandom)
    with pytest.raises(GSSError, match=rf"no KDC of realm {mit_realm.realm} can be reached \(127\.0\.0\.1:1 \(udp\)"):
        run(steps, BlockingTransport(Krb5Config.load([path])).exchange)


@pytest.fixture(scope="module")
def neighbours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[MitRealm, MitRealm, Krb5Config]]:
    """Two realms of MIT that trust each other, and a configuration that knows both."""
    folder = tmp_path_factory.mktemp("neighbours")
    hosts = "[domain_realm]\n    www.there.test = THERE.TEST\n[libdefaults]\n"
    with (
        MitRealm(folder / "here", "HERE.TEST", libdefaults=PLAIN_NAMES + hosts) as here,
        MitRealm(folder / "there", "THERE.TEST") as there,
    ):
        for realm in (here, there):
            realm.admin('addprinc -pw "shared" krbtgt/THERE.TEST@HERE.TEST')
        here.add_user("alice", "secret")
        there.add_service("HTTP/www.there.test")
        yield here, there, Krb5Config.load([here.config, there.config])


@pytest.mark.parametrize("said", [True, False])
def test_another_realm(neighbours: tuple[MitRealm, MitRealm, Krb5Config], tmp_path: Path, said: bool) -> None:
    here, there, both = neighbours
    tgt = log_in(here, "alice", Password("secret"))
    cache = CcacheFile(str(tmp_path / "cc"))
    cache.save(CredentialCache(tgt.client, (tgt,)))
    # MIT's KDC refers names of this type only to another realm by their host.
    server = Principal(("HTTP", "www.there.test"), there.realm if said else "", PrincipalNameType.SRV_HST)
    ticket = run(obtain_ticket(cache, tgt.client, server, ASKER), BlockingTransport(both).exchange)
    assert (str(ticket.client), str(ticket.server)) == ("alice@HERE.TEST", "HTTP/www.there.test@THERE.TEST")
    assert cache.find(tgt.client, tgs_principal("THERE.TEST", "HERE.TEST")) is not None
