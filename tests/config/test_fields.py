"""Where rows keep label, group and split: as a file says it, and as Python does."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.config import Settings, load_settings
from audit.config.fields import fields_of
from audit.errors import ConfigError
from audit.model import Json
from audit.rule import Fields


def fields(data: Json, **more: Json) -> Fields:
    return fields_of(Settings(sections={"data": data}, **more))


def complaint(data: Json) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        fields(data)
    return caught.value


def test_without_a_table_no_field_is_named() -> None:
    assert fields_of(Settings()) == Fields()
    assert fields({}) == Fields()


def test_a_label_is_a_path_the_answer_or_a_pattern() -> None:
    assert fields({"label": "metadata.label"}) == Fields(label="metadata.label")
    assert fields({"label": "answer"}) == Fields(label="answer")
    assert fields({"label": {"pattern": "^(yes|no)"}}) == Fields(label_pattern="^(yes|no)")
    both = {"field": "/metadata/note", "pattern": "grade (.)"}
    assert fields({"label": both}) == Fields(label="/metadata/note", label_pattern="grade (.)")


@pytest.mark.parametrize(
    ("given", "texts"),
    [("yes", ("yes",)), (["yes", 1, True], ("yes", "1", "true")), (False, ("false",)), (0, ("0",)), ([], ())],
)
def test_favourable_labels_are_texts_as_rows_hold_them(given: Json, texts: tuple[str, ...]) -> None:
    assert fields({"favourable": given}).favourable == texts
    assert fields({"favorable": given}).favourable == texts


def test_files_that_are_splits_leave_no_field_for_them() -> None:
    assert fields({"splits": "metadata.split", "group": "metadata.id"}).split == "metadata.split"
    assert fields({"splits": "metadata.split"}, splits=(("train", "a.jsonl"),)).split is None


def test_a_file_gives_the_same_fields_as_python(tmp_path: Path) -> None:
    (tmp_path / "audit.toml").write_text(
        '[data]\nlabel = { pattern = "^(a|b)" }\nfavorable = ["a"]\ngroup = "metadata.g"\nsplits = "metadata.s"\n'
        'files = ["a.jsonl"]\nagainst = "b.jsonl"\n'
    )
    settings = load_settings({}, environ={}, cwd=tmp_path, data=[], isolated=False, config=None)
    table = {"label": {"pattern": "^(a|b)"}, "favorable": ["a"], "group": "metadata.g", "splits": "metadata.s"}
    assert fields_of(settings) == fields(table)
    assert fields_of(settings).split == "metadata.s"


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ({"label": 5}, 'sections: "data.label" must be a text, not 5'),
        ({"label": ""}, "sections: \"data.label\" must be a text, not ''"),
        ({"label": {}}, 'sections: "data.label" needs a "field", a "pattern" or both'),
        ({"label": {"patern": "a"}}, 'sections: unknown key "data.label.patern"'),
        ({"label": {"field": 5}}, 'sections: "data.label.field" must be a text, not 5'),
        ({"label": {"pattern": "("}}, 'sections: "data.label.pattern" is not a regular expression: missing )'),
        ({"label": {"pattern": "a{99999999999}"}}, 'sections: "data.label.pattern" is not a regular expression'),
        ({"favourable": [None]}, 'sections: "data.favourable" must be a label or a list of labels, not [None]'),
        ({"group": ["a"]}, "sections: \"data.group\" must be a text, not ['a']"),
        ({"lable": "x"}, 'sections: unknown key "data.lable"'),
        ({"target": "trl"}, 'sections: "data.target" is a setting of its own'),
        ({"splits": {"train": "a.jsonl"}}, 'sections: "data.splits" is a setting of its own'),
        ({7: "x"}, 'sections: "data.7" must be a text'),
        ("metadata.label", "sections: \"data\" must be a table, not 'metadata.label'"),
    ],
)
def test_a_wrong_value_from_python_is_an_error_with_its_key(data: Json, what: str) -> None:
    assert complaint(data).what.startswith(what)


def test_a_misspelt_key_from_python_names_the_nearest() -> None:
    assert complaint({"lable": "x"}).hint == 'did you mean "label"?'
    assert complaint({"target": "trl"}).hint == "audit.check(..., target=...)"


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
VALUES = PLAIN | st.lists(PLAIN, max_size=3) | st.dictionaries(st.sampled_from(["field", "pattern", "x"]), PLAIN)


@given(data=st.dictionaries(st.sampled_from(["label", "favourable", "group", "splits", "id"]), VALUES) | VALUES)
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_any_table_gives_fields_or_an_error_that_is_ours(data: Json) -> None:
    with contextlib.suppress(ConfigError):
        assert isinstance(fields(data), Fields)
