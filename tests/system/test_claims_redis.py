"""Claims in a real Redis: one winner, one time, and a clear word for everything that goes wrong."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from puregss.base.errors import GSSError, OperationUnavailableError, UnauthorizedError
from puregss.system import claims_redis
from puregss.system.claims_redis import RedisStore
from puregss.system.domains import TransferDomain
from puregss.transfer.minor import TransferMinor
from puregss.transfer.token import decode_header
from tests.system import network_stores as checks
from tests.system.network_stores import KEY, WHOLE, context
from tests.system.stores import free_port, redis_server

pytestmark = pytest.mark.requires("redis-server")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with redis_server() as (url, _):
        yield url


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUREGSS_TRANSFER_KEY", KEY)
    monkeypatch.setattr(claims_redis, "_TIMEOUT", 2.0)


@pytest.fixture
def url(server: str) -> str:
    redis.Redis.from_url(server).flushall()
    return server


def test_a_context_moves_once(url: str) -> None:
    checks.check_a_life(url)


def test_the_awaiting_forms_do_the_same(url: str) -> None:
    checks.check_an_awaited_life(url)


def test_every_flip_and_truncation_is_refused(url: str) -> None:
    checks.check_every_spoiled_token(url)


def test_time_is_kept_by_the_server(url: str) -> None:
    checks.check_time(url)


def test_whoever_can_only_write_the_store_forges_nothing(url: str) -> None:
    checks.check_a_writer_of_the_store_forges_nothing(url)


def test_a_child_of_a_fork_and_its_parent_both_go_on(url: str) -> None:
    checks.check_a_fork(url)


def test_nobody_there_is_unreachable() -> None:
    checks.check_nobody_there(f"redis://127.0.0.1:{free_port()}/0")


@pytest.mark.parametrize("awaited", [False, True], ids=["blocking", "awaited"])
@pytest.mark.parametrize("silent", [False, True], ids=["cut off", "silence"])
def test_an_import_whose_answer_is_lost_is_unknown(
    url: str, silent: bool, awaited: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims_redis, "_TIMEOUT", 0.5)
    checks.check_a_lost_answer_to_an_import(url, b"DEL", silent=silent, awaited=awaited)


@pytest.mark.parametrize("awaited", [False, True], ids=["blocking", "awaited"])
def test_an_export_whose_answer_is_lost_leaves_nothing(url: str, awaited: bool) -> None:
    checks.check_a_lost_answer_to_an_export(url, b"SET\r\n", awaited=awaited)


def test_a_cancelled_export_revokes_its_claim(url: str) -> None:
    checks.check_a_cancelled_export(url, b"SET\r\n")


@pytest.mark.parametrize("query", ["retry_on_timeout=yes", "retry_on_error=x", "decode_responses=yes", "protocol=3"])
def test_options_in_a_url_make_no_command_repeat_itself(url: str, query: str) -> None:
    domain = TransferDomain.from_url(f"{url}?{query}")
    assert domain.import_(domain.export(context())) == WHOLE
    checks.check_a_lost_answer_to_an_import(f"{url}?{query}", b"DEL", silent=False, awaited=False)


def test_the_server_drops_the_claim_in_time_and_holds_no_more_than_the_claim(url: str) -> None:
    token = TransferDomain.from_url(url).export(context(), ttl=60)
    client = redis.Redis.from_url(url)
    (key,) = client.keys()
    assert key == b"puregss:claim:" + decode_header(token).name.hex().encode()
    assert 50_000 < client.pttl(key) <= 60_000
    secret = client.get(key)
    assert isinstance(secret, bytes)
    assert len(secret) == 32
    assert secret not in token


@pytest.mark.parametrize("answer", [b"short", b"x" * 31, b"x" * 33])
def test_an_answer_that_is_no_claim_is_damage(url: str, answer: bytes) -> None:
    domain = TransferDomain.from_url(url)
    token = domain.export(context())
    client = redis.Redis.from_url(url)
    key = client.keys()[0]
    true = client.get(key) or b""
    client.set(key, answer)
    with pytest.raises(GSSError) as error:
        domain.import_(token)
    assert error.value.minor == TransferMinor.STORE_DAMAGED
    client.set(key, true)
    assert domain.import_(token) == WHOLE


def test_a_key_of_another_type_is_refused(url: str) -> None:
    domain = TransferDomain.from_url(url)
    token = domain.export(context())
    client = redis.Redis.from_url(url)
    key = client.keys()[0]
    client.delete(key)
    client.rpush(key, b"x")
    with pytest.raises(GSSError, match="WRONGTYPE"):
        domain.import_(token)


def test_a_server_that_stands_still_is_left_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims_redis, "_TIMEOUT", 0.3)
    with redis_server() as (url, process):
        domain = TransferDomain.from_url(url)
        token = domain.export(context())
        process.send_signal(signal.SIGSTOP)
        source = context()
        try:
            with pytest.raises(GSSError) as error:
                domain.import_(token)
            assert error.value.minor == TransferMinor.STORE_UNREACHABLE
            with pytest.raises(GSSError):
                asyncio.run(domain.import_async(token))
            with pytest.raises(GSSError):
                domain.export(source)
            checks.still_exports(source)
        finally:
            process.send_signal(signal.SIGCONT)
        assert domain.import_(token) == WHOLE  # on a new connection: the late answers are nobody's


def test_a_server_that_was_started_anew_is_found_again() -> None:
    port = free_port()
    with redis_server(port=port) as (url, _):
        domain = TransferDomain.from_url(url)
        lost = domain.export(context())
    with redis_server(port=port):
        with pytest.raises(GSSError) as error:
            domain.import_(lost)
        assert error.value.minor == TransferMinor.NO_CLAIM
        assert domain.import_(domain.export(context())) == WHOLE


def refusal(url: str) -> GSSError:
    source = context()
    with pytest.raises(GSSError) as error:
        TransferDomain.from_url(url).export(source)
    checks.still_exports(source)
    assert "hunter2" not in str(error.value)
    return error.value


def test_a_wrong_password_is_unauthorized() -> None:
    with redis_server("--requirepass", "correct") as (url, _):
        for wrong in (url, url.replace("//", "//:hunter2@")):
            error = refusal(wrong)
            assert isinstance(error, UnauthorizedError)
            assert error.minor == TransferMinor.FOREIGN_STORE
        right = TransferDomain.from_url(url.replace("//", "//:correct@"))
        assert right.import_(right.export(context())) == WHOLE
        assert "correct" not in repr(right)


def test_a_user_without_rights_is_unauthorized() -> None:
    with redis_server() as (url, _):
        redis.Redis.from_url(url).acl_setuser("reader", True, passwords=["+hunter2"], keys=["*"], commands=["+get"])
        assert isinstance(refusal(url.replace("//", "//reader:hunter2@")), UnauthorizedError)


def test_a_full_server_is_full() -> None:
    with redis_server("--maxmemory", "1", "--maxmemory-policy", "noeviction") as (url, _):
        assert refusal(url).minor == TransferMinor.STORE_FULL


def test_a_replica_is_read_only(url: str) -> None:
    with redis_server("--replicaof", *url.removeprefix("redis://").removesuffix("/0").split(":")) as (replica, _):
        assert refusal(replica).minor == TransferMinor.STORE_READ_ONLY


def test_tls_is_spoken_and_the_certificate_verified(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    port = free_port()
    options = [
        "--tls-port",
        str(port),
        "--tls-cert-file",
        certificate,
        "--tls-key-file",
        key,
        "--tls-auth-clients",
        "no",
    ]
    with redis_server(*options) as _:
        url = f"rediss://localhost:{port}/0"
        assert refusal(url).minor == TransferMinor.STORE_UNREACHABLE
        domain = TransferDomain.from_url(f"{url}?ssl_ca_certs={certificate}")
        assert domain.import_(domain.export(context())) == WHOLE

        async def life() -> object:
            return await domain.import_async(await domain.export_async(context()))

        assert asyncio.run(life()) == WHOLE


def self_signed(folder: Path) -> tuple[str, str]:
    """A certificate for localhost and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return str(folder / "cert.pem"), str(folder / "key.pem")


@pytest.mark.parametrize("bad", ["redis://host:port/0", "redis://127.0.0.1/0?no_such_option=1", "redis://[::1/0"])
def test_a_url_that_names_no_server_is_told_so(bad: str) -> None:
    with pytest.raises(OperationUnavailableError) as error:
        TransferDomain.from_url(bad).export(context())
    assert error.value.minor == TransferMinor.UNKNOWN_DOMAIN


def test_a_domain_key_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PUREGSS_TRANSFER_KEY")
    with pytest.raises(OperationUnavailableError) as error:
        TransferDomain.from_url("redis://127.0.0.1/0")
    assert error.value.minor == TransferMinor.NO_DOMAIN_KEY


def test_listing_passes_over_what_is_not_ours(url: str) -> None:
    client = redis.Redis.from_url(url)
    for key in (b"puregss:claim:zz", b"puregss:claim:00", b"puregss:claim:\xff", b"other"):
        client.set(key, b"x")
    store = RedisStore(url, url)
    assert list(store.outstanding()) == []
    TransferDomain.from_url(url).export(context())
    assert len(list(store.outstanding())) == 1
