"""RFC 4120 §1: a whole Kerberos realm inside this process, for tests and demonstrations. Never for production.

Keys are random, passwords are kept nowhere, nothing survives `close`; but no request is rate-limited, logged or
checked for replay, and whoever can read this process's memory or folder owns the realm.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from puregss.base.errors import BadNameError, GSSError
from puregss.base.mechanism import KdcRequest
from puregss.kcrypto.enctypes import EncType
from puregss.kcrypto.key import random_key
from puregss.krb5.ccache import CachedTicket, CredentialCache, encode_ccache
from puregss.krb5.keytab import KeytabEntry, encode_keytab
from puregss.krb5.messages.error import KrbErrorCode
from puregss.krb5.messages.fields import MINOR_BASE
from puregss.krb5.messages.ticket import TicketFlag
from puregss.krb5.ports import ServiceKey
from puregss.krb5.principal import Principal, PrincipalNameType, parse_principal, tgs_principal
from puregss.realm.configuration import krb5_conf, plain
from puregss.realm.database import Database, Entry
from puregss.realm.faults import Faults
from puregss.realm.kdc import handle, krb_error
from puregss.realm.policy import Policy
from puregss.realm.refusal import Refusal
from puregss.realm.server import Server
from puregss.realm.state import RealmState
from puregss.realm.tickets import mint
from puregss.realm.trust import Neighbourhood

KDC_UNREACHABLE = MINOR_BASE + 156
REALM_UNKNOWN = MINOR_BASE + 154
MAX_DATAGRAM = 65507  # what IPv4 carries over UDP
MINTED_FLAGS = TicketFlag.FORWARDABLE | TicketFlag.PROXIABLE | TicketFlag.RENEWABLE | TicketFlag.PRE_AUTHENT


class Realm:
    """A realm with its KDC.

        with Realm("EXAMPLE.TEST") as realm:        # listens on a free port of 127.0.0.1
            realm.add_user("alice", "password")
            realm.add_service("HTTP/localhost")
            subprocess.run([...], env={**os.environ, **realm.environment()})

    Without `with`, nothing listens: `keytab`, `ccache`, `ticket` and `exchange` work without sockets.
    `faults` makes the KDC misbehave. Methods may be called from any thread.
    """

    def __init__(
        self,
        name: str = "EXAMPLE.TEST",
        *,
        enctypes: Sequence[int] = (EncType.AES256_CTS_HMAC_SHA1_96,),
        policy: Policy | None = None,
        port: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`enctypes`: those every principal gets a key of, in order of preference. `port` 0 is a free one.

        BadNameError for a name that a krb5.conf could not hold.
        """
        if not plain(name):
            raise BadNameError(f"{name!r} cannot be the name of a realm: use letters, digits, dots and dashes")
        self.name = name
        self.faults = Faults()
        self._clock = clock
        self._port = port
        self._state = RealmState(
            name,
            Database(name, enctypes, os.urandom),
            Neighbourhood(name, {"localhost"}),
            policy or Policy(),
            self.faults,
            os.urandom,
        )
        self._server = Server(self)
        self._family: dict[str, Realm] = {name: self}
        self._directory: Path | None = None

    @property
    def enctypes(self) -> tuple[int, ...]:
        """Those every principal gets a key of, in order of preference."""
        return self._state.database.enctypes

    # -- principals --

    def principal(self, name: str) -> Principal:
        """`name` as a principal of this realm (`@OTHER.REALM` may say another)."""
        principal = parse_principal(name, self.name)
        if len(principal.components) == 2 and not principal.is_tgs:
            return Principal(principal.components, principal.realm, PrincipalNameType.SRV_HST)
        return principal

    def add_user(
        self,
        name: str,
        password: str | None = None,
        *,
        enctypes: Sequence[int] | None = None,
        preauthentication: bool = True,
    ) -> Principal:
        """Enter a user. Without a password the keys are random, for `keytab` and `ccache` alone."""
        entry = self._state.database.add(
            self.principal(name), password, enctypes=enctypes, require_preauthentication=preauthentication
        )
        return entry.principal

    def add_service(
        self,
        name: str,
        *,
        enctypes: Sequence[int] | None = None,
        ok_as_delegate: bool = False,
        aliases: Iterable[str] = (),
    ) -> Principal:
        """Enter a service such as `HTTP/www.example.test`, with random keys; its host belongs to this realm from now.

        `enctypes` are those of its keys, of its tickets' session keys too.
        """
        database = self._state.database
        entry = database.add(self.principal(name), enctypes=enctypes)
        entry.ok_as_delegate = ok_as_delegate
        for alias in aliases:
            database.add_alias(self.principal(alias), entry)
        for principal in (entry.principal, *entry.aliases):
            self._state.neighbourhood.hosts.update(principal.components[1:2])
        return entry.principal

    def remove(self, name: str) -> None:
        """From now on nobody knows this principal."""
        self._state.database.remove(self.principal(name))

    def revoke(self, name: str, revoked: bool = True) -> None:
        """From now on this user is locked out (KDC_ERR_CLIENT_REVOKED), or let in again."""
        self._state.database.get(self.principal(name)).revoked = revoked

    def rotate_key(self, name: str, password: str | None = None) -> int:
        """New keys for a principal; the new kvno. Keytabs written before do not open tickets issued from now on."""
        return self._state.database.rotate(self.principal(name), password)

    def trust(self, other: Realm) -> None:
        """Share keys with another embedded realm, both ways: clients of either reach the services of both."""
        for issuer, target in ((self, other), (other, self)):
            principal = tgs_principal(target.name, issuer.name)
            keys = [random_key(enctype, os.urandom) for enctype in issuer._state.database.enctypes]
            for realm in (issuer, target):
                realm._state.database.add_shared(principal, keys)
            issuer._state.neighbourhood.neighbours[target.name] = target._state.neighbourhood
        family = self._family | other._family
        for realm in family.values():
            realm._family = family

    # -- keys and tickets, without asking the KDC --

    def keytab(self, path: str | os.PathLike[str] | None = None, *names: str) -> str:
        """Write a keytab with the newest keys of `names` (of every service, if none is named); its path.

        Without `path` it is the realm's own, the one `environment` names.
        """
        target = self.directory / "krb5.keytab" if path is None else Path(path)
        _write_private(target, self.keytab_bytes(*names))
        return str(target)

    def keytab_bytes(self, *names: str) -> bytes:
        """The same keytab as octets."""
        now = int(self.now())
        return encode_keytab(
            KeytabEntry(held.principal, held.kvno, held.key.enctype, held.key.dangerous_material(), now)
            for held in self.service_keys(*names)
        )

    def service_keys(self, *names: str) -> list[ServiceKey]:
        """The newest keys of `names`, or of every service. BadNameError for a stranger's name."""
        entries = [self._state.database.get(self.principal(name)) for name in names] or self._services()
        return [
            ServiceKey(principal, newest.kvno, key)
            for entry, newest in [(entry, entry.newest) for entry in entries]
            for principal in (entry.principal, *entry.aliases)
            for key in newest.keys
        ]

    def serves(self, host: str) -> bool:
        """Whether services of `host` are in this realm."""
        return self._state.neighbourhood.serves(host)

    def ccache(
        self,
        user: str,
        path: str | os.PathLike[str] | None = None,
        *,
        services: Iterable[str] = (),
        lifetime: float | None = None,
        flags: int = MINTED_FLAGS,
    ) -> str:
        """Write a credential cache with a TGT of `user`, and tickets for `services`; its path. No KDC is asked.

        Without `path` it is the realm's own, the one `environment` names. `lifetime` in seconds; below 0 the tickets
        have expired so long ago.
        """
        target = self.directory / "krb5cc" if path is None else Path(path)
        tickets = [self.ticket(user, server, lifetime=lifetime, flags=flags) for server in (None, *services)]
        _write_private(target, encode_ccache(CredentialCache(tickets[0].client, tuple(tickets))))
        return str(target)

    def ticket(
        self, user: str, server: str | None = None, *, lifetime: float | None = None, flags: int = MINTED_FLAGS
    ) -> CachedTicket:
        """A ticket of `user` for `server` (None: a TGT), minted without asking the KDC. BadNameError for strangers."""
        database = self._state.database
        client = database.get(self.principal(user)).principal
        entry = database.tgs if server is None else database.get(self.principal(server))
        name = entry.principal if server is None else self.principal(server)
        life = self._state.policy.max_life if lifetime is None else int(lifetime)
        grant, ticket = mint(self._state, client, name, entry, int(self.now()), life, flags)
        terms = grant.terms
        return CachedTicket(
            client,
            name,
            grant.session_key,
            terms.authtime,
            terms.starttime,
            terms.endtime,
            terms.renew_till or 0,
            terms.flags,
            ticket,
        )

    # -- the environment of programs --

    @property
    def directory(self) -> Path:
        """The realm's folder, for this user's eyes only; gone after `close`."""
        if self._directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix="puregss-realm-"))
            self._remove_directory = weakref.finalize(self, _remove, self._directory, os.getpid())
        return self._directory

    def environment(self, user: str | None = None) -> dict[str, str]:
        """Variables that put a program of MIT, Heimdal or puregss into the realm.

        Writes the krb5.conf and a keytab of all services as they are now; with `user` also a credential cache with
        that user's TGT, else the one named there is whatever `ccache` or a `kinit` puts into it.
        """
        keytab, ccache = f"FILE:{self.keytab()}", f"FILE:{self.directory / 'krb5cc'}"
        if user is not None:
            self.ccache(user)
        ports = {name: realm.port for name, realm in self._family.items()}
        hosts = sorted(filter(plain, self._state.neighbourhood.hosts))
        configuration = self.directory / "krb5.conf"
        configuration.write_text(krb5_conf(self.name, ports, hosts, keytab, ccache, self._paths()))
        return {
            "KRB5_CONFIG": str(configuration),
            "KRB5CCNAME": ccache,
            "KRB5_KTNAME": keytab,
            "KRB5RCACHEDIR": str(self.directory),
        }

    def _paths(self) -> dict[tuple[str, str], list[str]]:
        """The realms between any two of the family."""
        return {
            (client.name, server): path[:-1]
            for client in self._family.values()
            for server in self._family
            if (path := client._state.neighbourhood.path(server))
        }

    # -- the KDC --

    def now(self) -> float:
        """The realm's time, in seconds since 1970."""
        return self._clock() + self.faults.clock_offset

    @property
    def port(self) -> int:
        """Where the KDC listens on 127.0.0.1, UDP and TCP; 0 if it does not."""
        return self._server.port

    def answer(self, request: bytes, datagram: bool = False) -> bytes | None:
        """What the KDC says to one request; None for silence. Delay and truncation are the transport's business."""
        if self.faults.drops():
            return None
        now = self.now()
        reply = handle(self._state, request, now)
        limit = MAX_DATAGRAM if self.faults.datagram_limit is None else self.faults.datagram_limit
        if datagram and reply is not None and len(reply) > limit:
            return krb_error(self._state, Refusal(KrbErrorCode.KRB_ERR_RESPONSE_TOO_BIG, "ask again over TCP"), now)
        return reply

    def too_long(self) -> bytes:
        """What the KDC says to a request longer than it reads (RFC 4120 §7.2.2)."""
        refusal = Refusal(KrbErrorCode.KRB_ERR_FIELD_TOOLONG, "the request is longer than this KDC reads")
        return krb_error(self._state, refusal, self.now())

    def exchange(self, request: KdcRequest) -> bytes:
        """The answer of this realm's KDC, or of one it trusts, without a socket. GSSError where none comes."""
        realm = self._family.get(request.realm)
        if realm is None:
            raise GSSError(
                f"there is no KDC for the realm {request.realm}; {self.name} trusts no such realm", minor=REALM_UNKNOWN
            )
        reply = realm.answer(request.message)
        if realm.faults.delay:
            time.sleep(realm.faults.delay)
        if reply is None:
            raise GSSError(f"no KDC of the realm {request.realm} answers", minor=KDC_UNREACHABLE)
        return reply[: realm.faults.truncate]

    async def exchange_async(self, request: KdcRequest) -> bytes:
        """The same without holding up the event loop."""
        return await asyncio.to_thread(self.exchange, request)

    def start(self) -> Self:
        """Listen. GSSError if the port is taken."""
        self._server.start(self._port)
        return self

    def close(self) -> None:
        """Stop listening and delete the realm's folder."""
        self._server.close()
        if self._directory is not None:
            self._remove_directory()
            self._directory = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.close)

    def __repr__(self) -> str:
        return f"<Realm {self.name}, {f'port {self.port}' if self.port else 'not listening'}>"

    def _services(self) -> list[Entry]:
        entries = self._state.database.entries()
        return [entry for entry in entries if entry.client and len(entry.principal.components) > 1]


def _remove(directory: Path, owner: int) -> None:
    """A child of a fork that goes before its parent leaves the parent's folder alone."""
    if os.getpid() == owner:
        shutil.rmtree(directory, ignore_errors=True)


def _write_private(path: Path, octets: bytes) -> None:
    """Replace `path` whole: a reader sees the old file or the new one."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "wb") as file:
        file.write(octets)
    os.replace(draft, path)
