"""The target files: found by name, complete, dated, and agreeing with what is documented of each provider."""

from __future__ import annotations

from datetime import date

import pytest

from audit.errors import UsageError
from audit.model import Severity
from audit.read.shapes import SHAPES
from audit.targets import load_target, target_names

KNOWN = ("azure", "generic", "openai-dpo", "openai-rft", "openai-sft", "together", "trl")
HOSTED = ("azure", "openai-dpo", "openai-rft", "openai-sft", "together")


def test_every_target_has_a_file() -> None:
    assert target_names() == KNOWN


@pytest.mark.parametrize("name", KNOWN)
def test_a_target_is_dated_and_names_its_sources(name: str) -> None:
    target = load_target(name)
    assert target.name == name
    assert target.title
    assert date.fromisoformat(target.as_of) <= date(2026, 12, 31)
    assert len(target.sources) >= 2


@pytest.mark.parametrize("name", KNOWN)
def test_a_target_names_only_shapes_that_there_are(name: str) -> None:
    assert set(load_target(name).shapes) <= {shape.name for shape in SHAPES}


@pytest.mark.parametrize("name", KNOWN)
def test_keys_and_parts_are_given_for_known_roles_only(name: str) -> None:
    target = load_target(name)
    assert set(target.message_keys) <= set(target.roles)
    assert set(target.part_types) <= set(target.roles)
    for keys in target.message_keys.values():
        assert {"role", "content"} <= set(keys)


@pytest.mark.parametrize("name", HOSTED)
def test_a_hosted_target_says_what_it_refuses(name: str) -> None:
    target = load_target(name)
    assert target.hosted
    assert target.extra_keys is Severity.ERROR
    assert set(target.message_keys) == set(target.roles)
    assert target.min_rows is not None
    assert target.max_file_bytes is not None


@pytest.mark.parametrize("spelling", ["OpenAI-SFT", "openai_sft", " openai-sft "])
def test_case_and_underscores_do_not_matter(spelling: str) -> None:
    assert load_target(spelling).name == "openai-sft"


def test_an_unknown_target_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="openai-stf") as caught:
        load_target("openai-stf")
    assert caught.value.hint == 'did you mean "openai-sft"?'


def test_an_unknown_target_near_to_none_lists_them_all() -> None:
    with pytest.raises(UsageError) as caught:
        load_target("qqqq")
    assert caught.value.hint == "targets: " + ", ".join(KNOWN)


def test_openai_limits_are_the_documented_ones() -> None:
    target = load_target("openai-sft")
    assert (target.min_rows, target.max_file_bytes, target.max_images) == (10, 512 * 2**20, 10)
    assert target.max_tokens["gpt-3.5-turbo"] == 16_385
    assert target.max_tokens[""] == target.max_tokens["gpt-4o"] == 65_536
    assert target.metadata == "rejected"
    assert load_target("azure").max_images == 64


def test_together_takes_three_roles_in_turn_and_no_tools() -> None:
    target = load_target("together")
    assert target.roles == ("system", "user", "assistant")
    assert (target.order, target.system, target.tools) == (Severity.ERROR, Severity.ERROR, "rejected")


def test_reinforcement_rows_may_have_any_column_and_end_open() -> None:
    target = load_target("openai-rft")
    assert target.row_keys == ()
    assert target.metadata == "accepted"
    assert "assistant" not in target.last_role
    assert "system" not in target.roles
