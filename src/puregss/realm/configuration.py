"""The krb5.conf that sends clients of MIT, Heimdal and puregss to an embedded realm."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

_TEMPLATE = """\
# Written by puregss.realm for tests and demonstrations. Never for production.
[libdefaults]
    default_realm = {realm}
    default_keytab_name = {keytab}
    default_ccache_name = {ccache}
    dns_lookup_kdc = false
    dns_lookup_realm = false
    dns_canonicalize_hostname = false
    qualify_shortname = ""
    rdns = false

[realms]
{realms}
[domain_realm]
{domains}
[capaths]
{paths}"""


_PLAIN = re.compile(r"[A-Za-z0-9._:/-]+")


def plain(name: str) -> bool:
    """Whether a krb5.conf can hold this name, which has no quotes for names."""
    return _PLAIN.fullmatch(name) is not None


def krb5_conf(
    realm: str,
    ports: Mapping[str, int],
    hosts: Iterable[str],
    keytab: str,
    ccache: str,
    paths: Mapping[tuple[str, str], Sequence[str]],
) -> str:
    """The file's text. `hosts` are those of this realm, whose services it is for.

    `ports` are those of the KDCs of this realm and all it can reach (0: it is not served); `paths` says for a client's
    and a server's realm which realms lie between the two.
    """
    realms = "".join(
        f"    {name} = {{\n" + (f"        kdc = 127.0.0.1:{port}\n" if port else "") + "    }\n"
        for name, port in ports.items()
    )
    domain = realm.lower()
    domains = "".join(f"    {host} = {realm}\n" for host in dict.fromkeys((f".{domain}", domain, *hosts)))
    return _TEMPLATE.format(
        realm=realm, keytab=keytab, ccache=ccache, realms=realms, domains=domains, paths=_capaths(paths)
    )


def _capaths(paths: Mapping[tuple[str, str], Sequence[str]]) -> str:
    """Without these lines an acceptor of MIT trusts only ways along the realms' names. "." means directly."""
    lines: dict[str, list[str]] = {}
    for (client, server), between in paths.items():
        lines.setdefault(client, []).extend(f"        {server} = {name}\n" for name in between or (".",))
    return "".join(f"    {client} = {{\n{''.join(entries)}    }}\n" for client, entries in lines.items())
