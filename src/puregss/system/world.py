"""RFC 2743 §1.1: this machine as the calls see it: its clock, its files, its KDCs, its transfer domain."""

from __future__ import annotations

import os
import pwd
import socket
from functools import cached_property

from puregss.base.errors import BadNameError
from puregss.base.mechanism import KdcRequest
from puregss.base.ports import Clock, Entropy
from puregss.krb5.name_local import DEFAULT, local_name
from puregss.krb5.ports import CLOCK_SKEW, KeySource, ReplayCache, TicketStore
from puregss.krb5.principal import Principal
from puregss.system.clock import SystemClock
from puregss.system.config import Krb5Config
from puregss.system.domains import TransferDomain
from puregss.system.files import ccache_name, keytab_name
from puregss.system.files_ccache import CcacheFile
from puregss.system.files_k5login import read_k5login
from puregss.system.files_keytab import KeytabFile
from puregss.system.kdc_transport import KdcFinder
from puregss.system.kdc_transport_async import AsyncTransport
from puregss.system.kdc_transport_blocking import BlockingTransport
from puregss.system.replay_cache import replay_cache_from_environment


class SystemWorld:
    """What `world=` of Credentials and SecurityContext takes. Arguments stand in for the environment's.

    `config` is the path of a krb5.conf, `keytab` and `ccache` are names such as `FILE:/etc/krb5.keytab`,
    `transfer_domain` is a URL, `replay_cache` a store of one's own (a `krb5.ports.ReplayCache`).
    Everything is read when it is first needed; nothing of it changes under contexts that exist.
    Safe in any thread.
    """

    entropy: Entropy = staticmethod(os.urandom)

    def __init__(
        self,
        *,
        config: str | None = None,
        keytab: str | None = None,
        ccache: str | None = None,
        transfer_domain: str | None = None,
        replay_cache: ReplayCache | None = None,
    ) -> None:
        self.clock: Clock = SystemClock()
        self._config_path = config
        self._keytab = keytab
        self._ccache = ccache
        self._transfer_domain_url = transfer_domain
        self._replay_cache = replay_cache
        self._replay_caches: dict[int, ReplayCache | None] = {}
        self._key_sources: dict[str, KeySource] = {}
        self._ticket_stores: dict[str, TicketStore] = {}

    @cached_property
    def config(self) -> Krb5Config:
        """krb5.conf, as it was when it was first needed."""
        return Krb5Config.load([self._config_path] if self._config_path else None)

    # Files

    def key_source(self, name: str | None) -> KeySource:
        """The keytab `name`; by default this world's, then KRB5_KTNAME, then krb5.conf's."""
        name = name or self._keytab or keytab_name(self.config)
        source = self._key_sources.get(name)
        return source or self._key_sources.setdefault(name, KeytabFile(name))

    def ticket_store(self, name: str | None) -> TicketStore:
        """The credential cache `name`; by default this world's, then KRB5CCNAME, then krb5.conf's."""
        name = name or self._ccache or ccache_name(self.config)
        store = self._ticket_stores.get(name)
        return store or self._ticket_stores.setdefault(name, CcacheFile(name))

    def replay_cache(self) -> ReplayCache | None:
        """By default the one MIT krb5 would use, so that its acceptors and ours refuse each other's replays."""
        if self._replay_cache is not None:
            return self._replay_cache
        user = os.geteuid()  # who gives up rights after the first context gets a file of their own
        if user not in self._replay_caches:
            self._replay_caches[user] = replay_cache_from_environment(
                configured=self.config.setting("default_rcache_name"), skew=self._clock_skew
            )
        return self._replay_caches[user]

    # Realms, hosts, users

    def default_realm(self) -> str:
        """krb5.conf's default_realm."""
        return self.config.default_realm()

    def realm_of_host(self, host: str) -> str:
        """krb5.conf's [domain_realm]; empty where only the KDC can tell."""
        return self.config.realm_of_host(host)

    def canonical_host(self, host: str) -> str:
        """The host in lower case; asked of DNS only where krb5.conf says `dns_canonicalize_hostname = true`.

        RFC 4120 §1.3 forbids trusting unprotected DNS with a server's name: whoever forges the answer chooses
        whom the ticket is for.
        """
        host = host.lower().removesuffix(".")
        if not self.config.boolean("dns_canonicalize_hostname", False):
            return host
        try:
            canonical = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)[0][3]
        except (OSError, UnicodeError):
            return host
        return canonical.lower().removesuffix(".") or host

    def local_host(self) -> str:
        """This machine's name, with its domain where the system knows it."""
        name = socket.gethostname()
        return (name if "." in name else socket.getfqdn(name)).lower()

    def user_of_uid(self, uid: int) -> str:
        """The login name. BadNameError if there is no such user."""
        try:
            return pwd.getpwuid(uid).pw_name
        except (KeyError, OverflowError):
            raise BadNameError(f"this machine has no user {uid}") from None

    def local_account(self, principal: Principal) -> str | None:
        """By the default realm's auth_to_local_names and auth_to_local."""
        realm, profile = self.config.default_realm(), self.config.profile
        names = {
            name: account
            for name in profile.names("realms", realm, "auth_to_local_names")
            if (account := profile.first("realms", realm, "auth_to_local_names", name))
        }
        return local_name(principal, realm, profile.values("realms", realm, "auth_to_local") or (DEFAULT,), names)

    def welcome_principals(self, user: str) -> frozenset[str] | None:
        """The lines of the user's ~/.k5login; nobody where the file is not safe to believe."""
        return read_k5login(user)

    def transit_path(self, client_realm: str, server_realm: str) -> list[str] | None:
        """krb5.conf's [capaths]."""
        return self.config.transit_path(client_realm, server_realm)

    def clock_skew(self) -> int:
        """krb5.conf's clockskew."""
        return self._clock_skew

    @cached_property
    def _clock_skew(self) -> int:
        return self.config.duration("clockskew", CLOCK_SKEW)

    def permitted_enctypes(self) -> tuple[int, ...]:
        """krb5.conf's permitted_enctypes, as far as we have them."""
        return self._permitted_enctypes

    @cached_property
    def _permitted_enctypes(self) -> tuple[int, ...]:
        return self.config.enctypes("permitted_enctypes")

    def ignore_acceptor_hostname(self) -> bool:
        """krb5.conf's ignore_acceptor_hostname, for machines of several names."""
        return self.config.boolean("ignore_acceptor_hostname", False)

    # KDCs and transfer

    def exchange(self, request: KdcRequest) -> bytes:
        """Ask a KDC of the request's realm, over UDP and TCP."""
        return BlockingTransport(self.config, finder=self._finder).exchange(request)

    async def exchange_async(self, request: KdcRequest) -> bytes:
        """The same without blocking the event loop."""
        return await AsyncTransport(self.config, finder=self._finder).exchange(request)

    @cached_property
    def _finder(self) -> KdcFinder:
        return KdcFinder(self.config)

    def transfer_domain(self) -> TransferDomain:
        """The default transfer domain: this world's, then PUREGSS_TRANSFER_DOMAIN, then `dir:`."""
        return self._transfer_domain

    @cached_property
    def _transfer_domain(self) -> TransferDomain:
        return TransferDomain.from_url(self._transfer_domain_url)
