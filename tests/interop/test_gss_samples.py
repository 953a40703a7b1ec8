"""The sample programs in every pairing: Debian's gss-client and gss-server, ours in examples/, and `puregss serve`."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.interop.mit_realm import MitRealm
from tests.interop.servers import free_port, running
from tests.peers import TOP, program

pytestmark = pytest.mark.requires("krb5kdc", "gss-samples")

SERVICE = "host@localhost"
EXAMPLES = TOP / "examples"
MESSAGE = "a message with an ä in it"

CLIENTS = {
    "MIT": [program("gss-client") or "gss-client"],
    "ours": [sys.executable, str(EXAMPLES / "gss_client.py")],
}
SERVE = [str(Path(sys.executable).parent / "puregss"), "serve", "--service", SERVICE, "--framing", "gss-sample"]
SERVERS = {
    "MIT": [program("gss-server") or "gss-server", "-export", "-port", "{port}", SERVICE],
    "ours": [sys.executable, str(EXAMPLES / "gss_server.py"), "--port", "{port}", SERVICE],
    "ours exporting": [sys.executable, str(EXAMPLES / "gss_server.py"), "--export", "--port", "{port}", SERVICE],
    "serve by connection": [*SERVE, "--topology", "connection", "--listen", "127.0.0.1:{port}", "echo"],
    "serve by relay": [*SERVE, "--topology", "relay", "--listen", "127.0.0.1:{port}", "echo"],
}
OPTIONS = (
    "",
    "-ccount 5 -mcount 5",
    "-nw",
    "-nx",
    "-nm",
    "-seq",
    "-noreplay",
    "-nomutual",
    "-mcount 0",
    "-d",
    "-q",
    "-f",
)


class Servers:
    """The five servers, each started when a test first asks for it."""

    def __init__(self, realm: MitRealm, folder: Path, stack: ExitStack) -> None:
        self.realm = realm
        self._folder = folder
        self._stack = stack
        self._ports: dict[str, int] = {}
        self._real_answers: dict[str, tuple[str, str]] = {}

    def port(self, kind: str) -> int:
        if kind not in self._ports:
            port = free_port()
            command = [word.format(port=port) for word in SERVERS[kind]]
            self._stack.enter_context(running(command, port, self.realm.environment(), self.log_path(kind)))
            self._ports[kind] = port
        return self._ports[kind]

    def log_path(self, kind: str) -> Path:
        return self._folder / kind.replace(" ", "-")

    def call(self, client: str, server: str, options: str, message: str = MESSAGE) -> subprocess.CompletedProcess[str]:
        """Run a client against a server; returns when it ended."""
        command = [*CLIENTS[client], "-port", str(self.port(server)), *options.split(), "localhost", SERVICE, message]
        env = self.realm.environment()
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)

    def real_answer(self, options: str) -> tuple[str, str]:
        """What the real client prints when it has talked to the real server."""
        if options not in self._real_answers:
            done = self.call("MIT", "MIT", options)
            self._real_answers[options] = _without_figures(done.stdout), done.stderr
        return self._real_answers[options]


@pytest.fixture(scope="module")
def servers(mit_realm: MitRealm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with ExitStack() as stack:
        yield Servers(mit_realm, tmp_path_factory.mktemp("servers"), stack)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("client", CLIENTS)
def test_pairing(servers: Servers, tmp_path: Path, client: str, server: str, options: str) -> None:
    message = MESSAGE
    if options == "-f":
        message = str(tmp_path / "message")
        Path(message).write_bytes(bytes(range(256)) * 300)
    done = servers.call(client, server, options, message)
    assert done.returncode == 0, done.stdout + done.stderr + servers.log_path(server).read_text(errors="replace")
    if options == "-q":
        assert done.stdout == ""
        return
    answers = [line for line in done.stdout.splitlines() if line in ("Signature verified.", "Response received.")]
    expected = {"-ccount 5 -mcount 5": 25, "-mcount 0": 0}.get(options, 1)
    assert answers == ["Response received." if options == "-nm" else "Signature verified."] * expected


@pytest.mark.parametrize("options", OPTIONS[:-1])
@pytest.mark.parametrize("server", [kind for kind in SERVERS if kind != "MIT"])
def test_the_real_client_cannot_tell_us_from_the_real_server(servers: Servers, server: str, options: str) -> None:
    done = servers.call("MIT", server, options)
    assert (_without_figures(done.stdout), done.stderr) == servers.real_answer(options)


def _without_figures(output: str) -> str:
    """Lifetimes run down, and a token's size varies with the integers in it."""
    return re.sub(r"(lifetime |size=)\d+", r"\1N", output)


@pytest.mark.parametrize("server", [kind for kind in SERVERS if kind != "MIT"])
def test_no_authentication_is_refused(servers: Servers, server: str) -> None:
    done = servers.call("MIT", server, "-na")
    assert done.returncode != 0  # 1, or SIGPIPE where it was still writing
    assert "Response received." not in done.stdout
    assert servers.call("MIT", server, "").returncode == 0


@pytest.mark.parametrize("server", [kind for kind in SERVERS if "serve" in kind])
def test_the_log_names_the_worker(servers: Servers, server: str) -> None:
    servers.call("MIT", server, "")
    log = servers.log_path(server).read_text()
    assert "alice@INTEROP.TEST" in log
    assert re.search(r"worker.*\d+", log), log


def test_a_client_without_tickets_says_what_to_do(servers: Servers, tmp_path: Path) -> None:
    done = subprocess.run(
        [*CLIENTS["ours"], "-port", str(servers.port("MIT")), "localhost", SERVICE, MESSAGE],
        env=servers.realm.environment(ccache=tmp_path / "nowhere"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert str(tmp_path / "nowhere") in done.stderr
    assert "Traceback" not in done.stderr


def test_a_client_whose_kdc_is_away_names_it(servers: Servers, tmp_path: Path) -> None:
    environment = servers.realm.environment(ccache=servers.realm.kinit("alice", ccache=tmp_path / "cc"))
    away = f"127.0.0.1:{free_port()}"
    configuration = tmp_path / "krb5.conf"
    realm = servers.realm.realm
    configuration.write_text(f"[libdefaults]\ndefault_realm = {realm}\n[realms]\n{realm} = {{\n kdc = {away}\n}}\n")
    done = subprocess.run(
        [*CLIENTS["ours"], "-port", str(servers.port("MIT")), "localhost", SERVICE, MESSAGE],
        env=environment | {"KRB5_CONFIG": str(configuration)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert away in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("client", CLIENTS)
def test_names_are_canonicalized_as_by_default(tmp_path: Path, client: str) -> None:
    """Without any setting about DNS, both sides must still come to the same service name."""
    with MitRealm(tmp_path / "realm", libdefaults="") as realm:
        realm.add_user("alice")
        realm.add_service("host/localhost")
        realm.keytab("host/localhost")
        realm.kinit("alice")
        port = free_port()
        command = [word.format(port=port) for word in SERVERS["ours"]]
        with running(command, port, realm.environment(), tmp_path / "log"):
            done = subprocess.run(
                [*CLIENTS[client], "-port", str(port), "localhost", SERVICE, MESSAGE],
                env=realm.environment(),
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        assert done.returncode == 0, done.stdout + done.stderr + (tmp_path / "log").read_text()
