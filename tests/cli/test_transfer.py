"""`puregss inspect` and `puregss transfer`."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from puregss.cli.inspect import inspect
from puregss.cli.plainly import PlainGroup
from puregss.cli.transfer import transfer
from puregss.system.clock import SystemClock
from puregss.system.domains import TransferDomain
from puregss.transfer.channel import ChannelSender
from puregss.transfer.token import decode_header
from tests.system.stores import free_port, postgresql_server, redis_server
from tests.transfer.fakes import RECORD, FakeContext

KEY = bytes(range(32)).hex()
puregss = PlainGroup(commands={"inspect": inspect, "transfer": transfer})


def run(*arguments: str, input: bytes = b"", **environment: str) -> Result:
    return CliRunner().invoke(puregss, arguments, input=input, env=environment)


def context() -> FakeContext:
    return FakeContext(expiry=1e11)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"dir:{tmp_path / 'claims'}"


def test_inspect_shows_the_clear_part_and_leaves_the_token_importable(url: str, tmp_path: Path) -> None:
    domain = TransferDomain.from_url(url)
    token = domain.export(context(), ttl=60)
    (claim,) = (tmp_path / "claims").iterdir()
    file = tmp_path / "token"
    file.write_bytes(token)
    result = run("inspect", str(file), "--domain", url)
    assert result.exit_code == 0, result.output
    lines = dict(line.split(maxsplit=1) for line in result.output.replace("format version", "version").splitlines())
    assert lines["version"] == "1"
    assert lines["size"] == f"{len(token)} octets"
    assert lines["domain"].startswith("dir:")
    assert decode_header(token).domain_tag.hex() in lines["domain"]
    assert lines["expiry"].startswith(("in 59 s", "in 60 s"))
    assert "outstanding" in result.output
    assert os.readlink(claim) not in result.output
    assert domain.import_(token)[1] == RECORD
    assert "gone" in run("inspect", "--domain", url, input=token).output


def test_inspect_takes_the_domain_from_the_environment(url: str) -> None:
    token = TransferDomain.from_url(url).export(context())
    assert "outstanding" in run("inspect", input=token, PUREGSS_TRANSFER_DOMAIN=url).output


@pytest.mark.parametrize(
    ("domain", "reason"),
    [
        ("redis://127.0.0.1:1/0", "not asked"),
        ("memory:", "not asked"),
        ("nonsense:", "not known"),
        ("dir:/", "not known"),
    ],
)
def test_inspect_tells_why_a_claim_is_not_known(url: str, domain: str, reason: str) -> None:
    token = TransferDomain.from_url(url).export(context())
    result = run("inspect", "--domain", domain, input=token)
    assert result.exit_code == 0
    assert reason in result.output


def test_inspect_of_a_token_of_another_folder_says_so(url: str, tmp_path: Path) -> None:
    token = TransferDomain.from_url(url).export(context())
    result = run("inspect", "--domain", f"dir:{tmp_path / 'other'}", input=token)
    assert "not issued in this transfer domain" in result.output


def test_inspect_of_a_channels_token_asks_nobody() -> None:
    token = ChannelSender(os.urandom(32), SystemClock()).export(context())
    assert "in the hands of the worker" in run("inspect", input=token).output


def test_inspect_of_an_absurd_expiry_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in range(256):
        token = b"\xd7\x67\x01" + bytes((kind,)) + b"\xff" * 60
        result = run("inspect", "--domain", f"redis://127.0.0.1:{free_port()}/0", input=token)
        assert result.exit_code == 0, result.output


@pytest.mark.parametrize("octets", [b"", b"\xd7\x67", b"\xd7\x67\x02", b"\x00" * 100, b"\x60" * 100])
def test_inspect_of_what_is_no_token_is_one_sentence(octets: bytes) -> None:
    result = run("inspect", input=octets)
    assert result.exit_code == 2
    assert result.output.startswith("puregss: ")
    assert len(result.output.splitlines()) == 1


# --- transfer -----------------------------------------------------------------------------------


def test_init_makes_the_folder(url: str, tmp_path: Path) -> None:
    result = run("transfer", "init", url)
    assert result.exit_code == 0, result.output
    assert stat.S_IMODE((tmp_path / "claims").stat().st_mode) == 0o700


def test_init_writes_a_key_once_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    old = os.umask(0)
    try:
        assert run("transfer", "init", "--new-key", str(file)).exit_code == 0
    finally:
        os.umask(old)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    first = file.read_text()
    again = run("transfer", "init", "--new-key", str(file))
    assert again.exit_code == 2
    assert "File exists" in again.output
    assert file.read_text() == first
    assert first.strip() not in again.output
    assert TransferDomain.from_url(f"redis://127.0.0.1:{free_port()}/0", str(file))


def test_list_revoke_and_sweep(url: str) -> None:
    domain = TransferDomain.from_url(url)
    token, other = domain.export(context(), ttl=60), domain.export(context(), ttl=0.001)
    listed = run("transfer", "list", url).output.splitlines()
    ids = {line.split()[0] for line in listed}
    assert ids == {decode_header(each).name.hex() for each in (token, other)}
    time.sleep(0.02)
    assert run("transfer", "sweep", url).output == "1 expired claims removed\n"
    (claim,) = [line.split()[0] for line in run("transfer", "list", url).output.splitlines()]
    assert run("transfer", "revoke", url, claim).output == "revoked\n"
    again = run("transfer", "revoke", url, claim)
    assert again.exit_code == 1
    assert not list(domain.outstanding())


def test_list_tells_claims_of_an_earlier_start_and_sweep_takes_them(url: str, tmp_path: Path) -> None:
    run("transfer", "init", url)
    (tmp_path / "claims" / (b"\1" * 24).hex()).symlink_to("A" * 44)
    assert "earlier start" in run("transfer", "list", url).output
    assert run("transfer", "sweep", url).output == "1 expired claims removed\n"


@pytest.mark.parametrize("claim", ["", "zz" * 24, "00" * 23, "../../../etc/passwd"])
def test_an_id_that_is_none_is_a_usage_error(url: str, claim: str) -> None:
    assert run("transfer", "revoke", url, claim).exit_code == 2


@pytest.mark.parametrize("command", ["init", "sweep", "list"])
def test_claims_of_another_process_cannot_be_looked_after(command: str) -> None:
    result = run("transfer", command, "memory:")
    assert result.exit_code == 2
    assert "another process" in result.output


def test_a_folder_open_to_others_is_refused_in_one_sentence(url: str, tmp_path: Path) -> None:
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims").chmod(0o777)
    for command in ("init", "sweep", "list"):
        result = run("transfer", command, url)
        assert result.exit_code == 2
        assert "chmod 700" in result.output


def life(url: str) -> None:
    """Everything on a network store; the domain key is needed to export, and by no command."""
    assert run("transfer", "init", url).exit_code == 0
    assert run("transfer", "init", url).exit_code == 0
    token = TransferDomain.from_url(url).export(context())
    os.environ.pop("PUREGSS_TRANSFER_KEY")
    assert "outstanding" in run("inspect", "--domain", url, input=token).output
    (line,) = run("transfer", "list", url).output.splitlines()
    assert "in 60 s" in line or "in 59 s" in line
    assert run("transfer", "sweep", url).output.startswith("0 expired claims removed")
    assert run("transfer", "revoke", url, line.split()[0]).exit_code == 0
    assert "gone" in run("inspect", "--domain", url, input=token).output


@pytest.mark.requires("redis-server")
def test_a_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUREGSS_TRANSFER_KEY", KEY)
    with redis_server() as (url, _):
        life(url)
    result = run("transfer", "list", url)
    assert result.exit_code == 2
    assert "cannot be reached" in result.output


@pytest.mark.requires("postgresql")
def test_a_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUREGSS_TRANSFER_KEY", KEY)
    with postgresql_server() as (server, _):
        before = run("transfer", "list", server.url)
        assert before.exit_code == 2
        assert "puregss transfer init" in before.output
        life(server.url)
