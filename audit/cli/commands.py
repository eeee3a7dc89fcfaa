"""Which commands there are: their group, one line, and the function that runs them. Imports none of them.

Beside every such function its module has ``arguments(parser)``, which declares the command's arguments.
"""

from __future__ import annotations

from typing import Final, NamedTuple

GROUPS: Final = ("check", "mend", "train", "report")


class Command(NamedTuple):
    """``run`` is ``module:function``; the function takes the parsed arguments and returns the exit code."""

    name: str
    group: str
    line: str
    run: str


COMMANDS: Final = (
    Command("check", "check", "judge data and list what is wrong with it", "audit.cli.check:run"),
    Command("gate", "check", "judge data by a policy: PASS, FAIL or undecided", "audit.cli.gate:run"),
    Command("explain", "check", "say what a rule is about, with examples", "audit.rules.explain:run"),
    Command("rules", "check", "list all rules", "audit.rules.listing:run"),
    Command("baseline", "check", "write down the findings that are known", "audit.cli.baseline:run"),
    Command("config", "check", "show every setting and where it came from", "audit.cli.config:run"),
    Command(
        "attributes",
        "check",
        "show the groups of protected attributes (sensitive features), or write a file to fill them in",
        "audit.cli.attributes:run",
    ),
    Command("init", "check", "look at the data and write an audit.toml", "audit.cli.init:run"),
    Command("demo", "check", "write an example with planted faults and run everything over it", "audit.cli.demo:run"),
    Command("fix", "mend", "mend what is wrong, with every row accounted for", "audit.cli.fix:run"),
    Command(
        "balance",
        "mend",
        "weigh or resample rows by label and group",
        "audit.cli.balance:run",
    ),
    Command("split", "mend", "split data so that no split learns from another", "audit.cli.split:run"),
    Command("review", "mend", "hand rows to people and read back what they decided", "audit.cli.review:run"),
    Command("convert", "mend", "rewrite rows in another shape", "audit.cli.convert:run"),
    Command("train", "train", "fine-tune a model, behind the gate, with a record", "audit.cli.train:run"),
    Command("export", "train", "write data and settings for another trainer", "audit.cli.export:run"),
    Command("predict", "train", "write down what a model answers to the prompts of rows", "audit.cli.predict:run"),
    Command("evaluate", "train", "ask models about test rows and judge their outputs", "audit.cli.evaluate:run"),
    Command("reaudit", "train", "the same as evaluate", "audit.cli.evaluate:run"),
    Command(
        "run",
        "train",
        "everything in one go: check, fix, split, balance, gate, train, evaluate, report",
        "audit.cli.pipeline.command:run",
    ),
    Command("report", "report", "write the report of data or of a saved result", "audit.cli.report:run"),
    Command("verify", "report", "check that a run is as it was recorded", "audit.cli.verify:run"),
)
BY_NAME: Final = {command.name: command for command in COMMANDS}
