"""A judgement of outputs as the rules make one: two asked arms with five seeds, one computed, Adult's sizes by sex."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from audit.model import Clause, Evidence, Finding, Gate, Json, Measure, Place, Result, Severity, SourceSummary
from audit.model.dossier import Association, Dossier, LossPoint, Reaudit, Remedy, Training
from audit.statistics.intervals import wilson

SEEDS = 5
ARMS = ("raw", "remediated", "raw, threshold only")
QUESTIONS = {"Female": 2132, "Male": 4381}
SELECTED = {
    "raw": {"Female": 150, "Male": 1086},
    "remediated": {"Female": 249, "Male": 902},
    "raw, threshold only": {"Female": 138, "Male": 1013},
}
LABELS = {"Female": 0.1116, "Male": 0.3036}


RACE = {"Amer-Indian-Eskimo": 52, "Asian-Pac-Islander": 201, "Black": 634, "Other": 47, "White": 5579}


def rates(
    arm: str,
    name: str,
    code: str,
    selected: Mapping[str, int],
    questions: Mapping[str, int],
    attribute: str = "sex",
) -> Measure:
    n, hits = SEEDS * sum(questions.values()), SEEDS * sum(selected.values())
    top = max(questions, key=lambda group: questions[group])
    by = {group: selected[group] / questions[group] for group in questions}
    groups = [
        {
            "group": group,
            "n": SEEDS * questions[group],
            "hits": SEEDS * selected[group],
            "effective_n": questions[group],
            "rate": by[group],
            "made": (SEEDS - 1) * questions[group],
            "interval": list(wilson(selected[group], questions[group])),
            "estimate": by[group] / by[top],
            "estimate_reference": top,
            "estimate_interval": [by[group] / by[top] - 0.08, by[group] / by[top] + 0.08],
            "pass_interval": [by[group] / by[top] - 0.06, None],
            "verdict": "FAIL" if group != top else "PASS",
            "base_rate": LABELS.get(group),
            "questions": questions[group],
            "gap": None if group == top else by[group] - by[top],
            "gap_interval": None if group == top else [by[group] - by[top] - 0.02, by[group] - by[top] + 0.02],
            "sentence": f"{group} of {arm} is told apart here.",
        }
        for group in questions
    ]
    seeds = [
        {
            "seed": seed,
            "n": n // SEEDS,
            "rate": hits / n,
            "difference": 0.17,
            "ratio": 0.28,
            "groups": [{"group": group, "rate": by[group]} for group in questions],
        }
        for seed in range(SEEDS)
    ]
    table = {
        "attribute": attribute,
        "kind": "declared",
        "source": f"field /attributes/{attribute}",
        "rows": n,
        "groups": groups,
        "reference": {"group": top, "chosen": "configured"},
        "favourable": [">50K"],
        "by_seed": seeds,
        "question": {"scale": "ratio", "tolerance": 0.8, "alpha": 0.05},
        "verdict": "FAIL",
        "sentence": f"{arm} selects the groups at different rates.",
        "unknown": {"n": 0, "hits": 0},
    }
    return Measure(code=code, name=name, value=hits / n, n=n, table=table, attribute=attribute, arm=arm)


def change(metric: str, kind: str, start: float, end: float, outcome: str, group: str | None = None) -> Measure:
    told = {
        "kind": kind,
        "arm": "remediated",
        "against": "raw",
        "pairs": SEEDS,
        "from": start,
        "to": end,
        "change": end - start,
        "interval": [end - start - 0.01, end - start + 0.01],
        "scope": "seeds",
        "share": end / start - 1,
        "share_bound": -0.4,
        "outcome": outcome,
        "reason": "",
        "seeds": [{"seed": seed, "from": start, "to": end, "change": end - start} for seed in range(SEEDS)],
        "sentence": f"From raw to remediated the {metric} is {outcome}.",
    }
    table = {"metric": metric, "title": metric.replace("_", " "), "comparisons": [told], "sentence": told["sentence"]}
    return Measure(
        code="FAI210",
        name="arms.change",
        value=end - start,
        n=6513,
        table=table,
        attribute="sex",
        group=group,
        arm="remediated",
    )


def per_arm(name: str, code: str, value: float | None, arm: str, table: Mapping[str, Json], **more: Json) -> Measure:
    told = {"arm": arm, "n": 32565, "sentence": f"{name} of {arm} in words.", **table}
    interval = None if value is None else (value - 0.01, value + 0.01)
    return Measure(code=code, name=name, value=value, n=32565, interval=interval, table=told, arm=arm, **more)


def of_arm(arm: str) -> Sequence[Measure]:
    seeds = [{"seed": seed, "n": 6513, "value": 0.86} for seed in range(SEEDS)]
    classes = [{"label": ">50K", "n": 1569, "predicted": 1200, "precision": 0.8, "recall": 0.6, "f1": 0.7}]
    confusion = {
        "labels": ["<=50K", ">50K"],
        "columns": ["<=50K", ">50K", "out of set"],
        "rows": [[9, 8, 0], [7, 6, 0]],
    }
    counts = {
        "classes": ["<=50K", ">50K"],
        "columns": ["<=50K", ">50K"],
        "seeds": list(range(SEEDS)),
        "groups": [{"group": group, "n": 9, "counts": [[800, 90], [70, 3]]} for group in QUESTIONS],
    }
    means = [
        {
            "group": g,
            "mean": 0.15,
            "interval": [0.14, 0.16],
            "base_rate": LABELS[g],
            "difference": 0.04,
            "difference_interval": [0.03, 0.05],
        }
        for g in QUESTIONS
    ]
    swapped = {
        "attribute": "sex",
        "prompts": 500,
        "swap_flips": 0.06,
        "control_flips": 0.01,
        "verdict": "FAIL",
        "caution": "A clean counterfactual is not parity.",
        "predictable": {"auc": 0.93, "n": 900},
        "directions": [{"from": "Male", "to": "Female", "n": 300, "sensitivity": 0.05}],
    }
    return (
        per_arm(
            "outputs.accuracy", "OUT201", 0.86, arm, {"majority": {"label": "<=50K", "share": 0.76}, "by_seed": seeds}
        ),
        per_arm("outputs.f1", "OUT201", 0.78, arm, {"classes": classes, "confusion": confusion, "by_seed": seeds}),
        per_arm("outputs.decision", "OUT201", 0.0, arm, {"rule": "label_scores", "mass": {"median": 0.99, "min": 0.9}}),
        per_arm(
            "outputs.missing",
            "OUT212",
            0.1,
            arm,
            {"hits": 3, "errors": [{"error": "timeout", "n": 3}], "by_seed": seeds},
        ),
        per_arm(
            "outputs.collapse", "OUT205", 0.9, arm, {"changes": [{"against": "raw", "difference": 0.1, "p": 0.01}]}
        ),
        per_arm("worst_group", "FAI204", 0.82, arm, {}, attribute="sex", group="Male"),
        per_arm("confusion", "FAI204", None, arm, counts, attribute="sex"),
        per_arm("mean_probability", "FAI201", 0.2, arm, {"groups": means}, attribute="sex"),
        per_arm("demographic_parity_difference", "FAI201", 0.1775, arm, {}, attribute="sex"),
        per_arm("counterfactual.sensitivity", "FAI206", 0.05, arm, swapped, attribute="sex"),
        per_arm(
            "amplification.predictions",
            "FAI208",
            0.01,
            arm,
            {
                "direction": "amplified",
                "against": "Male",
                "label": {"difference": -0.19},
                "decision": {"difference": -0.18},
            },
            attribute="sex",
            group="Female",
        ),
    )


def measures() -> tuple[Measure, ...]:
    found: list[Measure] = []
    for arm in ARMS:
        found.append(rates(arm, "selection_rate", "FAI201", SELECTED[arm], QUESTIONS))
        found.append(
            rates(arm, "true_positive_rate", "FAI202", {"Female": 120, "Male": 800}, {"Female": 238, "Male": 1330})
        )
        found += of_arm(arm)
    attribution = {
        "judged": "remediated",
        "compared": "raw",
        "base": "",
        "attributable": True,
        "differs": [{"cause": "row weights", "keys": ["train.weights"], "from": "a", "to": "b"}],
        "sentence": "They differ only in their row weights.",
        "notes": ["there is no base arm"],
    }
    failing = {
        "kind": "wrong label",
        "examples": [
            {
                "why": "wrong label",
                "prompt": "age: 57",
                "output": "<=50K",
                "truth": ">50K",
                "place": {"file": "p.jsonl", "line": 3},
                "nearest": [{"file": "train.jsonl", "line": 17, "similarity": 0.9, "answer": ">50K"}],
            }
        ],
    }
    moved = {
        "arm": "remediated",
        "against": "raw",
        "n": 2132,
        "up": 103.0,
        "down": 2.0,
        "sentence": "103 are moved up.",
    }
    return (
        *found,
        change("demographic_parity_difference", "remediation", 0.1775, 0.0891, "better"),
        change("true_positive_gap", "remediation", -0.116, 0.152, "reversed", "Female"),
        change("demographic_parity_difference", "threshold", 0.1775, 0.1664, "unchanged"),
        Measure(
            code="FAI210",
            name="arms.moves",
            value=101,
            n=2132,
            table=moved,
            attribute="sex",
            group="Female",
            arm="remediated",
        ),
        Measure(code="FAI210", name="arms.attribution", value="row weights", table=attribution, arm="remediated"),
        Measure(code="OUT204", name="outputs.failing", value=40, n=6513, table=failing, arm="remediated"),
    )


def judged(findings: int = 0, **more: Json) -> Result:
    """A judgement of outputs with so many findings."""
    clause = Clause(
        name="disparity.sex",
        demand="the groups of sex are selected alike",
        limit="at least 0.8",
        actual="0.567",
        verdict="FAIL",
        sentence="Female is selected less often.",
        attribute="sex",
        codes=("FAI201",),
        n=6513,
    )
    gate = Gate(
        policy="outputs",
        title="Outputs",
        as_of="2026-11-21",
        sha256="ab" * 32,
        verdict="FAIL",
        exit_code=1,
        clauses=(clause,),
    )
    found = tuple(
        Finding(
            code="OUT203",
            severity=Severity.WARNING,
            scope="row",
            message=f"answer {n} is out of the set of labels",
            place=Place(file="remediated-0.jsonl", line=n + 1, pointer="/output"),
            fingerprint=f"o{n}",
        )
        for n in range(findings)
    )
    counts = {"OUT203": {"findings": findings, "rows": findings, "warning": findings}} if findings else {}
    sources = tuple(SourceSummary(path=f"{arm}-0.jsonl", rows=6513, sha256="cd" * 32) for arm in ARMS[:2])
    return Result(
        verdict="FAIL",
        rows=65130,
        sources=sources,
        measures=measures(),
        findings=found,
        counts=counts,
        gate=gate,
        rules_run=("FAI201", "OUT201", "OUT203"),
        evidence=Evidence(tool="audit", version="1"),
        **more,
    )


def as_large_as_adult(findings: int = 0) -> Result:
    """The same with race and both crossed, and every figure of the change by group, as five seeds of Adult give it."""
    crossed = {f"{sex} x {race}": max(9, n // 3) for sex in QUESTIONS for race, n in RACE.items()}
    found: list[Measure] = []
    for attribute, questions in (("race", RACE), ("sex x race", crossed)):
        for arm in ARMS:
            for name, code in (
                ("selection_rate", "FAI201"),
                ("true_positive_rate", "FAI202"),
                ("false_positive_rate", "FAI203"),
                ("accuracy", "FAI204"),
                ("outputs.rate.missing", "FAI205"),
            ):
                selected = {group: 5 + n // 5 for group, n in questions.items()}
                found.append(rates(arm, name, code, selected, questions, attribute))
            means = [{"group": group, "mean": 0.12, "base_rate": 0.11, "difference": 0.01} for group in questions]
            found.append(per_arm("mean_probability", "FAI201", 0.2, arm, {"groups": means}, attribute=attribute))
            for group in questions:
                told = {"direction": "amplified", "against": "White", "label": {}, "decision": {"difference": -0.18}}
                found.append(
                    per_arm("amplification.predictions", "FAI208", 0.1, arm, told, attribute=attribute, group=group)
                )
    for group in (*RACE, *QUESTIONS):
        for metric in ("selection_gap", "true_positive_gap", "false_positive_gap", "mean_probability"):
            found += [change(metric, kind, 0.1, 0.2, "worse", group) for kind in ("remediation", "threshold")]
    result = judged(findings)
    return msgspec.structs.replace(result, measures=(*result.measures, *found))


def training(arm: str, seed: int) -> Training:
    """A run as its record tells it; that of the remediated arm has weights."""
    weighted = arm == "remediated"
    curve = tuple(
        LossPoint(step=25 * n, train=2.0 / n, validation=2.1 / n if n % 5 == 0 else None) for n in range(1, 41)
    )
    return Training(
        arm=arm,
        seed=seed,
        folder=f"{arm}-{seed}",
        model="tiny",
        method="full",
        task="chat",
        parameters=1005440,
        parameters_trained=1005440,
        rows=26048,
        used=26048,
        effective_rows=24277.6 if weighted else 26048.0,
        tokens=1172196,
        trained_tokens=52096,
        groups={"sex": {"Female": 8639, "Male": 17409}},
        association={"sex": Association(0.217, 0.0 if weighted else 0.217)},
        steps=1000,
        planned=1000,
        weights="last",
        curve=curve,
        settings={"lr": 0.001},
        seconds=180.0,
        cpu_seconds=175.0,
        energy_kwh=0.0006,
        energy_method="codecarbon, this process",
        machine="cpu",
        seal="ef" * 32,
        waived_by="somebody",
        inputs={"train.balanced.jsonl" if weighted else "train.jsonl": "ab" * 32},
        waived_why="the data are public",
        gate=judged().gate,
    )


REMEDY = Remedy(
    command="balance",
    source="train.jsonl",
    output="train.balanced.jsonl",
    rows_in=26048,
    untouched=0,
    edited=26048,
    by_code={"balance": {"edited": 26048}},
    weights=((0.786, 5332), (0.852, 7698), (1.094, 12077), (2.211, 941)),
    ess=24277.6,
    settings={"by": ["label", "sex"]},
)
FIX = Remedy(
    command="fix",
    source="raw.jsonl",
    output="train.jsonl",
    rows_in=26100,
    untouched=26000,
    edited=40,
    dropped=52,
    quarantined=8,
    by_code={"DUP401": {"dropped": 52}, "ENC008": {"edited": 40}},
    effect={
        "groups": [{"attribute": "sex", "groups": [{"group": "Female", "before": 8700, "after": 8639, "removed": 61}]}]
    },
)


def dossier(data: Result | None = None, outputs: Result | None = None) -> Dossier:
    """Everything that a report with both halves may tell."""
    return Dossier(
        data=data,
        outputs=outputs or judged(),
        trainings=tuple(training(arm, seed) for arm in ARMS[:2] for seed in range(SEEDS)),
        remedies=(FIX, REMEDY),
        reaudit=Reaudit(
            judged="remediated", compared="raw", harm="women are refused credit", scored=3, seconds={"raw": 31.2}
        ),
    )
