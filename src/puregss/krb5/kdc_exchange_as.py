"""RFC 4120 §3.1: the client's side of the AS exchange: a first ticket, from a password or from a keytab's keys."""

from __future__ import annotations

from typing import Final

from puregss.base.errors import BadMICError, GSSError, MissingCredentialsError
from puregss.base.mechanism import KdcRequest
from puregss.base.ports import Clock, Entropy
from puregss.kcrypto.enctypes import enctype_name
from puregss.kcrypto.key import Key
from puregss.krb5.ccache import CachedTicket
from puregss.krb5.kdc_exchange import (
    Exchange,
    TicketOptions,
    altered,
    check_reply,
    decode_answer,
    fresh_nonce,
    refusal,
    to_cached_ticket,
)
from puregss.krb5.messages.error import KrbError, KrbErrorCode
from puregss.krb5.messages.fields import DerTypedOctets
from puregss.krb5.messages.kdc import (
    AS_REP,
    AS_REQ,
    EncKdcRepPart,
    KdcRep,
    KdcReq,
    KdcReqBody,
    decode_enc_kdc_rep_part,
    encode_kdc_req,
    encode_kdc_req_body,
)
from puregss.krb5.messages.padata import PaData, PaDataType, decode_method_data
from puregss.krb5.messages.ticket import TicketFlag
from puregss.krb5.ports import CLOCK_SKEW
from puregss.krb5.preauth import Hints, Secret, preauthenticate, read_hints
from puregss.krb5.principal import Principal, tgs_principal
from puregss.wire.der import decode

AS_REP_USAGE: Final = 3
AS_REQ_CHECKSUM_USAGE: Final = 56
_MOST_ROUNDS: Final = 10
"""Requests of one exchange: plain, pre-authenticated, with the KDC's clock, and each again after a realm's referral."""


def as_exchange(
    client: Principal,
    secret: Secret,
    *,
    clock: Clock,
    entropy: Entropy,
    options: TicketOptions | None = None,
    server: Principal | None = None,
) -> Exchange:
    """A ticket for `server` (by default the client's ticket-granting service), proved with `secret`.

    Raises MissingCredentialsError for an unknown client or a wrong password or key, ExpiredCredentialsError for an
    expired one, GSSError for whatever else the KDC refuses. With `options.canonicalize` the client may be sent to
    another realm and get another name (RFC 6806 §6, §7).
    """
    return _AsExchange(client, secret, clock, entropy, options or TicketOptions(), server).run()


class _AsExchange:
    def __init__(
        self,
        client: Principal,
        secret: Secret,
        clock: Clock,
        entropy: Entropy,
        options: TicketOptions,
        server: Principal | None,
    ) -> None:
        self._client = client
        self._secret = secret
        self._clock = clock
        self._entropy = entropy
        self._options = options
        self._server = server
        self._hints: Hints | None = None
        self._offset: float | None = None  # what to add to our clock to get the KDC's
        # The secret's enctypes come first: a KDC seals its answer in the first one it has a key of.
        usable = [enctype for enctype in secret.enctypes() if enctype in options.enctypes]
        self._reply_enctypes = tuple(usable)
        self._enctypes = (*usable, *(enctype for enctype in options.enctypes if enctype not in usable))

    def run(self) -> Exchange:
        for _ in range(_MOST_ROUNDS):
            realm = self._client.realm
            body = self._body()
            message = KdcReq(AS_REQ, self._padata(), encode_kdc_req_body(body))
            octets = encode_kdc_req(message)
            answer = decode_answer(realm, (yield KdcRequest(realm, octets)))
            if isinstance(answer, KdcRep):
                return self._accept(answer, body, octets)
            self._learn(answer)
        raise GSSError(
            f"the KDC of realm {self._client.realm} keeps asking for more; {_MOST_ROUNDS} requests are enough"
        )

    def _now(self) -> float:
        return self._clock.now() + (self._offset or 0)

    def _body(self) -> KdcReqBody:
        now = int(self._now())
        options = self._options
        return KdcReqBody(
            kdc_options=options.kdc_options,
            client=self._client,
            realm=self._client.realm,
            server=self._server or tgs_principal(self._client.realm),
            till=now + options.lifetime,
            nonce=fresh_nonce(self._entropy),
            etype=self._enctypes,
            rtime=None if options.renew_lifetime is None else now + options.renew_lifetime,
        )

    def _padata(self) -> tuple[PaData, ...]:
        proof: tuple[PaData, ...] = ()
        if self._hints is not None:
            proof = preauthenticate(
                self._hints, self._client, self._secret, self._reply_enctypes, self._now(), self._entropy
            )
        # RFC 6806 §11: ask for a checksum of the request, so that we see if somebody changed it.
        return (*proof, PaData(PaDataType.REQ_ENC_PA_REP, b""))

    def _learn(self, error: KrbError) -> None:
        """Take from a KRB-ERROR what the next request needs; raise if there is no use in another one."""
        code = error.error_code
        if code == KrbErrorCode.KDC_ERR_PREAUTH_REQUIRED and self._hints is None:
            self._hints = read_hints(decode_method_data(error.e_data or b""))
        elif code == KrbErrorCode.KDC_ERR_PREAUTH_EXPIRED and self._hints is not None:
            self._hints = None
        elif code == KrbErrorCode.KRB_AP_ERR_SKEW and self._offset is None:
            self._offset = error.stime - self._clock.now()
        elif (
            code == KrbErrorCode.KDC_ERR_WRONG_REALM
            and self._options.canonicalize
            and error.client is not None
            and error.client.realm not in ("", self._client.realm)
        ):
            self._client = Principal(self._client.components, error.client.realm, self._client.name_type)
            self._hints = None
            self._offset = None
        else:
            raise refusal(self._client.realm, error, f"a ticket to {self._client} by {self._secret.describe()}")

    def _accept(self, reply: KdcRep, body: KdcReqBody, request: bytes) -> CachedTicket:
        realm = self._client.realm
        if reply.msg_type != AS_REP:
            raise altered(realm, "it answers a TGS-REQ")
        if not self._options.canonicalize and reply.client != self._client:
            raise altered(realm, f"it is for {reply.client} instead of {self._client}")
        key = self._reply_key(reply)
        try:
            part = decode_enc_kdc_rep_part(key.decrypt(AS_REP_USAGE, reply.enc_part.cipher))
        except BadMICError:
            raise MissingCredentialsError(
                f"the answer of the KDC of realm {realm} cannot be opened with {self._secret.describe()} of "
                f"{self._client}: the password is wrong, or the keytab's key is not the present one",
                minor=KrbErrorCode.KRB_AP_ERR_BAD_INTEGRITY.minor,
            ) from None
        check_reply(realm, reply, part, body)
        self._check_names(part, body)
        self._check_clock(part)
        _check_request_was_not_changed(realm, part, key, request)
        return to_cached_ticket(reply.client, reply, part)

    def _reply_key(self, reply: KdcRep) -> Key:
        enctype = reply.enc_part.etype
        if enctype not in self._reply_enctypes:
            raise altered(self._client.realm, f"it is sealed with {enctype_name(enctype)}, which was not offered")
        said = read_hints(reply.padata)
        hints = said if said.recipes or said.salt is not None else self._hints or said
        return self._secret.key(hints.recipe(enctype, self._client), reply.enc_part.kvno)

    def _check_names(self, part: EncKdcRepPart, body: KdcReqBody) -> None:
        if part.server == body.server:
            return
        if not (self._options.canonicalize and part.server.is_tgs and body.server is not None and body.server.is_tgs):
            raise altered(self._client.realm, f"it is for the server {part.server} instead of {body.server}")

    def _check_clock(self, part: EncKdcRepPart) -> None:
        """A KDC whose clock differs gives tickets nobody accepts; better said here than by every server."""
        difference = part.authtime - self._now()
        if abs(difference) > CLOCK_SKEW:
            raise GSSError(
                f"the clock of the KDC of realm {self._client.realm} is {abs(difference):.0f} seconds "
                f"{'ahead of' if difference > 0 else 'behind'} this machine's: set the clocks (NTP)",
                minor=KrbErrorCode.KRB_AP_ERR_SKEW.minor,
            )


def _check_request_was_not_changed(realm: str, part: EncKdcRepPart, key: Key, request: bytes) -> None:
    """RFC 6806 §11: a KDC that knows how sends back a checksum of the request as it arrived."""
    if not part.flags & TicketFlag.ENC_PA_REP:
        return
    for kind, value in part.encrypted_pa_data:
        if kind == PaDataType.REQ_ENC_PA_REP:
            checksum = decode(DerTypedOctets, value)
            if checksum.kind != key.checksum_type:
                raise altered(realm, "the checksum of the request is of another type than the key's")
            try:
                key.verify_checksum(AS_REQ_CHECKSUM_USAGE, request, checksum.octets)
            except BadMICError:
                raise altered(realm, "the request was changed on its way") from None
            return
    raise altered(realm, "the checksum of the request is missing")
