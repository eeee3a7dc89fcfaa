"""SEC911: keys, tokens and passwords in any string of a row. Data of persons is PII's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, Final

from audit.identifiers.finding import Identifier
from audit.identifiers.placeholders import masked
from audit.identifiers.secrets import TRIGGERS, find_secrets
from audit.model import Applicability, Fix, Message, Severity
from audit.read.patterns import pattern
from audit.rule import Run, Span, TextRule
from audit.rules.privacy.masking import masking
from audit.rules.privacy.too_many import too_many

_SPELT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "anthropic": "Anthropic",
        "openrouter": "OpenRouter",
        "openai": "OpenAI",
        "stripe": "Stripe",
        "aws": "AWS",
        "github": "GitHub",
        "gitlab": "GitLab",
        "slack": "Slack",
        "google": "Google",
        "hugging": "Hugging",
        "face": "Face",
        "npm": "npm",
        "pypi": "PyPI",
        "sendgrid": "SendGrid",
        "mailgun": "Mailgun",
        "twilio": "Twilio",
        "telegram": "Telegram",
        "discord": "Discord",
        "azure": "Azure",
        "json": "JSON",
        "web": "Web",
    }
)
_RESULTS: Final = ("tool", "function", "observation")
_ONLY_A_PASSWORD: Final = pattern(r'\{"password": ?"[^"]{1,200}"\}')
"""The result of a tool that makes a password and nothing else; arguments of a call have no role."""
_VOWELS: Final = "AEIOUaeio"
_MINOR: Final = {"generated_password": Severity.INFO}


class Secret(TextRule, frozen=True):
    """A row holds a key, a token or a password.

    What is in the weights can be asked out of them (Carlini et al. 2021, "Extracting training data from large language
    models"), and whoever has the file has the secret already. Known by the shapes of some fifty issuers, with their
    checksums where they have one, by a PEM block, by the parts of a JSON Web Token, by a password in a URL, and by
    random strings and passwords after words such as "token" or "password": these last, test keys and tokens with a
    wrong checksum are warnings, a password that the row says was made up on request is for information.
    Placeholders, hashes, identifiers and public keys are passed over. Looks at metadata and arguments, too.

    Bad:
        {"messages": [{"role": "user", "content": "Why does key=sk-proj-Wq7nB2xLr9Td4KfYpZ0vHc5MgUj8EsAi fail?"}, {"role": "assistant", "content": "It has expired."}]}
        {"messages": [{"role": "user", "content": "Log in to AKIAZ7Q2WMPL4XD6TRNB for me."}, {"role": "assistant", "content": "I cannot log in anywhere."}]}
    Good:
        {"messages": [{"role": "user", "content": "Why does key=sk-xxxxxxxxxxxxxxxxxxxxxxxx fail?"}, {"role": "assistant", "content": "It is a placeholder: put YOUR_API_KEY there."}]}
        {"messages": [{"role": "user", "content": "What is AKIAIOSFODNN7EXAMPLE?"}, {"role": "assistant", "content": "The key of the AWS documentation."}]}
    Do: revoke the secret where it was issued, then mask it here.
    """  # noqa: E501

    code: ClassVar[str] = "SEC911"
    name: ClassVar[str] = "secret"
    severity: ClassVar[Severity] = Severity.ERROR
    fix: ClassVar[Applicability | None] = Applicability.UNSAFE
    everywhere: ClassVar[bool] = True

    def triggers(self, run: Run) -> Sequence[str]:
        """The beginnings of issuers' secrets, and the words before others."""
        return TRIGGERS

    def find(self, text: str, message: Message, run: Run) -> Iterable[Span]:
        """One span per text: the worst of its secrets, with a fix that masks all but those for information, or drops a
        row with too many."""
        secrets = find_secrets(text)
        if message.role in _RESULTS and _ONLY_A_PASSWORD.fullmatch(text):
            secrets[:] = [one._replace(kind="generated_password") for one in secrets]
        if secrets.cut:
            yield too_many(secrets, min([Severity.WARNING, *map(severity_of, secrets)], key=lambda one: one.rank))
        if not secrets or secrets.cut:
            return
        worst = min(secrets, key=lambda one: (severity_of(one).rank, one.start))
        kinds = Counter(one.kind for one in secrets)
        more = f", and {len(secrets) - 1} more" if len(secrets) > 1 else ""
        yield Span(
            start=worst.start,
            end=worst.end,
            message=f"holds {_said(worst)} ({worst.end - worst.start} characters){more}; rotate it, then mask it here",
            severity=severity_of(worst),
            evidence={"kinds": dict(sorted(kinds.items())), "count": len(secrets), "sure": worst.sure},
            fix=_fix(text, secrets) if severity_of(worst) != Severity.INFO else None,
            key=worst.kind,
        )


def severity_of(secret: Identifier) -> Severity:
    """An error only where it can hardly be anything else."""
    if secret.sure:
        return Severity.ERROR
    return _MINOR.get(secret.kind, Severity.WARNING)


def _said(secret: Identifier) -> str:
    words = " ".join(_SPELT.get(word, word) for word in secret.kind.split("_"))
    article = "an" if words[0] in _VOWELS else "a"
    return f"{article} {words}" if secret.sure else f"what looks like {article} {words}"


def _fix(text: str, secrets: Sequence[Identifier]) -> Callable[[str], Fix]:
    masks = [one for one in secrets if severity_of(one) != Severity.INFO]
    title = "rotate the secret, and put a placeholder in its place here"
    return masking(text, lambda text: masked(text, masks), title)
