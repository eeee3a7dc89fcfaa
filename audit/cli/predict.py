"""``audit predict``: has a model answer the prompts of rows and prints the account. Judges no answer."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final

from audit.cli import EXIT_CLEAN, EXIT_INTERRUPTED, EXIT_UNABLE
from audit.cli.settings_flags import add_settings_flags, settings_from
from audit.cli.terminal import add_terminal_flags, answers_told, print_pieces, progress_bar
from audit.errors import UsageError
from audit.reports.summary import plural
from audit.reports.visible import visible

if TYPE_CHECKING:
    from audit.model import Json
    from audit.train.prediction.batch_notes import BatchAccount
    from audit.train.prediction.running import PredictReport

_VALUES: Final = (
    "base", "labels", "score_answers", "logprobs", "temperature", "samples", "max_new_tokens", "only", "device",
    "endpoint", "key_variable", "concurrency", "timeout", "retries", "batch", "batch_poll_seconds", "resume", "force",
)  # fmt: skip
"""Flags that are fields of ``PredictOptions``."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what ``audit predict`` takes."""
    parser.add_argument("paths", nargs="*", default=[], metavar="IN", help="files, folders, patterns, - for stdin")
    parser.add_argument("-o", "--output", metavar="OUT", help="file to write, such as predictions.jsonl")
    group = parser.add_argument_group(
        "what is asked for (--model is a run, a folder or a hub name, NAME=MODEL names it; the model of a hosted run "
        "is asked at its provider)"
    )
    group.add_argument("--base", metavar="FOLDER", help="the model that an adapter belongs to, where it was moved")
    group.add_argument(
        "--only", metavar="SPLIT", help="ask about the rows of this split only; of a run's own where the data has none"
    )
    group.add_argument(
        "--labels",
        metavar="LABELS",
        help="score labels in place of writing: a,b,c; none; or auto (default): those the model was trained for, else "
        "those that the data is recognised to have",
    )
    group.add_argument("--score-answers", action="store_true", help="likelihood of the rows' own answers, per token")
    group.add_argument("--logprobs", action="store_true", help="keep the likelihood of every token")
    group.add_argument("--temperature", metavar="T", help="0 (default) takes the likeliest token, above it is drawn")
    group.add_argument("--samples", metavar="K", help="replies for each row (default: 1)")
    group.add_argument("--max-new-tokens", metavar="N", help="longest reply (default: 128)")
    group.add_argument("--device", metavar="NAME", help="auto (default), cpu, cuda or cuda:0")
    server = parser.add_argument_group("asking a server in place of a model in this process")
    server.add_argument("--endpoint", metavar="URL", help="an OpenAI-compatible server: http://localhost:8000/v1")
    server.add_argument(
        "--key-variable", metavar="NAME", help="environment variable with its key (default: OPENAI_API_KEY)"
    )
    server.add_argument("--concurrency", metavar="N", help="requests at a time (default: 4)")
    server.add_argument("--timeout", metavar="SECONDS", help="longest wait for an answer (default: 60)")
    server.add_argument("--retries", metavar="N", help="how often a request is tried again (default: 4)")
    server.add_argument(
        "--batch",
        action="store_true",
        help="hand the requests in as files, answered within a day and billed at the provider's batch price",
    )
    server.add_argument(
        "--batch-poll-seconds", metavar="SECONDS", help="how often it is asked whether they are done (default: 30)"
    )
    output = parser.add_argument_group("output")
    output.add_argument(
        "--resume",
        action="store_true",
        help="go on with what was interrupted; ask what failed for passing reasons again",
    )
    output.add_argument("--force", action="store_true", help="overwrite what an earlier run wrote")
    output.add_argument("--format", choices=("text", "json"), help="form of the account (default: text)")
    add_terminal_flags(output)
    add_settings_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Ask about what was named. Exit code 0, 2 where every answer is an error, 130 when interrupted."""
    from audit.train.installed import check_installed, rest_idle_threads
    from audit.train.prediction.options import options_from
    from audit.train.prediction.running import predict

    settings = settings_from(args, args.paths)
    if not (settings.files or settings.splits):
        raise UsageError("no data was named", hint="audit predict --model runs/mine data.jsonl -o predictions.jsonl")
    if not hasattr(args, "output"):
        raise UsageError("no file to write was named", hint="-o predictions.jsonl")
    given: Mapping[str, Json] = {name: getattr(args, name) for name in _VALUES if hasattr(args, name)}
    options = options_from(given, settings.model)
    if options.endpoint is None:
        check_installed()
    rest_idle_threads()
    began = time.perf_counter()
    with progress_bar(args) as bar, answers_told(args) as told:
        tell = partial(told, "") if told is not None else None
        report = predict(list(settings.files), args.output, options=options, settings=settings, progress=bar, told=tell)
    print_pieces(_rendered(report, getattr(args, "format", "text")))
    if not hasattr(args, "quiet"):
        from audit.cli.progress import closing

        print(closing(report.rows, time.perf_counter() - began), file=sys.stderr)
    if report.partial:
        return EXIT_INTERRUPTED
    return EXIT_UNABLE if report.answers and report.errors == report.answers else EXIT_CLEAN


def _rendered(report: PredictReport, form: str) -> Iterator[str]:
    if form == "json":
        from audit.reports.encode import encode

        yield encode(report, indent=2) + "\n"
        return
    good = report.answers - report.errors
    where = f"{visible(report.output)}.partial" if report.partial else visible(report.output)
    yield f"{plural(report.rows, 'row')} asked, {plural(good, 'answer')} of {visible(report.arm)} in {where}\n"
    if report.asked_at:
        yield f"  asked at {visible(report.asked_at)}, where the run was made\n"
    if report.found:
        yield f"  {report.found:,} were there already\n"
    if report.batches is not None:
        yield from _of_batches(report.batches)
    for word, count in report.failed.items():
        yield f"  {plural(count, 'answer')} failed: {visible(word)}\n"
    if report.partial:
        yield _interrupted(report)
    elif report.passing:
        yield f"{report.passing:,} failed for passing reasons: --resume asks them again\n"


_ODD: Final[Mapping[str, str]] = {
    "strangers": "of something that was not asked",
    "repeated": "of what was answered already",
    "garbled": "that cannot be read",
}
"""What is said of odd lines in the results of batches."""


def _of_batches(account: BatchAccount) -> Iterator[str]:
    from audit.train.prediction.batch_notes import batches

    if account.batches:
        yield f"  {batches(account.batches)}, billed at the provider's batch price\n"
    if account.outages:
        yield f"  {plural(account.outages, 'time')} the provider could not be asked for a while: it was waited for\n"
    for word, count in account.odd.items():
        yield f"  {plural(count, 'line')} of results {_ODD.get(word, word)}: passed over\n"
    if account.left:
        named = visible(", ".join(account.left))
        yield f"  not fetched, of an earlier prediction in this place, and may still be billed: {named}\n"


def _interrupted(report: PredictReport) -> str:
    from audit.train.prediction.batch_notes import batches

    account = report.batches
    waiting = account.waiting if account is not None else 0
    doubtful = account.doubtful if account is not None else 0
    told = [f"{batches(waiting)} {'goes' if waiting == 1 else 'go'} on at the provider"] if waiting else []
    told += [f"{batches(doubtful)} may be under way there"] if doubtful else []
    if not told:
        return "interrupted: --resume goes on\n"
    return f"interrupted: {', '.join(told)}, and --batch --resume fetches what was paid for\n"
