"""What the report says of models: runs, remedies, arms side by side, an earlier judgement. Without a browser."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.cli import main
from audit.cli.report_sources import found_again, sources_of
from audit.errors import InputError
from audit.model import Clause, Measure, Result
from audit.model.dossier import Association, Dossier, Reaudit, dossier_of, judges_outputs
from audit.remedy.telling import remedy_of
from audit.reports import FORMATS, render, summary
from audit.reports.html.arms import Arms
from audit.reports.html.listed import of_arm
from audit.reports.html.masking import names_any, withheld
from audit.reports.html.page import Half, of_model
from audit.reports.html.words import whole
from audit.reports.view import View
from audit.train.runs.telling import training_of
from tests.reports.html.model_half import ARMS, as_large_as_adult, dossier, judged, rates, training

SECTIONS = ("model", "quality", "model-groups", "arms", "counterfactuals", "safety")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def page(told: Dossier, **view: object) -> str:
    result = told.outputs or told.data or Result()
    return "".join(render(result, "html", View(dossier=told, snippets=False, **view)))


def section(html: str, name: str) -> str:
    found = re.search(rf'<section id="{name}".*?</section>', html, re.DOTALL)
    return found[0] if found else ""


def names(html: str) -> list[str]:
    return re.findall(r'<section id="([\w-]+)"', html)


def test_a_report_of_both_halves_has_their_sections_in_order(full: Result) -> None:
    assert names(page(dossier(full))) == [
        "verdict", "checked", "rules", "data", "tokens", "duplicates", "balance", "groups", "remediation", "training",
        *SECTIONS, "examples", "aside", "terms", "evidence", "signoff",
    ]  # fmt: skip


def test_outputs_alone_say_nothing_of_groups_in_the_data() -> None:
    found = names("".join(render(judged(), "html", View(snippets=False))))
    assert set(SECTIONS) < set(found)
    assert not {"groups", "remediation", "training", "tokens"} & set(found)


def test_data_alone_has_no_section_on_a_model(full: Result) -> None:
    assert not set(SECTIONS) & set(names("".join(render(full, "html", View(snippets=False)))))


def test_both_verdicts_stand_at_the_head(full: Result) -> None:
    html = page(dossier(msgspec.structs.replace(full, verdict="PASS"), judged()))
    head = html[html.index("<header>") : html.index("</header>")]
    assert re.findall(r'<strong class="stamp \w+">(\w+)</strong>', head) == ["PASS", "FAIL"]
    assert "<title>FAIL: " in html


def test_arms_stand_before_fine_tuning_first_and_computed_ones_last() -> None:
    assert Arms(judged(), Reaudit(base="remediated")).names == ("remediated", "raw", "raw, threshold only")
    arms = Arms(judged(), Reaudit())
    assert (arms.names, arms.judged) == (ARMS, "remediated")
    assert [arms.role(name) for name in arms] == ["without remediation", "to be signed", "computed, never asked"]


def test_the_box_says_what_was_laid_down_before() -> None:
    box = section(page(dossier()), "model")
    for words in ("women are refused credit", "scored 3 times", "&gt;50K", "Male (configured)", "0.800, alpha 0.05"):
        assert words in box
    assert "not counted" in section(page(Dossier(outputs=judged())), "model")


def test_rows_of_each_group_are_followed_from_the_data_to_the_test(full: Result) -> None:
    found = section(page(dossier(full)), "model")
    row = re.search(r'<tr><th scope="row">Female</th>(.*?)</tr>', found)
    assert row is not None
    assert re.findall(r"<td>([\d,]+|–)</td>", row[1]) == ["10,771", "61", "8,639", "8,639", "2,132"]


@pytest.mark.parametrize("outcome", ["better", "worse", "reversed", "unchanged", "undecided", "not estimable"])
def test_what_came_of_a_change_is_what_the_measure_says(outcome: str) -> None:
    def turned(measure: Measure) -> Measure:
        if measure.name != "arms.change" or not isinstance(measure.table, dict):
            return measure
        told = [
            {**one, "outcome": outcome, "sentence": f"It is {outcome}, say the figures."}
            for one in measure.table["comparisons"]
        ]
        return msgspec.structs.replace(measure, table={**measure.table, "comparisons": told})

    result = msgspec.structs.replace(judged(), measures=tuple(map(turned, judged().measures)))
    found = section(page(Dossier(outputs=result)), "arms")
    assert f"<li>It is {outcome}, say the figures.</li>" in found
    said = set(re.findall(r'<span class="tag \w+">([\w ]+)</span>', found))
    assert said == {outcome}


def test_a_gap_keeps_its_sign() -> None:
    found = section(page(dossier()), "model-groups")
    assert all(f"<td>{gap} points" in found for gap in ("-17.75", "-8.91", "-16.65"))
    assert "+26.80 points" in section(page(dossier()), "arms")


def test_a_figure_that_is_not_estimable_is_neither_zero_nor_one() -> None:
    lost = tuple(
        msgspec.structs.replace(one, value=None, interval=None) if one.name == "demographic_parity_difference" else one
        for one in judged().measures
    )
    found = section(page(Dossier(outputs=msgspec.structs.replace(judged(), measures=lost))), "model-groups")
    assert found.count("<td>not estimable</td>") == len(ARMS)


def small(arm: str, code: str = "FAI201") -> Measure:
    return rates(arm, "selection_rate", code, {"Female": 3, "Male": 1086}, {"Female": 700, "Male": 4381})


def test_a_group_of_few_hits_is_withheld_in_every_arm_whatever_the_seeds_add_up_to() -> None:
    kept = tuple(one for one in judged().measures if one.name != "selection_rate")
    result = msgspec.structs.replace(judged(), measures=(*(small(arm) for arm in ARMS), *kept))
    assert withheld(result, on=True).secret("sex", "FAI201") == {"Female", "Male"}
    hidden = section(page(Dossier(outputs=result)), "model-groups")
    assert "0.43 %" not in hidden
    assert "17.75 %" not in hidden
    assert "0.43 %" in section(page(Dossier(outputs=result), mask=False), "model-groups")


def test_a_small_cell_of_a_confusion_is_withheld() -> None:
    hidden, shown = (section(page(Dossier(outputs=judged()), mask=mask), "model-groups") for mask in (True, False))
    assert "<td>70</td><td>3</td>" in shown
    assert "<td>70</td><td>3</td>" not in hidden
    assert "&lt;5" in hidden


def test_failing_answers_stand_beside_the_training_rows_nearest_to_them() -> None:
    assert "train.jsonl:17 (90.00 % alike): &gt;50K" in section(page(dossier()), "quality")


def test_weights_carry_the_badge_by_construction() -> None:
    found = section(page(dossier()), "remediation")
    assert "by construction" in found
    assert "24,278 rows of equal weight" in found
    assert "26,100" in found


def test_runs_of_which_the_same_is_to_be_said_share_a_line() -> None:
    found = section(page(dossier()), "training")
    assert "remediated, seeds 0, 1, 2, 3, 4" in found
    assert "waived by somebody: the data are public" in found
    assert "codecarbon, this process" in found


def test_an_unfinished_run_says_so() -> None:
    told = Dossier(data=Result(), trainings=(msgspec.structs.replace(training("raw", 0), state="started"),))
    assert "NOT FINISHED" in section(page(told), "training")


def test_an_earlier_judgement_shows_what_is_new_gone_and_moved(full: Result) -> None:
    before = msgspec.structs.replace(
        full,
        findings=full.findings[1:],
        measures=tuple(
            msgspec.structs.replace(one, value=0.5, interval=(0.4, 0.6)) if one.name == "impact_ratio" else one
            for one in full.measures
        ),
    )
    found = section(page(Dossier(data=full, previous=before)), "diff")
    assert "Findings: 1 new, 0 gone, 3 still there." in found
    assert "0.5 <small>[0.4, 0.6]" in found
    assert "apart" in found


def test_what_identifies_somebody_is_redacted_in_every_half() -> None:
    told = dossier()
    run = msgspec.structs.replace(told.trainings[0], waived_why="ask jane.roe@example.com")
    told = msgspec.structs.replace(
        told, trainings=(run,), reaudit=msgspec.structs.replace(told.reaudit, harm="call jane.roe@example.com")
    )
    assert "jane.roe" not in page(told)
    assert "jane.roe" in page(told, redact=False)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(tables=st.lists(JSON, min_size=4, max_size=4), data=st.data())
def test_a_table_of_another_make_is_no_error(tables: list[object], data: st.DataObject) -> None:
    measures = judged().measures
    places = data.draw(st.lists(st.integers(0, len(measures) - 1), min_size=4, max_size=4))
    changed = list(measures)
    for at, table in zip(places, tables, strict=True):
        if isinstance(changed[at].table, dict):
            key = data.draw(st.sampled_from(sorted(changed[at].table)))
            changed[at] = msgspec.structs.replace(changed[at], table={**changed[at].table, key: table})
    told = Dossier(outputs=msgspec.structs.replace(judged(), measures=tuple(changed)))
    assert told.outputs is not None
    half = Half("The model", told.outputs, withheld(told.outputs, on=True))
    assert any(of_model(told, half, None))


def test_the_report_of_both_halves_with_two_hundred_examples_holds_its_size(two_hundred: Result) -> None:
    assert len(page(dossier(two_hundred, as_large_as_adult(findings=400))).encode()) <= 150_000


def test_a_pass_without_a_demand_on_groups_says_how_far_apart_they_are() -> None:
    result = judged(findings=2)
    assert result.gate is not None
    clause = Clause(
        name="answers",
        demand="answered",
        limit="5 %",
        actual="0 %",
        verdict="PASS",
        sentence="All are.",
        codes=("OUT212",),
    )
    gate = msgspec.structs.replace(result.gate, verdict="PASS", clauses=(clause,))
    ratio = Measure(
        code="FAI201", name="impact_ratio", value=0.567, n=9, attribute="sex", arm="remediated",
        table={"verdict": "FAIL"},
    )  # fmt: skip
    result = msgspec.structs.replace(result, verdict="PASS", gate=gate, measures=(*result.measures, ratio))
    html = page(Dossier(outputs=result, reaudit=Reaudit(judged="remediated", compared="raw", data=("test.jsonl",))))
    head = html[html.index("<header>") : html.index("</header>")]
    for words in (
        "No demand on how groups are treated was made", "2 warnings in all",
        "Widest disparity of remediated, by sex (FAIL): remediated selects the groups at different rates.",
        "<h1>remediated, compared with raw</h1>", "65,130 outputs to test.jsonl",
    ):  # fmt: skip
        assert words in head
    assert "are the groups treated alike" in section(html, "verdict")
    for name in ("text", "markdown"):
        said = "".join(render(result, name, View(snippets=False)))
        assert "No demand on how groups are treated was made" in said
        assert "Widest disparity of remediated" in said
    assert "No demand on how groups" not in page(dossier())


def test_a_rule_that_met_nothing_is_not_assessed() -> None:
    result = msgspec.structs.replace(judged(), rules_run=("FAI201", "FAI207", "OUT201"))
    assert "FAI207: found nothing to judge" in summary.not_run(result)
    found = section(page(Dossier(outputs=result)), "checked")
    assert "it ran and met nothing that it could judge" in found


def test_what_an_evaluation_could_not_do_stands_at_the_top() -> None:
    notes = (
        "raw-0 was trained on 977 rows that it was asked about",
        "raw-1 was trained on 977 rows that it was asked about",
    )
    found = section(
        page(Dossier(outputs=judged(), reaudit=Reaudit(notes=notes, unable="raw gave no answer"))), "verdict"
    )
    assert "raw-0, raw-1: each was trained on 977 rows that it was asked about" in found
    assert "raw gave no answer" in found


def test_sentences_of_arms_name_their_arm() -> None:
    assert of_arm("raw", "it withdraws more") == "raw: it withdraws more"
    assert of_arm("raw", "The arm raw is right.") == "The arm raw is right."
    assert of_arm(None, "All are right.") == "All are right."


def test_few_that_were_moved_are_told_by_no_sentence() -> None:
    shown, hidden = (section(page(Dossier(outputs=judged()), mask=mask), "model-groups") for mask in (False, True))
    assert "103 are moved up." in shown
    assert "103 are moved up." not in hidden


def test_a_withheld_group_of_one_name_does_not_hide_another_that_holds_it() -> None:
    assert names_any("the group male is small", ["male"])
    assert not names_any("the group female is large", ["male"])


def test_figures_of_several_metrics_are_compared_each_with_its_own() -> None:
    before = msgspec.structs.replace(
        judged(),
        measures=tuple(
            msgspec.structs.replace(one, value=9.0, n=one.n + 1) if one.name == "arms.change" else one
            for one in judged().measures
        ),
    )
    found = section(page(Dossier(outputs=judged(), previous=before)), "diff")
    assert "arms.change: demographic parity difference" in found
    assert "have not the same number of outputs" in found


def test_text_is_cut_after_a_whole_sentence() -> None:
    assert whole("The rate is 0.25 here. The other is 0.75 there.", 40) == "The rate is 0.25 here."


def test_every_other_form_takes_a_dossier(full: Result) -> None:
    for name in FORMATS:
        assert "".join(render(judged(findings=3), name, View(dossier=dossier(full))))


def test_text_and_markdown_have_a_line_for_each_arm() -> None:
    for name in ("text", "markdown"):
        said = "".join(render(judged(), name, View(snippets=False)))
        assert "remediated: right 86.00 %" in said


def test_outputs_are_told_from_data(full: Result) -> None:
    assert (judges_outputs(judged()), judges_outputs(full), judges_outputs(Result())) == (True, False, False)
    assert dossier_of(judged()).data is None


def test_a_ledger_and_a_result_make_one_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [
        {"messages": [{"role": "user", "content": f"{n}"}, {"role": "assistant", "content": "a"}]} for n in (1, 1, 2)
    ]
    Path("t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert main(["fix", "t.jsonl", "--drop", "--max-removal", "1", "--quiet"]) in (0, 1)
    assert main(["check", "t.jsonl", "--save", "old", "--quiet"]) in (0, 1)
    ledger = next(Path().glob("*.ledger.jsonl"))
    assert remedy_of(ledger).dropped == 1
    assert main(["report", "old", str(ledger), "--compare", "old", "-o", "r.html"]) == 0
    assert {"remediation", "diff"} < set(names(Path("r.html").read_text(encoding="utf-8")))
    assert main(["report", str(ledger), "-o", "r.html"]) == 2


def test_outputs_and_data_are_reported_together(
    full: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, result in (("data.json", full), ("outputs.json", judged())):
        Path(name).write_text("".join(render(result, "json")), encoding="utf-8")
    assert main(["report", "data.json", "outputs.json", "-o", "r.html", "--quiet"]) == 0
    assert capsys.readouterr().out == "wrote r.html: data FAIL, model FAIL\n"
    assert {"groups", "model-groups"} < set(names(Path("r.html").read_text(encoding="utf-8")))
    Path("other.json").write_text("".join(render(full, "json")), encoding="utf-8")
    assert main(["report", "data.json", "other.json", "-o", "r.html", "--quiet"]) == 2


def test_of_a_pipeline_the_first_judgement_of_data_counts_and_no_other_is_dropped(
    full: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for stage in ("check", "gate"):
        Path("run", stage).mkdir(parents=True)
        Path("run", stage, "result.json").write_text("".join(render(full, "json")), encoding="utf-8")
    Path("other.json").write_text("".join(render(full, "json")), encoding="utf-8")
    Path("run/run.json").write_text('{"schema": "another/1"}', encoding="utf-8")
    assert sources_of(["run"]).data == ("run",)
    Path("run/run.json").write_text('{"schema": "audit.pipeline/1"}', encoding="utf-8")
    assert main(["report", "run", "--compare", "run", "-o", "r.html", "--quiet"]) == 0
    assert "diff" in names(Path("r.html").read_text(encoding="utf-8"))
    assert main(["report", "run", "other.json", "-o", "r.html", "--quiet"]) == 2


def test_files_of_an_evaluation_are_found_from_another_folder(tmp_path: Path) -> None:
    (tmp_path / "predictions").mkdir()
    (tmp_path / "predictions" / "remediated-0.jsonl").write_text("{}\n", encoding="utf-8")
    result = judged(findings=1)
    source = msgspec.structs.replace(result.sources[0], path="gone/predictions/remediated-0.jsonl")
    place = msgspec.structs.replace(result.findings[0].place, file=source.path)
    one = msgspec.structs.replace(result.findings[0], place=place)
    found = found_again(msgspec.structs.replace(result, sources=(source,), findings=(one,)), tmp_path)
    where = str(tmp_path / "predictions" / "remediated-0.jsonl")
    assert (found.sources[0].path, found.findings[0].place.file) == (where, where)


def test_only_what_was_balanced_by_is_by_construction() -> None:
    runs = tuple(
        msgspec.structs.replace(
            training("remediated", 0), association={"sex": Association(0.2, 0.0), "race": Association(0.1, 0.09)}
        )
        for _ in range(1)
    )
    found = section(page(msgspec.structs.replace(dossier(), trainings=runs)), "remediation")
    assert found.count(">by construction</span>") == 1
    assert "what the weights left: not balanced by it" in found


def test_prompting_stands_beside_fine_tuning_where_an_arm_was_prompted_with_examples() -> None:
    told = dossier()
    assert "Prompting and fine-tuning" not in page(told)
    spent = Measure(code="OUT212", name="outputs.spent", n=9, arm="raw", table={"prompt_tokens": 812.0, "n": 9})
    result = msgspec.structs.replace(judged(), measures=(*judged().measures, spent))
    reaudit = msgspec.structs.replace(told.reaudit, examples={"raw": 8})
    found = section(page(msgspec.structs.replace(told, outputs=result, reaudit=reaudit)), "quality")
    assert "Is fine-tuning worth it over prompting?" in found
    assert "<td>812</td>" in found


def test_a_folder_without_a_record_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no"):
        training_of(tmp_path)
