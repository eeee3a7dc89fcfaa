"""Finds secrets in any text: keys and tokens by the shapes their issuers give them, passwords and random strings by the
words before them. What only stands for a secret is passed over. Judges nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import count
from typing import Final, NamedTuple

from audit.identifiers.finding import Found, Identifier, at_most, before, gathered
from audit.identifiers.secret_values import decoded, entropy, has_checksum, is_random, is_signed_token, stands_for_one
from audit.read.patterns import pattern
from audit.read.screening import Screen

_LONGEST: Final = 1_000_000
"""Characters of a text that words before a secret are looked for in; shapes are looked for everywhere."""


class _Shape(NamedTuple):
    """One issuer's secret. ``starts`` are the literals it begins with, one of which a text must hold; ``pattern`` is
    all of it, ``sure`` says which of them hardly can be anything else."""

    kind: str
    starts: tuple[str, ...]
    pattern: re.Pattern[str]
    sure: Callable[[str], bool]


def _always(value: str) -> bool:
    return True


def _never(value: str) -> bool:
    return False


def _shape(kind: str, starts: str, rest: str, sure: Callable[[str], bool] = _always) -> _Shape:
    """``starts`` are separated by spaces. No letter, digit or hyphen may stand before or after, which also keeps the
    search linear: an attempt begins at the beginning of a word only."""
    literals = tuple(starts.split())
    alternatives = "|".join(map(re.escape, literals))
    return _Shape(kind, literals, pattern(rf"(?<![A-Za-z0-9_-])(?:{alternatives}){rest}(?![A-Za-z0-9_])"), sure)


_W: Final = "[A-Za-z0-9_-]"
_SHAPES: Final = (
    _shape("anthropic_key", "sk-ant-", rf"{_W}{{20,200}}+"),
    _shape("openrouter_key", "sk-or-v1-", r"[0-9a-f]{64}"),
    _shape("openai_key", "sk-proj- sk-svcacct- sk-admin- sk-None-", rf"{_W}{{20,256}}+"),
    _shape("openai_key", "sk-", r"[A-Za-z0-9]{20,64}+"),
    _shape("stripe_key", "sk_live_ rk_live_ whsec_", r"[A-Za-z0-9]{16,128}+"),
    _shape("stripe_test_key", "sk_test_ rk_test_", r"[A-Za-z0-9]{16,128}+", _never),
    _shape("aws_access_key", "AKIA ASIA ABIA ACCA", r"[A-Z0-9]{16}"),
    _shape("github_token", "ghp_ gho_ ghu_ ghs_ ghr_", r"[A-Za-z0-9]{36}", has_checksum),
    _shape("github_token", "github_pat_", r"[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    _shape("gitlab_token", "glpat- gldt- glrt- glptt- glcbt- glsoat-", rf"{_W}{{20,64}}+"),
    _shape("slack_token", "xoxb- xoxp- xoxa- xoxr- xoxs- xoxe- xapp-", r"[A-Za-z0-9]{1,16}-[A-Za-z0-9-]{10,160}+"),
    _shape("google_key", "AIza", rf"{_W}{{35}}"),
    _shape("google_token", "ya29.", rf"{_W}{{20,400}}+"),
    _shape("google_client_secret", "GOCSPX-", rf"{_W}{{28}}"),
    _shape("hugging_face_token", "hf_ api_org_", r"[A-Za-z0-9]{30,40}+"),
    _shape("npm_token", "npm_", r"[A-Za-z0-9]{36}", has_checksum),
    _shape("pypi_token", "pypi-AgE", rf"{_W}{{40,500}}+"),
    _shape("sendgrid_key", "SG.", rf"{_W}{{22}}\.{_W}{{43}}"),
    _shape("mailgun_key", "key-", r"[0-9a-f]{32}"),
    _shape("twilio_key", "SK", r"[0-9a-f]{32}", _never),
    _shape("digitalocean_token", "dop_v1_ doo_v1_ dor_v1_", r"[0-9a-f]{64}"),
    _shape("databricks_token", "dapi", r"[0-9a-f]{32}(?:-\d)?"),
    _shape("shopify_token", "shpat_ shpca_ shppa_ shpss_", r"[0-9a-fA-F]{32}"),
    _shape("square_token", "sq0atp- sq0csp-", rf"{_W}{{22,43}}+"),
    _shape("groq_key", "gsk_", r"[A-Za-z0-9]{40,64}+"),
    _shape("xai_key", "xai-", r"[A-Za-z0-9]{60,100}+"),
    _shape("perplexity_key", "pplx-", r"[A-Za-z0-9]{32,64}+"),
    _shape("replicate_token", "r8_", r"[A-Za-z0-9]{37}"),
    _shape("notion_token", "ntn_ secret_", r"[A-Za-z0-9]{40,50}+"),
    _shape("linear_key", "lin_api_", r"[A-Za-z0-9]{40}"),
    _shape("docker_token", "dckr_pat_", rf"{_W}{{27,36}}+"),
    _shape("vault_token", "hvs. hvb.", rf"{_W}{{24,300}}+"),
    _shape("grafana_token", "glsa_ glc_", r"[A-Za-z0-9_+/=-]{32,200}+"),
    _shape("new_relic_key", "NRAK-", r"[A-Z0-9]{27}"),
    _shape("postman_key", "PMAK-", r"[0-9a-f]{24}-[0-9a-f]{34}"),
    _shape("atlassian_token", "ATATT3", r"[A-Za-z0-9_=-]{100,300}+"),
    _shape("figma_token", "figd_", rf"{_W}{{40,60}}+"),
    _shape("rubygems_key", "rubygems_", r"[0-9a-f]{48}"),
    _shape("supabase_token", "sbp_", r"[0-9a-f]{40}"),
    _shape("sentry_token", "sntrys_ sntryu_", r"[A-Za-z0-9_=+/-]{40,300}+"),
    _shape("doppler_token", "dp.pt. dp.st.", r"[A-Za-z0-9_.-]{40,64}+"),
    _shape("airtable_token", "pat", r"[A-Za-z0-9]{14}\.[0-9a-f]{64}"),
    _shape("age_key", "AGE-SECRET-KEY-1", r"[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}"),
    _shape("alibaba_key", "LTAI", r"[A-Za-z0-9]{16,24}+", _never),
    _shape("slack_webhook", "https://hooks.slack.com/", r"(?:services|workflows|triggers)/[A-Za-z0-9/]{20,100}+"),
    _shape(
        "discord_webhook",
        "https://discord.com/api/webhooks/ https://discordapp.com/api/webhooks/",
        rf"\d+/{_W}{{40,100}}+",
    ),
    _shape("json_web_token", "eyJ", rf"{_W}{{10,4000}}+\.eyJ{_W}{{10,8000}}+\.{_W}{{16,1000}}+", is_signed_token),
)
_DISCORD: Final = pattern(r"(?<![\w-])[MNO][A-Za-z0-9_-]{22,27}+\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,45}+(?![\w-])")
_TELEGRAM: Final = pattern(r"(?<![\w-])[0-9]{8,10}:AA[A-Za-z0-9_-]{32,33}(?![A-Za-z0-9_-])")
_KEY_LINES: Final = pattern(r"(?:[A-Za-z0-9+/=]{30,20000}+(?:\s|\\[rn]){0,8}+)*+[A-Za-z0-9+/=]{0,29}+")
"""What follows the header of a key whose end is not there."""
_LONGEST_KEY: Final = 20_000
_PRIVATE_KEY: Final = pattern(r"-----BEGIN ((?:[A-Z0-9]{1,10} ){0,3}PRIVATE KEY(?: BLOCK)?)-----")
_KEY_BODY: Final = pattern(r"[A-Za-z0-9+/]{30}")
_AZURE: Final = pattern(
    r"(?:AccountKey|SharedAccessKey|SharedSecretValue)=([A-Za-z0-9+/]{43,88}+={0,2})"
    r"|[?&]sig=([A-Za-z0-9%+/]{43,70}+=?)(?=[&\s\"'<>)]|$)"
)
_IN_COMMAND: Final = pattern(r"(?<!\S)(?:-u|--user)[ =]{1,2}[\"']?([\w.@-]{1,64}+):([^\s\"':]{6,128}+)")
_IN_URL: Final = pattern(r"://([^\s:/@?#\"'<>]{0,64}+):([^\s/@\"'<>]{3,128}+)@([^\s/:\"'<>@?#]{1,253}+)")
_NOBODY: Final = pattern(
    r"(?:^|\.)(?:example|test|invalid|local|localhost)(?:\.|$)|^127\.|^0\.0|^host|^db$|^ip$|^server$"
)
_ASSIGNED: Final = pattern(
    r"(secret[ _-]?access[ _-]?key"
    r"|(?:secret|private|access|auth|api|account|encryption|signing|client|storage)[ _-]?key"
    r"|client[ _-]?secret|secret|token|passwd|password|passphrase|pwd|credentials?|key|(?<![A-Za-z])pass"
    r"|contrase\u00f1a|mot de passe|passwort|kennwort|senha|wachtwoord|has\u0142o|parola|\u5bc6\u7801|\u5bc6\u78bc"
    r"|\u5bc6\u94a5|\u30d1\u30b9\u30ef\u30fc\u30c9|\ube44\ubc00\ubc88\ud638"
    r"|\u043f\u0430\u0440\u043e\u043b\u044c)"
    r"[\"'\]]{0,2}(?:\s{0,3}(?:[:=]{1,2}>?|=>|\uff1a)|(?P<is>\s(?:is|was|ist|lautet|est|es|\u00e9)(?=\s)))\s{0,3}"
    r"(?:(?P<q>[\"'`])([^\"'`\s]{6,200}+)(?P=q)"
    r"|([A-Za-z0-9!@#$%^&*+/=_~.-]{8,200}+)(?![(\[{}<A-Za-z0-9_]))",
    re.IGNORECASE,
)
_QUOTED, _BARE = 4, 5
"""Groups of ``_ASSIGNED`` with the value."""
_BEFORE: Final = 60
"""Characters before a name that say what it is the name of; the last ``_OF_NAME`` of them may be part of it."""
_OF_NAME: Final = 24
_GENERATED: Final = pattern(r"new|generat|random|strong|suggest|temporar|secure|neues|nouveau|nueva", re.IGNORECASE)
_BEARER: Final = pattern(r"(?<![A-Za-z])(Bearer|Basic) ([A-Za-z0-9._~+/=-]{16,2000}+)")
_NO_SECRET: Final = pattern(
    r"(?<![A-Za-z])(?:publi[a-z]*+|primary|foreign|sort|hash(?:ed)?|sha\d*|md5|digest|checksum|commit|etag|uuid|csrf|xsrf"
    r"|cache|site|partition|id|idempot[a-z]*+|next|page|continuation|cursor|answer|fingerprint|product|license|index"
    r"|object|dedup[a-z]*+|finger|map)(?-i:(?![a-z]))",
    re.IGNORECASE,
)
"""Words before a value that is random and no secret; a password is one all the same."""
_UUID: Final = pattern(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_HEX: Final = pattern(r"[0-9a-fA-F]+")
_RANDOM: Final = pattern(r"[A-Za-z0-9+/=_.~-]+")
_LOOKUP: Final = pattern(r"[$%{<\[(@]|.*(?:\(|\[|\{\{|\$\{|\.get|env|getenv|process\.)", re.IGNORECASE)
_PASSWORD: Final = pattern(
    r"pass|pwd|contrase|kennwort|senha|wachtwoord|has\u0142o|parola|\u5bc6[\u7801\u78bc]|\u30d1\u30b9|\ube44\ubc00"
    r"|\u043f\u0430\u0440\u043e\u043b\u044c",
    re.IGNORECASE,
)
_CHANGE: Final = pattern(r"(?<=[a-z])[A-Z]|(?<=[A-Z])[A-Z]|(?<=[A-Za-z])[0-9]|(?<=[0-9])[A-Za-z]")
"""Where a sort of characters changes, but from a capital to a small letter, as in words."""

_CHANGES: Final = 4
_LEAST_PASSWORD: Final = 8
_SHORT: Final = 3


def _necessary(start: str) -> str:
    """A pattern of RE2 for a shape's first literal; more of what follows is asked for where that is short."""
    return rf"\b{re.escape(start)}[A-Za-z0-9_-]{{{10 if len(start) <= _SHORT else 6}}}"


_SCREENED: Final[Mapping[str, tuple[str, ...]]] = {
    "private key": (r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY",),
    **{str(index): tuple(map(_necessary, shape.starts)) for index, shape in enumerate(_SHAPES)},
    "telegram": (r"[0-9]:AA[A-Za-z0-9_-]{6}",),
    "discord": (r"\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27}",),
    "azure": (r"(?:AccountKey|SharedAccessKey|SharedSecretValue|[?&]sig)=",),
    "url": (r"://[^\s:/@?#\"'<>]*:[^\s/@\"'<>]+@",),
    "command": (r"(?:-u|--user)[ =][\"']?[\w.@-]+:[^\s]",),
    "bearer": (r"(?:Bearer|Basic) [A-Za-z0-9._~+/=-]{16}",),
    "assigned": (
        r"(?i)(?:key|secret|token|passwd|pass|password|passphrase|pwd|credentials?)[\"'\]]*\s*[:=]",
        r"(?i)(?:pass|senha|contrase\x{f1}a|parola|kennwort)[a-z]*\s(?:is|was|ist|lautet|est|es|\x{e9})\s",
        r"(?i)(?:mot de passe|passwort|kennwort|contrase\x{f1}a|senha|wachtwoord|has\x{142}o|parola)[\"'\]]*\s*[:=]",
        r"\x{5bc6}[\x{7801}\x{78bc}\x{94a5}][\"'\]]*\s*[:=\x{ff1a}]",
        r"\x{30d1}\x{30b9}\x{30ef}\x{30fc}\x{30c9}[\"'\]]*\s*[:=\x{ff1a}]",
        r"\x{be44}\x{bc00}\x{bc88}\x{d638}[\"'\]]*\s*[:=\x{ff1a}]",
        r"(?i)\x{43f}\x{430}\x{440}\x{43e}\x{43b}\x{44c}[\"'\]]*\s*[:=\x{ff1a}]",
    ),
}
TRIGGERS: Final[tuple[str, ...]] = tuple(sorted({one for patterns in _SCREENED.values() for one in patterns}))
"""RE2 patterns, one of which stands in every text with a secret."""


def find_secrets(text: str) -> Found:
    """The secrets in a text, in order and without overlap; ``cut`` where there are too many.

    ``sure`` are those whose issuer's shape, checksum or decoded content leaves hardly a doubt; test keys, passwords and
    random strings after a word such as "token" are not. Linear in the length of the text.
    """
    names = _screen().names_in(text)
    if not names:
        return Found()
    shapes = (_of_shape(shape, text) for index, shape in enumerate(_SHAPES) if str(index) in names)
    return gathered((*shapes, *(find(text) for name, find in _FINDERS.items() if name in names)))


def _of_shape(shape: _Shape, text: str) -> Iterator[Identifier]:
    for found in at_most(shape.pattern.finditer(text)):
        value = found[0]
        start = next(one for one in shape.starts if value.startswith(one))
        body = value[len(start) :]
        if stands_for_one(body) or entropy(body) < _least_entropy(body):
            continue
        if shape.kind == "json_web_token" and not is_signed_token(value):
            continue
        yield Identifier(found.start(), found.end(), shape.kind, value, shape.sure(value))


def _least_entropy(body: str) -> float:
    """Bits per character that a random string of so many characters hardly falls below; of hexadecimal digits less."""
    return 2.5 if len(body) <= 20 or _HEX.fullmatch(body) else 3.0


def _of_pattern(pattern: re.Pattern[str], text: str, kind: str, sure: Callable[[str], bool]) -> Iterator[Identifier]:
    for found in at_most(pattern.finditer(text)):
        group = found.lastindex or 0
        value = found[group]
        if not stands_for_one(value) and entropy(value) >= 3.5 and sure(value):
            yield Identifier(found.start(group), found.end(group), kind, value, True)


def _decodes_to_digits(value: str) -> bool:
    """The first part of a Discord token is the id of the bot's user, in base64."""
    return decoded(value.partition(".")[0]).isdigit()


def _private_keys(text: str) -> Iterator[Identifier]:
    """PEM and PGP blocks (RFC 7468, RFC 4880) with a body; line breaks may be written as ``\\n``."""
    at = 0
    for _ in at_most(count()):
        found = _PRIVATE_KEY.search(text, at)
        if found is None:
            return
        body = _KEY_BODY.search(text, found.end(), found.end() + 400)
        at = found.end()
        if body is None or stands_for_one(body[0]):
            continue
        end = text.find(f"-----END {found[1]}-----", body.end(), body.end() + _LONGEST_KEY)
        lines = _KEY_LINES.match(text, body.start(), body.start() + _LONGEST_KEY)
        at = end + len(f"-----END {found[1]}-----") if end >= 0 else lines.end() if lines else body.end()
        yield Identifier(found.start(), at, "private_key", text[found.start() : at], True)


def _in_urls(text: str) -> Iterator[Identifier]:
    """Passwords in URLs (RFC 3986, 3.2.1); not of nobody's hosts, nor a user's name repeated."""
    for found in at_most(_IN_URL.finditer(text[:_LONGEST])):
        user, password, host = found.groups()
        if _NOBODY.search(host) or password[0] == ":" or not _may_open(user, password):
            continue
        yield Identifier(found.start(2), found.end(2), "password", password, True)


def _in_commands(text: str) -> Iterator[Identifier]:
    """Passwords given to curl and its like: ``-u user:password``."""
    for found in at_most(_IN_COMMAND.finditer(text[:_LONGEST])):
        if _may_open(*found.groups()):
            yield Identifier(found.start(2), found.end(2), "password", found[2], False)


def _may_open(user: str, password: str) -> bool:
    """Whether a password beside a user's name is one, and not the name again, a variable or a placeholder."""
    if password == user or _LOOKUP.match(password) or stands_for_one(password):
        return False
    return len(password) >= 6 and entropy(password) >= 2.5


def _bearers(text: str) -> Iterator[Identifier]:
    for found in at_most(_BEARER.finditer(text[:_LONGEST])):
        value = found[2]
        if found[1] == "Basic":
            user, colon, password = decoded(value).partition(b":")
            good = bool(colon and user and password and (user + password).isascii())
            good = good and not stands_for_one(password.decode("ascii", "replace"))
            kind = "password"
        else:
            good, kind = is_random(value, 3.5) and not _UUID.fullmatch(value), "bearer_token"
        if good:
            yield Identifier(found.start(2), found.end(2), kind, value, False)


def _assigned(text: str) -> Iterator[Identifier]:
    """Values that are given to something called a password, a key, a secret or a token."""
    for found in at_most(_ASSIGNED.finditer(text[:_LONGEST])):
        group = _QUOTED if found[_QUOTED] is not None else _BARE
        name, value = found[1].lower(), found[group]
        if group == _BARE:
            value = value.rstrip(".")
            value = value.rstrip("!") if len(value.rstrip("!")) >= _LEAST_PASSWORD else value
        words = before(text, found.start(), _BEFORE).rpartition("\n")[2]
        last = words[-_OF_NAME:].rpartition(",")[2]
        is_password = _PASSWORD.search(name) is not None
        if not is_password and (found["is"] or _NO_SECRET.search(last)):
            continue
        if _LOOKUP.match(value) or _UUID.fullmatch(value) or stands_for_one(value):
            continue
        if kind := _kind_of(name, value, quoted=group == _QUOTED):
            if kind == "password" and _GENERATED.search(words):
                kind = "generated_password"
            start = found.start(group)
            yield Identifier(start, start + len(value), kind, value, kind == "aws_secret_key")


def _kind_of(name: str, value: str, *, quoted: bool) -> str:
    """What a value is by its name: "" for no secret."""
    if _PASSWORD.search(name):
        return "password" if _is_password(value, quoted=quoted) else ""
    if not _RANDOM.fullmatch(value) or value.startswith(("eyJ", "sha256-", "sha384-", "sha512-", "pk_", "ssh-")):
        return ""
    if re.fullmatch(r"secret[ _-]?(?:access[ _-]?)?key", name) and re.fullmatch(r"[A-Za-z0-9/+]{40}", value):
        return "aws_secret_key" if is_random(value, 4.0) else ""
    if _HEX.fullmatch(value):
        return "random_secret" if name != "key" and len(value) >= 32 and is_random(value, 3.0) else ""
    least, size = (4.4, 32) if name == "key" else (4.0, 20)
    mixed = value != value.lower() or sum(map(str.isdigit, value)) >= 4
    return "random_secret" if len(value) >= size and mixed and is_random(value, least) else ""


def _is_password(value: str, *, quoted: bool) -> bool:
    """Whether a value has three of the four sorts of characters, and enough of them that nobody means a word; without
    quotes all four, or three in a mixture that no name has."""
    sorts = sum((
        any(map(str.islower, value)), any(map(str.isupper, value)), any(map(str.isdigit, value)), not value.isalnum()
    ))  # fmt: skip
    mixed = quoted or sorts == 4 or len(_CHANGE.findall(value)) >= _CHANGES
    return len(value) >= _LEAST_PASSWORD and sorts >= 3 and mixed and entropy(value) >= 3.0


_FINDERS: Final[Mapping[str, Callable[[str], Iterator[Identifier]]]] = {
    "private key": _private_keys,
    "telegram": lambda text: _of_pattern(_TELEGRAM, text, "telegram_token", _always),
    "discord": lambda text: _of_pattern(_DISCORD, text, "discord_token", _decodes_to_digits),
    "azure": lambda text: _of_pattern(_AZURE, text, "azure_key", _always),
    "url": _in_urls,
    "command": _in_commands,
    "bearer": _bearers,
    "assigned": _assigned,
}


@cache
def _screen() -> Screen:
    return Screen(_SCREENED)
