"""FMT: what is wrong with the structure of a row or the mix of a file. What is inside tools and calls is TCL's."""

from __future__ import annotations

from typing import Final

from audit.rule import Rule
from audit.rules.format.bad_content import BadContent
from audit.rules.format.bad_last_turn import BadLastTurn
from audit.rules.format.bad_preference_pair import BadPreferencePair
from audit.rules.format.bad_weight import BadWeight
from audit.rules.format.empty_content import EmptyContent
from audit.rules.format.inconsistent_system import InconsistentSystem
from audit.rules.format.legacy_preference_key import LegacyPreferenceKey
from audit.rules.format.malformed_message import MalformedMessage
from audit.rules.format.merged_instruction import MergedInstruction
from audit.rules.format.misplaced_system import MisplacedSystem
from audit.rules.format.no_assistant import NoAssistant
from audit.rules.format.no_output_marker import NoOutputMarker
from audit.rules.format.nothing_weighted import NothingWeighted
from audit.rules.format.role_order import RoleOrder
from audit.rules.format.too_few_rows import TooFewRows
from audit.rules.format.unknown_key import UnknownKey
from audit.rules.format.unknown_role import UnknownRole
from audit.rules.format.unknown_shape import UnknownShape
from audit.rules.format.wrong_field_type import WrongFieldType

RULES: Final[tuple[type[Rule], ...]] = (
    UnknownShape,
    MalformedMessage,
    UnknownRole,
    NoAssistant,
    BadLastTurn,
    RoleOrder,
    MisplacedSystem,
    BadContent,
    EmptyContent,
    UnknownKey,
    BadWeight,
    NothingWeighted,
    BadPreferencePair,
    TooFewRows,
    InconsistentSystem,
    MergedInstruction,
    NoOutputMarker,
    LegacyPreferenceKey,
    WrongFieldType,
)
