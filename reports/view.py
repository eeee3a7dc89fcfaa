"""How a result is to be shown: everything a renderer may be told. Holds values only."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from audit.model.dossier import Dossier


class RuleNote(msgspec.Struct, frozen=True):
    """What a report says of a rule beside its findings: its name, and how far its fix may be trusted ("" for none)."""

    name: str
    fix: str = ""


class View(msgspec.Struct, frozen=True, kw_only=True):
    """``max_per_rule`` findings are shown per rule in the text and Markdown forms, 0 for all.

    ``config_file`` is the configuration file that was used. ``rules`` holds notes by code; None asks the catalogue.
    ``snippets`` False shows no source lines, and then no data file is opened. ``mask`` withholds groups of fewer than
    five rows in the form that is made to be passed on (HTML). ``redact`` puts ``[EMAIL]`` and the like in place of what
    identifies somebody and of secrets, in every form. ``dossier`` is what the HTML form tells beside the result.
    """

    color: bool = False
    max_per_rule: int = 5
    config_file: str | None = None
    rules: Mapping[str, RuleNote] | None = None
    snippets: bool = True
    mask: bool = True
    redact: bool = True
    dossier: Dossier | None = None

    def note(self, code: str) -> RuleNote:
        """The note of a rule; empty for one that is not installed here."""
        return (_from_catalogue() if self.rules is None else self.rules).get(code, RuleNote(""))


def _from_catalogue() -> Mapping[str, RuleNote]:
    from audit.catalog import all_rules

    return {rule.code: RuleNote(rule.name, rule.fix.value if rule.fix else "") for rule in all_rules()}
