"""What a lexicon file may hold, and what a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit.errors import ConfigError
from audit.lexicons import axes, load
from audit.lexicons.files import built_in, load_terms
from audit.lexicons.folding import fold_form

HEAD = 'version = "1"\nas_of = 2026-01-01\nlicense = "CC0-1.0"\naxis = "gender"\nlanguage = "en"\n'


def written(folder: Path, content: str) -> str:
    path = folder / "own.toml"
    path.write_text(content, encoding="utf-8")
    return str(path)


def test_there_are_seven_axes_and_gender_in_four_languages() -> None:
    assert axes() == (
        "age", "disability", "ethnicity", "gender", "nationality", "religion", "sexual_orientation",
    )  # fmt: skip
    assert load("gender").languages == ("de", "en", "es", "fr")
    assert load("gender").groups == ("female", "male", "nonbinary", "trans")


@pytest.mark.parametrize("axis", axes())
def test_every_built_in_file_says_of_which_day_and_under_which_licence_it_is(axis: str) -> None:
    from importlib.resources import files

    for language, name in built_in()[axis].items():
        content = files("audit.lexicons").joinpath("data", name).read_text("utf-8")
        assert f'axis = "{axis}"' in content
        assert f'language = "{language}"' in content
        assert 'license = "Apache-2.0"' in content
        assert "as_of = 20" in content


@pytest.mark.parametrize("axis", axes())
def test_counterfactuals_name_a_form_of_the_same_axis_and_lead_back(axis: str) -> None:
    by_form = {(term.language, fold_form(term.form)): term for term in load(axis).terms}
    for term in load(axis).terms:
        for group, form in term.counterfactual.items():
            other = by_form[term.language, fold_form(form)]
            assert other.group == group != term.group
            assert other.counterfactual[term.group] == term.form
            assert other.plural == term.plural


@pytest.mark.parametrize("axis", axes())
def test_every_form_is_found(axis: str) -> None:
    for term in load(axis).terms:
        person = " scientist" if term.needs_person_noun else ""
        found = load(axis).find(f"so, {term.form}{person}!", term.language)
        assert [mention.term for mention in found] == [term]


def test_a_file_of_the_user_adds_replaces_and_removes(tmp_path: Path) -> None:
    own = written(
        tmp_path,
        HEAD + 'remove = ["he"]\n[[sections]]\ngroup = "female"\nforms = ["sheila", "man"]\n',
    )
    lexicon = load("gender", [own])
    assert lexicon.mentions("he met a sheila and a man", "en") == ("female/man", "female/sheila")
    assert lexicon.sha256 != load("gender").sha256


def test_a_file_of_another_axis_is_left_out(tmp_path: Path) -> None:
    own = written(tmp_path, HEAD.replace("gender", "hair") + '[[sections]]\ngroup = "red"\nforms = ["redhead"]\n')
    assert load("gender", [own]).sha256 == load("gender").sha256
    assert load("hair", [own]).mentions("a redhead") == ("red/redhead",)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("axis = ", "is not TOML"),
        ('axis = "gender"', "`language`"),
        (HEAD + "colour = 1", "`colour`"),
        (HEAD + '[[sections]]\ngroup = "x"\nforms = ["a"]\npart = "verb"', "$.sections[0].part"),
        (HEAD + '[[sections]]\ngroup = "x"\nforms = [1]', "$.sections[0].forms[0]"),
        (HEAD + '[[sections]]\nforms = ["a"]', "sections[0]: forms need a group"),
        (HEAD + '[[sections]]\ngroup = "x"\nforms = ["a", "A"]', "sections[0].forms[1]: the form 'A' is there twice"),
        (HEAD + '[[sections]]\nswaps = [{ x = "..." }]', "sections[0].swaps[0].x: the form '...' has no letter"),
        (HEAD + 'remove = ["zzz"]', "remove: there is no form 'zzz'"),
    ],
)
def test_a_wrong_file_is_told_which_entry_is_wrong(tmp_path: Path, content: str, told: str) -> None:
    own = written(tmp_path, content)
    with pytest.raises(ConfigError) as raised:
        load("gender", [own])
    assert told in raised.value.what
    assert own in raised.value.what


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml cannot be read"):
        load("gender", ["nowhere.toml"])


def test_a_misspelt_axis_is_told_the_right_one() -> None:
    with pytest.raises(ConfigError) as raised:
        load("gendre")
    assert raised.value.hint == 'did you mean "gender"?'


def test_line_ends_do_not_change_the_hash(tmp_path: Path) -> None:
    content = HEAD + '[[sections]]\ngroup = "female"\nforms = ["sheila"]\n'
    unix, windows = tmp_path / "unix.toml", tmp_path / "windows.toml"
    unix.write_bytes(content.encode())
    windows.write_bytes(content.replace("\n", "\r\n").encode())
    assert load_terms("gender", [str(unix)]).sha256 == load_terms("gender", [str(windows)]).sha256
