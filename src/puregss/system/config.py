"""krb5.conf: what the administrator says about realms, hosts, KDCs and defaults."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from puregss.base.errors import GSSError
from puregss.kcrypto.enctypes import SUPPORTED
from puregss.system.config_profile import Profile, load_profile
from puregss.system.config_values import parse_boolean, parse_duration, parse_enctypes, parse_host_port

DEFAULT_PATHS: Final = ("/etc/krb5.conf", "/usr/local/etc/krb5.conf")
KDC_PORT: Final = 88
_SECTION: Final = "libdefaults"
_LONGEST_HOST: Final = 255

T = TypeVar("T")


class KdcAddress(NamedTuple):
    """Where a KDC listens; `transport` is `udp` or `tcp`, or empty for both."""

    host: str
    port: int = KDC_PORT
    transport: str = ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" + (f" ({self.transport})" if self.transport else "")


class Krb5Config:
    """The configuration as it was when it was loaded. Values that make no sense raise GSSError where they are used."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile

    @classmethod
    def load(cls, paths: Sequence[str | Path] | None = None, environ: Mapping[str, str] = os.environ) -> Krb5Config:
        """The files of `paths`, of KRB5_CONFIG (colons between them), or of the system. Missing ones are skipped."""
        if paths is None:
            named = environ.get("KRB5_CONFIG")
            paths = [path for path in named.split(":") if path] if named else DEFAULT_PATHS
        return cls(load_profile(map(Path, paths)))

    def describe(self) -> str:
        """The files this came from, for messages."""
        return ", ".join(map(str, self.profile.sources)) or "krb5.conf (there is none)"

    def setting(self, name: str, realm: str | None = None) -> str | None:
        """A value of [libdefaults], its realm's own subsection first."""
        own = None if realm is None else self.profile.first(_SECTION, realm, name)
        return own if own is not None else self.profile.first(_SECTION, name)

    def _parsed(self, name: str, parse: Callable[[str], T], default: T) -> T:
        text = self.setting(name)
        if text is None:
            return default
        try:
            return parse(text)
        except ValueError as error:
            raise GSSError(f"{name} in {self.describe()}: {error}") from None

    def boolean(self, name: str, default: bool) -> bool:
        return self._parsed(name, parse_boolean, default)

    def duration(self, name: str, default: int) -> int:
        """Seconds."""
        return self._parsed(name, parse_duration, default)

    def integer(self, name: str, default: int) -> int:
        return self._parsed(name, int, default)

    def enctypes(self, name: str) -> tuple[int, ...]:
        """The enctypes of `permitted_enctypes`, `default_tkt_enctypes` or `default_tgs_enctypes` that we have."""
        fallback = self.setting("permitted_enctypes")
        text = self.setting(name) or fallback
        if text is None:
            return SUPPORTED
        usable = tuple(number for number in parse_enctypes(text, SUPPORTED) if number in SUPPORTED)
        if not usable:
            raise GSSError(
                f"{name} in {self.describe()} lists no enctype that puregss has: add aes, or remove the line"
            )
        return usable

    def default_realm(self) -> str:
        """The realm of names that carry none. GSSError if none is configured."""
        realm = self.setting("default_realm")
        if not realm:
            raise GSSError(
                f"no default realm is configured: set default_realm in [libdefaults] of {self.describe()}, "
                "or write names as NAME@REALM"
            )
        return realm

    def realm_of_host(self, host: str) -> str:
        """[domain_realm]: the host itself, then its domains outwards; empty where nothing fits: the KDC may know."""
        name = host.lower().removesuffix(".")
        if len(name) > _LONGEST_HOST:
            return ""  # no host has such a name, and all its parts would be looked at
        realms = {key.lower(): self.profile.first("domain_realm", key) for key in self.profile.names("domain_realm")}
        if _is_address(name):
            return realms.get(name) or ""
        candidates = [name]
        while "." in name:
            name = name.partition(".")[2]
            candidates += [f".{name}", name]
        return next((realm for key in candidates if (realm := realms.get(key))), "")

    def kdcs(self, realm: str) -> list[KdcAddress]:
        """The KDCs of [realms] in the file's order; none if none are named. GSSError for a line that is no address."""
        names = ("kdc", "primary_kdc", "master_kdc")
        texts = [text for name in names for text in self.profile.values("realms", realm, name)]
        found = [self._kdc(realm, text) for text in texts]
        return list(dict.fromkeys(address for address in found if address is not None))

    def _kdc(self, realm: str, text: str) -> KdcAddress | None:
        address, transport = text.strip(), ""
        for prefix in ("udp", "tcp"):
            if address.startswith((f"{prefix}/", f"{prefix}:")):
                address, transport = address[4:], prefix
        if "://" in address or address.startswith(("http/", "https/")):
            return None  # MS-KKDCP, Kerberos through HTTPS, which puregss lacks
        try:
            host, port = parse_host_port(address, KDC_PORT)
        except ValueError as error:
            raise GSSError(f"kdc of {realm} in {self.describe()}: {error}") from None
        return KdcAddress(host, port, transport) if host else None

    def transit_path(self, client_realm: str, server_realm: str) -> list[str] | None:
        """[capaths]: the realms between the two, empty for none between; None where nothing is configured."""
        path = ("capaths", client_realm, server_realm)
        values = [word for value in self.profile.values(*path) for word in value.split()]
        if not values:
            return None
        return [value for value in values if value != "."]


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
