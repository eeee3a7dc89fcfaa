"""Outputs of models as columns: what rows say, whatever is missing or of the wrong type, and however they were cut."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import audit
from audit.api.outputs import are_outputs, as_outputs, trained_on
from audit.api.preparing import make_run, override, readers_of
from audit.config.settings import Settings
from audit.engine.drive import Means, driving
from audit.engine.fold import Fold
from audit.engine.outputs import MOST_CLASSES
from audit.errors import UsageError
from audit.outputs.arms import roles
from audit.outputs.table import NO_ANSWER, OUT_OF_SET, Outputs
from audit.read.lines import SourceReader
from audit.read.sources import find_sources
from audit.rule import Comparison, Run

SECTIONS = {
    "data": {"label": "metadata.label", "favourable": "grant"},
    "attributes": {"sex": {"field": "metadata.sex"}, "age": {"field": "metadata.age", "bands": [30]}},
}
NUMBERS = count()
ASKED = [{"role": "user", "content": "Case 1?"}]


def output(text: Any, row_id: Any = None, **more: Any) -> dict[str, Any]:
    """One row of predictions; without a name a question of its own."""
    row = {
        "row_id": row_id or f"{next(NUMBERS)}#1",
        "arm": "raw",
        "seed": 0,
        "sample": 0,
        "messages": ASKED,
        "output": text,
        "truth": "grant",
    }
    return {**row, **more}


def settings(**more: Any) -> Settings:
    return override(Settings(), {"sections": SECTIONS, **more})


def run_over_outputs(**more: Any) -> Run:
    return msgspec.structs.replace(as_outputs(make_run(settings()), settings()), **more)


def table(rows: list[Any]) -> Outputs:
    given = settings()
    wanted: Any = frozenset({"outputs"})
    with driving(readers_of(rows, given), (), run_over_outputs(), Means(), wanted=wanted) as (_, finished):
        return finished.outputs()


def test_the_decision_is_the_label_that_the_output_spells() -> None:
    found = table([output("Grant "), output("deny", truth="deny"), output("perhaps"), output("deny"), output("grant")])
    assert found.classes == ("deny", "grant")
    assert found.decided.tolist() == [1, 0, OUT_OF_SET, 0, 1]
    assert found.truth.tolist() == [1, 0, 1, 1, 1]


def test_an_error_and_a_blank_output_are_no_answers() -> None:
    found = table([output(None, error="timeout: 60 s"), output("  "), output("grant"), output("grant")])
    assert found.answered.tolist() == [False, False, True, True]
    assert found.decided.tolist() == [NO_ANSWER, NO_ANSWER, 1, 1] or found.classes == ("grant",)
    assert [found.errors[code] if code >= 0 else "" for code in found.error] == ["timeout", "", "", ""]


def test_few_true_answers_are_labels_only_where_many_questions_have_them() -> None:
    rows = [output(text, row_id=f"{at}#1", arm=arm, truth=text) for arm in "abc" for at, text in enumerate("12345")]
    assert table(rows).classes == ()
    calls = [output("x", truth='{"name": "f"}') for _ in range(9)]
    assert table(calls).classes == ()


def test_free_text_has_no_classes() -> None:
    found = table([output(f"The answer to this is {number}", truth=f"Another answer: {number}") for number in range(9)])
    assert found.classes == ()
    assert set(found.decided.tolist()) == {OUT_OF_SET}


def test_groups_are_read_by_the_name_of_the_attribute_also_where_the_data_had_bands() -> None:
    groups = [{"sex": "f", "age": "<30"}, {"sex": "m", "age": "30+"}, {"sex": "unknown"}, {}]
    found = table([output("grant", attributes=one) for one in groups]).groups
    assert [found["sex"].names[code] for code in found["sex"].codes] == ["f", "m", "unknown", "unknown"]
    assert [found["age"].names[code] for code in found["age"].codes] == ["<30", "30+", "unknown", "unknown"]


def test_probabilities_stand_in_the_order_of_the_classes_and_are_nan_where_there_are_none() -> None:
    rows = [output("no"), output("yes", label_scores={"yes": 0.9, "no": 0.1}), output("no", label_scores={})]
    found = table([row | {"truth": "yes"} for row in rows])
    assert found.classes == ("no", "yes")
    assert found.probability is not None
    assert np.array_equal(found.probability, [[np.nan] * 2, [0.1, 0.9], [np.nan] * 2], equal_nan=True)


def test_two_spellings_of_a_scored_label_are_one_class_and_keep_their_probabilities() -> None:
    one, other = {"yes": 0.9, "no": 0.1}, {"No": 0.7, "Yes": 0.3}
    for scores in ((one, other), (other, one)):
        found = table([output("yes", label_scores=each, truth="NO") for each in scores])
        assert found.classes == ("No", "Yes")
        assert found.probability is not None
        assert sorted(found.probability.tolist()) == [[0.1, 0.9], [0.7, 0.3]]


def test_a_true_label_that_was_not_scored_is_a_class_of_probability_0() -> None:
    scores = {"yes": 0.8, "no": 0.1}
    found = table([output("yes", label_scores=scores, truth="maybe"), output("no", label_scores=scores, truth="no")])
    assert found.classes == ("maybe", "no", "yes")
    assert [found.classes[code] for code in found.truth] == ["maybe", "no"]
    assert found.probability is not None
    assert found.probability.tolist() == [[0, 0.1, 0.8]] * 2


@pytest.mark.parametrize("scores", [{"yes": 1.6, "no": 0.4}, {"yes": -1, "no": 2}, {"yes": 0.9, "no": 0.9}])
def test_scores_that_are_no_probabilities_are_not_used_and_are_told(scores: dict[str, float]) -> None:
    found = table([output("yes", label_scores=scores), output("no", label_scores={"yes": 0.4, "no": 0.6})])
    assert found.impossible.tolist() == [True, False]
    assert found.probability is not None
    assert np.isnan(found.probability[0]).all()


def test_an_id_may_be_a_number_and_without_one_every_output_is_its_own_question() -> None:
    found = table([output("a", row_id=1), output("b", row_id=1), *(output("c") | {"row_id": None} for _ in range(2))])
    assert [found.items[item] for item in found.item] == ["1", "1", "", ""]
    assert len(set(found.item.tolist())) == len(set(found.cluster.tolist())) == 3
    (finding,) = audit.check([output("c") | {"row_id": None}], select=["OUT212"]).findings
    assert finding.message == "1 output of raw without a row_id: each counts as a question of its own"


def test_an_unknown_variant_is_no_question_that_was_asked() -> None:
    rows = [output("grant"), output("grant", variant="paraphrase")]
    found = table(rows)
    assert len(found.of("raw")) == 1
    assert not any(len(found.of("raw", variant=name)) for name in ("swap", "control"))
    (finding,) = audit.check(rows, select=["OUT212"]).findings
    assert "of a variant that is none of original, swap, control" in finding.message


def test_an_arm_without_a_name_does_not_take_that_of_another() -> None:
    found = table([output("grant", arm=None), output("grant", arm="model")])
    assert found.arms == ("model (no name)", "model")


def test_an_arm_is_asked_for_its_own_questions_only() -> None:
    swap, given = {"variant": "swap", "pair_id": "p"}, {"finish_reason": "answer"}
    found = table([output("grant"), output("deny", **swap), output("grant", **given), output("deny", sample=-1)])
    assert len(found.of("raw")) == 1
    assert found.of("raw", variant="swap").pair.tolist() == [0] or len(found.of("raw", variant="swap")) == 1
    assert len(found.of("nobody")) == 0


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KEYS = (
    "row_id", "arm", "seed", "sample", "variant", "pair_id", "cluster", "prompt_sha256", "output", "finish_reason",
    "error", "truth", "label_scores", "label_mass", "token_logprobs", "seconds", "prompt_tokens", "output_tokens",
    "attributes",
)  # fmt: skip


@given(st.lists(st.dictionaries(st.sampled_from(KEYS), anything), max_size=5))
def test_values_of_any_type_are_read_without_an_error(changes: list[dict[str, Any]]) -> None:
    found = table([output("grant"), *(output("deny", **change) for change in changes)])
    assert len(found) >= 1
    assert all(len(getattr(found, name)) == len(found) for name in ("arm", "item", "decided", "nll", "cluster"))


def test_any_cut_of_the_file_gives_the_same_columns(tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    rows = [output(text, arm=arm, row_id=f"{at}#1", label_scores={"grant": 0.5, "deny": 0.5} if at % 3 else None)
            for at, (text, arm) in enumerate([("grant", "raw"), ("deny", "base"), (None, "raw")] * 7)]  # fmt: skip
    path.write_bytes(b"\n".join(map(msgspec.json.encode, rows)) + b"\n")
    (source,) = find_sources([str(path)])

    def read(chunk_bytes: int, cut: int) -> Outputs:
        first, second = (Fold([], run_over_outputs(), wanted=frozenset({"outputs"})) for _ in range(2))
        for index, chunk in enumerate(SourceReader(source, chunk_bytes=chunk_bytes)):
            (first if index < cut else second).take(chunk)
        return first.merge(second).finished().outputs()

    whole = read(1 << 22, 9)
    for chunk_bytes, cut in ((64, 1), (700, 2), (1500, 0)):
        other = read(chunk_bytes, cut)
        assert (other.arms, other.classes, other.rows.tolist()) == (whole.arms, whole.classes, whole.rows.tolist())
        assert other.decided.tolist() == whole.decided.tolist()
        assert np.array_equal(other.probability, whole.probability, equal_nan=True)  # type: ignore[arg-type]


def test_more_scored_labels_than_a_closed_set_has_take_no_more_memory_in_several_parts() -> None:
    parts = [Fold([], run_over_outputs(), wanted=frozenset({"outputs"})) for _ in range(3)]
    for number, fold in enumerate(parts):
        rows = [output("x", label_scores={f"label {number} {at}": 1.0}) for at in range(MOST_CLASSES)]
        for reader in readers_of(rows, settings()):
            for chunk in reader:
                fold.take(chunk)
    whole = parts[0].merge(parts[1]).merge(parts[2]).found.outputs
    assert whole is not None
    assert (len(whole.rows), len(whole.scores)) == (3 * MOST_CLASSES, MOST_CLASSES + 1)
    assert whole.table({}, ()).classes == ()


# ----------------------------------------------------------------------------- roles, and what is judged as what


@pytest.mark.parametrize(
    ("arms", "said", "expected"),
    [
        (["base", "raw", "remediated"], Comparison(), ("remediated", "raw", "base")),
        (["base", "mine"], Comparison(), ("mine", "", "base")),
        (["one", "other"], Comparison(judged="one", compared="other"), ("one", "other", "")),
        (["raw"], Comparison(), ("raw", "", "")),
        (["raw", "remediated"], Comparison(judged="gone"), ("", "raw", "")),
        (["raw", "remediated"], Comparison(compared="gone", base="gone"), ("remediated", "", "")),
    ],
)
def test_roles_are_as_said_else_by_name(arms: list[str], said: Comparison, expected: tuple[str, ...]) -> None:
    found = table([output("grant", arm=arm) for arm in arms])
    assert tuple(roles(found, run_over_outputs(comparison=said))) == expected


def test_a_file_is_told_to_hold_outputs_by_its_rows(tmp_path: Path) -> None:
    data = {"messages": [*ASKED, {"role": "assistant", "content": "grant"}]}
    (tmp_path / "p.jsonl").write_bytes(msgspec.json.encode(output("grant")) + b"\n")
    (tmp_path / "d.jsonl").write_bytes(msgspec.json.encode(data) + b"\n")
    outputs, both = [str(tmp_path / "p.jsonl")], [str(tmp_path / "p.jsonl"), str(tmp_path / "d.jsonl")]
    assert are_outputs(readers_of(outputs, Settings()))
    assert not are_outputs(readers_of((row for row in [output("grant")]), Settings()))
    with pytest.raises(UsageError, match=r"p\.jsonl holds outputs of a model and .*d\.jsonl holds data"):
        are_outputs(readers_of(both, Settings()))


def test_a_file_holds_what_most_of_its_rows_are_and_an_empty_one_anything(tmp_path: Path) -> None:
    data = {"messages": [*ASKED, {"role": "assistant", "content": "grant"}]}
    assert not are_outputs(readers_of([data] * 5 + [output("grant")] + [data] * 5, Settings()))
    (tmp_path / "p.jsonl").write_bytes(msgspec.json.encode(output("grant")) + b"\n")
    (tmp_path / "empty.jsonl").write_bytes(b"")
    assert are_outputs(readers_of([str(tmp_path / "empty.jsonl"), str(tmp_path / "p.jsonl")], Settings()))


def test_outputs_are_not_mended(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_bytes(msgspec.json.encode(output("grant")) + b"\n")
    with pytest.raises(UsageError, match="judged and not mended"):
        audit.fix(str(tmp_path / "p.jsonl"))
    assert [path.name for path in tmp_path.iterdir()] == ["p.jsonl"]


def test_rules_for_data_are_left_out_over_outputs_and_the_other_way_round() -> None:
    over = audit.check([output("grant")])
    assert {one.code for one in over.rules_skipped if one.reason.startswith("judges data")} >= {"DUP401", "DEM104"}
    rows = audit.check([{"messages": [*ASKED, {"role": "assistant", "content": "grant"}]}])
    mine = [one for one in rows.rules_skipped if one.code[:3] in ("OUT", "FAI") and one.kind == "inapplicable"]
    assert mine
    assert {one.reason for one in mine} == {"judges outputs of models"}


def test_texts_of_the_prompt_are_not_the_model_s() -> None:
    asked = [{"role": "user", "content": "Write to jane.doe@acme-industries.com about the case."}]
    assert not audit.check([output("I did.", messages=asked)], select=["PII901"]).findings
    found = audit.check([output("jane.doe@acme-industries.com, is it?", messages=asked)], select=["PII901"]).findings
    assert [one.place.pointer for one in found] == ["/output"]


def test_an_answer_that_was_scored_and_not_given_is_not_the_model_s() -> None:
    own = output("jane.doe@acme-industries.com", finish_reason="answer")
    assert not audit.check([own, output("I did.")], select=["PII901"]).findings


def test_the_metadata_of_an_output_without_a_prompt_is_not_the_model_s() -> None:
    row = output("I did.", messages=[], metadata={"by": "jane.doe@acme-industries.com"})
    assert not audit.check([row], select=["PII901"]).findings


def test_tables_say_where_groups_came_from_as_configured() -> None:
    (attribute, _) = run_over_outputs().attributes
    assert attribute.comes_from == "field metadata.sex, as the predictions carry it"


def test_training_data_is_counted_by_group_and_label(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    row = {"messages": [*ASKED, {"role": "assistant", "content": "grant"}]}
    metadata = [("f", "grant", 2.0), ("f", "deny", 1.0), ("m", "grant", 0.5)] * 4
    rows = [{**row, "metadata": {"sex": sex, "label": of, "audit": {"weight": w}}} for sex, of, w in metadata]
    path.write_bytes(b"\n".join(map(msgspec.json.encode, rows)) + b"\n")
    found = trained_on(str(path), settings())
    assert [tuple(cell) for cell in found.tables["sex"]] == [
        ("f", "deny", 4, 4.0), ("f", "grant", 4, 8.0), ("m", "grant", 4, 2.0),
    ]  # fmt: skip
    assert len(found.rows) == 12


def test_copies_that_balance_made_are_trained_on_and_are_no_further_evidence(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    rows = []
    for at in range(12):
        asked = [
            {"role": "user", "content": f"Case {at}?"},
            {"role": "assistant", "content": ("grant", "deny")[at % 2]},
        ]
        rows.append({"messages": asked, "metadata": {"sex": "f", "label": ("grant", "deny")[at % 2]}})
    copied = {**rows[0], "metadata": {**rows[0]["metadata"], "audit": {"copy_of": f"{'a' * 32}#1"}}}
    path.write_bytes(b"\n".join(map(msgspec.json.encode, [*rows, copied, copied])) + b"\n")
    found = trained_on(str(path), settings())
    assert [tuple(cell) for cell in found.tables["sex"]] == [("f", "deny", 6, 6.0), ("f", "grant", 6, 8.0)]
