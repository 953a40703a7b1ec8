"""The krb5.conf that sends clients of MIT, Heimdal and puregss to an embedded realm."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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
{domains}"""


def krb5_conf(realm: str, ports: Mapping[str, int], hosts: Iterable[str], keytab: str, ccache: str) -> str:
    """`ports` are those of the KDCs of this realm and all it can reach (0: it is not served); `hosts` this realm's."""
    realms = "".join(
        f"    {name} = {{\n" + (f"        kdc = 127.0.0.1:{port}\n" if port else "") + "    }\n"
        for name, port in ports.items()
    )
    domain = realm.lower()
    domains = "".join(f"    {host} = {realm}\n" for host in dict.fromkeys((f".{domain}", domain, *hosts)))
    return _TEMPLATE.format(realm=realm, keytab=keytab, ccache=ccache, realms=realms, domains=domains)
