"""RFC 4121 §4.1, RFC 4120 §3.2.2, §3.2.5: the initiator's side of context establishment."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from puregss.base.bindings import ChannelBindings
from puregss.base.errors import GSSError, InvalidTokenError
from puregss.base.flags import RequirementFlag
from puregss.base.mechanism import KdcRequest, Steps
from puregss.base.ports import Clock, Entropy
from puregss.kcrypto.enctypes import SUPPORTED
from puregss.kcrypto.key import Key, random_key
from puregss.krb5.authenticator_checksum import (
    CHECKSUM_TYPE,
    MAX_DELEGATION,
    AuthenticatorChecksum,
    encode_checksum,
    hash_bindings,
)
from puregss.krb5.ccache import CachedTicket
from puregss.krb5.context import KerberosContext
from puregss.krb5.delegation import encode_delegation
from puregss.krb5.kdc_exchange_tgs import Asker, forwarded_tgt, obtain_ticket
from puregss.krb5.mechanism_authdata import offer_enctypes
from puregss.krb5.mechanism_error import read_error
from puregss.krb5.mechanism_token import (
    AP_REP,
    AP_REP_USAGE,
    AP_REQ,
    AUTHENTICATOR_USAGE,
    KRB_ERROR,
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
    encode_ap_req,
    encode_authenticator,
)
from puregss.krb5.messages.error import KrbErrorCode
from puregss.krb5.messages.fields import Checksum, EncryptedData, EncryptionKey
from puregss.krb5.messages.ticket import TicketFlag, decode_ticket
from puregss.krb5.ports import TicketStore
from puregss.krb5.principal import Principal
from puregss.krb5.record import ContextRecord
from puregss.krb5.window import SequenceWindow

_MUTUAL: Final = RequirementFlag.mutual_authentication.value
_REPLAY: Final = RequirementFlag.replay_detection.value
_SEQUENCE: Final = RequirementFlag.out_of_sequence_detection.value
_DELEGATE: Final = RequirementFlag.delegate_to_peer.value
_DELEGATE_BY_POLICY: Final = RequirementFlag.ok_as_delegate.value
_DCE: Final = RequirementFlag.dce_style.value
_ANONYMITY: Final = RequirementFlag.anonymity.value
_ALWAYS: Final = (RequirementFlag.confidentiality | RequirementFlag.integrity).value
_ASKED: Final = _MUTUAL | _REPLAY | _SEQUENCE | _DCE | (RequirementFlag.identify | RequirementFlag.extended_error).value
_ESTABLISHED: Final = (RequirementFlag.protection_ready | RequirementFlag.transferable).value


class _Plan(NamedTuple):
    """What is to be established."""

    ticket: CachedTicket
    flags: int
    expiry: int
    delegation: bytes | None


class _Sent(NamedTuple):
    """What the initiator must remember of its AP-REQ."""

    ctime: int
    cusec: int
    subkey: Key
    sequence: int


class _Waiting(NamedTuple):
    """An AP-REQ is on its way."""

    plan: _Plan
    sent: _Sent


class Initiator:
    """An `Establishment` that proves to `target` who its user is (the mechanism's `init_sec_context`).

    `client` picks whose tickets to use, by default the store's own principal. `lifetime` is in seconds:
    what is asked of the KDC if a ticket must be fetched, and an upper bound of the context's own. `enctypes` are
    those permitted, best first: asked of the KDC, and offered to the acceptor for its subkey (RFC 4537).
    Steps yield `KdcRequest` where a ticket is missing; the answer is the KDC's reply.
    """

    def __init__(
        self,
        *,
        target: Principal,
        tickets: TicketStore,
        flags: RequirementFlag,
        bindings: ChannelBindings | None,
        clock: Clock,
        entropy: Entropy,
        lifetime: int | None = None,
        client: Principal | None = None,
        enctypes: Sequence[int] = SUPPORTED,
    ) -> None:
        self.context: KerberosContext | None = None
        self.complete = False
        self._target = target
        self._tickets = tickets
        self._asked = int(flags)
        self._bindings = bindings
        self._clock = clock
        self._entropy = entropy
        self._lifetime = lifetime
        self._client = client
        self._enctypes = tuple(enctypes)
        self._offset = 0.0
        self._retried = False
        self._waiting: _Waiting | None = None  # for the acceptor's answer
        self._known: tuple[Principal, Principal, int, int] | None = None

    def step(self, token: bytes | None) -> Steps:
        """First with None, then with each token of the acceptor; returns the token to send, or None.

        MissingCredentialsError where there is no ticket and none can be fetched; BadMICError where the
        answer is not the target's; GSSError with the peer's code where the peer refused.
        """
        if self.complete:
            raise GSSError("the context is established already; it takes no more context tokens")
        if self._waiting is None:
            return (yield from self._begin(token))
        return self._receive(token or b"", *self._waiting)

    def inquire(self) -> dict[str, Any]:
        """What is known so far: `initiator_name`, `acceptor_name` (principals), `flags`, `expiry`."""
        if self._known is None:
            return {"acceptor_name": self._target}
        initiator, acceptor, flags, expiry = self._known
        return {
            "initiator_name": initiator,
            "acceptor_name": acceptor,
            "flags": RequirementFlag(flags),
            "expiry": expiry,
        }

    # AP-REQ

    def _begin(self, token: bytes | None) -> Steps:
        if token:
            raise InvalidTokenError("an initiator speaks first: its first step takes no token")
        client = self._client or self._tickets.default_principal
        self._offset = _kdc_offset(self._tickets)
        asker = Asker(self._clock, self._entropy, self._lifetime, self._enctypes, self._offset)
        ticket = yield from obtain_ticket(self._tickets, client, self._target, asker)
        if not ticket.server.realm:
            # Kept under the name it was asked for, which leaves the realm to the KDC; the ticket itself knows.
            ticket = replace(ticket, server=decode_ticket(ticket.ticket).server)
        flags = self._asked & _ASKED | _ALWAYS
        if ticket.flags & TicketFlag.ANONYMOUS:
            flags |= _ANONYMITY
        delegation, granted = yield from self._delegate(client, ticket, asker)
        flags |= granted
        expiry = (
            ticket.endtime if self._lifetime is None else min(ticket.endtime, int(self._clock.now()) + self._lifetime)
        )
        self._known = (ticket.client, ticket.server, flags, expiry)
        return self._request(_Plan(ticket, flags, expiry, delegation))

    def _delegate(
        self, client: Principal, ticket: CachedTicket, asker: Asker
    ) -> Generator[KdcRequest, bytes, tuple[bytes | None, int]]:
        """The KRB-CRED for the acceptor and the flags that say so; None and 0 where delegation is not wanted.

        Nor where it is not to be had, or does not fit: the flags tell, and the context is good without it
        (RFC 2743 §1.2.7).
        """
        by_policy = self._asked & _DELEGATE_BY_POLICY and ticket.flags & TicketFlag.OK_AS_DELEGATE
        if not (self._asked & _DELEGATE or by_policy):
            return None, 0
        try:
            forwarded = yield from forwarded_tgt(self._tickets, client, asker)
        except GSSError:
            return None, 0
        delegation = encode_delegation(forwarded, ticket.session_key, asker.now(), self._entropy)
        if len(delegation) > MAX_DELEGATION:
            return None, 0
        return delegation, _DELEGATE | (_DELEGATE_BY_POLICY if by_policy else 0)

    def _request(self, plan: _Plan) -> bytes:
        """RFC 4120 §3.2.2: the token with the AP-REQ."""
        ticket, flags = plan.ticket, plan.flags
        now = self._clock.now() + self._offset
        key = ticket.session_key
        sent = _Sent(
            int(now),
            int(now % 1 * 1_000_000),
            random_key(key.enctype, self._entropy),
            random_sequence_number(self._entropy),
        )
        answered = bool(flags & (_MUTUAL | _DCE))
        checksum = encode_checksum(AuthenticatorChecksum(hash_bindings(self._bindings), flags, plan.delegation))
        authenticator = Authenticator(
            ticket.client,
            Checksum(CHECKSUM_TYPE, checksum),
            sent.cusec,
            sent.ctime,
            EncryptionKey(key.enctype, sent.subkey.dangerous_material()),
            sent.sequence,
            offer_enctypes(key.enctype, self._enctypes) if answered else (),
        )
        cipher = key.encrypt(AUTHENTICATOR_USAGE, encode_authenticator(authenticator), self._entropy)
        message = encode_ap_req(
            ApReq(ApOption.MUTUAL_REQUIRED if answered else 0, ticket.ticket, EncryptedData(key.enctype, None, cipher))
        )
        if answered:
            self._waiting = _Waiting(plan, sent)
        else:
            self._establish(plan, sent, sent.sequence, None)
        return message if flags & _DCE else encode_token(AP_REQ, message)

    # AP-REP

    def _receive(self, token: bytes, plan: _Plan, sent: _Sent) -> bytes | None:
        token_id, message, _ = decode_token(token)
        if token_id == KRB_ERROR:
            self._adopt_clock(message, plan.ticket)
            return self._request(plan)
        if token_id != AP_REP:
            raise InvalidTokenError(
                f"the token is of the kind {token_id.hex() or 'nothing'}; the acceptor's answer is an AP-REP (0200)",
                minor=KrbErrorCode.KRB_AP_ERR_MSG_TYPE.minor,
            )
        part = self._open_reply(message, plan.ticket, sent)
        subkey = None
        if part.subkey is not None:  # RFC 4537 §3: the acceptor may choose from what was offered, or keep the type
            offered = (*self._enctypes, plan.ticket.session_key.enctype)
            subkey = usable_key(part.subkey, f"the subkey of {plan.ticket.server}", offered)
        answer = self._third_leg(plan.ticket.session_key, part) if plan.flags & _DCE else None
        self._establish(plan, sent, part.seq_number or 0, subkey)
        return answer

    def _open_reply(self, message: bytes, ticket: CachedTicket, sent: _Sent) -> EncApRepPart:
        """RFC 4120 §3.2.5: only who holds the ticket's key can repeat our time."""
        complaint = f"the answer is not {ticket.server}'s, or was altered: it is not sealed with the ticket's key"
        plaintext = open_sealed(decode_ap_rep(message).enc_part, ticket.session_key, AP_REP_USAGE, complaint)
        part = decode_enc_ap_rep_part(plaintext)
        if (part.ctime, part.cusec) != (sent.ctime, sent.cusec):
            raise InvalidTokenError(
                f"the answer of {ticket.server} belongs to another request: it repeats another time",
                minor=KrbErrorCode.KRB_AP_ERR_MUT_FAIL.minor,
            )
        return part

    def _third_leg(self, session_key: Key, part: EncApRepPart) -> bytes:
        """MS-KILE §3.4.5.1, DCE style: an AP-REP of ours, without framing, that repeats the acceptor's number."""
        answer = encode_enc_ap_rep_part(EncApRepPart(part.ctime, part.cusec, None, part.seq_number or 0))
        cipher = session_key.encrypt(AP_REP_USAGE, answer, self._entropy)
        return encode_ap_rep(ApRep(EncryptedData(session_key.enctype, None, cipher)))

    def _adopt_clock(self, message: bytes, ticket: CachedTicket) -> None:
        """Take the acceptor's time if clocks are what it complains of, once; raise what it says otherwise.

        Nobody has authenticated this time, so it must lie within the ticket's life: who forges it gains an
        authenticator that is good at another moment, but never longer than the ticket itself.
        """
        error, refusal = read_error(message, ticket.server)
        skewed = error.error_code == KrbErrorCode.KRB_AP_ERR_SKEW
        if not skewed or self._retried or not ticket.starttime <= error.stime <= ticket.endtime:
            raise refusal
        self._retried = True
        self._offset = error.stime + error.susec / 1_000_000 - self._clock.now()

    def _establish(self, plan: _Plan, sent: _Sent, received: int, subkey: Key | None) -> None:
        """Leave one record behind; everything else of the exchange is forgotten."""
        ticket, flags = plan.ticket, plan.flags | _ESTABLISHED
        record = ContextRecord(
            initiate=True,
            flags=flags,
            initiator=ticket.client,
            acceptor=ticket.server,
            authtime=ticket.authtime,
            starttime=ticket.starttime or ticket.authtime,
            endtime=plan.expiry,
            renew_till=ticket.renew_till,
            ticket_flags=ticket.flags,
            session_key=ticket.session_key.bare(),
            initiator_subkey=sent.subkey.bare(),
            acceptor_subkey=subkey,
            send_seq=sent.sequence,
            recv=SequenceWindow(received, do_replay=bool(flags & _REPLAY), do_sequence=bool(flags & _SEQUENCE)),
        )
        self.context = KerberosContext(record, self._entropy)
        self._known = (ticket.client, ticket.server, flags, plan.expiry)
        self.complete = True
        self._waiting = None


def _kdc_offset(tickets: TicketStore) -> float:
    """Seconds that the KDC was ahead when it issued the tickets, as kinit has put down. Acceptors have its time."""
    seconds, microseconds = tickets.load().kdc_offset
    return seconds + microseconds / 1_000_000
