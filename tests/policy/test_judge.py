"""What each kind of clause makes of a result that is made by hand."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.catalog import all_rules
from audit.model import Clause, Gate, Measure, Result, Severity, Skipped, Suppressed, Waiver
from audit.policy.demands import (
    AnyDemand,
    Assessed,
    Disparity,
    Findings,
    MeasureWithin,
    NewFindings,
    Policy,
    Published,
    Ran,
    Use,
)
from audit.policy.facts import Facts
from audit.policy.judge import WORST_FIRST, judge, worst_of
from audit.policy.load import load_policy
from audit.rule import Attribute

STABLE = tuple(rule.code for rule in all_rules() if rule.status == "stable")
SEX = Attribute(name="sex", source="field", where="metadata.sex")
RACE = Attribute(name="race", source="field", where="metadata.race")


def run_of(*, rows: int = 1000, without: tuple[Skipped, ...] = (), **more: Any) -> Result:
    left_out = {skipped.code for skipped in without}
    ran = tuple(code for code in STABLE if code not in left_out)
    return msgspec.structs.replace(Result(rows=rows, rules_run=ran, rules_skipped=without), **more)


def gate_of(*demands: AnyDemand, result: Result | None = None, undecided: Any = 3, **facts: Any) -> Gate:
    policy = Policy(name="p", clauses=demands, undecided=undecided)
    return judge(Facts(policy=policy, result=result or run_of(), today=date(2026, 11, 21), **facts))


def only(gate: Gate) -> Clause:
    (clause,) = gate.clauses
    return clause


def counts(code: str, findings: int, rows: int | None = None, severity: str = "error") -> dict[str, dict[str, int]]:
    return {code: {"findings": findings, "rows": findings if rows is None else rows, severity: findings}}


def findings(*codes: str, **more: Any) -> Findings:
    return Findings(name="errors", demand="no error", codes=codes, **more)


# ----------------------------------------------------------------------------- findings


def test_no_finding_passes() -> None:
    assert only(gate_of(findings("ENC", "FMT"))).verdict == "PASS"


def test_one_finding_too_many_fails_and_says_where_to_look() -> None:
    clause = only(gate_of(findings("FMT"), result=run_of(counts=counts("FMT104", 4))))
    assert (clause.verdict, clause.actual, clause.value) == ("FAIL", "4", 4.0)
    assert "FMT104 4" in clause.sentence
    assert clause.where == "audit check --select FMT104"


def test_only_the_severities_of_the_clause_count() -> None:
    result = run_of(counts=counts("FMT110", 9, severity="warning"))
    assert only(gate_of(findings("FMT"), result=result)).verdict == "PASS"
    both = findings("FMT", severities=(Severity.ERROR, Severity.WARNING))
    assert only(gate_of(both, result=result)).verdict == "FAIL"


def test_a_prefix_does_not_count_rules_in_preview() -> None:
    result = run_of(counts=counts("FMT115", 9), rules_run=(*STABLE, "FMT115"))
    assert only(gate_of(findings("FMT"), result=result)).verdict == "PASS"
    assert only(gate_of(findings("FMT", "FMT115"), result=result)).verdict == "FAIL"


def test_a_rule_that_does_not_exist_is_not_assessed_by_name() -> None:
    clause = only(gate_of(findings("PII999")))
    assert clause.verdict == "NOT_ASSESSED"
    assert "PII999: this version has no such rule" in clause.sentence


@pytest.mark.parametrize(("kind", "said"), [("off", "turned off (because)"), ("preview", "in preview and not run")])
def test_a_rule_that_is_left_out_is_not_assessed_by_name(kind: Any, said: str) -> None:
    result = run_of(without=(Skipped("FMT104", "because", kind),))
    clause = only(gate_of(findings("FMT"), result=result))
    assert clause.verdict == "NOT_ASSESSED"
    assert f"FMT104: {said}" in clause.sentence


def test_a_finding_fails_even_where_another_rule_was_left_out() -> None:
    result = run_of(without=(Skipped("FMT104", "ignored", "off"),), counts=counts("FMT105", 1))
    assert only(gate_of(findings("FMT"), result=result)).verdict == "FAIL"


def test_a_rule_of_a_family_that_does_not_apply_is_named_and_spoils_nothing() -> None:
    result = run_of(without=(Skipped("SPL501", "nothing to compare: one split"),))
    clause = only(gate_of(findings("ENC", "SPL"), result=result))
    assert clause.verdict == "PASS"
    assert "SPL501: nothing to compare: one split" in clause.sentence


def test_a_rule_named_by_its_code_that_does_not_apply_is_not_assessed() -> None:
    result = run_of(without=(Skipped("SPL501", "nothing to compare: one split"),))
    assert only(gate_of(findings("ENC", "SPL501"), result=result)).verdict == "NOT_ASSESSED"


def test_a_clause_none_of_whose_rules_applies_is_not_assessed() -> None:
    splits = tuple(Skipped(code, "one split") for code in STABLE if code.startswith("SPL"))
    assert only(gate_of(findings("SPL"), result=run_of(without=splits))).verdict == "NOT_ASSESSED"


def test_a_share_of_rows_is_compared_with_its_bound() -> None:
    bound = findings("DUP401", max_share=0.05)
    assert only(gate_of(bound, result=run_of(counts=counts("DUP401", 50)))).verdict == "PASS"
    assert only(gate_of(bound, result=run_of(counts=counts("DUP401", 51)))).verdict == "FAIL"


def test_no_share_can_be_told_of_findings_about_whole_files() -> None:
    result = run_of(counts=counts("TOK303", 1, rows=0))
    assert only(gate_of(findings("TOK303", max_share=0.5), result=result)).verdict == "NOT_ASSESSED"


def test_findings_that_were_taken_out_are_told() -> None:
    taken = (Suppressed(code="FMT104", path="*", reason="r", findings=7, owner="me", expires="2027-01-01"),)
    clause = only(gate_of(findings("FMT"), result=run_of(suppressed=taken, known={"FMT105": 3})))
    assert "7 findings taken out by [[ignore]]" in clause.sentence
    assert "3 findings of the baseline" in clause.sentence


# ----------------------------------------------------------------------------- the whole


def test_an_interrupted_run_cannot_pass() -> None:
    gate = gate_of(findings("FMT"), Use(name="u", demand="d", fields=()), result=run_of(partial=True))
    assert gate.clauses[0].verdict == "NOT_ASSESSED"
    assert "interrupted" in gate.clauses[0].sentence
    assert gate.exit_code == 3


def test_an_interrupted_run_can_fail() -> None:
    result = run_of(partial=True, counts=counts("FMT104", 1))
    assert gate_of(findings("FMT"), result=result).verdict == "FAIL"


def test_no_rows_are_not_assessed() -> None:
    assert only(gate_of(findings("FMT"), result=run_of(rows=0))).verdict == "NOT_ASSESSED"


def test_a_policy_without_clauses_has_assessed_nothing() -> None:
    assert gate_of().verdict == "NOT_ASSESSED"


@given(st.lists(st.sampled_from(WORST_FIRST), min_size=1))
def test_the_worst_verdict_decides_in_any_order(verdicts: list[Any]) -> None:
    assert worst_of(verdicts) == worst_of(reversed(verdicts)) == min(verdicts, key=WORST_FIRST.index)


@pytest.mark.parametrize("undecided", [0, 1, 3])
def test_a_policy_says_what_undecided_exits_with(undecided: int) -> None:
    assert gate_of(findings("PII999"), undecided=undecided).exit_code == undecided
    assert gate_of(findings("FMT"), undecided=undecided).exit_code == 0
    failing = run_of(counts=counts("FMT104", 1))
    assert gate_of(findings("FMT"), result=failing, undecided=undecided).exit_code == 1


def test_the_hash_is_that_of_the_policy_as_it_was_judged_by() -> None:
    assert gate_of(findings("FMT")).sha256 == gate_of(findings("FMT")).sha256
    assert gate_of(findings("FMT")).sha256 != gate_of(findings("FMT", max=1)).sha256


# ----------------------------------------------------------------------------- measures


REDUNDANT = MeasureWithin(
    name="redundant", demand="few", measure="duplicates.redundant_rows", code="DUP407", over_n=True, max=0.05
)


def with_measures(*measures: Measure, **more: Any) -> Result:
    return run_of(measures=measures, **more)


def redundant(rows: int, n: int = 1000) -> Result:
    return with_measures(Measure(code="DUP407", name="duplicates.redundant_rows", value=rows, n=n))


def test_a_count_over_n_is_compared_as_a_share() -> None:
    clause = only(gate_of(REDUNDANT, result=redundant(50)))
    assert (clause.verdict, clause.actual, clause.n) == ("PASS", "5 %", 1000)
    assert clause.interval is not None
    assert only(gate_of(REDUNDANT, result=redundant(51))).verdict == "FAIL"


def test_by_interval_a_value_near_the_bound_is_inconclusive() -> None:
    demand = msgspec.structs.replace(REDUNDANT, by_interval=True)
    verdicts = [only(gate_of(demand, result=redundant(rows))).verdict for rows in (10, 50, 90)]
    assert verdicts == ["PASS", "INCONCLUSIVE", "FAIL"]


def test_a_measure_that_rests_on_nothing_is_not_assessed() -> None:
    assert only(gate_of(REDUNDANT, result=redundant(0, n=0))).verdict == "NOT_ASSESSED"
    assert only(gate_of(REDUNDANT)).verdict == "NOT_ASSESSED"


def test_a_measure_that_rests_on_a_rule_that_is_off_is_not_assessed() -> None:
    demand = msgspec.structs.replace(REDUNDANT, rests_on=("DUP401",))
    result = msgspec.structs.replace(
        run_of(without=(Skipped("DUP401", "ignored", "off"),)), measures=redundant(0).measures
    )
    clause = only(gate_of(demand, result=result))
    assert clause.verdict == "NOT_ASSESSED"
    assert "DUP401: turned off (ignored)" in clause.sentence


def test_of_several_groups_the_worst_decides() -> None:
    demand = MeasureWithin(name="least", demand="enough", measure="group_share", attribute="gender", min=0.4)
    shares = [
        Measure(code="DEM101", name="group_share", value=value, n=1000, attribute="sex", group=group)
        for group, value in (("f", 0.331), ("m", 0.569), ("unknown", 0.1))
    ]
    clause = only(gate_of(demand, result=with_measures(*shares), attributes=(SEX,)))
    assert (clause.verdict, clause.group, clause.value) == ("FAIL", "f", 0.331)


@given(value=st.integers(0, 10**6), n=st.integers(1, 10**6), most=st.floats(0, 1))
def test_a_share_fails_exactly_when_it_is_above_the_bound(value: int, n: int, most: float) -> None:
    demand = msgspec.structs.replace(REDUNDANT, max=most)
    clause = only(gate_of(demand, result=redundant(min(value, n), n)))
    assert clause.verdict == ("FAIL" if round(min(value, n) / n, 6) > most else "PASS")


# ----------------------------------------------------------------------------- groups


def rates(attribute: str, **groups: tuple[int, int]) -> Measure:
    """A measure with a rate table: group -> (hits, n)."""
    table = {
        "attribute": attribute,
        "kind": "declared",
        "groups": [
            {"group": name, "hits": hits, "n": n, "effective_n": float(n), "rate": hits / n}
            for name, (hits, n) in groups.items()
        ],
        "unknown": {"n": 12, "hits": 3},
    }
    n = sum(n for _, n in groups.values())
    hits = sum(hits for hits, _ in groups.values())
    return Measure(code="DEM104", name="selection_rate", value=hits / n, n=n, table=table, attribute=attribute)


FOUR_FIFTHS = Disparity(name="rate", demand="even", measure="selection_rate", code="DEM104")
WITH_DEM = (*STABLE, "DEM101", "DEM104", "DEM110")


def dem_run(*measures: Measure) -> Result:
    return with_measures(*measures, rules_run=tuple(dict.fromkeys(WITH_DEM)))


@pytest.mark.parametrize(
    ("groups", "verdict"),
    [
        ({"f": (109, 1000), "m": (306, 1000)}, "FAIL"),
        ({"f": (3000, 10000), "m": (3000, 10000)}, "PASS"),
        ({"f": (12, 40), "m": (12, 40)}, "INCONCLUSIVE"),
        ({"f": (5, 20), "m": (6, 20)}, "INCONCLUSIVE"),
    ],
)
def test_rates_are_judged_by_their_intervals(groups: Any, verdict: str) -> None:
    clause = only(gate_of(FOUR_FIFTHS, result=dem_run(rates("sex", **groups)), attributes=(SEX,)))
    assert clause.verdict == verdict
    assert clause.attribute == "sex"
    assert clause.interval is not None


def test_alpha_is_divided_over_the_attributes_of_the_policy() -> None:
    result = dem_run(rates("sex", f=(250, 1000), m=(306, 1000)), rates("race", a=(300, 1000), b=(310, 1000)))
    alone = gate_of(FOUR_FIFTHS, result=result, attributes=(SEX,)).clauses[0]
    both = gate_of(FOUR_FIFTHS, result=result, attributes=(SEX, RACE)).clauses[0]
    assert alone.interval is not None
    assert both.interval is not None
    assert both.interval[0] < alone.interval[0] < alone.interval[1] < both.interval[1]
    assert both.level == pytest.approx(1 - 0.05 / 2)


def test_a_demanded_attribute_that_is_not_declared_is_not_assessed_by_name() -> None:
    demand = msgspec.structs.replace(FOUR_FIFTHS, attributes=("sex", "race"))
    gate = gate_of(demand, result=dem_run(rates("sex", f=(300, 1000), m=(300, 1000))), attributes=(SEX,))
    assert [(clause.name, clause.verdict) for clause in gate.clauses] == [
        ("rate: sex", "PASS"),
        ("rate: race", "NOT_ASSESSED"),
    ]
    assert "race is not declared" in gate.clauses[1].sentence
    assert gate.clauses[1].paste == '[attributes.race]\nfield = "..."'


def test_an_attribute_is_judged_by_its_own_table_and_not_by_that_of_another_word_for_it() -> None:
    demand = msgspec.structs.replace(FOUR_FIFTHS, attributes=("race",))
    tables = (rates("ethnicity", a=(300, 1000), b=(300, 1000)), rates("race", a=(50, 1000), b=(300, 1000)))
    other = Attribute(name="ethnicity", source="field", where="metadata.ethnicity")
    gate = gate_of(demand, result=dem_run(*tables), attributes=(other, RACE))
    assert [clause.verdict for clause in gate.clauses] == ["FAIL"]


def test_a_reference_that_no_row_belongs_to_is_not_assessed() -> None:
    demand = msgspec.structs.replace(FOUR_FIFTHS, attributes=("sex",), reference="x")
    gate = gate_of(demand, result=dem_run(rates("sex", f=(300, 1000), m=(300, 1000))), attributes=(SEX,))
    assert [clause.verdict for clause in gate.clauses] == ["NOT_ASSESSED"]


def test_a_label_that_every_row_has_says_nothing_of_groups() -> None:
    demand = msgspec.structs.replace(FOUR_FIFTHS, attributes=("sex",))
    gate = gate_of(demand, result=dem_run(rates("sex", f=(1000, 1000), m=(900, 900))), attributes=(SEX,))
    assert [clause.verdict for clause in gate.clauses] == ["NOT_ASSESSED"]


@pytest.mark.parametrize(("word", "attribute"), [("gender", "sex"), ("Ethnicity", "race"), ("race/ethnicity", "race")])
def test_other_words_for_an_attribute_are_understood(word: str, attribute: str) -> None:
    demand = msgspec.structs.replace(FOUR_FIFTHS, attributes=(attribute,))
    configured = Attribute(name=word, source="field", where="metadata.x")
    gate = gate_of(demand, result=dem_run(rates(word, f=(300, 1000), m=(300, 1000))), attributes=(configured,))
    assert gate.verdict == "PASS"


def test_without_an_attribute_a_disparity_is_not_assessed() -> None:
    mention = Attribute(name="gender", source="lexicon", where="gender", kind="mention")
    clause = only(gate_of(FOUR_FIFTHS, attributes=(mention,), seen=lambda: {"Sex": "metadata.person.Sex"}))
    assert clause.verdict == "NOT_ASSESSED"
    assert clause.paste == '[attributes.Sex]\nfield = "metadata.person.Sex"'


def test_rates_fixed_by_a_remedy_are_no_evidence_about_a_model() -> None:
    measure = msgspec.structs.replace(rates("sex", f=(3000, 10000), m=(3000, 10000)), by_construction=True)
    assert "By construction" in only(gate_of(FOUR_FIFTHS, result=dem_run(measure), attributes=(SEX,))).sentence


@pytest.mark.parametrize(
    ("kind", "verdict"), [("annotated", "PASS"), ("mention", "PASS"), ("name_cue", "NOT_ASSESSED")]
)
def test_no_verdict_rests_on_given_names(kind: Any, verdict: str) -> None:
    demand = msgspec.structs.replace(FOUR_FIFTHS, attributes=("sex",))
    attribute = msgspec.structs.replace(SEX, kind=kind)
    even = rates("sex", f=(3000, 10000), m=(3000, 10000))
    clause = only(gate_of(demand, result=dem_run(even), attributes=(attribute,)))
    assert clause.verdict == verdict
    assert ("not about people" in clause.sentence) == (kind == "mention")


def test_tables_about_people_do_not_rest_on_what_rows_mention() -> None:
    attribute = msgspec.structs.replace(SEX, kind="mention")
    gate = gate_of(LL144, result=dem_run(rates("sex", f=(1, 10), m=(2, 10))), attributes=(attribute,))
    assert gate.clauses[0].verdict == "NOT_ASSESSED"
    assert "not who they are about" in gate.clauses[0].sentence


LL144 = Published(
    name="rates",
    demand="tables",
    measure="selection_rate",
    code="DEM104",
    intersections_code="DEM110",
    attributes=("sex", "race", "sex x race"),
)


def test_tables_that_must_be_published_pass_whatever_they_say() -> None:
    tables = (
        rates("sex", f=(1, 1000), m=(900, 1000)),
        rates("race", a=(300, 1000), b=(2, 10)),
        msgspec.structs.replace(rates("race x sex", a=(300, 1000), b=(9, 30)), code="DEM110"),
    )
    gate = gate_of(LL144, result=dem_run(*tables), attributes=(RACE, SEX))
    assert [clause.verdict for clause in gate.clauses] == ["PASS"] * 3
    assert "smallest impact ratio 0.001" in gate.clauses[0].sentence
    assert "12 unknown" in gate.clauses[0].sentence
    assert "below 2 % of the rows: b" in gate.clauses[1].sentence


def test_a_table_that_is_missing_is_not_assessed_by_name() -> None:
    gate = gate_of(LL144, result=dem_run(rates("sex", f=(1, 10), m=(2, 10))), attributes=(SEX,))
    assert [clause.verdict for clause in gate.clauses] == ["PASS", "NOT_ASSESSED", "NOT_ASSESSED"]
    assert gate.clauses[2].name == "rates: sex x race"
    assert gate.exit_code == 3


# ----------------------------------------------------------------------------- assessed, use, new findings


GROUPS = Assessed(name="groups", demand="looked at")
WAIVER = Waiver(what="groups are looked at", reason="arithmetic", owner="QA", expires="2027-01-31")


def test_groups_that_are_shown_pass() -> None:
    shown = Measure(code="DEM101", name="representation", n=900, attribute="sex", table={"groups": []})
    assert only(gate_of(GROUPS, result=dem_run(shown), attributes=(SEX,))).verdict == "PASS"


def test_an_attribute_that_no_row_has_is_not_assessed() -> None:
    shown = Measure(code="DEM101", name="representation", n=0, attribute="sex")
    clause = only(gate_of(GROUPS, result=dem_run(shown), attributes=(SEX,)))
    assert clause.verdict == "NOT_ASSESSED"
    assert "no row says to which group of sex" in clause.sentence


def test_without_attributes_the_lines_to_paste_are_given() -> None:
    clause = only(gate_of(GROUPS, seen=lambda: {"gender": "metadata.gender"}))
    assert clause.verdict == "NOT_ASSESSED"
    assert '[attributes.gender]\nfield = "metadata.gender"' in clause.paste
    assert 'not_applicable = { reason = "...", owner = "...", expires = 2027-11-21 }' in clause.paste


def test_a_waiver_takes_the_place_of_groups() -> None:
    gate = gate_of(GROUPS, waiver=WAIVER)
    assert (gate.verdict, gate.waivers) == ("PASS", (WAIVER,))
    assert "QA: arithmetic" in only(gate).sentence


def test_an_expired_waiver_does_not_count_and_says_so() -> None:
    expired = msgspec.structs.replace(WAIVER, expired=True)
    clause = only(gate_of(GROUPS, waiver=expired))
    assert clause.verdict == "NOT_ASSESSED"
    assert "the waiver of QA expired on 2027-01-31" in clause.sentence


def test_what_must_be_stated_is_not_assessed_until_it_is() -> None:
    demand = Use(name="use", demand="stated", fields=("purpose", "sector"))
    clause = only(gate_of(demand, use={"purpose": "triage"}))
    assert (clause.verdict, clause.paste) == ("NOT_ASSESSED", '[use]\nsector = "..."')
    assert only(gate_of(demand, use={"purpose": "triage", "sector": "health"})).verdict == "PASS"


def test_new_findings_need_a_baseline() -> None:
    demand = NewFindings(name="new", demand="none")
    assert only(gate_of(demand)).verdict == "NOT_ASSESSED"
    assert only(gate_of(demand, compared=True)).verdict == "PASS"
    clause = only(gate_of(demand, compared=True, result=run_of(counts=counts("FMT104", 3), known={"FMT104": 8})))
    assert (clause.verdict, clause.actual) == ("FAIL", "3 new")
    assert "8 in it" in clause.sentence


def test_rules_that_must_run_are_not_assessed_where_they_did_not() -> None:
    demand = Ran(name="ran", demand="ran", codes=("FMT", "PII999"))
    assert only(gate_of(demand)).verdict == "NOT_ASSESSED"
    assert only(gate_of(msgspec.structs.replace(demand, codes=("FMT",)))).verdict == "PASS"


# ----------------------------------------------------------------------------- built-in policies


@pytest.mark.parametrize("code", ["PII901", "PII902", "PII903", "SEC911"])
def test_hipaa_cannot_pass_without_one_of_its_rules(code: str) -> None:
    ran = tuple(rule for rule in (*STABLE, "PII903") if rule != code)
    run = run_of(without=(Skipped(code, "because", "off"),), rules_run=ran)
    gate = judge(Facts(policy=load_policy("hipaa"), result=run, use={"purpose": "p", "deployer": "d"}))
    assert gate.exit_code == 3
    (clause,) = [clause for clause in gate.clauses if clause.verdict == "NOT_ASSESSED"]
    assert f"{code}: turned off (because)" in clause.sentence


def test_the_same_facts_give_the_same_bytes() -> None:
    facts = Facts(policy=load_policy("eu-ai-act"), result=run_of(), attributes=(SEX, RACE))
    assert msgspec.json.encode(judge(facts)) == msgspec.json.encode(judge(facts))


def test_what_a_policy_does_not_cover_is_said() -> None:
    notes = judge(Facts(policy=load_policy("eu-ai-act"), result=run_of())).notes
    assert any(note.startswith("NOT COVERED: Article 12") for note in notes)


def test_a_waiver_settles_the_clauses_on_groups_of_the_ai_act() -> None:
    gate = judge(Facts(policy=load_policy("eu-ai-act"), result=run_of(), waiver=WAIVER))
    verdicts = {clause.name: clause.verdict for clause in gate.clauses}
    assert {verdicts[name] for name in ("groups", "examination for bias", "quality by group", "gaps in the data")} == {
        "PASS"
    }
    assert verdicts["origin of the data"] == "NOT_ASSESSED"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, True, "many", None])
def test_a_value_that_is_no_number_is_not_assessed(value: Any) -> None:
    result = with_measures(Measure(code="DUP407", name="duplicates.redundant_rows", value=value, n=10))
    assert only(gate_of(REDUNDANT, result=result)).verdict == "NOT_ASSESSED"


def test_where_only_the_favourable_label_is_missing_the_line_for_it_is_given() -> None:
    result = run_of(without=(Skipped("DEM104", "no favourable label is configured"),))
    clause = only(gate_of(FOUR_FIFTHS, result=result, attributes=(SEX,), favourable=False))
    assert (clause.verdict, clause.paste) == ("NOT_ASSESSED", '[data]\nfavourable = "..."')
    assert "DEM104: no favourable label is configured" in clause.sentence


def test_an_interrupted_result_exits_130() -> None:
    assert run_of(partial=True).exit_code == 130


# ----------------------------------------------------------------------------- rows that a remedy made


COPIES = Measure(code="DUP401", name="duplicates.exact.marked_copies", value=300, table={"made_up": 100}, n=1000)


def test_rows_that_a_remedy_made_do_not_water_a_share_down() -> None:
    demand = findings("DUP401", severities=tuple(Severity), max_share=0.1)
    bad = counts("DUP401", 80, severity="warning")
    assert only(gate_of(demand, result=run_of(counts=bad))).verdict == "PASS"
    clause = only(gate_of(demand, result=run_of(counts=bad, measures=(COPIES,))))
    assert (clause.verdict, clause.n) == ("FAIL", 600)


def test_a_measure_that_is_so_by_construction_is_judged_and_labelled() -> None:
    measure = Measure(code="LBL602", name="labels.imbalance_ratio", value=2.0, n=10, by_construction=True)
    demand = MeasureWithin(name="balance", demand="balanced", measure=measure.name, code="LBL602", max=10)
    clause = only(gate_of(demand, result=run_of(measures=(measure,))))
    assert (clause.verdict, clause.actual) == ("PASS", "by construction 2")
    assert clause.sentence.endswith("By construction: says nothing about the model.")
