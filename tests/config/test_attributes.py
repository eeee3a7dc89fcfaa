"""Protected attributes: as a file says them, and as Python does."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.config import Settings, load_settings
from audit.config.attributes import attributes_of, files_named
from audit.errors import ConfigError
from audit.model import Json
from audit.rule import Attribute


def attributes(tables: Json, **data: Json) -> tuple[Attribute, ...]:
    return attributes_of(Settings(sections={"attributes": tables, "data": data}))


def one(**table: Json) -> Attribute:
    (found,) = attributes({"sex": table}, id="metadata.id")
    return found


def complaint(table: Json) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        attributes({"sex": table})
    return caught.value


def test_attributes_come_as_they_are_configured() -> None:
    assert attributes_of(Settings()) == ()
    assert [found.name for found in attributes({"b": {"field": "x"}, "a": {"field": "y"}})] == ["b", "a"]


def test_a_field_is_declared_and_has_no_reference() -> None:
    assert one(field="metadata.sex") == Attribute(name="sex", source="field", where="metadata.sex")


def test_every_key_arrives() -> None:
    given = one(
        pattern=r"sex: (\w+)", reference={"F": 0.25, "M": 0.75}, bands=[25, 40], role="all", min_n=10,
        reference_group="rest", **{"class": "annotated"},
    )  # fmt: skip
    assert given == Attribute(
        name="sex", source="pattern", where=r"sex: (\w+)", kind="annotated", reference={"F": 0.25, "M": 0.75},
        reference_source="sections", reference_group="rest", min_n=10, role="all", bands=(25.0, 40.0),
    )  # fmt: skip


def test_a_lexicon_mentions_unless_it_is_of_names() -> None:
    assert one(lexicon="gender").kind == "mention"
    assert one(lexicon="gender", **{"class": "name_cue"}).kind == "name_cue"


def test_a_sidecar_goes_by_lines_row_ids_or_the_id_of_the_data() -> None:
    assert one(sidecar="a.csv").where == "a.csv#sex"
    assert one(sidecar="a.parquet#g").where == "a.parquet#g"
    assert one(sidecar="a.csv").join == ("line", "row_id", "metadata.id")
    assert one(sidecar="a.csv", join="metadata.key").join == ("metadata.key",)
    assert attributes({"sex": {"sidecar": "a.csv"}})[0].join == ("line", "row_id")


def test_rounded_shares_are_divided_by_their_sum() -> None:
    assert one(field="x", reference={"a": 0.33, "b": 0.33, "c": 0.33}).reference == pytest.approx(
        {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}
    )


def test_uniform_says_that_it_is_a_choice() -> None:
    assert one(field="x", reference="uniform").reference == "uniform"
    assert one(field="x", reference="uniform").reference_source == "uniform: equal shares are a choice"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("shares.csv", "share,group\n0.5,F\n0.5,M\n"),
        ("shares.csv", "sex,part\nF,0.5\nM,0.5\n"),
        ("shares.toml", "F = 0.5\nM = 0.5\n"),
        ("shares.json", '{"F": 0.5, "M": 0.5}'),
    ],
)
def test_shares_are_read_from_a_file_beside_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "conf"
    folder.mkdir()
    (folder / name).write_text(text)
    (folder / "audit.toml").write_text(
        f'[data]\nid = "metadata.id"\n[attributes.sex]\nsidecar = "groups.csv"\nreference = "{name}"\n'
    )
    settings = load_settings({}, environ={}, cwd=tmp_path, data=[], isolated=False, config="conf/audit.toml")
    (found,) = attributes_of(settings)
    assert found.reference == {"F": 0.5, "M": 0.5}
    assert found.reference_source == f"conf/{name}"
    assert found.where == "conf/groups.csv#sex"
    assert files_named(settings) == ("conf/groups.csv", f"conf/{name}")


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("none.csv", None, "reference shares none.csv cannot be read: No such file or directory"),
        ("s.csv", "group,share\nF\n", "reference shares s.csv: line 2 is no group and share"),
        ("s.csv", "group,share\nF,1\nF,1\n", "reference shares s.csv: line 3 repeats the group 'F'"),
        ("s.csv", "", "reference shares s.csv: a line is no group and share"),
        ("s.json", "[1]", "reference shares s.json: no table of groups and shares"),
        ("s.toml", "= 1", "reference shares s.toml: Invalid statement"),
        ("s.json", '{"F": 2}', 'sections: "attributes.sex.reference.F" must be a share between 0 and 1, not 2'),
    ],
)
def test_a_file_that_holds_no_shares_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str | None, what: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if text is not None:
        (tmp_path / name).write_text(text)
    assert complaint({"field": "x", "reference": name}).what.startswith(what)


AT = 'sections: "attributes.sex'


@pytest.mark.parametrize(
    ("table", "what"),
    [
        ({}, f'{AT}" needs exactly one of field, pattern, sidecar, lexicon'),
        ({"field": "x", "lexicon": "gender"}, f'{AT}" needs exactly one of field, pattern, sidecar, lexicon'),
        ({"field": 5}, f'{AT}.field" must be a text, not 5'),
        ({"pattern": "("}, f'{AT}.pattern" is not a regular expression: missing )'),
        ({"sidecar": "-"}, f'{AT}.sidecar" must be a file'),
        ({"sidecar": "#sex"}, f'{AT}.sidecar" must be a file'),
        ({"field": "x", "min_n": 0}, f'{AT}.min_n" must be 1 or more, not 0'),
        ({"field": "x", "class": "declard"}, f'{AT}.class" must be one of declared, annotated, mention, name_cue'),
        ({"lexicon": "gender", "class": "declared"}, f'{AT}.class" of a lexicon is mention or name_cue, not declared'),
        ({"field": "x", "role": "all"}, f'{AT}.role" is for a lexicon or a pattern, not for a field'),
        ({"lexicon": "x", "role": "system"}, f'{AT}.role" must be one of prompt, answer, all'),
        ({"lexicon": "gender", "bands": [1]}, f'{AT}.bands" is for a field or a pattern or a sidecar'),
        ({"field": "x", "join": "line"}, f'{AT}.join" is for a sidecar, not for a field'),
        ({"field": "x", "bands": []}, f'{AT}.bands" must be a list of numbers'),
        ({"field": "x", "bands": [2, 1]}, f'{AT}.bands" must ascend'),
        ({"field": "x", "bands": [1, True]}, f'{AT}.bands" must be a list of numbers'),
        ({"field": "x", "reference": {"F": 0.5}}, f'{AT}.reference" adds up to 0.5, not to 1'),
        ({"field": "x", "reference": {"F": -0.5, "M": 1}}, f'{AT}.reference.F" must be a share between 0 and 1'),
        (
            {"field": "x", "reference": {"F": 0.5, " f": 0.5}},
            f'{AT}.reference. f" is the group "F" in another spelling',
        ),
        ({"field": "x", "reference": {}}, f'{AT}.reference" must be a table of shares, "uniform" or a file'),
        ({"field": "x", "reference": ""}, f'{AT}.reference" must be a text'),
        ({"field": "x", "refrence": "uniform"}, 'sections: unknown key "attributes.sex.refrence"'),
        (5, f'{AT}" must be a table, not 5'),
    ],
)
def test_a_wrong_value_is_an_error_with_its_key(table: Json, what: str) -> None:
    assert complaint(table).what.startswith(what)


def test_hints_name_what_was_meant() -> None:
    assert complaint({"field": "x", "refrence": "uniform"}).hint == 'did you mean "reference"?'
    assert complaint({"field": "x", "class": "declard"}).hint == 'did you mean "declared"?'


def test_a_file_says_on_which_line_it_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "audit.toml").write_text('[attributes.sex]\nfield = "x"\nreference = { F = 0.5 }\n')
    with pytest.raises(ConfigError) as caught:
        load_settings({}, environ={}, cwd=tmp_path, data=[], isolated=False, config=None)
    assert caught.value.what == 'audit.toml:3: "attributes.sex.reference" adds up to 0.5, not to 1'


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
KEYS = st.sampled_from(["field", "pattern", "sidecar", "lexicon", "class", "reference", "min_n", "bands", "join", "x"])
VALUES = PLAIN | st.lists(PLAIN, max_size=3) | st.dictionaries(st.text(max_size=3), PLAIN, max_size=2)


@given(table=st.dictionaries(KEYS, VALUES, max_size=4) | VALUES)
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_any_table_gives_attributes_or_an_error_that_is_ours(table: Json) -> None:
    with contextlib.suppress(ConfigError):
        assert all(isinstance(found, Attribute) for found in attributes({"sex": table}))
