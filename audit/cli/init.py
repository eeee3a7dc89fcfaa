"""``audit init``: writes a commented ``audit.toml`` from a look at the data. Suggests; decides nothing for good."""

from __future__ import annotations

import argparse
import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from audit.attributes.bands import band_names, number_in
from audit.attributes.groups import FEW_NUMBERS, MOST_GROUPS
from audit.cli import EXIT_CLEAN
from audit.cli.output import check_writable
from audit.cli.survey import (
    ATTRIBUTES,
    GROUPS,
    IDS,
    LABELS,
    MOST_ANSWERS,
    SPLIT_VALUES,
    SPLITS,
    Field,
    Survey,
    survey,
)
from audit.config.values import SPLIT_NAMES
from audit.errors import OutputError, UsageError
from audit.reports.summary import plural
from audit.reports.visible import shortened, visible
from audit.writing import write_whole

TARGETS: Final = {
    "openai-sft": "openai-sft",
    "openai-dpo": "openai-dpo",
    "openai-rft": "openai-rft",
    "trl-preference": "trl",
    "trl-prompt-completion": "trl",
    "kto": "trl",
}
"""Shape -> the target it is most likely meant for; others are judged as generic."""
AGES: Final = (25, 40, 65)
"""Where bands of ages begin."""
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_DATA: Final = (".jsonl", ".ndjson", ".json", ".csv", ".parquet", ".gz", ".zst")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what ``audit init`` takes."""
    parser.add_argument("paths", nargs="*", default=[], metavar="PATH", help="data to look at (default: this folder)")
    parser.add_argument("-o", "--output", metavar="FILE", help="file to write (default: audit.toml)")
    parser.add_argument("--force", action="store_true", help="overwrite the file")


def run(args: argparse.Namespace) -> int:
    """Write the file and say what was found; exit code 0. Raises OutputError when it exists, but for --force."""
    output = Path(getattr(args, "output", "audit.toml"))
    if output.suffix != ".toml":
        raise UsageError(f"{output} is not a .toml file", hint="audit init -o audit.toml")
    if output.exists() and not hasattr(args, "force"):
        raise OutputError(f"{output} exists", hint="--force overwrites it")
    paths = args.paths or _data_here()
    check_writable([str(output)], paths)
    seen = survey(paths)
    text = "\n".join(document(seen, [_from(path, output.parent) for path in paths])) + "\n"
    write_whole(output, [text.encode()])
    print(f"wrote {visible(str(output))}: {plural(seen.rows, 'row')} looked at, shape {seen.shape}")
    here = output.parent.resolve() == Path.cwd() and output.name in ("audit.toml", ".audit.toml")
    print("next: read it, then audit check" + ("" if here else f" --config {visible(str(output))}"))
    return EXIT_CLEAN


def _data_here() -> list[str]:
    found = sorted(path.name for path in Path().iterdir() if path.suffix in _DATA and path.is_file())
    if not found:
        raise UsageError("there is no data in this folder", hint="audit init PATH")
    return found


def _from(path: str, folder: Path) -> str:
    """The path as seen from the configuration file's folder."""
    if path == "-":
        raise UsageError("audit init cannot look at standard input", hint="audit init PATH")
    if os.path.isabs(path) or folder.resolve() == Path.cwd():
        return path
    return Path(os.path.relpath(path, folder)).as_posix()


def document(seen: Survey, files: Sequence[str]) -> Iterator[str]:
    """The lines of the file."""
    part = f"the first {seen.rows:,} rows" if seen.cut else f"all {seen.rows:,} rows"
    yield f"# Written by `audit init` after a look at {part}. Every line is a suggestion: correct what is wrong."
    yield "# `audit config` shows every setting; `audit check` uses this file when it is run in this folder."
    if seen.unreadable:
        yield f"# {seen.unreadable:,} rows could not be read."
    yield ""
    yield "[data]"
    splits = {} if _split_fields(seen) else split_files(files)
    yield from _files(files, splits)
    if not splits and not _split_fields(seen):
        yield '# Files of one split each: splits = { train = "train.jsonl", test = "test.jsonl" }, instead of files.'
    yield from _target(seen)
    yield from _label(seen)
    yield from _places(seen)
    yield from _attributes(seen)
    yield ""
    yield "[check]"
    yield "# What fails: error, warning or info."
    yield 'fail-on = "error"'
    yield '# Rules not to run, by code or family: ignore = ["FMT110"]'


def _files(files: Sequence[str], splits: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """The files, those of a split under its name."""
    in_splits = {name for names in splits.values() for name in names}
    if rest := [name for name in files if name not in in_splits]:
        yield f"files = {_list(rest)}"
    if splits:
        yield "# Splits, by the names of the files."
        yield f"splits = {{ {', '.join(f'{split} = {_list(names)}' for split, names in splits.items())} }}"


def split_files(files: Sequence[str]) -> dict[str, list[str]]:
    """Split -> files with its name in theirs; empty unless there are two splits or more."""
    found: dict[str, list[str]] = {}
    for name in files:
        words = re.split(r"[^a-z]+", os.path.basename(name).lower())
        splits = {SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES}
        if len(splits) == 1:
            found.setdefault(splits.pop(), []).append(name)
    return found if len(found) > 1 else {}


def _list(names: Sequence[str]) -> str:
    return f"[{', '.join(map(quoted, names))}]"


def _target(seen: Survey) -> Iterator[str]:
    shapes = ", ".join(f"{visible(name)} {count:,}" for name, count in seen.shapes.most_common())
    yield f"# Shapes found: {shapes or 'none'}."
    yield "# A target says what the file is for: generic, openai-sft, openai-dpo, openai-rft, azure, together, trl."
    yield f"target = {quoted(TARGETS.get(seen.shape, 'generic'))}"
    yield '# The model sets tokenizer, limits and price: model = "gpt-4o-mini"'


def _label(seen: Survey) -> Iterator[str]:
    """A field that is called a label, else answers that are one, else answers that begin with one."""
    yield ""
    for field in seen.named(LABELS):
        if field.is_closed and not field.words & (ATTRIBUTES | GROUPS):
            yield f"# {_counted(field.values)}"
            yield f"label = {quoted(dotted(field.path))}"
            yield "# The label that is good for the person concerned: favourable = ..."
            return
    if _closed(seen.answers, seen.answered):
        yield f"# Answers are a closed set: {_counted(seen.answers)}"
        yield 'label = "answer"'
    elif _closed(seen.first_words, seen.answered):
        words = [word for word, _ in seen.first_words.most_common() if seen.first_words[word] > 1]
        yield f"# Answers begin with one of few words: {_counted(seen.first_words)}"
        yield f"label = {{ pattern = {quoted('^(' + '|'.join(map(re.escape, words)) + ')')} }}"
    else:
        yield '# No label was found. A field (label = "metadata.label") or the answer (label = "answer") can be one.'


def _closed(values: Counter[str], answered: int) -> bool:
    """True when at most ``MOST_ANSWERS`` values that come again make up 98 % of at least 20 answers."""
    again = {value: count for value, count in values.items() if count > 1}
    return 1 < len(again) <= MOST_ANSWERS and answered >= 20 and sum(again.values()) >= 0.98 * answered


def _places(seen: Survey) -> Iterator[str]:
    """Split, id and group: fields that look like them, the best one set and the others named."""
    for field in _split_fields(seen)[:1]:
        yield ""
        yield f"# {_counted(field.values)}"
        yield f"splits = {quoted(dotted(field.path))}"
    unique = [field for field in seen.named(IDS) if _is_unique(field, seen)]
    if unique:
        yield ""
        yield "# Different in every row."
        yield f"id = {quoted(dotted(unique[0].path))}"
    shared = [field for field in seen.named(GROUPS) if _is_shared(field)]
    if shared:
        values = len(shared[0].values)
        yield ""
        yield f"# Rows that belong together, and must stay in one split: {values:,} groups in {shared[0].rows:,} rows."
        yield f"group = {quoted(dotted(shared[0].path))}"
    else:
        yield ""
        yield '# Rows that belong together, and must stay in one split: group = "metadata.customer"'
    for name, fields in (("id", unique[1:]), ("group", shared[1:])):
        if fields:
            yield f"# Or {name} = " + ", ".join(quoted(dotted(field.path)) for field in fields[:5])


def _split_fields(seen: Survey) -> list[Field]:
    return [field for field in seen.named(SPLITS) if {value.lower() for value in field.values} <= SPLIT_VALUES]


def _is_unique(field: Field, seen: Survey) -> bool:
    return not field.texts and field.rows > 1 and len(field.values) == field.rows and field.rows >= 0.9 * seen.rows


def _is_shared(field: Field) -> bool:
    """Many values, each in few rows: a class or a group of people has few values, each in many rows."""
    return 1 < len(field.values) < field.rows and not field.texts and not field.is_closed


def _attributes(seen: Survey) -> Iterator[str]:
    """A table for every field whose name may say something about people."""
    used: set[str] = set()
    for field in seen.named(ATTRIBUTES):
        if (len(field.values) < 2 and not field.texts) or field.name in used:
            continue
        used.add(field.name)
        missing = seen.rows - field.rows
        yield ""
        yield f"# {_counted(field.values)}" + (f"; missing in {missing:,} rows" if missing else "")
        bands = _bands(field)
        if len(field.values) > MOST_GROUPS and not bands:
            yield f"# {len(field.values):,} different values; more than {MOST_GROUPS} groups are not judged."
        yield f"[attributes.{key(field.name)}]"
        yield f"field = {quoted(dotted(field.path))}"
        if bands:
            named = ", ".join(band_names(bands))
            yield f"bands = [{', '.join(f'{edge:g}' for edge in bands)}] # {len(field.values):,} numbers as {named}"
    if not used:
        yield ""
        yield "# No field about people was found. One is declared like this:"
        yield "# [attributes.sex]"
        yield '# field = "metadata.sex"'


def _bands(field: Field) -> Sequence[float]:
    """Where bands of a field's numbers begin: of ages as is usual, of others at their quartiles; none for a few, or
    for what is not all numbers."""
    numbers = [number for value in field.values if (number := number_in(value)) is not None]
    if len(numbers) <= FEW_NUMBERS or len(numbers) < len(field.values):
        return ()
    if "age" in field.words:
        return AGES
    numbers.sort()
    return sorted({float(f"{numbers[len(numbers) * quarter // 4]:.3g}") for quarter in (1, 2, 3)})


def _counted(values: Counter[str]) -> str:
    """The most frequent values with their counts, safe in a comment."""
    ordered = sorted(values.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{shortened(value, 40)} {count:,}" for value, count in ordered[:8])
    return shown + (f" and {len(ordered) - 8:,} more" if len(ordered) > 8 else "")


def dotted(path: Sequence[str]) -> str:
    """``metadata.sex`` where that is clear, else the JSON Pointer."""
    if all(_BARE.fullmatch(step) for step in path):
        return ".".join(path)
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in path)


def key(name: str) -> str:
    """A key as TOML writes it."""
    return name if _BARE.fullmatch(name) else quoted(name)


def quoted(text: str) -> str:
    r"""A TOML basic string; invisible characters as ``\uXXXX``, lone surrogates, which TOML cannot hold, as ``?``."""
    out = []
    for char in json.dumps(text, ensure_ascii=False)[1:-1]:
        number = ord(char)
        if 0xD800 <= number <= 0xDFFF:
            out.append("?")
        elif visible(char) == char:
            out.append(char)
        else:
            out.append(f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}")
    return '"' + "".join(out) + '"'
