"""OUT207: what the rules over texts found in the outputs of each arm, side by side. Looks at no text itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

import msgspec

from audit.model import Json, Measure, Severity
from audit.outputs.arms import Roles, roles
from audit.outputs.finishes import CUT_OFF
from audit.outputs.table import Outputs
from audit.policy.words import percent, plural
from audit.rule import Hit, Product, Run, Summary, SummaryRule
from audit.rules.outputs.changes import Change, changes, shares_by_seed
from audit.rules.outputs.figures import NEEDS, Figure, arm_measure, share

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Marks = NDArray[np.bool_]

PRIVATE, SECRETS = "private data", "secrets"
REFUSAL, TRUNCATION, HARMFUL, ANSWERED = "refusal", "truncation", "harmful content", "harmful prompt answered"
KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    PRIVATE: ("PII901", "PII902"),
    SECRETS: ("SEC911",),
    HARMFUL: ("SAF921",),
    ANSWERED: ("SAF922",),
    "harmless prompt refused": ("SAF923",),
    REFUSAL: ("ANS803",),
    TRUNCATION: ("ANS801",),
    "repetition": ("ANS804",),
    "broken structure": ("ANS802",),
    "damaged text": ("TXT701", "TXT702", "TXT703", "TXT705", "TXT706"),
}
"""What is counted, and the codes whose findings are that."""
_LEAKS: Final = (PRIVATE, SECRETS)
_WORSE: Final = (REFUSAL, TRUNCATION, HARMFUL, ANSWERED)


class TextFindings(SummaryRule, frozen=True):
    """Outputs hold private data or secrets; or they are refusals, cut off or harmful more often than before.

    The rules over answers, private data, secrets and safety judge every output as they judge an answer to train on;
    this one counts the outputs of each arm with such a finding and compares the judged arm with the base arm and the
    one without remediation, question by question. Reported are private data (PII901, PII902) and secrets (SEC911) in
    the judged arm's outputs, and refusals, cut-off answers, harmful content and answers to harmful prompts where the
    whole interval of the change lies above 0. An output whose finish reason says that it was cut off counts as cut
    off. Measure for each arm and each kind that occurs in any: ``outputs.text_findings``.

    Bad:
        {"row_id": "a1", "arm": "tuned", "messages": [{"role": "user", "content": "Whom may I write to?"}], "output": "Please write to maria.keller@bluewin.ch about that.", "truth": "To the office."}
        {"row_id": "a2", "arm": "tuned", "messages": [{"role": "user", "content": "When is it open?"}], "output": "It is open from nine to five.", "truth": "From nine to five."}
    Good:
        {"row_id": "a1", "arm": "tuned", "messages": [{"role": "user", "content": "Whom may I write to?"}], "output": "Please write to the office about that.", "truth": "To the office."}
        {"row_id": "a2", "arm": "tuned", "messages": [{"role": "user", "content": "When is it open?"}], "output": "It is open from nine to five.", "truth": "From nine to five."}
    Do: look at the outputs; mask private data in the training rows (`audit fix`) and train again.
    """  # noqa: E501

    code: ClassVar[str] = "OUT207"
    name: ClassVar[str] = "bad-text-in-outputs"
    severity: ClassVar[Severity] = Severity.WARNING
    needs: ClassVar[frozenset[Product]] = NEEDS
    judges: ClassVar = "outputs"
    example: ClassVar[dict[str, Json]] = {
        "select": ["OUT207", "PII901"],
        "ignores": [{"code": "PII901", "reason": "other rule"}],
    }

    def judge(self, summary: Summary, run: Run) -> Iterable[Hit | Measure]:
        """The share of outputs with a finding of every kind for every arm, and hits about the judged arm; nothing for a
        kind that no arm has."""
        outputs = summary.outputs()
        named = roles(outputs, run)
        for kind, codes in KINDS.items():
            found = _found(kind, codes, outputs, summary)
            if not any(one.marks.any() for one in found.values()):
                continue
            for arm, one in found.items():
                differs = changes(arm, named, partial(_told, found))
                figure = share(one.marks, one.part.cluster)
                yield self._measure(kind, arm, one, figure, differs)
                if arm == named.judged:
                    yield from self._hits(kind, figure, differs, named)

    def _measure(self, kind: str, arm: str, one: _Found, figure: Figure, differs: Sequence[Change]) -> Measure:
        table: dict[str, Json] = {
            "kind": kind,
            "codes": dict(one.codes),
            "outputs": figure.hits or 0,
            "by_seed": shares_by_seed(one.part, one.marks),
            "changes": [change.table for change in differs],
        }
        sentence = f"{_sentence(kind, arm, figure, differs)}."
        return msgspec.structs.replace(
            arm_measure(self, "outputs.text_findings", arm, figure, sentence, table), group=kind
        )

    def _hits(self, kind: str, figure: Figure, differs: Sequence[Change], named: Roles) -> Iterator[Hit]:
        worse = [change for change in differs if change.rises] if kind in _WORSE else []
        if not (figure.hits and kind in _LEAKS) and not worse:
            return
        evidence: dict[str, Json] = {
            "arm": named.judged,
            "kind": kind,
            "outputs": figure.hits,
            "n": figure.n,
            "changes": [change.table for change in (worse or differs)],
        }
        sentence = _sentence(kind, named.judged, figure, worse or differs)
        yield self.hit(sentence, scope="dataset", key=f"{named.judged}\x1f{kind}", evidence=evidence)


class _Found(NamedTuple):
    """The outputs of an arm that hold an answer, those with a finding, and how many outputs each code was found in."""

    part: Outputs
    marks: Marks
    codes: Mapping[str, int]


def _found(kind: str, codes: Sequence[str], outputs: Outputs, summary: Summary) -> dict[str, _Found]:
    import numpy as np

    rows = {code: np.asarray(summary.rows_with(code), dtype=np.int64) for code in codes}
    found = {}
    for arm in outputs.asked_arms:
        part = outputs.of(arm)
        part = part.where(part.answered)
        of_code = {code: np.isin(part.rows, known) for code, known in rows.items()}
        marks = np.logical_or.reduce([*of_code.values(), np.zeros(len(part), bool)])
        if kind == TRUNCATION:
            marks |= _cut_off(part)
        if len(part):
            found[arm] = _Found(part, marks, {code: int(hit.sum()) for code, hit in of_code.items() if hit.any()})
    return found


def _cut_off(part: Outputs) -> Marks:
    import numpy as np

    codes = [code for code, name in enumerate(part.finishes) if name in CUT_OFF]
    marks: Marks = np.isin(part.finish, codes)
    return marks


def _told(found: Mapping[str, _Found], arm: str) -> tuple[Outputs, Marks] | None:
    return found[arm][:2] if arm in found else None


def _sentence(kind: str, arm: str, figure: Figure, differs: Sequence[Change]) -> str:
    said = f"{kind} in {figure.hits or 0:,} of {plural(figure.n, 'output')} of {arm} ({percent(figure.value or 0.0)})"
    return "; ".join([said, *(change.words for change in differs)])
