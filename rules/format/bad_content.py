"""FMT108: content, names and other fields of a message that have the wrong type. Empty content is FMT109's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

from audit.model import ABSENT, Applicability, Message, Record, Severity, Target
from audit.read.shapes.predictions import OUTPUT
from audit.rule import Hit, RecordRule, Run
from audit.rules.format.content_parts import image_parts, part_faults
from audit.rules.format.reading import (
    DROP,
    MESSAGE_SHAPES,
    is_bare_answer,
    json_kind,
    read_as,
    remove,
    safely,
    speaker,
    speaks_otherwise,
)

_TEXT_ONLY = ("text",)
_SPEAKERS = ("assistant", "tool")


class BadContent(RecordRule, frozen=True):
    r"""The content of a message, or another of its fields, is of a type that the target does not read.

    Content must be a string, or a list of parts that the role may use. Providers refuse the file; a local chat template
    prints `None`, `12345` or the Python form of a list, and the model is trained on that. What a model answered
    (`/output`) is OUT212's.

    Bad:
        {"messages": [{"role": "user", "content": 12345}, {"role": "assistant", "content": "That is a number."}]}
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": null}]}
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "cat.png"}}]}, {"role": "assistant", "content": "A cat."}]}
    Good:
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}, {"role": "assistant", "content": "Hello."}]}
    Do: restore the text from its source, or drop the row.
    """  # noqa: E501

    code: ClassVar[str] = "FMT108"
    name: ClassVar[str] = "bad-content"
    severity: ClassVar[Severity] = Severity.ERROR
    fix: ClassVar[Applicability | None] = Applicability.SAFE

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """One hit per place."""
        shape: str | None = None
        images = 0
        for message in record.turns:
            if _ordinary(message) or (run.judged == "outputs" and message.content_at == OUTPUT):
                continue
            if shape is None and (shape := read_as(record, run.target)) is None:
                return
            if is_bare_answer(message, shape):
                continue
            yield from self._content(message, shape, run.target)
            if shape in MESSAGE_SHAPES and isinstance(message.raw, dict):
                yield from self._fields(message, run.target)
            images += image_parts(message.content)
        most = run.target.max_images
        if most is not None and images > most:
            yield self.hit(
                f"the row has {images} images; {run.target.name} takes at most {most}", fix=DROP, key="images"
            )

    def _content(self, message: Message, shape: str, target: Target) -> Iterator[Hit]:
        content = message.content
        if content is ABSENT or isinstance(content, str):
            return
        role = speaker(message)
        if content is None:
            if not (role == "function" or (role == "assistant" and speaks_otherwise(message))):
                yield self.hit(f"the content of the {message.role} message is null", message.content_at, fix=DROP)
        elif not isinstance(content, list):
            kind = json_kind(content)
            yield self.hit(
                f"the content is {kind}; asked for a string or a list of parts", message.content_at, fix=DROP
            )
        elif shape in MESSAGE_SHAPES and role is not None:
            allowed = _allowed(role, shape, target)
            for fault in part_faults(content, message.content_at, role, target, allowed):
                yield self.hit(fault.message, fault.at, fix=DROP)

    def _fields(self, message: Message, target: Target) -> Iterator[Hit]:
        """Fields beside role and content. A null one is what table libraries write for a missing one."""
        raw = message.raw
        name = message.name
        at = f"{message.at}/name"
        if name is None:
            if target.hosted and message.role != "function":
                yield self.hit('"name" is null; asked for a string', at, fix=safely('remove "name"', remove(at)))
        elif name is not ABSENT and not isinstance(name, str):
            yield self.hit(f'"name" is {json_kind(name)}; asked for a string', at, fix=DROP)
        refusal = raw.get("refusal")
        if refusal is not None and not isinstance(refusal, str):
            yield self.hit(f'"refusal" is {json_kind(refusal)}; asked for a string', f"{message.at}/refusal", fix=DROP)
        audio = raw.get("audio")
        if audio is not None and not (isinstance(audio, dict) and isinstance(audio.get("id"), str)):
            yield self.hit('"audio" has no id; asked for an object with the id', f"{message.at}/audio", fix=DROP)


def _ordinary(message: Message) -> bool:
    """Whether nothing can be wrong: text, or calls in place of it, and none of the other fields."""
    raw = message.raw
    if type(message.content) is not str and not (message.content is None and message.calls):
        return False
    if not isinstance(raw, dict) or len(raw) == 2:
        return True
    return message.role in _SPEAKERS and "name" not in raw and "refusal" not in raw and "audio" not in raw


def _allowed(role: str, shape: str, target: Target) -> Sequence[str] | None:
    allowed = target.part_types.get(role)
    if shape == "openai-dpo" and target.hosted and role == "user":
        return _TEXT_ONLY  # OpenAI's guide: preference rows are text only.
    return allowed
