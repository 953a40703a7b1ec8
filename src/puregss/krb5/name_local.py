"""MIT krb5's [realms] auth_to_local: which local account a principal stands for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from puregss.base.errors import GSSError
from puregss.krb5.principal import Principal

DEFAULT = "DEFAULT"

_RULE = re.compile(
    r"RULE:(?:\[(?P<count>\d+):(?P<format>[^]]*)\])?(?:\((?P<match>.*?)\)(?=s/|$))?(?P<edits>s/.*)?", re.S
)
_EDIT = re.compile(r"s/(?P<pattern>(?:\\.|[^/\\])*)/(?P<replacement>(?:\\.|[^/\\])*)/(?P<all>g?)", re.S)
_FIELD = re.compile(r"\$(\d+)")


def local_name(
    principal: Principal,
    default_realm: str,
    rules: Sequence[str] = (DEFAULT,),
    names: Mapping[str, str] | None = None,
) -> str | None:
    """The account's name; None if no rule fits: then the principal may not use any account.

    `rules` are the values of auth_to_local in their order, `names` is auth_to_local_names, which goes before them:
    both of the default realm's section. GSSError for a rule that cannot be read.
    """
    if principal.realm == default_realm and names and (name := names.get(principal.name)):
        return name
    for rule in rules:
        if rule == DEFAULT:
            name = _default(principal, default_realm)
        elif rule.startswith("RULE:"):
            name = _apply(rule, principal)
        else:
            raise _unreadable(rule)
        if name is not None:
            # A rule that fits and leaves nothing, such as [1:$1](root)s/.*//, shuts somebody out for good.
            return name or None
    return None


def _default(principal: Principal, default_realm: str) -> str | None:
    if principal.realm != default_realm or len(principal.components) != 1:
        return None
    return principal.components[0]


def _apply(rule: str, principal: Principal) -> str | None:
    """The name that `RULE:[n:format](match)s/pattern/replacement/g` makes; None if it does not fit.

    `match` must fit the whole text; replacements are taken literally. Without a format the text is the name without
    its realm, as MIT has it: such a rule is for every realm.
    """
    parts = _RULE.fullmatch(rule)
    if parts is None:
        raise _unreadable(rule)
    text = principal.name.replace("\\@", "@")
    if parts["count"] is not None:
        if int(parts["count"]) != len(principal.components):
            return None
        text = _FIELD.sub(lambda field: _component(principal, int(field[1]), rule), parts["format"])
    try:
        if parts["match"] is not None and not re.fullmatch(parts["match"], text):
            return None
        for pattern, replacement, count in _edits(parts["edits"] or "", rule):
            text = pattern.sub(lambda _, to=replacement: to, text, count=count)  # type: ignore[misc]
    except re.error:
        raise _unreadable(rule) from None
    return text


def _component(principal: Principal, number: int, rule: str) -> str:
    if number == 0:
        return principal.realm
    if number > len(principal.components):
        raise _unreadable(rule)
    return principal.components[number - 1]


def _edits(text: str, rule: str) -> Iterator[tuple[re.Pattern[str], str, int]]:
    at = 0
    while at < len(text):
        edit = _EDIT.match(text, at)
        if edit is None:
            raise _unreadable(rule)
        yield re.compile(edit["pattern"].replace("\\/", "/")), edit["replacement"].replace("\\/", "/"), not edit["all"]
        at = edit.end()


def _unreadable(rule: str) -> GSSError:
    return GSSError(
        f"auth_to_local in krb5.conf has the rule {rule!r}, which is neither DEFAULT nor "
        "RULE:[n:format](match)s/pattern/replacement/"
    )
