"""ENC: what is wrong with the bytes before a record exists. The reader diagnoses, these rules judge."""

from __future__ import annotations

from typing import Final

from audit.rule import Rule
from audit.rules.encoding.byte_order_mark import ByteOrderMark
from audit.rules.encoding.control_character import ControlCharacter
from audit.rules.encoding.duplicate_key import DuplicateKey
from audit.rules.encoding.invalid_utf8 import InvalidUtf8
from audit.rules.encoding.line_ends import LineEnds
from audit.rules.encoding.line_separator import LineSeparator
from audit.rules.encoding.non_finite_number import NonFiniteNumber
from audit.rules.encoding.not_an_object import NotAnObject
from audit.rules.encoding.not_json import NotJson
from audit.rules.encoding.oversize import Oversize

RULES: Final[tuple[type[Rule], ...]] = (
    ByteOrderMark,
    InvalidUtf8,
    NotJson,
    NotAnObject,
    DuplicateKey,
    NonFiniteNumber,
    ControlCharacter,
    LineEnds,
    Oversize,
    LineSeparator,
)
