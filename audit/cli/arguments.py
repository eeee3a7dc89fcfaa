"""Argument parsers that answer a misspelt word with the nearest one, and the text of ``audit --help``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Final, NoReturn

from audit.cli.commands import BY_NAME, COMMANDS, GROUPS, Command
from audit.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from audit.model import Json

PURPOSE: Final = "Judge chat fine-tuning data before it is trained on, mend it, train on it."
EXAMPLES: Final = """\
examples:
  audit check train.jsonl
  audit check train.jsonl --target openai-sft --model gpt-4o-mini -o result.json
  audit check --split train=train.jsonl --split test=test.jsonl --against benchmark.jsonl
  audit gate train.jsonl --policy strict
  audit train train.jsonl --hold-out 0.1 -o runs/first
  audit explain FMT105
"""

EXIT_CODES: Final = """\
exit codes:
  0    clean, or only findings below --fail-on; a gate: PASS; balance, split, review, train, export: done;
       verify: intact
  1    findings at or above --fail-on (after a fix: left); a gate, also the one before training: FAIL;
       --diff: something would change; verify, train --replay: a mismatch
  2    could not or would not: wrong usage, configuration, missing or unreadable file, a guard;
       predict: no answer at all; evaluate: an arm of which more than 5 % of the answers are missing
  3    a gate: NOT_ASSESSED or INCONCLUSIVE (a policy may map it to 0 or 1); verify: unfinished
  130  interrupted; results are partial (143: terminated)
"""


WITH_EXIT_CODES: Final = (
    "check", "gate", "demo", "fix", "balance", "split", "review", "train", "export", "predict", "evaluate", "reaudit",
    "run", "verify",
)  # fmt: skip


class Parser(argparse.ArgumentParser):
    """Raises UsageError where argparse would end the program, and knows the nearest option."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError with argparse's message."""
        raise UsageError(message, hint=f"see `{self.prog} --help`")

    def _check_value(self, action: argparse.Action, value: Json) -> None:
        if action.choices is None or value in action.choices:
            return
        known = [str(choice) for choice in action.choices]
        name = "/".join(action.option_strings) or action.metavar or action.dest
        hint = did_you_mean(str(value), known)
        raise UsageError(f"{name}: {value!r} is not one of {', '.join(known)}", hint=hint)

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """Parsed arguments; options and paths may be mixed. Raises UsageError naming the nearest option."""
        # argparse takes a word behind `--` for an option when paths and options are mixed: `-x.jsonl` is a file there.
        end = words.index("--") if "--" in words else len(words)
        words = [*words[:end], *(f"./{word}" if word[:1] == "-" != word else word for word in words[end + 1 :])]
        # Unknown options are looked for first: argparse would take the word after one for a path.
        known = {option for action in self._actions for option in action.option_strings}
        for word in words[:end]:
            option = word.partition("=")[0]
            if option.startswith("--") and option not in known:
                raise UsageError(f"there is no option {option}", hint=did_you_mean(option, known) or self._see())
        parsed, extra = self.parse_known_intermixed_args(words)
        if extra:
            word = extra[0]
            noun = "option" if word.startswith("-") else "argument"
            raise UsageError(f"{noun} {word!r} is not understood", hint=did_you_mean(word, known) or self._see())
        return parsed

    def _see(self) -> str:
        return f"see `{self.prog} --help`"


def build_parser(command: Command) -> Parser:
    """The parser of one command; imports the module that owns it."""
    module = import_module(command.run.partition(":")[0])
    parser = Parser(
        prog=f"audit {command.name}",
        description=command.line[0].upper() + command.line[1:] + ".",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
        epilog=EXIT_CODES if command.name in WITH_EXIT_CODES else None,
    )
    module.arguments(parser)
    return parser


def whole_parser() -> argparse.ArgumentParser:
    """All commands under one root, as the documentation lists them. ``audit`` itself builds only the one it runs."""
    root = argparse.ArgumentParser(prog="audit", description=PURPOSE)
    root.add_argument("--version", action="store_true", help="name the version")
    commands = root.add_subparsers(metavar="COMMAND")
    for command in COMMANDS:
        built = build_parser(command)
        commands.add_parser(command.name, description=built.description, parents=[built], add_help=False)
    return root


def command_named(word: str) -> Command:
    """The command of that name. Raises UsageError naming the nearest."""
    if word in BY_NAME:
        return BY_NAME[word]
    if word.startswith("-"):
        raise UsageError(
            f"there is no option {word}", hint=did_you_mean(word, ["--help", "--version"]) or "audit --help"
        )
    hint = did_you_mean(word, BY_NAME) or "`audit --help` lists the commands"
    raise UsageError(f"there is no command {word!r}", hint=hint)


def top_help() -> str:
    """The text of ``audit --help``: the commands that exist, in their groups, examples and exit codes."""
    lines = [
        "usage: audit COMMAND ...",
        "",
        PURPOSE,
        "",
    ]
    for group in GROUPS:
        members = [command for command in COMMANDS if command.group == group]
        if members:
            lines.append(f"{group}:")
            lines += [f"  {command.name:<9} {command.line}" for command in members]
            lines.append("")
    lines += [EXAMPLES, EXIT_CODES, "`audit COMMAND --help` says more; `audit --version` names the version."]
    return "\n".join(lines) + "\n"
