"""What people decided on rows: the file of decisions, read and written, and the edits of a row with another label.

Decides nothing and applies nothing: `audit fix --decisions` carries them out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

import msgspec

from audit.errors import InputError
from audit.model import Json, PointerEdit, Record
from audit.read.dialogue import exchange
from audit.read.fields import label_in, label_of, pattern, pointer_at, text_of
from audit.read.spans import resolve
from audit.rule import Fields

Action: TypeAlias = Literal["keep", "drop", "quarantine", "relabel"]
"""``keep`` protects a row from every rule that would remove it, ``drop`` and ``quarantine`` move it to the rejected
file, ``relabel`` gives it ``label``."""

ACTIONS: Final[tuple[Action, ...]] = get_args(Action)
_ANSWER: Final = "answer"


class Decision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to become of one row of the input, named by its ``CONTENT_ID#N``.

    ``label`` is the new label of ``relabel`` and None otherwise. ``reviewers`` are those who said so, ``note`` is what
    they wrote beside it.
    """

    row_id: str
    action: Action
    label: str | None = None
    reviewers: tuple[str, ...] = ()
    note: str = ""


def written(decisions: Iterable[Decision]) -> Iterator[bytes]:
    """The lines of a file of decisions."""
    encoder = msgspec.json.Encoder()
    return (encoder.encode(decision) + b"\n" for decision in decisions)


def read_decisions(path: str | Path) -> Mapping[str, Decision]:
    """The decisions in a file, by row. Raises InputError, naming the line, for what is no decision, and for a row
    that is decided twice."""
    found: dict[str, Decision] = {}
    decoder = msgspec.json.Decoder(Decision)
    try:
        with open(path, "rb") as file:
            for number, raw in enumerate(file, start=1):
                if raw.isspace():
                    continue
                decision = _read(decoder, raw, f"{path}:{number}")
                if decision.row_id in found:
                    raise InputError(f"{path}:{number}: {decision.row_id} is decided twice", hint="keep one of them")
                found[decision.row_id] = decision
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    return found


def _read(decoder: msgspec.json.Decoder[Decision], raw: bytes, where: str) -> Decision:
    try:
        decision = decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            f"{where} is no decision: {error}", hint="`audit review import` writes them from what people filled in"
        ) from None
    if (decision.action == "relabel") != bool(decision.label):
        what = "relabel needs a label" if decision.action == "relabel" else f"{decision.action} takes no label"
        raise InputError(f"{where}: {what}")
    return decision


# ----------------------------------------------------------------------------- another label


def relabelled(record: Record, fields: Fields, label: str) -> PointerEdit | None:
    """The edit that gives a row another label: at the configured field, or else in its answer, whose white space
    around the label is kept. None where it cannot be done: there is no label, or it would not be read back as given.

    A number or truth value stays one where the label can be read so.
    """
    if label_of(record, fields) is None:
        return None
    if fields.label in (None, _ANSWER):
        return _in_answer(record, fields, label)
    at = pointer_at(record.data, fields.label)
    if at is None:
        return None
    value = resolve(record.data, at)
    new = _replaced(value, fields, label) if isinstance(value, str) else _typed(value, label)
    return None if label_in(text_of(new), fields) != label else PointerEdit("replace", at, new)


def relabelling(record: Record, fields: Fields, label: str) -> tuple[PointerEdit, ...]:
    """All edits that another label takes, () where it cannot be done: that of ``relabelled`` and, where the label
    stands in a field and the answer is nothing but the same label, that of the answer, which is what is trained on."""
    first = relabelled(record, fields, label)
    if first is None:
        return ()
    answer = Fields(label=_ANSWER)
    if fields.label in (None, _ANSWER) or label_of(record, answer) != label_of(record, fields):
        return (first,)
    second = _in_answer(record, answer, label)
    return (first,) if second is None else (first, second)


def _in_answer(record: Record, fields: Fields, label: str) -> PointerEdit | None:
    said = exchange(record).answer
    texts = [place for message in said for place in message.texts()]
    if len(texts) != 1 or any(message.calls for message in said):
        return None
    ((at, text),) = texts
    new = _replaced(text, fields, label)
    return None if label_in(new.strip(), fields) != label else PointerEdit("replace", at, new)


def _replaced(text: str, fields: Fields, label: str) -> str:
    """The text with its label replaced: what the pattern finds, or all but the white space around it."""
    if fields.label_pattern is None:
        start = len(text) - len(text.lstrip())
        return text[:start] + label + text[len(text.rstrip()) :]
    found = pattern(fields.label_pattern).search(text)
    if found is None:
        return text
    start, end = found.span(1 if found.re.groups else 0)
    return text[:start] + label + text[end:] if start >= 0 else text


def _typed(old: Json, label: str) -> Json:
    """The label as a number or truth value where the old one is of that kind and it is spelt so, else as text."""
    try:
        value = msgspec.json.decode(label.encode("utf-8", "surrogatepass"))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return label
    return value if type(value) is type(old) and text_of(value) == label else label
