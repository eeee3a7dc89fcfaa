"""The report as one HTML file: puts the sections in their order and hands them to the templates. Computes no figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

from audit.model import Result
from audit.reports.html import closing, dataset, overview
from audit.reports.html.blocks import Section
from audit.reports.html.environment import environment, own, policy
from audit.reports.html.examples import examples
from audit.reports.html.fairness import fairness
from audit.reports.html.masking import Withheld, withheld
from audit.reports.html.tables import Measures
from audit.reports.view import View


def render(result: Result, view: View) -> Iterator[str]:
    """The document, in pieces. It asks for nothing from any network and can be read without its script."""
    numbers = count(1)
    hidden = withheld(result, on=view.mask)
    stream = (
        environment()
        .get_template("page.html.j2")
        .stream(
            verdict=overview.verdict_cell(result.verdict),
            headline=overview.headline(result),
            judged=overview.judged(result, view),
            tool=f"{result.evidence.tool} {result.evidence.version}".strip() or "audit",
            sections=sections(result, hidden, view),
            policy=policy(),
            css=own("report.css"),
            js=own("report.js"),
            number=lambda: next(numbers),
        )
    )
    stream.enable_buffering(200)
    yield from stream


def sections(result: Result, hidden: Withheld, view: View) -> Sequence[Section]:
    """The sections that have something to say, in their order."""
    found = [
        overview.verdict(result, hidden, view),
        overview.checked(result, view),
        overview.rules(result, view),
        dataset.glance(result),
        dataset.tokens(result),
        dataset.duplicates(result),
        dataset.balance(result),
        fairness(result, hidden),
        examples(result, hidden, view),
        closing.set_aside(result),
        closing.terms() if result.gate or Measures(result).attributes() else None,
        closing.evidence(result, view),
        closing.sign_off(),
    ]
    return [section for section in found if section is not None]
