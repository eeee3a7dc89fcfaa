"""A result as a notebook shows it: a small static fragment of HTML. Has no script and styles nothing outside itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from audit.model import Result
from audit.reports import shown, summary
from audit.reports.html import overview
from audit.reports.html.blocks import Table
from audit.reports.html.environment import environment, own
from audit.reports.html.masking import withheld
from audit.reports.view import View

MOST_ROWS: Final = 25
"""Rows of a table in a notebook, so that the fragment stays below 30 KB."""


def fragment(result: Result) -> str:
    """Verdict, demands of the policy, rules with findings, and the figures of the whole data; at most 30 KB."""
    view = View(snippets=False)
    result = shown(result, view)
    return (
        environment()
        .get_template("notebook.html.j2")
        .render(
            verdict=overview.verdict_cell(result.verdict),
            headline=overview.headline(result),
            judged=overview.judged(result, view),
            tables=list(_tables(result, view)),
            lines=[
                *summary.figures(result),
                f"{summary.plural(len(result.rules_run), 'rule')} ran; save_html(path) writes the whole report.",
            ],
            css=own("notebook.css"),
        )
    )


def _tables(result: Result, view: View) -> Iterator[Table]:
    hidden = withheld(result, on=view.mask)
    for section in (overview.verdict(result, hidden, view), overview.rules(result, view)):
        for block in section.blocks if section is not None else ():
            if isinstance(block, Table):
                cut = "" if len(block.rows) <= MOST_ROWS else f" (the first {MOST_ROWS} of {len(block.rows):,})"
                yield msgspec.structs.replace(block, caption=block.caption + cut, rows=block.rows[:MOST_ROWS])
