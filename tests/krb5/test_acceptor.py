"""RFC 4121 §4.1, RFC 4120 §3.2.3: the acceptor against Windows' tokens, bad tickets and altered octets."""

from __future__ import annotations

import gc
import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from puregss.base.bindings import ChannelBindings
from puregss.base.errors import (
    BadChannelBindingsError,
    BadMICError,
    DuplicateTokenError,
    ExpiredCredentialsError,
    ExpiredTokenError,
    GSSError,
    InvalidTokenError,
    OperationUnavailableError,
    UnauthorizedError,
)
from puregss.base.flags import RequirementFlag
from puregss.base.names import KERBEROS_ALIASES
from puregss.kcrypto.key import Key, random_key
from puregss.krb5.acceptor import Acceptor
from puregss.krb5.acceptor_policy import AcceptorPolicy
from puregss.krb5.authenticator_checksum import AuthenticatorChecksum, encode_checksum, hash_bindings
from puregss.krb5.ccache import CachedTicket
from puregss.krb5.delegation import encode_delegation
from puregss.krb5.mechanism_token import AP_REQ, decode_token, encode_token
from puregss.krb5.messages.ap_req import (
    ApOption,
    ApReq,
    Authenticator,
    encode_ap_req,
    encode_authenticator,
)
from puregss.krb5.messages.error import KrbErrorCode, decode_krb_error
from puregss.krb5.messages.fields import AuthorizationData, Checksum, EncryptedData, EncryptionKey, HostAddress
from puregss.krb5.messages.ticket import AD_IF_RELEVANT, TicketFlag, encode_authorization_data
from puregss.krb5.ports import KeySource, ReplayCache, ServiceKey
from puregss.krb5.principal import Principal
from puregss.wire.framing import encode_framed
from tests.krb5.minting import (
    CLIENT,
    NOW,
    REALM,
    SERVICE,
    FixedClock,
    MemoryReplayCache,
    finish,
    keys_of,
    mint,
    mint_tgt,
    service_key,
)
from tests.vectors import load

HERE = ChannelBindings(application_data=b"tls-server-end-point:here")
THERE = ChannelBindings(application_data=b"tls-server-end-point:there")
MUTUAL = RequirementFlag.mutual_authentication
KEY = service_key()


def acceptor(
    keys: KeySource | None = None,
    *,
    bindings: ChannelBindings | None = None,
    replay_cache: ReplayCache | None = None,
    **options: Any,
) -> Acceptor:
    defaults: dict[str, Any] = {
        "principal": None,
        "clock": FixedClock(),
        "entropy": os.urandom,
    }
    return Acceptor(AcceptorPolicy(keys=keys or keys_of(KEY), **(defaults | options)), bindings, replay_cache)


def ap_req(
    ticket: CachedTicket,
    *,
    checksum: Checksum | None = None,
    flags: int = 0,
    bindings: ChannelBindings | None = None,
    delegation: bytes | None = None,
    options: int = 0,
    client: Principal | None = None,
    ctime: int = NOW,
    cusec: int = 17,
    subkey: Key | None = None,
    authdata: AuthorizationData = (),
    key: Key | None = None,
    seq_number: int | None = 77,
) -> bytes:
    """An AP-REQ as somebody may write it, right or wrong; `checksum` of type 0 leaves the field out."""
    if checksum is None:
        value = AuthenticatorChecksum(hash_bindings(bindings), flags, delegation)
        checksum = Checksum(0x8003, encode_checksum(value))
    authenticator = Authenticator(
        client or ticket.client,
        checksum if checksum.cksumtype else None,
        cusec,
        ctime,
        None if subkey is None else EncryptionKey(subkey.enctype, subkey.dangerous_material()),
        seq_number,
        authdata,
    )
    key = key or ticket.session_key
    cipher = key.encrypt(11, encode_authenticator(authenticator), os.urandom)
    return encode_ap_req(ApReq(options, ticket.ticket, EncryptedData(key.enctype, None, cipher)))


def accept(message: bytes, **options: Any) -> Acceptor:
    made = acceptor(**options)
    finish(made.step(encode_token(AP_REQ, message)))
    return made


def refusal(message: bytes, kind: type[GSSError], code: KrbErrorCode | None, **options: Any) -> GSSError:
    """The error, after looking at what the peer is told."""
    made = acceptor(**options)
    with pytest.raises(GSSError) as caught:
        finish(made.step(encode_token(AP_REQ, message)))
    error = caught.value
    assert type(error) is kind
    assert not made.complete
    assert made.context is None
    assert error.token is not None
    told = decode_krb_error(decode_token(error.token)[1])
    if code is not None:
        assert error.minor == code.minor
        assert told.error_code == code
    assert told.stime == NOW
    assert told.e_text is None, "the peer is a stranger: it gets no sentence"
    return error


# Windows


def windows_acceptor(vector: dict[str, Any], **options: Any) -> Acceptor:
    service = Principal(tuple(vector["ticket"]["sname"]["name-string"]), vector["ticket"]["realm"], 2)
    material = bytes.fromhex(vector["service_key"]["key_hex"])
    enctype = vector["service_key"]["enctype"]
    keys = () if enctype == 23 else (ServiceKey(service, vector["ticket"]["kvno"], Key(enctype, material)),)
    ctime = datetime.strptime(vector["authenticator"]["ctime"], "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()
    return acceptor(keys_of(*keys), clock=FixedClock(ctime + 1), **options)


@pytest.mark.parametrize("vector", load("ap_req"), ids=lambda v: v["name"])
def test_windows_tokens(vector: dict[str, Any]) -> None:
    """Two establish a context; the three of RC4 are refused with a word on what to do."""
    made = windows_acceptor(vector)
    steps = made.step(bytes.fromhex(vector["gss_token_hex"]))
    if vector["service_key"]["enctype"] == 23:
        with pytest.raises(OperationUnavailableError, match=r"rc4-hmac \(23\).*give the service AES keys"):
            finish(steps)
        return
    assert finish(steps) is not None
    assert made.complete
    known = made.inquire()
    assert str(known["initiator_name"]) == "user.test@DOMAIN.COM"
    assert str(known["acceptor_name"]) == "HTTP/server.test.domain.com@DOMAIN.COM"
    assert known["flags"] & ~(RequirementFlag.protection_ready | RequirementFlag.transferable) == 34
    context = made.context
    assert context is not None
    assert context.expiry == known["expiry"]


def test_a_windows_token_is_refused_when_its_time_has_passed() -> None:
    vector = load("ap_req")[0]
    made = windows_acceptor(vector)
    made._policy.clock.time += 1000  # type: ignore[attr-defined]
    with pytest.raises(GSSError, match="1001 seconds apart, where 300 are allowed"):
        finish(made.step(bytes.fromhex(vector["gss_token_hex"])))


# Framing


@pytest.mark.parametrize("oid", sorted(KERBEROS_ALIASES, key=str), ids=str)
def test_other_oids_of_kerberos_are_accepted(oid: Any) -> None:
    made = acceptor()
    finish(made.step(encode_framed(oid, AP_REQ + ap_req(mint(KEY)))))
    assert made.complete


def test_a_bare_request_gets_a_bare_reply() -> None:
    made = acceptor()
    reply = finish(made.step(ap_req(mint(KEY), flags=MUTUAL)))
    assert made.complete
    assert reply is not None
    assert reply[0] == 0x6F


def test_in_dce_style_the_reply_is_bare_whatever_the_request_was() -> None:
    made = acceptor()
    reply = finish(made.step(encode_token(AP_REQ, ap_req(mint(KEY), flags=MUTUAL | RequirementFlag.dce_style))))
    assert not made.complete
    assert reply is not None
    assert reply[0] == 0x6F


@pytest.mark.parametrize("token_id", [b"\x02\x00", b"\x03\x00", b"\x60\x01", b"\x01"])
def test_an_unknown_token_is_answered_with_the_code_of_the_rfc(token_id: bytes) -> None:
    made = acceptor()
    with pytest.raises(InvalidTokenError) as caught:
        finish(made.step(encode_token(token_id, ap_req(mint(KEY)))))
    assert caught.value.minor == KrbErrorCode.KRB_AP_ERR_MSG_TYPE.minor
    assert caught.value.token is not None
    assert decode_krb_error(decode_token(caught.value.token)[1]).error_code == KrbErrorCode.KRB_AP_ERR_MSG_TYPE


def test_an_acceptor_takes_another_token_after_an_error() -> None:
    """The initiator's retry with the time it was told."""
    made = acceptor()
    with pytest.raises(GSSError):
        finish(made.step(encode_token(AP_REQ, ap_req(mint(KEY), ctime=NOW - 1000))))
    finish(made.step(encode_token(AP_REQ, ap_req(mint(KEY)))))
    assert made.complete


def test_an_established_acceptor_takes_no_more_tokens() -> None:
    made = accept(ap_req(mint(KEY)))
    with pytest.raises(GSSError, match="established already"):
        finish(made.step(b"more"))


# Times, names, flags, addresses (RFC 4120 §3.2.3)


@pytest.mark.parametrize("apart", [-300, 300])
def test_clocks_may_differ_by_the_skew(apart: int) -> None:
    assert accept(ap_req(mint(KEY), ctime=NOW + apart), clock=FixedClock(NOW)).complete


@pytest.mark.parametrize(("apart", "kind"), [(-301, ExpiredTokenError), (301, GSSError)])
def test_clocks_must_not_differ_by_more(apart: int, kind: type[GSSError]) -> None:
    message = ap_req(mint(KEY), ctime=NOW + apart)
    error = refusal(message, kind, KrbErrorCode.KRB_AP_ERR_SKEW, clock=FixedClock(NOW))
    assert "301 seconds apart, where 300 are allowed" in error.message
    assert error.token is not None
    assert decode_krb_error(decode_token(error.token)[1]).ctime == NOW + apart


def test_an_expired_ticket_is_refused_and_its_end_told() -> None:
    error = refusal(ap_req(mint(KEY, end=NOW - 301)), ExpiredCredentialsError, KrbErrorCode.KRB_AP_ERR_TKT_EXPIRED)
    assert "ended at 2025-06-15 15:01:39 UTC" in error.message
    assert "kinit" in error.message


def test_a_ticket_that_ended_within_the_skew_is_accepted() -> None:
    assert accept(ap_req(mint(KEY, end=NOW - 299))).complete


def test_a_ticket_of_the_future_is_refused() -> None:
    refusal(ap_req(mint(KEY, start=NOW + 400)), GSSError, KrbErrorCode.KRB_AP_ERR_TKT_NYV)


def test_a_ticket_marked_invalid_is_refused() -> None:
    error = refusal(ap_req(mint(KEY, flags=TicketFlag.INVALID)), GSSError, KrbErrorCode.KRB_AP_ERR_TKT_NYV)
    assert "kinit -v" in error.message


@pytest.mark.parametrize("name", [Principal(("bob",), REALM), Principal(("alice",), "OTHER.COM")], ids=str)
def test_the_authenticator_must_be_the_tickets_clients(name: Principal) -> None:
    refusal(ap_req(mint(KEY), client=name), InvalidTokenError, KrbErrorCode.KRB_AP_ERR_BADMATCH)


@pytest.mark.parametrize("cusec", [-1, 1_000_000])
def test_microseconds_are_microseconds(cusec: int) -> None:
    refusal(ap_req(mint(KEY), cusec=cusec), InvalidTokenError, None)


def test_a_ticket_for_addresses_is_good_from_these_alone() -> None:
    home, elsewhere = (ChannelBindings(2, bytes((192, 0, 2, n))) for n in (1, 2))
    ticket = mint(KEY, addresses=[HostAddress(2, home.initiator_address)])
    assert accept(ap_req(ticket, bindings=home), bindings=home).complete
    assert accept(ap_req(ticket)).complete, "without bindings nobody knows where it comes from"
    refusal(ap_req(ticket, bindings=elsewhere), UnauthorizedError, KrbErrorCode.KRB_AP_ERR_BADADDR, bindings=elsewhere)


def test_realms_off_the_path_are_refused_unless_a_kdc_vouches() -> None:
    client = Principal(("alice",), "ELSEWHERE.ORG")
    ticket = mint(KEY, client=client, transited=b"STRANGE.NET")
    error = refusal(ap_req(ticket), UnauthorizedError, KrbErrorCode.KRB_AP_PATH_NOT_ACCEPTED)
    assert "STRANGE.NET" in error.message
    vouched = mint(KEY, client=client, transited=b"STRANGE.NET", flags=TicketFlag.TRANSITED_POLICY_CHECKED)
    assert accept(ap_req(vouched)).complete
    assert accept(ap_req(ticket), transit_path=lambda client, server: ["STRANGE.NET"]).complete


def test_user_to_user_is_refused() -> None:
    message = ap_req(mint(KEY), options=ApOption.USE_SESSION_KEY)
    refusal(message, InvalidTokenError, KrbErrorCode.KRB_AP_ERR_NO_TGT)


# Keys


def test_an_authenticator_of_another_key_is_refused() -> None:
    message = ap_req(mint(KEY), key=random_key(18, os.urandom))
    refusal(message, BadMICError, KrbErrorCode.KRB_AP_ERR_BAD_INTEGRITY)


def test_an_authenticator_of_another_enctype_is_refused() -> None:
    message = ap_req(mint(KEY), key=random_key(17, os.urandom))
    refusal(message, BadMICError, KrbErrorCode.KRB_AP_ERR_BAD_INTEGRITY)


# Checksum


@pytest.mark.parametrize("answered", [False, True])
def test_a_request_without_a_checksum_is_tolerated(answered: bool) -> None:
    """Plain RFC 4120: the ap-options alone say whether an answer is wanted."""
    options = ApOption.MUTUAL_REQUIRED if answered else 0
    made = acceptor()
    reply = finish(made.step(encode_token(AP_REQ, ap_req(mint(KEY), checksum=Checksum(0, b""), options=options))))
    assert made.complete
    assert (reply is not None) is answered
    assert (MUTUAL in made.inquire()["flags"]) is answered


def test_a_checksum_over_nothing_is_tolerated_if_it_is_right() -> None:
    ticket = mint(KEY)
    key = ticket.session_key
    right = Checksum(key.checksum_type, key.checksum(10, b""))
    assert accept(ap_req(ticket, checksum=right)).complete
    with pytest.raises(BadMICError):
        accept(ap_req(ticket, checksum=right._replace(checksum=key.checksum(10, b"something"))))


def test_a_checksum_of_another_type_is_refused() -> None:
    message = ap_req(mint(KEY), checksum=Checksum(7, bytes(16)))
    refusal(message, InvalidTokenError, KrbErrorCode.KRB_AP_ERR_INAPP_CKSUM)


def test_a_malformed_checksum_is_refused() -> None:
    refusal(ap_req(mint(KEY), checksum=Checksum(0x8003, b"short")), InvalidTokenError, None)


# Bindings


def aware() -> AuthorizationData:
    return ((AD_IF_RELEVANT, encode_authorization_data(((143, b"\x00\x40\x00\x00"),))),)


def test_the_same_bindings_bind_the_channel() -> None:
    made = accept(ap_req(mint(KEY), bindings=HERE), bindings=HERE)
    assert RequirementFlag.channel_bound in made.inquire()["flags"]


def test_other_bindings_are_refused() -> None:
    error = refusal(ap_req(mint(KEY), bindings=THERE), BadChannelBindingsError, None, bindings=HERE)
    assert "stand between" in error.message


def test_no_bindings_are_let_in_unbound() -> None:
    made = accept(ap_req(mint(KEY)), bindings=HERE)
    assert RequirementFlag.channel_bound not in made.inquire()["flags"]


def test_no_bindings_from_one_who_always_sends_them_are_refused() -> None:
    refusal(ap_req(mint(KEY), authdata=aware()), BadChannelBindingsError, None, bindings=HERE)
    assert accept(ap_req(mint(KEY), authdata=aware())).complete


def test_malformed_authdata_that_may_be_ignored_is_ignored() -> None:
    assert accept(ap_req(mint(KEY), authdata=((AD_IF_RELEVANT, b"\x30\x80"),)), bindings=HERE).complete


# Replay


def test_a_replay_is_a_duplicate_token() -> None:
    cache = MemoryReplayCache()
    message = ap_req(mint(KEY))
    assert accept(message, replay_cache=cache).complete
    with pytest.raises(DuplicateTokenError):
        accept(message, replay_cache=cache)
    assert accept(ap_req(mint(KEY)), replay_cache=cache).complete


@pytest.mark.parametrize(("enctype", "length"), [(17, 12), (18, 12), (19, 16), (20, 24), (25, 16), (26, 16)])
def test_a_replay_is_known_by_the_checksum_of_the_ciphertext(enctype: int, length: int) -> None:
    key, cache = service_key(enctype), MemoryReplayCache()
    message = ap_req(mint(key))
    assert accept(message, keys=keys_of(key), replay_cache=cache).complete
    assert cache.seen == {message[-length:]}


def test_a_request_that_fails_its_checks_is_not_stored() -> None:
    cache = MemoryReplayCache()
    for message in (ap_req(mint(KEY), ctime=NOW - 1000), ap_req(mint(KEY), bindings=THERE)):
        with pytest.raises(GSSError):
            accept(message, replay_cache=cache, bindings=HERE)
    assert not cache.seen


def test_what_a_refused_request_delegated_is_forgotten() -> None:
    """Or the next one who is let in would be given another's credential."""
    ticket, cache = mint(KEY), MemoryReplayCache()
    message = ap_req(ticket, delegation=encode_delegation(mint_tgt(), ticket.session_key, NOW, os.urandom))
    assert accept(message, replay_cache=cache).delegated
    made = acceptor(replay_cache=cache)
    with pytest.raises(DuplicateTokenError):
        finish(made.step(message))
    finish(made.step(ap_req(mint(KEY), client=CLIENT)))
    assert made.complete
    assert made.delegated == ()


# What stays


def test_the_context_has_what_the_ticket_said() -> None:
    authdata = ((AD_IF_RELEVANT, encode_authorization_data(((128, b"a PAC"),))),)
    ticket = mint(KEY, end=NOW + 1234, renew_till=NOW + 99999, authdata=authdata)
    made = accept(ap_req(ticket))
    context = made.context
    assert context is not None
    record = context._record
    assert record is not None
    assert (record.initiator, record.acceptor) == (CLIENT, SERVICE)
    assert (record.starttime, record.endtime, record.renew_till) == (NOW - 600, NOW + 1234, NOW + 99999)
    assert record.authdata == authdata
    assert (record.send_seq, record.recv.base) == (77, 77), "without an AP-REP both count from the initiator's number"
    assert record.session_key == ticket.session_key


def test_a_missing_sequence_number_is_zero() -> None:
    context = accept(ap_req(mint(KEY), seq_number=None)).context
    assert context is not None
    assert context._record is not None
    assert context._record.recv.base == 0


@pytest.mark.parametrize("flags", [0, MUTUAL])
def test_after_establishment_the_machine_holds_no_keys(flags: int) -> None:
    """A session key must not outlive its context: nothing but the key source may lead to a key."""
    keys = keys_of(KEY)
    made = accept(ap_req(mint(KEY), flags=flags, subkey=random_key(18, os.urandom)), keys=keys)
    made.context = None
    reached: set[int] = set()
    queue: list[object] = [{name: getattr(made, name) for name in made.__slots__}]
    while queue:
        thing = queue.pop()
        if id(thing) in reached or isinstance(thing, type) or thing is made._policy:  # what it came with
            continue
        reached.add(id(thing))
        assert not isinstance(thing, Key)
        assert not isinstance(thing, CachedTicket)
        queue += [held for held in gc.get_referents(thing) if not isinstance(held, type(os))]


def test_anonymity_is_told() -> None:
    made = accept(ap_req(mint(KEY, flags=TicketFlag.ANONYMOUS)))
    assert RequirementFlag.anonymity in made.inquire()["flags"]


# Hostile octets


def test_every_altered_octet_is_a_gss_error_or_changes_nothing() -> None:
    message = ap_req(mint(KEY), flags=MUTUAL, subkey=random_key(18, os.urandom))
    token = encode_token(AP_REQ, message)
    for place in range(len(token)):
        for change in (0x01, 0x80, 0xFF):
            altered = bytearray(token)
            altered[place] ^= change
            made = acceptor()
            try:
                finish(made.step(bytes(altered)))
            except GSSError as error:
                refused = error
            else:
                assert made.inquire()["initiator_name"] == CLIENT
                continue
            assert refused.token is not None
            assert not made.complete


def test_every_cut_is_a_gss_error() -> None:
    token = encode_token(AP_REQ, ap_req(mint(KEY)))
    for length in range(len(token)):
        with pytest.raises(GSSError):
            finish(acceptor().step(token[:length]))


def test_trailing_octets_are_refused() -> None:
    with pytest.raises(InvalidTokenError):
        accept(ap_req(mint(KEY)) + b"\0")


def test_a_session_key_that_is_not_permitted_is_told() -> None:
    message = ap_req(mint(KEY, session_enctype=17))
    assert accept(message, enctypes=(20, 17)).complete
    error = refusal(message, OperationUnavailableError, KrbErrorCode.KDC_ERR_ETYPE_NOSUPP, enctypes=(20, 18))
    assert "aes128-cts-hmac-sha1-96" in error.message
    assert "permitted_enctypes" in error.message


def test_a_subkey_that_is_not_permitted_is_told() -> None:
    """Without mutual authentication it protects the messages: a permitted session key must not bring another type."""
    message = ap_req(mint(KEY), subkey=random_key(17, os.urandom))
    assert accept(message, enctypes=(17, 18)).complete
    error = refusal(message, OperationUnavailableError, KrbErrorCode.KDC_ERR_ETYPE_NOSUPP, enctypes=(18,))
    assert "the subkey of the initiator" in error.message
    assert "permitted_enctypes" in error.message


def test_a_session_key_of_an_enctype_we_lack_is_told() -> None:
    class Foreign:
        enctype = 23

        def dangerous_material(self) -> bytes:
            return bytes(16)

    ticket = replace(mint(KEY, session_key=Foreign()), session_key=random_key(18, os.urandom))  # type: ignore[arg-type]
    error = refusal(ap_req(ticket), OperationUnavailableError, KrbErrorCode.KDC_ERR_ETYPE_NOSUPP)
    assert "the session key of the ticket cannot be used" in error.message
    assert "rc4-hmac" in error.message
