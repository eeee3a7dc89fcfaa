"""``audit gate`` and ``audit baseline``: what they print, write and exit with, and that Python and pytest agree."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

import audit
from audit.cli import EXIT_UNDECIDED, main
from audit.errors import ConfigError
from audit.policy.load import load_policy
from audit.pytest_plugin import judge_files
from benchmarks.accuracy import SHARED

GOOD = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
BAD = {"messages": [{"role": "user", "content": "Hi"}]}
WAIVED = '[fairness]\nnot_applicable = { reason = "arithmetic", owner = "QA", expires = 2027-11-21 }\n'
DAY = ["--as-of", "2026-11-21", "--quiet"]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("AUDIT_")] + ["NO_COLOR", "FORCE_COLOR"]:
        monkeypatch.delenv(name, raising=False)


def rows(count: int = 12) -> list[Any]:
    return [
        {"messages": [{"role": "user", "content": f"{n} + {n}?"}, {"role": "assistant", "content": f"It is {2 * n}."}]}
        for n in range(count)
    ]


def write(name: str, content: list[Any] | str) -> str:
    text = content if isinstance(content, str) else "".join(json.dumps(row) + "\n" for row in content)
    Path(name).write_text(text, encoding="utf-8")
    return name


# ----------------------------------------------------------------------------- verdicts and exit codes


def test_an_undecided_gate_exits_3_with_the_lines_to_paste(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gate", write("a.jsonl", rows()), *DAY]) == EXIT_UNDECIDED
    out = capsys.readouterr().out
    assert "policy default" in out
    assert "groups" in out
    assert '    not_applicable = { reason = "...", owner = "...", expires = 2027-11-21 }' in out
    assert "NOT_ASSESSED by policy default: 4 of 5 clauses PASS, 1 NOT_ASSESSED" in out


def test_pasting_those_lines_with_a_reason_makes_it_pass(capsys: pytest.CaptureFixture[str]) -> None:
    write("audit.toml", WAIVED)
    assert main(["gate", write("a.jsonl", rows()), *DAY]) == 0
    out = capsys.readouterr().out
    assert "waived: groups are looked at: arithmetic (QA, until 2027-11-21)" in out


def test_pasting_them_as_they_are_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    write("audit.toml", WAIVED.replace("arithmetic", "..."))
    assert main(["gate", write("a.jsonl", rows()), *DAY]) == 2
    assert "still a placeholder" in capsys.readouterr().err


def test_an_expired_waiver_undoes_the_pass(capsys: pytest.CaptureFixture[str]) -> None:
    write("audit.toml", WAIVED)
    assert main(["gate", write("a.jsonl", rows()), "--as-of", "2027-11-22", "--quiet"]) == EXIT_UNDECIDED
    out = capsys.readouterr().out
    assert "EXPIRED, does not count" in out
    assert "warning: the waiver of QA" in out


def test_a_finding_fails_the_gate_and_tells_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gate", write("a.jsonl", [*rows(), BAD]), *DAY]) == 1
    out = capsys.readouterr().out
    assert "see: audit check --select FMT104; first at a.jsonl:13" in out
    assert out.index("policy default") < out.index("FMT104 error")


def test_at_most_three_findings_of_a_rule_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    bad = [{"messages": [{"role": "user", "content": str(n)}]} for n in range(5)]
    main(["gate", write("a.jsonl", bad), *DAY])
    assert capsys.readouterr().out.count("FMT104 error") == 3


def test_strict_makes_undecided_a_failure() -> None:
    assert main(["gate", write("a.jsonl", rows()), "--policy", "strict", *DAY]) == 1


def test_exit_zero_hides_1_and_3_but_not_2() -> None:
    assert main(["gate", write("a.jsonl", rows()), "--exit-zero", *DAY]) == 0
    assert main(["gate", write("b.jsonl", [BAD]), "--exit-zero", *DAY]) == 0
    assert main(["gate", "absent.jsonl", "--exit-zero", *DAY]) == 2


def test_hipaa_runs_its_rules_and_cannot_exit_0_without_one(capsys: pytest.CaptureFixture[str]) -> None:
    write("audit.toml", '[use]\npurpose = "triage"\ndeployer = "a clinic"\n')
    assert main(["gate", write("a.jsonl", rows()), "--policy", "hipaa", *DAY]) == 0
    assert main(["gate", "a.jsonl", "--policy", "hipaa", "--ignore", "PII902", *DAY]) == EXIT_UNDECIDED
    assert "PII902: turned off (ignored)" in capsys.readouterr().out


def test_the_policy_of_the_file_is_used_and_the_flag_goes_before_it() -> None:
    write("audit.toml", '[gate]\npolicy = "strict"\n')
    assert main(["gate", write("a.jsonl", rows()), *DAY]) == 1
    assert main(["gate", "a.jsonl", "--policy", "default", *DAY]) == EXIT_UNDECIDED


def test_a_misspelt_policy_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gate", write("a.jsonl", rows()), "--policy", "eu-ai-akt"]) == 2
    assert 'did you mean "eu-ai-act"?' in capsys.readouterr().err


def test_a_field_that_looks_like_an_attribute_is_proposed(capsys: pytest.CaptureFixture[str]) -> None:
    given = [{**row, "metadata": {"gender": "fm"[n % 2]}} for n, row in enumerate(rows(20))]
    main(["gate", write("a.jsonl", given), *DAY])
    assert '    [attributes.gender]\n    field = "metadata.gender"' in capsys.readouterr().out


def test_a_rule_that_is_turned_off_is_not_assessed_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    write("audit.toml", WAIVED)
    assert main(["gate", write("a.jsonl", rows()), "--ignore", "FMT104", *DAY]) == EXIT_UNDECIDED
    assert "FMT104: turned off (ignored)" in capsys.readouterr().out


# ----------------------------------------------------------------------------- policies shown


def test_the_policies_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gate", "--policies"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ("default", "strict", "hipaa", "eu-ai-act", "ugesp-four-fifths", "nyc-ll144"))


@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_a_policy_is_explained(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gate", "--explain-policy", "eu-ai-act", "--format", form]) == 0
    out = capsys.readouterr().out
    assert "Article 10(2)(f)" in out
    assert "Article 12" in out
    if form == "json":
        assert len(json.loads(out)["clauses"]) == len(load_policy("eu-ai-act").clauses)


def test_a_policy_has_no_other_form(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gate", "--policies", "--format", "jsonl"]) == 2
    assert "text, markdown, json" in capsys.readouterr().err


# ----------------------------------------------------------------------------- other forms


def test_the_gate_is_in_the_json_form(capsys: pytest.CaptureFixture[str]) -> None:
    main(["gate", write("a.jsonl", rows()), "--format", "json", *DAY])
    result = json.loads(capsys.readouterr().out)
    assert result["verdict"] == result["gate"]["verdict"] == "NOT_ASSESSED"
    assert result["gate"]["exit_code"] == 3


def test_the_markdown_form_shows_table_waivers_and_void_entries(capsys: pytest.CaptureFixture[str]) -> None:
    write("audit.toml", WAIVED + '[[ignore]]\ncode = "FMT110"\nreason = "old"\nexpires = 2025-01-01\n')
    main(["gate", write("a.jsonl", rows()), "--format", "markdown", *DAY])
    out = capsys.readouterr().out
    assert "| `errors` | `no error` |" in out
    assert "## Waivers" in out
    assert "## No longer suppressed" in out


def test_hostile_text_in_a_policy_is_shown_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    write(
        "mine.toml",
        'title = "a\\u001b[31m\\u202Eb"\n[[clause]]\nkind = "ran"\nname = "x"\ndemand = "y"\ncodes = ["ENC"]\n',
    )
    main(["gate", write("a.jsonl", rows()), "--policy", "mine.toml", *DAY])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out


# ----------------------------------------------------------------------------- suppressions


IGNORED = '[[ignore]]\ncode = "FMT104"\nreason = "known"\n'


def test_an_expired_ignore_warns_and_takes_out_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    write("audit.toml", IGNORED + "expires = 2025-01-01\n")
    assert main(["check", write("a.jsonl", [BAD]), *DAY]) == 1
    out = capsys.readouterr().out
    assert "warning: [[ignore]] of FMT104 takes out nothing: it expired on 2025-01-01 (known)" in out


def test_by_a_policy_an_ignore_needs_owner_and_expiry(capsys: pytest.CaptureFixture[str]) -> None:
    data = write("a.jsonl", [*rows(), BAD])
    write("audit.toml", WAIVED + IGNORED)
    assert main(["check", data, *DAY]) == 0
    assert main(["gate", data, *DAY]) == 1
    assert "has no owner and no expiry day, which a policy asks for" in capsys.readouterr().out
    write("audit.toml", WAIVED + IGNORED + 'owner = "QA"\nexpires = 2027-01-01\n')
    assert main(["gate", data, *DAY]) == 0
    assert "1 finding of FMT104: known, QA, until 2027-01-01" in capsys.readouterr().out


# ----------------------------------------------------------------------------- the three faces


def verdicts(path: str, policy: str | None) -> tuple[tuple[str, int], ...]:
    words = ["gate", path, "--isolated", *DAY, "--format", "json", "-o", "result.json"]
    code = main([*words, *(["--policy", policy] if policy else [])])
    shown = json.loads(Path("result.json").read_text(encoding="utf-8"))
    faces = [
        audit.gate(path, policy, as_of="2026-11-21"),
        judge_files(path, policy, isolated=True, as_of="2026-11-21"),
    ]
    return ((shown["verdict"], code), *((face.verdict, face.exit_code) for face in faces))


@pytest.mark.parametrize("policy", [None, "default", "strict", "hipaa", "ugesp-four-fifths", "nyc-ll144", "eu-ai-act"])
@pytest.mark.parametrize(
    "content", [[], [*rows(), BAD], rows(), [*rows(), *rows()]], ids=["empty", "bad", "good", "dup"]
)
def test_command_line_python_and_fixture_give_the_same_verdict(policy: str | None, content: list[Any]) -> None:
    assert len(set(verdicts(write("a.jsonl", content), policy))) == 1


def test_the_same_gate_gives_the_same_bytes() -> None:
    from audit.reports.encode import encode

    path = write("a.jsonl", [*rows(), BAD])
    first, second = (encode(audit.gate(path, "eu-ai-act", as_of="2026-11-21")) for _ in range(2))
    assert first == second


def test_the_order_of_rows_changes_no_verdict() -> None:
    given = [*rows(40), BAD, *rows(3)]
    first, second = (audit.gate(write("a.jsonl", order), "strict").gate for order in (given, given[::-1]))
    assert first is not None
    assert second is not None
    told = [[(clause.name, clause.verdict, clause.actual) for clause in gate.clauses] for gate in (first, second)]
    assert told[0] == told[1]


def test_a_weaker_bound_in_python_is_refused_too() -> None:
    with pytest.raises(ConfigError, match="weaker than the policy"):
        audit.gate(write("a.jsonl", rows()), sections={"gate": {"max_share": {"LBL601": 0.5}}})


# ----------------------------------------------------------------------------- baseline


def test_a_baseline_is_written_and_taken_out(capsys: pytest.CaptureFixture[str]) -> None:
    data = write("a.jsonl", [*rows(), BAD])
    assert main(["baseline", data, "-o", "known.json", *DAY[2:]]) == 0
    assert main(["check", data, "--baseline", "known.json", *DAY]) == 0
    assert "against the baseline: 1 known, 0 new, 0 no longer there" in capsys.readouterr().out
    write("a.jsonl", [*rows(), {"messages": [{"role": "user", "content": "New"}]}])
    assert main(["check", data, "--baseline", "known.json", *DAY]) == 1
    assert "against the baseline: 0 known, 1 new, 1 no longer there" in capsys.readouterr().out


def test_a_policy_may_forbid_new_findings() -> None:
    write("mine.toml", '[[clause]]\nkind = "new_findings"\nname = "new"\ndemand = "none new"\n')
    data = write("a.jsonl", [*rows(), BAD])
    words = ["gate", data, "--policy", "mine.toml", *DAY]
    assert main(words) == EXIT_UNDECIDED
    main(["baseline", data, "-o", "known.json", "--quiet"])
    assert main([*words, "--baseline", "known.json"]) == 0
    write("a.jsonl", [*rows(), BAD, BAD])
    assert main([*words, "--baseline", "known.json"]) == 1


def test_a_baseline_overwrites_a_baseline_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    data = write("a.jsonl", [BAD])
    assert main(["baseline", data, "--quiet"]) == 0
    assert main(["baseline", data, "--quiet"]) == 0
    write("notes.json", "{}")
    assert main(["baseline", data, "-o", "notes.json", "--quiet"]) == 2
    assert "is something else" in capsys.readouterr().err
    assert Path("notes.json").read_text(encoding="utf-8") == "{}"


def test_a_baseline_of_data_with_a_baseline_holds_everything() -> None:
    data = write("a.jsonl", [BAD])
    main(["baseline", data, "--quiet"])
    first = Path("audit-baseline.json").read_bytes()
    write("audit.toml", '[check]\nbaseline = "audit-baseline.json"\n')
    main(["baseline", data, "--quiet"])
    assert Path("audit-baseline.json").read_bytes() == first


# ----------------------------------------------------------------------------- real data


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is absent")
def test_gsm8k_passes_the_default_policy_once_groups_are_said_not_to_matter(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with gzip.open(SHARED / "chat" / "gsm8k.jsonl.gz") as packed:
        Path("gsm8k.jsonl").write_bytes(b"".join(packed.readlines()[:2000]))
    assert main(["gate", "gsm8k.jsonl", *DAY]) == EXIT_UNDECIDED
    assert "not_applicable = {" in capsys.readouterr().out
    write("audit.toml", WAIVED)
    assert main(["gate", "gsm8k.jsonl", *DAY]) == 0
