"""RFC 4121 §4.1, RFC 4120 §3.2.3, §3.2.4: the acceptor's side of context establishment.

What goes wrong has these statuses; the minor is always Kerberos' own code (RFC 4120 §7.5.9):
no key for the ticket NO_CRED; ticket or authenticator not sealed with the right key BAD_MIC; a token
that is cut, malformed or contradicts itself DEFECTIVE_TOKEN; an expired ticket CREDENTIALS_EXPIRED;
a replay DUPLICATE_TOKEN, an authenticator too old to tell OLD_TOKEN, one of the future FAILURE, as is a replay
cache that fails; other bindings BAD_BINDINGS; a path or address that is not allowed UNAUTHORIZED; an encryption
type we lack UNAVAILABLE.
RFC 4121 §4.1 answers an unknown token identifier with CONTINUE_NEEDED and a KRB-ERROR; here that is DEFECTIVE_TOKEN
with the KRB-ERROR in the exception's `token`, after which another token may be tried: the same exchange, told apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from puregss.base.bindings import ChannelBindings
from puregss.base.errors import GSSError, InvalidTokenError
from puregss.base.flags import RequirementFlag
from puregss.base.made import made
from puregss.base.mechanism import Steps
from puregss.kcrypto.key import Key, random_key
from puregss.krb5.acceptor_checks import check_address, check_authenticator, check_times
from puregss.krb5.acceptor_keys import open_ticket
from puregss.krb5.acceptor_policy import AcceptorPolicy
from puregss.krb5.authenticator_checksum import (
    CHECKSUM_TYPE,
    AuthenticatorChecksum,
    check_bindings,
    decode_checksum,
    hash_bindings,
)
from puregss.krb5.context import KerberosContext
from puregss.krb5.delegation import decode_delegation
from puregss.krb5.mechanism_authdata import channel_aware, negotiate_enctype
from puregss.krb5.mechanism_error import error_token
from puregss.krb5.mechanism_token import (
    AP_REP,
    AP_REP_USAGE,
    AP_REQ,
    AUTHENTICATOR_USAGE,
    decode_token,
    encode_token,
    open_sealed,
    random_sequence_number,
    usable_key,
)
from puregss.krb5.messages.ap_rep import (
    ApRep,
    EncApRepPart,
    decode_ap_rep,
    decode_enc_ap_rep_part,
    encode_ap_rep,
    encode_enc_ap_rep_part,
)
from puregss.krb5.messages.ap_req import (
    ApOption,
    ApReq,
    Authenticator,
    decode_ap_req,
    decode_authenticator,
)
from puregss.krb5.messages.error import KrbErrorCode
from puregss.krb5.messages.fields import EncryptedData, EncryptionKey
from puregss.krb5.messages.ticket import EncTicketPart, TicketFlag, decode_ticket
from puregss.krb5.ports import ReplayCache
from puregss.krb5.record import ContextRecord
from puregss.krb5.transited import check_transited
from puregss.krb5.window import SequenceWindow

if TYPE_CHECKING:
    from puregss.krb5.ccache import CachedTicket
    from puregss.krb5.principal import Principal

_CHECKSUM_USAGE: Final = 10

# Plain numbers, looked up once: a member of an enumeration costs more than what is done with it here.
_USE_SESSION_KEY: Final = ApOption.USE_SESSION_KEY.value
_MUTUAL_REQUIRED: Final = ApOption.MUTUAL_REQUIRED.value
_ANONYMOUS: Final = TicketFlag.ANONYMOUS.value
_MUTUAL: Final = RequirementFlag.mutual_authentication.value
_REPLAY: Final = RequirementFlag.replay_detection.value
_SEQUENCE: Final = RequirementFlag.out_of_sequence_detection.value
_DELEGATE: Final = RequirementFlag.delegate_to_peer.value
_DCE: Final = RequirementFlag.dce_style.value
_ANONYMITY: Final = RequirementFlag.anonymity.value
_BOUND: Final = RequirementFlag.channel_bound.value
_ALWAYS: Final = (RequirementFlag.confidentiality | RequirementFlag.integrity).value
_ESTABLISHED: Final = (RequirementFlag.protection_ready | RequirementFlag.transferable).value


class _Request(NamedTuple):
    """An AP-REQ that passed its checks."""

    part: EncTicketPart
    service: Principal
    session_key: Key
    authenticator: Authenticator
    subkey: Key | None
    flags: int
    delegated: tuple[CachedTicket, ...]


class _ThirdLeg(NamedTuple):
    """A request that was answered in DCE style, with our sequence number and subkey."""

    request: _Request
    own: int
    subkey: Key


class Acceptor:
    """An `Establishment` that learns from an AP-REQ who its peer is (the mechanism's `accept_sec_context`).

    `replay_cache` None trusts the protocol above to bar replays.
    After an error in its first step the acceptor may be given another token (the initiator's retry).
    """

    __slots__ = (
        "_authenticator",
        "_bindings",
        "_known",
        "_policy",
        "_replay_cache",
        "_third_leg",
        "complete",
        "context",
        "delegated",
    )

    def __init__(
        self, policy: AcceptorPolicy, bindings: ChannelBindings | None, replay_cache: ReplayCache | None
    ) -> None:
        self.context: KerberosContext | None = None
        self.complete = False
        self.delegated: tuple[CachedTicket, ...] = ()  # what the initiator delegated; the first is its TGT
        self._policy = policy
        self._bindings = bindings
        self._replay_cache = replay_cache
        self._third_leg: _ThirdLeg | None = None  # what is waited for, in DCE style
        self._known: tuple[Principal, Principal, int, int] | None = None
        self._authenticator: Authenticator | None = None  # while a step runs, for the error token

    def step(self, token: bytes | None) -> Steps:
        """`accept` as an exchange, which never yields."""
        yield from ()
        return self.accept(token)

    def accept(self, token: bytes | None) -> bytes | None:
        """Take a token of the initiator; returns the token to send, or None.

        On GSSError, `token` of the error is a KRB-ERROR for the initiator.
        """
        if self.complete:
            raise GSSError("the context is established already; it takes no more context tokens")
        try:
            if self._third_leg is None:
                return self._accept_request(token or b"")
            self._accept_third_leg(token or b"", *self._third_leg)
            return None
        except GSSError as error:
            if error.token is None:
                policy = self._policy
                error.token = error_token(error.minor, policy.clock.now(), policy.principal, self._authenticator)
            raise
        finally:
            self._authenticator = None

    def inquire(self) -> dict[str, Any]:
        """What is known so far: `initiator_name`, `acceptor_name` (principals), `flags`, `expiry`."""
        if self._known is None:
            return {}
        initiator, acceptor, flags, expiry = self._known
        return {
            "initiator_name": initiator,
            "acceptor_name": acceptor,
            "flags": RequirementFlag(flags),
            "expiry": expiry,
        }

    # AP-REQ

    def _accept_request(self, token: bytes) -> bytes | None:
        token_id, message, framed = decode_token(token)
        if token_id != AP_REQ:
            raise InvalidTokenError(
                f"the token is of the kind {token_id.hex() or 'nothing'}; an acceptor's first is an AP-REQ (0100)",
                minor=KrbErrorCode.KRB_AP_ERR_MSG_TYPE.minor,
            )
        request = self._verify(decode_ap_req(message))
        part, flags = request.part, request.flags
        self._known = (part.client, request.service, flags, part.endtime)
        first = request.authenticator.seq_number or 0
        if not flags & (_MUTUAL | _DCE):
            # Without an AP-REP there is nothing to tell the initiator a number in: both count from its own.
            self._establish(request, first, None)
            return None
        bare = not framed or bool(flags & _DCE)
        policy = self._policy
        own = random_sequence_number(policy.entropy)
        enctype = negotiate_enctype(
            request.authenticator.authorization_data, request.session_key.enctype, policy.enctypes
        )
        subkey = random_key(enctype, policy.entropy)
        reply = self._reply(request, own, subkey)
        if flags & _DCE:
            self._third_leg = _ThirdLeg(request, own, subkey)
        else:
            self._establish(request, own, subkey)
        return reply if bare else encode_token(AP_REP, reply)

    def _verify(self, request: ApReq) -> _Request:
        """RFC 4120 §3.2.3, in the order that never answers before the seal is known to be the client's."""
        if request.ap_options & _USE_SESSION_KEY:
            raise InvalidTokenError(
                "the initiator wants user-to-user authentication, which this acceptor has no TGT for",
                minor=KrbErrorCode.KRB_AP_ERR_NO_TGT.minor,
            )
        policy = self._policy
        part, service = open_ticket(decode_ticket(request.ticket), policy.keys, policy.principal)
        session_key = usable_key(part.key, "the session key of the ticket", policy.enctypes)
        session_key.expect(AUTHENTICATOR_USAGE, AP_REP_USAGE)
        authenticator = self._authenticator = _open_authenticator(request.authenticator, session_key)
        now, skew = policy.clock.now(), policy.clock_skew
        check_authenticator(authenticator, part, now, skew)
        check_times(part, now, skew)
        check_address(part, self._bindings)
        check_transited(part, service.realm, policy.transit_path)
        proposed = authenticator.subkey
        subkey = None if proposed is None else usable_key(proposed, "the subkey of the initiator", policy.enctypes)
        flags, delegated = self._read_checksum(request, authenticator, session_key, subkey)
        if part.flags & _ANONYMOUS:
            flags |= _ANONYMITY
        if self._replay_cache is not None:
            mac = request.authenticator.cipher[-session_key.checksum_size :]
            self._replay_cache.store(mac, int(now), authenticator.ctime)
        return made(_Request, (part, service, session_key, authenticator, subkey, flags, delegated))

    def _read_checksum(
        self, request: ApReq, authenticator: Authenticator, session_key: Key, subkey: Key | None
    ) -> tuple[int, tuple[CachedTicket, ...]]:
        """The context's flags, and what was delegated."""
        checksum = _decode_checksum(authenticator, session_key)
        flags = checksum.flags & ~_DELEGATE
        if request.ap_options & _MUTUAL_REQUIRED:
            flags |= _MUTUAL
        if check_bindings(checksum.bindings_hash, self._bindings, channel_aware(authenticator.authorization_data)):
            flags |= _BOUND
        if checksum.delegation is None:
            return flags, ()
        delegated = decode_delegation(checksum.delegation, session_key, subkey)
        return flags | (_DELEGATE if delegated else 0), delegated

    def _reply(self, request: _Request, own: int, subkey: Key) -> bytes:
        """RFC 4120 §3.2.4: the AP-REP, with our sequence number and a subkey of our own."""
        authenticator, session_key = request.authenticator, request.session_key
        key = made(EncryptionKey, (subkey.enctype, subkey.dangerous_material()))
        part = made(EncApRepPart, (authenticator.ctime, authenticator.cusec, key, own))
        cipher = session_key.encrypt(AP_REP_USAGE, encode_enc_ap_rep_part(part), self._policy.entropy)
        return encode_ap_rep(made(ApRep, (made(EncryptedData, (session_key.enctype, None, cipher)),)))

    # DCE style

    def _accept_third_leg(self, token: bytes, request: _Request, own: int, subkey: Key) -> None:
        """MS-KILE §3.4.5.1: the initiator's AP-REP, which proves that it read our sequence number."""
        token_id, message, _ = decode_token(token)
        if token_id != AP_REP:
            raise InvalidTokenError(
                f"the token is of the kind {token_id.hex()}; the third of a DCE-style exchange is an AP-REP (0200)",
                minor=KrbErrorCode.KRB_AP_ERR_MSG_TYPE.minor,
            )
        complaint = "the initiator's AP-REP is not sealed with the ticket's session key, or was altered"
        sealed = decode_ap_rep(message).enc_part
        part = decode_enc_ap_rep_part(open_sealed(sealed, request.session_key, AP_REP_USAGE, complaint))
        # The acceptor's own AP-REP has the number too, and a subkey: it must not pass when it is sent back.
        if part.seq_number != own or part.subkey is not None:
            raise InvalidTokenError(
                "the initiator's AP-REP does not answer the acceptor's; it belongs to another exchange, or is an echo",
                minor=KrbErrorCode.KRB_AP_ERR_MUT_FAIL.minor,
            )
        self._establish(request, own, subkey)

    def _establish(self, request: _Request, own: int, subkey: Key | None) -> None:
        """Leave one record behind; everything else of the exchange is forgotten."""
        part, flags = request.part, request.flags | _ESTABLISHED
        first = request.authenticator.seq_number or 0
        # By position: for a class that is called by names Python makes a dict of them first.
        recv = SequenceWindow(first, 0, 0, flags & _REPLAY != 0, flags & _SEQUENCE != 0)
        record = ContextRecord(
            False,
            flags,
            part.client,
            request.service,
            part.authtime,
            part.start,
            part.endtime,
            part.renew_till or 0,
            part.flags,
            request.session_key.bare(),
            request.subkey and request.subkey.bare(),
            subkey,
            own,
            recv,
            part.authorization_data,
        )
        self.context = KerberosContext(record, self._policy.entropy)
        self.delegated = request.delegated
        self._known = (part.client, request.service, flags, part.endtime)
        self.complete = True
        self._third_leg = None


def _open_authenticator(sealed: EncryptedData, session_key: Key) -> Authenticator:
    complaint = (
        "the authenticator does not open with the ticket's session key: it was altered, or whoever sent the ticket "
        "does not hold its key"
    )
    return decode_authenticator(open_sealed(sealed, session_key, AUTHENTICATOR_USAGE, complaint))


def _decode_checksum(authenticator: Authenticator, session_key: Key) -> AuthenticatorChecksum:
    """RFC 4121 §4.1.1. Who speaks plain RFC 4120 sends no checksum, or one over nothing, and wants all there is."""
    checksum = authenticator.cksum
    if checksum is not None and checksum.cksumtype == CHECKSUM_TYPE:
        return decode_checksum(checksum.checksum)
    if checksum is not None:
        if checksum.cksumtype != session_key.checksum_type:
            raise InvalidTokenError(
                f"the authenticator's checksum is of type {checksum.cksumtype}; GSS-API's is 0x8003",
                minor=KrbErrorCode.KRB_AP_ERR_INAPP_CKSUM.minor,
            )
        session_key.verify_checksum(_CHECKSUM_USAGE, b"", checksum.checksum)
    return AuthenticatorChecksum(hash_bindings(None), _REPLAY | _SEQUENCE | _ALWAYS)
