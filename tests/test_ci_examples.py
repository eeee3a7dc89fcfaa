"""The hook, the action and the template are run as they stand: with git, with bash, with real files.

The hook runs from a plain ``.git/hooks/pre-commit`` that does what the pre-commit program does with the entry of
``.pre-commit-hooks.yaml`` (choose staged files by ``files``, append ``args`` and the names), because that program
fetches environments from a network.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml", reason="PyYAML reads the files of the continuous integration examples")

GOOD = '{"messages": [{"role": "user", "content": "What is 2 + 2?"}, {"role": "assistant", "content": "4"}]}\n'
BAD = '{"messages": [{"role": "user", "content": "What is 2 + 2?"}]}\n'

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment in which ``audit`` is this checkout, and git asks nobody's configuration."""
    folder = tmp_path / "bin"
    folder.mkdir()
    command = folder / "audit"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m audit "$@"\n')
    command.chmod(0o755)
    who = {f"GIT_{role}_{part}": "a@example.org" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "GITHUB_", "AUDIT_"))}
    return {
        **kept,
        **who,
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
    }


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def hook(root: Path, name: str) -> dict[str, Any]:
    [found] = [entry for entry in read(root / ".pre-commit-hooks.yaml") if entry["id"] == name]
    return dict(found)


def test_every_yaml_file_is_read_and_names_no_machine(root: Path) -> None:
    files = [root / ".pre-commit-hooks.yaml", *(root / "examples" / "ci").rglob("*.y*ml")]
    assert len(files) >= 5
    for path in files:
        assert read(path)


@pytest.mark.parametrize("name", ["audit-check", "audit-gate"])
def test_the_hooks_run_commands_that_exist_over_json_lines(root: Path, name: str) -> None:
    from audit.cli.commands import BY_NAME

    entry = hook(root, name)
    assert entry["entry"].split()[0] == "audit"
    assert entry["entry"].split()[1] in BY_NAME
    assert entry["require_serial"] is True
    for path in ("a.jsonl", "data/b.ndjson", "c.jsonl.gz"):
        assert re.search(entry["files"], path)
    assert not re.search(entry["files"], "a.jsonl.py")


# ----------------------------------------------------------------------------- commit


def run(words: list[str], folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8")


@pytest.fixture
def repository(root: Path, tmp_path: Path, environment: Mapping[str, str]) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    assert run(["git", "init", "-q"], folder, environment).returncode == 0
    entry = hook(root, "audit-check")
    script = f"""#!/bin/sh
names=$(git diff --cached --name-only --diff-filter=ACMR | grep -E '{entry["files"]}') || exit 0
printf '%s\\n' "$names" | tr '\\n' '\\0' | xargs -0 {entry["entry"]} {" ".join(entry["args"])}
"""
    (folder / ".git" / "hooks").mkdir(exist_ok=True)
    place = folder / ".git" / "hooks" / "pre-commit"
    place.write_text(script)
    place.chmod(0o755)
    return folder


def commit(folder: Path, environment: Mapping[str, str], **files: str) -> subprocess.CompletedProcess[str]:
    for name, text in files.items():
        (folder / name).write_text(text)
    assert run(["git", "add", "-A"], folder, environment).returncode == 0
    return run(["git", "commit", "-q", "-m", "data"], folder, environment)


@needs_git
def test_a_commit_of_a_bad_file_is_stopped_and_of_a_good_one_is_not(
    repository: Path, environment: Mapping[str, str]
) -> None:
    stopped = commit(repository, environment, **{"train.jsonl": GOOD + BAD})
    assert stopped.returncode != 0
    assert "FMT104" in stopped.stdout + stopped.stderr
    assert "train.jsonl:2" in stopped.stdout + stopped.stderr
    passed = commit(repository, environment, **{"train.jsonl": GOOD, "notes.txt": "no data"})
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert run(["git", "log", "--oneline"], repository, environment).stdout.count("\n") == 1


@needs_git
def test_a_file_named_like_an_option_is_judged_and_writes_nothing(
    repository: Path, environment: Mapping[str, str]
) -> None:
    stopped = commit(repository, environment, **{"-oowned.jsonl": BAD, "--exit-zero.jsonl": BAD})
    assert stopped.returncode != 0
    assert "FMT104" in stopped.stdout + stopped.stderr
    assert not (repository / "owned.jsonl").exists()


# ----------------------------------------------------------------------------- GitHub


def run_step(root: Path, folder: Path, environment: Mapping[str, str], **inputs: str) -> dict[str, str]:
    """Run the step of the action with its inputs as they reach it; what it put out, and its exit code."""
    action = read(root / "examples" / "ci" / "github-action" / "action.yml")
    [step] = [step for step in action["runs"]["steps"] if step.get("id") == "audit"]
    given = {name: inputs.get(name.replace("-", "_"), entry["default"]) for name, entry in action["inputs"].items()}
    settings = {name: given[re.sub(r"\$\{\{ inputs\.(\S+) \}\}", r"\1", value)] for name, value in step["env"].items()}
    output = folder / "output"
    runner = {"RUNNER_TEMP": str(folder), "GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(folder / "summary")}
    script = folder / "step.sh"
    script.write_text(step["run"])
    words = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)]
    done = run(words, folder, {**environment, **settings, **runner})
    found = dict(line.split("=", 1) for line in output.read_text().splitlines())
    return {**found, "code": str(done.returncode), "stdout": done.stdout, "stderr": done.stderr}


def test_no_input_of_the_action_is_pasted_into_a_script(root: Path) -> None:
    action = read(root / "examples" / "ci" / "github-action" / "action.yml")
    for step in action["runs"]["steps"]:
        assert "${{" not in step["run"]
        assert step["shell"] == "bash"
    outputs = {entry["value"].split(".")[-1].removesuffix(" }}") for entry in action["outputs"].values()}
    assert outputs == set(action["outputs"])


@needs_bash
def test_the_action_fails_on_bad_data_and_says_so(root: Path, tmp_path: Path, environment: Mapping[str, str]) -> None:
    (tmp_path / "a b.jsonl").write_text(GOOD + BAD)
    found = run_step(root, tmp_path, environment, paths="a b.jsonl\n", report="r.md", sarif="r.sarif")
    assert (found["verdict"], found["code"], found["exit-code"]) == ("FAIL", "1", "1")
    assert found["report-path"] == "r.md"
    assert "::error file=a b.jsonl,line=2,col=" in found["stdout"]
    assert json.loads((tmp_path / "r.sarif").read_text())["version"] == "2.1.0"
    assert (tmp_path / "r.md").read_text().startswith("# audit: FAIL")


@needs_bash
def test_the_action_passes_good_data(root: Path, tmp_path: Path, environment: Mapping[str, str]) -> None:
    (tmp_path / "good.jsonl").write_text(GOOD)
    found = run_step(root, tmp_path, environment, paths="good.jsonl")
    assert (found["verdict"], found["code"]) == ("PASS", "0")
    assert "report-path" not in found


@needs_bash
def test_the_action_judges_by_a_policy(root: Path, tmp_path: Path, environment: Mapping[str, str]) -> None:
    (tmp_path / "good.jsonl").write_text(GOOD)
    found = run_step(root, tmp_path, environment, paths="good.jsonl", policy="default")
    assert (found["verdict"], found["code"]) == ("NOT_ASSESSED", "3")


@needs_bash
def test_the_action_has_no_verdict_where_it_could_not_judge(
    root: Path, tmp_path: Path, environment: Mapping[str, str]
) -> None:
    found = run_step(root, tmp_path, environment, paths="missing.jsonl; touch owned")
    assert (found["verdict"], found["code"]) == ("", "2")
    assert not (tmp_path / "owned").exists()


# ----------------------------------------------------------------------------- GitLab


@needs_bash
@pytest.mark.parametrize(("text", "code"), [(GOOD + BAD, 1), (GOOD, 3)])
def test_the_gitlab_job_writes_its_reports_and_exits_as_the_gate_does(
    root: Path, tmp_path: Path, environment: Mapping[str, str], text: str, code: int
) -> None:
    job = read(root / "examples" / "ci" / "gitlab" / "audit.gitlab-ci.yml")[".audit"]
    (tmp_path / "a b.jsonl").write_text(text)
    variables = {**job["variables"], "AUDIT_PATH": "a b.jsonl"}
    done = run(["bash", "-e", "-c", "\n".join(job["script"])], tmp_path, {**environment, **variables})
    assert done.returncode == code, done.stderr
    issues = json.loads((tmp_path / job["artifacts"]["reports"]["codequality"]).read_text())
    assert {issue["location"]["path"] for issue in issues} == {"a b.jsonl"}
    report = (tmp_path / job["artifacts"]["reports"]["junit"]).read_text()
    assert '<testsuite name="gate"' in report
    assert (tmp_path / "audit-report.txt").exists()
