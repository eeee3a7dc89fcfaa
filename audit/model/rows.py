"""What is read: sources, lines, rows and their messages, whatever the shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from audit.model.values import ABSENT, Json


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One file (or standard input, or rows given from Python) and how it was understood.

    ``path`` is what the user wrote, ``-`` for standard input, ``<rows>`` for Python objects.
    ``container`` says how rows lie in it; ``encoding`` is what the bytes turned out to be.
    """

    path: str
    role: str = "data"
    container: Literal["jsonl", "json", "csv", "parquet", "rows"] = "jsonl"
    compression: Literal["gzip", "zstd"] | None = None
    encoding: str = "utf-8"
    size: int | None = None


class ToolCall(msgspec.Struct, frozen=True, gc=False):
    """One call of a tool by the assistant, as found (``id`` and ``arguments`` may be of any type, or ABSENT).

    ``at`` is the JSON Pointer of the call in the raw row; ``id_at``, ``name_at``, ``arguments_at`` those of its parts.
    ``invented`` is True where the shape carries no call ids and normalisation numbered them.
    """

    id: Json
    name: Json
    arguments: Json
    at: str
    id_at: str
    name_at: str
    arguments_at: str
    invented: bool = False


class Message(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One turn, whatever the shape of its row.

    ``role`` is in OpenAI's vocabulary where the shape defines its own names (ShareGPT's ``human`` is ``user``);
    a role that the shape does not define stays as written, and is ABSENT or not a string where the row says so.
    ``content`` is the raw value: a string, a list of parts, None, ABSENT, or something that should not be there.
    ``raw`` is the object (or non-object) in the row. ``at``, ``role_at`` and ``content_at`` are JSON Pointers into it.
    ``trained`` says what the *shape* decides: True or False where it does, None where role and target decide.
    """

    role: Json
    content: Json
    at: str
    role_at: str
    content_at: str
    raw: Json = ABSENT
    name: Json = ABSENT
    weight: Json = ABSENT
    calls: tuple[ToolCall, ...] = ()
    call_id: Json = ABSENT
    call_id_at: str = ""
    trained: bool | None = None

    @property
    def text(self) -> str:
        """All text of the message: the string, or the text and refusal parts joined with nothing between."""
        if isinstance(self.content, str):
            return self.content
        return "".join(text for _, text in self.texts())

    def texts(self) -> Iterator[tuple[str, str]]:
        """(JSON Pointer, text) of every piece of text in ``content``, in order."""
        if isinstance(self.content, str):
            yield self.content_at, self.content
        elif isinstance(self.content, list):
            for index, part in enumerate(self.content):
                if not isinstance(part, dict):
                    continue
                for key in ("text", "refusal"):
                    if isinstance(part.get(key), str):
                        yield f"{self.content_at}/{index}/{key}", part[key]


class RowTokens(msgspec.Struct, frozen=True, gc=False):
    """Token counts of one row: string contents only, the whole chat with overhead and tools, and what is trained on."""

    content: int
    total: int
    trainable: int


class Chat(msgspec.Struct, frozen=True, kw_only=True):
    """What a shape makes of one parsed row. Preference rows carry the two answers in ``chosen`` and ``rejected``.

    ``tools`` is the raw value (a list, or whatever stands there) or ABSENT, ``tools_at`` its JSON Pointer.
    ``lost`` names, as JSON Pointers, what normalisation could not carry.
    """

    messages: tuple[Message, ...] = ()
    tools: Json = ABSENT
    tools_at: str = ""
    chosen: tuple[Message, ...] = ()
    rejected: tuple[Message, ...] = ()
    metadata: Json = ABSENT
    lost: tuple[str, ...] = ()


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One row after reading. ``line`` is 1-based, ``offset`` the byte offset of the row in its (unpacked) source.

    ``data`` is the parsed row; ``raw`` its bytes without the newline. ``shape`` is the shape's name, or ``unknown``.
    ``canonical`` rows were accepted by the typed decode: a plain chat with nothing for a structure rule to find.
    """

    source: Source
    line: int
    offset: int
    raw: bytes
    data: Json
    shape: str
    chat: Chat
    canonical: bool = False
    tokens: RowTokens | None = None

    @property
    def messages(self) -> tuple[Message, ...]:
        return self.chat.messages

    @property
    def turns(self) -> tuple[Message, ...]:
        """Every message of the row: the conversation, then the preferred, then the rejected answer."""
        return self.chat.messages + self.chat.chosen + self.chat.rejected

    @property
    def tools(self) -> Json:
        return self.chat.tools


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Something the reader saw in the bytes of one line, or of a whole file (``file`` is True).

    ``kind`` is a fixed word that a LineRule looks for (see ``audit.read``); ``message`` states what was seen.
    ``start`` and ``end`` are byte offsets within the line (end exclusive), ``pointer`` the JSON value it lies in.
    ``detail`` is small and typed, for evidence and for the fix.
    """

    kind: str
    message: str
    start: int = 0
    end: int = 0
    pointer: str = ""
    file: bool = False
    detail: Mapping[str, Json] = {}


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line before a record exists: where it lies, its bytes (no newline) and what the reader diagnosed."""

    source: Source
    number: int
    offset: int
    raw: bytes
    problems: tuple[Problem, ...] = ()
