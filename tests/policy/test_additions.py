"""What audit.toml adds to a policy, and that it takes nothing from it without a recorded waiver."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from audit.config import Settings, load_settings
from audit.errors import ConfigError
from audit.policy.additions import Said, said_in, under_policy
from audit.policy.demands import Assessed, Disparity, Findings, MeasureWithin, Ran
from audit.policy.load import load_policy

TODAY = date(2026, 11, 21)
WAIVER = {"reason": "agreed with legal", "owner": "QA", "expires": "2027-01-31"}


def said(policy: str = "default", today: date = TODAY, **sections: Any) -> Said:
    return said_in(Settings(sections=sections), load_policy(policy), today)


def clause(given: Said, name: str) -> Any:
    return next(clause for clause in given.policy.clauses if clause.name == name)


def refused(**sections: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        said(**sections)
    return f"{caught.value.what} {caught.value.hint}"


def deep(steps: int) -> Any:
    """A table in a table, and so on: what a key with as many dots comes to."""
    value: Any = 1
    for _ in range(steps):
        value = {"a": value}
    return value


def test_without_sections_the_policy_stays_as_it_is() -> None:
    assert said().policy == load_policy("default")


def test_a_share_of_another_rule_is_added() -> None:
    added = clause(said(gate={"max_share": {"DUP401": 0.1}}), "share of DUP401")
    assert isinstance(added, Findings)
    assert (added.codes, added.max_share) == (("DUP401",), 0.1)


def test_a_smaller_share_tightens_the_clause_of_the_policy() -> None:
    tightened = clause(said(gate={"max_share": {"LBL601": 0.001}}), "conflicting answers")
    assert isinstance(tightened, MeasureWithin)
    assert tightened.max == 0.001


def test_a_larger_share_is_refused() -> None:
    complaint = refused(gate={"max_share": {"LBL601": 0.5}})
    assert "weaker than the policy default: conflicting answers allows at most 1 %" in complaint
    assert "[[gate.waiver]]" in complaint


def test_a_share_of_findings_that_the_policy_counts_is_refused() -> None:
    assert "errors counts every finding of FMT104" in refused(gate={"max_share": {"FMT104": 0.01}})


def test_a_recorded_waiver_moves_the_bound_and_is_shown() -> None:
    given = said(gate={"max_share": {"LBL601": 0.5}, "waiver": [{"code": "LBL601", **WAIVER}]})
    assert clause(given, "conflicting answers").max == 0.5
    (waiver,) = given.waivers
    assert (waiver.what, waiver.owner, waiver.expired) == ("LBL601 in at most 50 % of rows", "QA", False)


def test_a_waived_rule_leaves_the_clause_that_counts_it() -> None:
    given = said(gate={"max_share": {"FMT104": 0.01}, "waiver": [{"code": "FMT104", **WAIVER}]})
    assert clause(given, "errors").without == ("FMT104",)
    assert clause(given, "share of FMT104").max_share == 0.01


def test_an_expired_waiver_moves_nothing_and_is_shown_as_expired() -> None:
    gate = {"max_share": {"LBL601": 0.5}, "waiver": [{"code": "LBL601", **WAIVER}]}
    given = said(today=date(2027, 2, 1), gate=gate)
    assert clause(given, "conflicting answers").max == 0.01
    assert [waiver.expired for waiver in given.waivers] == [True]


def test_a_waiver_counts_on_its_last_day() -> None:
    given = said(today=date(2027, 1, 31), fairness={"not_applicable": WAIVER})
    assert given.waiver is not None
    assert not given.waiver.expired


@pytest.mark.parametrize("missing", ["reason", "owner", "expires"])
def test_a_waiver_without_reason_owner_or_expiry_is_refused(missing: str) -> None:
    entry = {key: value for key, value in WAIVER.items() if key != missing}
    assert f"has no {missing}" in refused(fairness={"not_applicable": entry})
    assert f"has no {missing}" in refused(gate={"waiver": [{"code": "LBL601", **entry}]})


@pytest.mark.parametrize("written", ["...", " . ", "", "???"])
def test_a_reason_that_is_still_a_placeholder_is_refused(written: str) -> None:
    assert refused(fairness={"not_applicable": {**WAIVER, "reason": written}})


def test_a_waiver_that_waives_nothing_is_refused() -> None:
    assert "waives nothing" in refused(gate={"waiver": [{"code": "LBL601", **WAIVER}]})


def test_a_least_impact_ratio_is_judged_by_intervals() -> None:
    added = clause(said(gate={"min": {"impact_ratio": {"sex": 0.9}}}), "least impact_ratio of sex")
    assert isinstance(added, Disparity)
    assert (added.measure, added.tolerance, added.attributes) == ("selection_rate", 0.9, ("sex",))


@pytest.mark.parametrize(
    ("least", "measure", "attribute"),
    [
        ({"group_share": {"sex": 0.3}}, "group_share", "sex"),
        ({"labels": {"near_agreement": 0.9}}, "labels.near_agreement", None),
        ({"labels.near_agreement": 0.9}, "labels.near_agreement", None),
    ],
)
def test_a_least_value_of_a_measure_is_added(least: Any, measure: str, attribute: str | None) -> None:
    added = said(gate={"min": least}).policy.clauses[-1]
    assert isinstance(added, MeasureWithin)
    assert (added.measure, added.attribute) == (measure, attribute)


def test_what_is_required_is_an_attribute_or_a_rule() -> None:
    attribute, rule = said(gate={"require": ["sex", "PII901"]}).policy.clauses[-2:]
    assert isinstance(attribute, Assessed)
    assert not attribute.waivable
    assert isinstance(rule, Ran)


@pytest.mark.parametrize(
    ("gate", "complaint"),
    [
        ({"max_shar": {}}, 'did you mean "max_share"?'),
        ({"max_share": {"DUP": 0.1}}, "is not a rule code"),
        ({"max_share": {"DUP401": 5}}, "must be a share between 0 and 1"),
        ({"max_share": {"DUP401": float("nan")}}, "must be a share between 0 and 1"),
        ({"min": 3}, "must be a number"),
        ({"min": {"a": 10**400}}, "must be a number"),
        ({"min": deep(2000)}, "too many steps"),
        ({"min": {"impact_ratio": {"sex": "high"}}}, "must be a number"),
        ({"min": {"impact_ratio": {"sex": 1.5}}}, "not above 1"),
        ({"require": [3]}, "must be a text"),
        ({"waiver": {"code": "LBL601"}}, "must be [[gate.waiver]] tables"),
    ],
)
def test_a_gate_that_does_not_fit_is_an_error_that_says_where(gate: Any, complaint: str) -> None:
    assert complaint in refused(gate=gate)


def test_options_that_the_configuration_sets_are_shown() -> None:
    settings = Settings(rules={"LBL601": {"similarity": 0.1}})
    assert said_in(settings, load_policy("default"), TODAY).notes == (
        "options set by the configuration: LBL601 similarity = 0.1",
    )


def test_rules_in_preview_that_a_policy_names_are_switched_on() -> None:
    settings = under_policy(Settings(), load_policy("eu-ai-act"))
    assert {"PRV951", "PRV953"} <= set(settings.extend_select)
    assert settings.rules["PRV951"] == {"required": ["source", "license"]}


def test_a_policy_switches_nothing_on_where_rules_were_selected() -> None:
    assert under_policy(Settings(select=("ENC",)), load_policy("eu-ai-act")).extend_select == ()


def test_an_option_that_contradicts_the_policy_is_refused() -> None:
    with pytest.raises(ConfigError, match="differs from what the policy eu-ai-act sets"):
        under_policy(Settings(rules={"PRV951": {"required": ["source"]}}), load_policy("eu-ai-act"))


# ----------------------------------------------------------------------------- the file


def loaded(folder: Path, text: str) -> Settings:
    (folder / "audit.toml").write_text(text, encoding="utf-8")
    return load_settings({}, environ={}, cwd=folder, data=[], isolated=False, config="audit.toml")


def test_the_sections_of_a_gate_are_read_from_the_file(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        """
        [gate]
        policy = "strict"
        max_share.DUP401 = 0.1
        [fairness]
        not_applicable = { reason = "arithmetic", owner = "QA", expires = 2027-11-21 }
        [use]
        purpose = "homework"
        [check]
        baseline = "known.json"
        """,
    )
    assert (settings.policy, settings.baseline) == ("strict", "known.json")
    given = said_in(settings, load_policy("default"), TODAY)
    assert given.waiver is not None
    assert given.waiver.expires == "2027-11-21"
    assert given.use == {"purpose": "homework"}


def test_a_policy_file_is_meant_relative_to_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "mine.toml").write_text('extends = ["default"]', encoding="utf-8")
    (tmp_path / "conf" / "audit.toml").write_text('[gate]\npolicy = "mine.toml"', encoding="utf-8")
    settings = load_settings({}, environ={}, cwd=tmp_path, data=[], isolated=False, config="conf/audit.toml")
    assert settings.policy == "conf/mine.toml"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[fairness]\nnot_applicable = true", "must be a table"),
        ('[fairness]\nnot_applicable = { reason = "a", owner = "b" }', "has no expires"),
        ("[use]\npurpose = 3", "must be a text"),
        ("[gate]\npolicy = 3", "must be a text"),
        ("[gate]\nmax_share.LBL601 = 2.0", "must be a share"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_when_it_is_read(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        loaded(tmp_path, text)
