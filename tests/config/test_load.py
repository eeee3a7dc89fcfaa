"""Where settings come from, which wins, and what is said of a wrong one."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.config import Ignore, Settings, load_settings
from audit.config.options import OPTIONS
from audit.config.values import Invalid
from audit.errors import ConfigError, UsageError
from audit.model import Json, Severity


def load(
    folder: Path,
    text: str | None = None,
    *,
    name: str = "audit.toml",
    cli: Mapping[str, Json] | None = None,
    environ: Mapping[str, str] | None = None,
    data: Sequence[str] = (),
    isolated: bool = False,
    config: str | None = None,
) -> Settings:
    if text is not None:
        (folder / name).write_text(text, encoding="utf-8")
    return load_settings(cli or {}, environ=environ or {}, cwd=folder, data=data, isolated=isolated, config=config)


def complaint(folder: Path, text: str, name: str = "audit.toml") -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(folder, text, name=name)
    return caught.value


def test_without_a_file_everything_is_a_default(tmp_path: Path) -> None:
    settings = load(tmp_path, isolated=True)
    assert settings.target == "generic"
    assert settings.config_file is None
    assert set(settings.origins.values()) == {"default"}


def test_every_option_has_an_origin(tmp_path: Path) -> None:
    settings = load(tmp_path, isolated=True)
    assert {option.field for option in OPTIONS} <= set(settings.origins)


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    text = '[data]\ntarget = "trl"\n[check]\nseed = 1\nmax-findings = 1\n'
    environ = {"AUDIT_TARGET": "together", "AUDIT_SEED": "2"}
    settings = load(tmp_path, text, environ=environ, cli={"target": "azure"})
    assert (settings.target, settings.seed, settings.max_findings) == ("azure", 2, 1)
    assert settings.origins["target"] == "--target"
    assert settings.origins["seed"] == "AUDIT_SEED"
    assert settings.origins["max_findings"] == "audit.toml"


def test_a_full_file_is_read(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        """
        [data]
        files = ["a.jsonl"]
        label = "metadata.label"
        favorable = "approved"
        [attributes.sex]
        field = "/metadata/sex"
        reference = { F = 0.5, M = 0.5 }
        min_n = 30
        [check]
        select = ["enc", "FMT1"]
        extend_select = "TOK303"
        fail-on = "warning"
        as-of = 2026-01-31
        max-cost = 12
        [rules.ENC009]
        max_line_bytes = 10
        [[ignore]]
        code = "FMT110"
        reason = "stripped on upload"
        expires = 2027-01-01
        [gate]
        policy = "strict"
        [train]
        epochs = 2
        lr = 0.001
        """,
    )
    assert settings.files == ("a.jsonl",)
    assert settings.select == ("ENC", "FMT1")
    assert settings.extend_select == ("TOK303",)
    assert settings.fail_on is Severity.WARNING
    assert settings.as_of == date(2026, 1, 31)
    assert settings.max_cost == 12.0
    assert settings.rules == {"ENC009": {"max_line_bytes": 10}}
    assert settings.ignores == (Ignore(code="FMT110", reason="stripped on upload", expires=date(2027, 1, 1)),)
    assert settings.sections["data"] == {"label": "metadata.label", "favourable": "approved"}
    assert settings.sections["attributes"]["sex"]["min_n"] == 30
    assert settings.sections["train"] == {"epochs": 2, "lr": 0.001}


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("[chek]\n", 'audit.toml:1: unknown key "chek"', 'did you mean "check"?'),
        ("[check]\n\nselct = []\n", 'audit.toml:3: unknown key "check.selct"', 'did you mean "select"?'),
        ("select = []\n", 'audit.toml:1: unknown key "select"', '"select" belongs in the table [check]'),
        ('target = "trl"\n', 'audit.toml:1: unknown key "target"', '"target" belongs in the table [data]'),
        ('[[ignore]]\ncode = "FMT"\n', 'audit.toml:1: "ignore.0" has no "reason"', None),
        (
            '[attributes.sex]\nfeild = "x"\n',
            'audit.toml:2: unknown key "attributes.sex.feild"',
            'did you mean "field"?',
        ),
        ('[gate]\npolcy = "x"\n', 'audit.toml:2: unknown key "gate.polcy"', 'did you mean "policy"?'),
        ("[rules.tok301]\n", 'audit.toml:1: "rules.tok301" is not a rule code', 'write "TOK301"'),
        ("[check]\nmax_tokens = 0\n", 'audit.toml:2: "check.max-tokens" must be 1 or more, not 0', None),
        ('[check]\nselect = ["F M"]\n', "neither a rule code nor its beginning", None),
        ("[check]\nas-of = 2026-01-01T00:00:00Z\n", "must be a date", None),
        ("[attributes.sex]\nmin_n = 3\n", "needs exactly one of", None),
        (
            "[data]\nsplits = 5\n",
            'audit.toml:2: "data.splits" must be a field, or a table of split = file, not 5',
            None,
        ),
        ('[data]\nsplits = ""\n', "audit.toml:2: \"data.splits\" must be a text, not ''", None),
        ("[data.splits]\ntrain = 1\n", 'audit.toml:1: "data.splits" of train must be a text or a list of texts', None),
        ('[data]\nlabel = { pattern = "(" }\n', 'audit.toml:2: "data.label.pattern" is not a regular expression', None),
        ('[data]\ntarget_sampel = "a"\n', 'unknown key "data.target_sampel"', 'did you mean "target-sample"?'),
        ('against = "a"\n', 'audit.toml:1: unknown key "against"', '"against" belongs in the table [data]'),
        ("[check]\njobs = 0\n", 'audit.toml:2: "check.jobs" must be 1 or more, not 0', None),
        ('[check]\nmemory = "1MB"\n', "audit.toml:2: \"check.memory\" must be at least 16 MiB, not '1MB'", None),
        ('[check]\nexecutor = "inlin"\n', "must be one of auto, inline, processes", 'did you mean "inline"?'),
    ],
)
def test_a_wrong_key_or_value_is_named_with_its_line(tmp_path: Path, text: str, what: str, hint: str | None) -> None:
    error = complaint(tmp_path, text)
    assert what in error.what
    assert hint is None or error.hint == hint


def test_broken_toml_is_named_with_its_place(tmp_path: Path) -> None:
    assert complaint(tmp_path, "[data]\ntarget = openai\n").what.startswith("audit.toml:2:")


def test_a_file_that_is_not_utf8_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "audit.toml").write_bytes(b'[data]\ntarget = "\xff"\n')
    with pytest.raises(ConfigError, match=r"audit\.toml:2: not UTF-8"):
        load(tmp_path)


def test_the_file_is_found_upwards_and_its_paths_are_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "audit.toml").write_text('[data]\nfiles = ["train.jsonl"]\n', encoding="utf-8")
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    settings = load(inner)
    assert settings.files == ("../../train.jsonl",)
    assert settings.config_file == "../../audit.toml"


def test_a_file_beside_the_data_is_found_when_none_lies_upwards(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / ".audit.toml").write_text('[data]\ntarget = "trl"\n', encoding="utf-8")
    assert load(tmp_path, data=["data/x.jsonl"]).target == "trl"
    assert load(tmp_path, data=["data"]).target == "trl"


def test_pyproject_counts_only_with_our_table(tmp_path: Path) -> None:
    assert load(tmp_path, '[tool.other]\nx = "tool"\n', name="pyproject.toml").config_file is None
    settings = load(tmp_path, '[tool.audit.data]\ntarget = "trl"\n', name="pyproject.toml")
    assert (settings.target, settings.config_file) == ("trl", "pyproject.toml")
    error = complaint(tmp_path, "[tool.audit.check]\nseeds = 1\n", "pyproject.toml")
    assert error.what == 'pyproject.toml:2: unknown key "check.seeds"'


def test_isolated_looks_for_no_file_but_reads_a_named_one(tmp_path: Path) -> None:
    text = '[data]\ntarget = "trl"\n'
    assert load(tmp_path, text, isolated=True).target == "generic"
    assert load(tmp_path, isolated=True, config="audit.toml").target == "trl"


def test_a_named_file_that_is_missing_is_an_error_with_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "audit.toml").touch()
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, config="audti.toml")
    assert caught.value.hint == 'did you mean "audit.toml"?'


@pytest.mark.parametrize(
    ("cli", "what"),
    [
        ({"fail_on": "warnings"}, "--fail-on must be one of"),
        ({"max_findings": "-1"}, "--max-findings must be 0 or more"),
        ({"epochs": "nan"}, "--epochs must be a number above 0"),
        ({"as_of": "yesterday"}, "--as-of must be a date"),
        ({"seed": "1.5"}, "--seed must be a whole number"),
        ({"jobs": "0"}, "--jobs must be 1 or more, not 0"),
        ({"executor": "ray"}, "--executor ray is for a later extra"),
        ({"memory": "1MB"}, "--memory must be at least 16 MiB, not '1MB'"),
        ({"splits": ["train"]}, "--split must be name=path, not 'train'"),
        ({"splits": ["train=a", "test=a"]}, "--split names 'a' for two splits, train and test"),
        ({"against": [""]}, "--against must be a text, not ''"),
    ],
)
def test_a_wrong_flag_is_a_usage_error(tmp_path: Path, cli: dict[str, Json], what: str) -> None:
    with pytest.raises(UsageError, match=what):
        load(tmp_path, cli=cli, isolated=True)


def test_an_empty_variable_is_no_value(tmp_path: Path) -> None:
    assert load(tmp_path, environ={"AUDIT_TARGET": ""}, isolated=True).origins["target"] == "default"


def test_splits_are_a_field_or_a_table_of_files_relative_to_the_file(tmp_path: Path) -> None:
    by_field = load(tmp_path, '[data]\nsplits = "metadata.split"\n')
    assert (by_field.splits, by_field.sections["data"]) == ((), {"splits": "metadata.split"})
    (tmp_path / "audit.toml").write_text(
        '[data]\nagainst = "e.jsonl"\ntarget-sample = ["s.jsonl"]\n'
        '[data.splits]\ntrain = "a.jsonl"\ndev = ["b.jsonl", "/c.jsonl"]\n'
    )
    inner = tmp_path / "inner"
    inner.mkdir()
    settings = load(inner)
    assert settings.splits == (("train", "../a.jsonl"), ("validation", "../b.jsonl"), ("validation", "/c.jsonl"))
    assert (settings.against, settings.target_sample) == (("../e.jsonl",), ("../s.jsonl",))
    assert "data" not in settings.sections
    assert settings.origins["splits"] == "../audit.toml"


def test_data_on_the_command_line_takes_the_place_of_what_the_file_names(tmp_path: Path) -> None:
    text = '[data]\nfiles = ["f.jsonl"]\nsplits = { train = "a.jsonl", test = "b.jsonl" }\n'
    both = load(tmp_path, text)
    assert (both.files, len(both.splits)) == (("f.jsonl",), 2)
    by_path = load(tmp_path, data=["x.jsonl"])
    assert (by_path.files, by_path.splits) == (("x.jsonl",), ())
    by_split = load(tmp_path, cli={"splits": ["test=x.jsonl"]})
    assert (by_split.files, by_split.splits) == ((), (("test", "x.jsonl"),))
    assert (by_split.origins["files"], by_split.origins["splits"]) == ("command line", "--split")
    named = load(tmp_path, data=["x.jsonl"], cli={"splits": ["test=y.jsonl"]})
    assert (named.files, named.splits) == (("x.jsonl",), (("test", "y.jsonl"),))


def test_a_split_on_the_command_line_takes_the_place_of_a_field(tmp_path: Path) -> None:
    text = '[data]\nsplits = "metadata.split"\nlabel = "answer"\n'
    assert load(tmp_path, text, data=["x.jsonl"]).sections["data"]["splits"] == "metadata.split"
    assert load(tmp_path, cli={"splits": ["test=y.jsonl"]}).sections["data"] == {"label": "answer"}


def test_a_file_beside_the_data_of_a_split_is_found(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "audit.toml").write_text('[data]\ntarget = "trl"\n', encoding="utf-8")
    assert load(tmp_path, cli={"splits": ["train=data/x.jsonl"]}).target == "trl"


def test_how_a_check_is_run_comes_from_file_environment_and_flag_in_that_order(tmp_path: Path) -> None:
    text = '[check]\njobs = 2\nexecutor = "inline"\nmemory = "1 GiB"\n'
    environ = {"AUDIT_EXECUTOR": "processes", "AUDIT_MEMORY": "64MiB"}
    settings = load(tmp_path, text, environ=environ, cli={"memory": "100000000"})
    assert (settings.jobs, settings.executor, settings.memory) == (2, "processes", 100_000_000)
    assert [settings.origins[name] for name in ("jobs", "executor", "memory")] == [
        "audit.toml",
        "AUDIT_EXECUTOR",
        "--memory",
    ]
    default = load(tmp_path, isolated=True)
    assert (default.jobs, default.executor, default.memory) == (None, "auto", 512 << 20)
    assert load(tmp_path, environ={"AUDIT_JOBS": "3"}, isolated=True).jobs == 3


def test_files_to_compare_with_may_stand_in_the_environment(tmp_path: Path) -> None:
    environ = {"AUDIT_AGAINST": "e.jsonl", "AUDIT_TARGET_SAMPLE": "s.jsonl", "AUDIT_SPLITS": "train=a.jsonl"}
    settings = load(tmp_path, environ=environ, isolated=True)
    assert (settings.against, settings.target_sample, settings.splits) == (("e.jsonl",), ("s.jsonl",), ())


def test_a_number_of_many_thousand_digits_is_a_configuration_error(tmp_path: Path) -> None:
    assert complaint(tmp_path, f"[check]\nseed = {'1' * 5000}\n").what.startswith("audit.toml: not valid TOML")
    assert "at most 64 bits" in complaint(tmp_path, f"[check]\nseed = 0x{'1' * 5000}\n").what
    assert "must be a smaller number" in complaint(tmp_path, f"[check]\nepochs = 0x{'1' * 5000}\n").what


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(value=JSON)
def test_every_option_takes_a_value_or_refuses_it(value: Json) -> None:
    for option in OPTIONS:
        try:
            option.read(value)
        except Invalid:
            continue


@given(text=st.text(alphabet="[]=\"'.\n abdeficklnorstu1,{}_-#\x00é", max_size=60))
def test_any_text_gives_settings_or_an_error_that_is_ours(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.getbasetemp() / "any"
    folder.mkdir(exist_ok=True)
    (folder / "audit.toml").write_text(text, encoding="utf-8", newline="")
    with contextlib.suppress(ConfigError):
        load_settings({}, environ={}, cwd=folder, data=[], isolated=False, config="audit.toml")


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("train = true", '"split.train" must be a share above 0, not true'),
        ("valid = 0", '"split.validation" must be a share above 0, not 0'),
        ("test = [0.1]", '"split.test" must be a share above 0, not [0.1]'),
        ("group = 5", '"split.group" must be a text or a list of texts, not 5'),
        ('template = ""', "\"split.template\" must be a text, not ''"),
    ],
)
def test_what_is_wrong_in_the_split_table_is_said_with_its_line(tmp_path: Path, line: str, what: str) -> None:
    found = complaint(tmp_path, f'[split]\nstratify = ["label"]\n{line}\n')
    assert found.what == f"audit.toml:{1 if 'valid' in line else 3}: {what}"
