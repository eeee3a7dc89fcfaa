"""Policies as files: the built-in ones, those of users, and what is said of one that does not fit."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import ConfigError, UsageError
from audit.model import Severity
from audit.policy.demands import Disparity, Findings, Policy, asks, codes_of
from audit.policy.load import ALIASES, load_policy, policy_names


def written(folder: Path, text: str, name: str = "mine.toml") -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def complaint(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_policy(written(folder, text))
    return f"{caught.value.what} {caught.value.hint}"


@pytest.mark.parametrize("name", policy_names())
def test_every_built_in_policy_is_dated_and_names_its_sources(name: str) -> None:
    policy = load_policy(name)
    assert policy.name == name
    assert policy.as_of
    assert policy.sources
    assert policy.clauses
    assert all(asks(clause) and clause.demand for clause in policy.clauses)


@pytest.mark.parametrize("name", policy_names())
def test_no_built_in_policy_speaks_of_compliance(name: str) -> None:
    assert "complian" not in msgspec.json.encode(load_policy(name)).decode().lower()


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_an_alias_is_the_policy_it_stands_for(alias: str, name: str) -> None:
    assert load_policy(alias) == load_policy(name)


def test_a_misspelt_policy_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        load_policy("strct")
    assert caught.value.hint == 'did you mean "strict"?'


def test_strict_is_default_with_warnings_counted_and_undecided_failing() -> None:
    default, strict = load_policy("default"), load_policy("strict")
    assert strict.extends == ("default",)
    assert [clause.name for clause in strict.clauses] == [clause.name for clause in default.clauses]
    counted = [clause for clause in strict.clauses if isinstance(clause, Findings)]
    assert [clause.severities for clause in counted] == [(Severity.ERROR, Severity.WARNING)] * 2
    assert (default.undecided, strict.undecided) == (3, 1)


def test_the_four_fifths_policy_gates_the_selection_rate_and_nothing_else() -> None:
    (clause,) = load_policy("ugesp-four-fifths").clauses
    assert isinstance(clause, Disparity)
    assert (clause.scale, clause.tolerance, clause.reference, clause.attributes) == ("ratio", 0.8, "best", "declared")


def test_a_user_policy_is_laid_over_what_it_extends(tmp_path: Path) -> None:
    policy = load_policy(
        written(
            tmp_path,
            """
            extends = ["default"]
            alpha = 0.01
            [[clause]]
            kind = "measure"
            name = "redundant rows"
            demand = "hardly any"
            measure = "duplicates.redundant_rows"
            code = "DUP407"
            over_n = true
            max = 0.01
            """,
        )
    )
    assert (policy.name, policy.extends, policy.alpha, policy.undecided) == ("mine", ("default",), 0.01, 3)
    assert [clause.name for clause in policy.clauses] == [clause.name for clause in load_policy("default").clauses]
    assert "at most 1 %" in [asks(clause) for clause in policy.clauses]
    assert any("replaces clauses of what it extends: redundant rows" in note for note in policy.notes)


def test_a_policy_may_extend_a_file_beside_it(tmp_path: Path) -> None:
    written(tmp_path, 'extends = ["strict"]', "base.toml")
    assert load_policy(written(tmp_path, 'extends = ["base.toml"]')).extends == ("default", "strict", "base")


def test_a_circle_of_policies_is_refused(tmp_path: Path) -> None:
    written(tmp_path, 'extends = ["mine.toml"]', "other.toml")
    assert "extends itself" in complaint(tmp_path, 'extends = ["other.toml"]')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("extend = []", 'did you mean "extends"?'),
        ("[[clause]]\nkind = 'findngs'\nname = 'a'\ndemand = 'b'", 'did you mean "findings"?'),
        ("[[clause]]\nname = 'a'", "must be one of findings"),
        ("[[clause]]\nkind = 'findings'\nname = 'a'\ndemand = 'b'\ncodes = ['ENC']\nmaks = 1", 'did you mean "max"?'),
        ("[[clause]]\nkind = 'findings'\nname = 'a'\ndemand = 'b'\ncodes = ['enc1']", "no rule code"),
        ("[[clause]]\nkind = 'findings'\nname = 'a'\ndemand = 'b'\ncodes = ['ENC']\nmax_share = 0.1", "one whole code"),
        ("[[clause]]\nkind = 'measure'\nname = 'a'\ndemand = 'b'\nmeasure = 'c'", "needs a min or a max"),
        (
            "[[clause]]\nkind = 'measure'\nname = 'a'\ndemand = 'b'\nmeasure = 'c'\nmax = nan",
            "needs a min or a max that is a finite number",
        ),
        ("[[clause]]\nkind = 'ran'\nname = 'a'\ndemand = 'b'", "Object missing required field `codes`"),
        ("undecided = 2", "Invalid enum value 2"),
        ("alpha = 0.7", "alpha must lie between"),
        ("= 3", "is not TOML"),
    ],
)
def test_a_policy_that_does_not_fit_is_an_error_that_says_where(tmp_path: Path, text: str, said: str) -> None:
    assert said in complaint(tmp_path, text)


def test_two_clauses_of_one_name_are_refused(tmp_path: Path) -> None:
    clause = "[[clause]]\nkind = 'ran'\nname = 'a'\ndemand = 'b'\ncodes = ['ENC']\n"
    assert "two clauses are called 'a'" in complaint(tmp_path, clause * 2)


def test_a_missing_policy_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_policy(str(tmp_path / "absent.toml"))


def test_the_rules_of_a_clause_are_told() -> None:
    codes = {code for clause in load_policy("hipaa").clauses for code in codes_of(clause)}
    assert codes == {"PII901", "PII902", "PII903", "SEC911"}


def test_a_policy_survives_json() -> None:
    policy = load_policy("eu-ai-act")
    assert msgspec.json.decode(msgspec.json.encode(policy), type=Policy) == policy


@given(text=st.text(alphabet="[]=\"'.\n abcdeklmnorsux01_-\x00é", max_size=80))
def test_any_text_is_a_policy_or_an_error_that_is_ours(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    for content in (text, '[[clause]]\nname = "a"\ndemand = "b"\nkind = "measure"\n' + text):
        path.write_text(content, encoding="utf-8", newline="")
        with contextlib.suppress(ConfigError, UsageError):
            load_policy(str(path))
