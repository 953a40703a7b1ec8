"""A real MIT Kerberos realm for tests: Debian's krb5kdc on a free port, with a folder of its own for all it touches."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.peers import program

ENCTYPES: Mapping[int, str] = {
    17: "aes128-cts-hmac-sha1-96",
    18: "aes256-cts-hmac-sha1-96",
    19: "aes128-cts-hmac-sha256-128",
    20: "aes256-cts-hmac-sha384-192",
    25: "camellia128-cts-cmac",
    26: "camellia256-cts-cmac",
}
AES = (17, 18, 19, 20)
HOSTNAME = socket.gethostname().lower()

_KRB5_CONF = """\
[libdefaults]
    default_realm = {realm}
    dns_lookup_kdc = false
    dns_lookup_realm = false
{libdefaults}
[realms]
    {realm} = {{
        kdc = 127.0.0.1:{port}
{realm_options}
    }}
[domain_realm]
    localhost = {realm}
    {hostname} = {realm}
"""

_KDC_CONF = """\
[kdcdefaults]
    kdc_listen = 127.0.0.1:{port}
    kdc_tcp_listen = 127.0.0.1:{port}
[realms]
    {realm} = {{
        database_name = {folder}/principal
        key_stash_file = {folder}/stash
        acl_file = {folder}/acl
        supported_enctypes = {enctypes}
        max_life = 10h
        max_renewable_life = 7d
        default_principal_flags = +forwardable, +renewable
    }}
[logging]
    kdc = FILE:{folder}/kdc.log
    default = FILE:{folder}/kdc.log
"""

PLAIN_NAMES = "    dns_canonicalize_hostname = false\n    rdns = false\n"
"""Host names are taken as they are written; without these lines MIT asks DNS what a host is really called."""


class MitRealm:
    """`with MitRealm(folder) as realm:` runs a KDC; `add_user`, `add_service`, `keytab` and `kinit` do what they say.

    Programs and libraries find the realm through `environment()`.
    """

    def __init__(
        self, folder: Path, realm: str = "INTEROP.TEST", *, libdefaults: str = PLAIN_NAMES, realm_options: str = ""
    ) -> None:
        self.folder = folder
        self.realm = realm
        self.port = 0
        self._libdefaults = libdefaults
        self._realm_options = realm_options
        self._kdc: subprocess.Popen[bytes] | None = None
        self._passwords: dict[str, str] = {}

    def __enter__(self) -> Self:
        (self.folder / "rcache").mkdir(parents=True)
        (self.folder / "acl").touch()
        self._configure(_free_port())
        self.run("kdb5_util", "create", "-s", "-W", "-r", self.realm, "-P", "a master key for tests")
        for _ in range(5):
            if self._start():
                return self
            self._configure(_free_port())
        raise RuntimeError(f"krb5kdc did not start: {self.log()}")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """End the KDC: from here on the realm cannot be reached."""
        if self._kdc is not None:
            self._kdc.terminate()
            self._kdc.wait(10)
            self._kdc = None

    def log(self) -> str:
        """What the KDC wrote so far."""
        path = self.folder / "kdc.log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def config(self) -> Path:
        return self.folder / "krb5.conf"

    @property
    def default_keytab(self) -> Path:
        return self.folder / "krb5.keytab"

    @property
    def default_ccache(self) -> Path:
        return self.folder / "krb5cc"

    def environment(
        self, *, ccache: Path | None = None, keytab: Path | None = None, config: Path | None = None
    ) -> dict[str, str]:
        """This process's environment, with every variable of Kerberos pointing into the realm's folder."""
        return {name: value for name, value in os.environ.items() if not name.startswith("KRB5")} | {
            "KRB5_CONFIG": str(config or self.config),
            "KRB5_KDC_PROFILE": str(self.folder / "kdc.conf"),
            "KRB5CCNAME": f"FILE:{ccache or self.default_ccache}",
            "KRB5_KTNAME": f"FILE:{keytab or self.default_keytab}",
            "KRB5RCACHEDIR": str(self.folder / "rcache"),
            "LC_ALL": "C.UTF-8",
        }

    def run(
        self, *command: str, input: str = "", env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run one of Kerberos's programs inside the realm; AssertionError with its output if it fails."""
        path = program(command[0])
        assert path is not None, f"{command[0]} is not installed"
        done = subprocess.run(
            [path, *command[1:]],
            input=input,
            env=env or self.environment(),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, f"{shlex.join(command)}: {done.stdout}{done.stderr}"
        return done

    def admin(self, *commands: str) -> str:
        """Run commands of kadmin.local, all in one process (starting it takes longer than they do)."""
        done = self.run("kadmin.local", "-r", self.realm, input="\n".join(commands) + "\n")
        failed = [line for line in done.stderr.splitlines() if line and not line.startswith(("No policy", "WARNING"))]
        assert not failed, failed
        return done.stdout

    def add_user(self, name: str, password: str = "a password", enctypes: Sequence[int] = AES) -> None:
        """A user with a password and a key of each enctype."""
        self.admin(f'addprinc -pw "{password}" -e {_keysalts(enctypes)} {name}')
        self._passwords[name] = password

    def add_service(self, *names: str, enctypes: Sequence[int] = AES, flags: str = "") -> None:
        """Services (`host/localhost`) with random keys; session keys for them have one of the same enctypes."""
        # Without the attribute MIT's KDC takes it that every service understands aes256-cts-hmac-sha1-96.
        understood = ",".join(ENCTYPES[number] for number in enctypes)
        for name in names:
            self.admin(
                f"addprinc -randkey {flags} -e {_keysalts(enctypes)} {name}",
                f"setstr {name} session_enctypes {understood}",
            )

    def keytab(self, *names: str, path: Path | None = None) -> Path:
        """Write the services' present keys to a keytab (the default one unless `path` says otherwise)."""
        keytab = path or self.default_keytab
        self.admin(*(f"ktadd -norandkey -k {keytab} {name}" for name in names))
        return keytab

    def rotate(self, *names: str, enctypes: Sequence[int] = AES) -> None:
        """New keys, and a kvno one higher."""
        self.admin(*(f"cpw -randkey -keepold -e {_keysalts(enctypes)} {name}" for name in names))

    def kinit(self, user: str, *options: str, ccache: Path | None = None, config: Path | None = None) -> Path:
        """Fill a credential cache by the user's password and return its path."""
        target = ccache or self.default_ccache
        env = self.environment(ccache=target, config=config)
        self.run("kinit", *options, user, input=self._passwords[user] + "\n", env=env)
        return target

    def narrowed(self, enctype: int, user: str) -> dict[str, str]:
        """An environment that permits one encryption type alone, with a forwardable TGT of `user`.

        Otherwise whoever answers chooses a subkey of the type that both sides like best (RFC 4537), and all
        messages are protected with aes256-cts-hmac-sha1-96, whatever the service's key is.
        """
        config, ccache = self.folder / f"krb5-{enctype}.conf", self.folder / f"krb5cc-{enctype}"
        if not ccache.exists():
            name = ENCTYPES[enctype]
            permitted = (
                f"[libdefaults]\n    permitted_enctypes = {name}\n    default_etypes = {name}\n"  # MIT's, Heimdal's
            )
            config.write_text(self.config.read_text().replace("[libdefaults]\n", permitted, 1))
            self.kinit(user, "-f", ccache=ccache, config=config)
        return self.environment(ccache=ccache, config=config)

    def kvno(self, service: str, *options: str, ccache: Path | None = None) -> str:
        """Have MIT's client fetch a service ticket into the cache."""
        return self.run("kvno", *options, service, env=self.environment(ccache=ccache)).stdout

    def _configure(self, port: int) -> None:
        self.port = port
        self.config.write_text(
            _KRB5_CONF.format(
                realm=self.realm,
                port=port,
                hostname=HOSTNAME,
                libdefaults=self._libdefaults,
                realm_options=self._realm_options,
            )
        )
        (self.folder / "kdc.conf").write_text(
            _KDC_CONF.format(
                realm=self.realm, port=port, folder=self.folder, enctypes=_keysalts(ENCTYPES, separator=" ")
            )
        )

    def _start(self) -> bool:
        path = program("krb5kdc")
        assert path is not None
        with (self.folder / "kdc.out").open("ab") as output:
            self._kdc = subprocess.Popen([path, "-n"], env=self.environment(), stdout=output, stderr=output)
        deadline = time.monotonic() + 10
        while self._kdc.poll() is None and time.monotonic() < deadline:
            if "commencing operation" in self.log():
                return True
            time.sleep(0.01)
        self.stop()
        return False


def _free_port() -> int:
    """A port that is free for TCP and UDP alike; another program may still snatch it."""
    for _ in range(20):
        with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            port: int = tcp.getsockname()[1]
            try:
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no port is free for both TCP and UDP")


def _keysalts(enctypes: Iterable[int], separator: str = ",") -> str:
    return separator.join(ENCTYPES[number] + ":normal" for number in enctypes)
