"""Asks a model in this process: has labels scored, answers measured or replies written, in batches of like lengths.

Batches are cut over all rows, whatever is done already, so that a run that was interrupted gives the same bits.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np
import torch

from audit.errors import UsageError
from audit.model import Json
from audit.train.models.heads import classify
from audit.train.models.loading import Loaded
from audit.train.prediction.answers import Answer
from audit.train.prediction.batching import ROWS, TOKENS, Ids, batches, reads_of, right_padded
from audit.train.prediction.generation import Decoding, uniforms, write_on
from audit.train.prediction.options import AUTO, NONE, PredictOptions
from audit.train.prediction.prompts import Prompts, Reply, Shared
from audit.train.prediction.questions import Question, QuestionSet
from audit.train.prediction.scoring import (
    Scored,
    agreed_strategy,
    rows_at_once,
    score_plain,
    score_tree,
    scored,
    softmax,
    token_logprobs,
    tree_of,
)

CPU_TOKENS: Final = 2048
CPU_ROWS: Final = 32
CPU_WRITTEN: Final = 4096
"""Tokens in a batch on a processor, and sequences and tokens where replies are written: larger ones leave its caches
(docs/benchmarks.md)."""


def device_of(name: str) -> str:
    """The device that a name means; ``auto`` is a GPU where there is one. Raises UsageError for none."""
    if name == AUTO:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(name).type
    except RuntimeError:
        kind = ""
    if kind not in ("cpu", "cuda") or (kind == "cuda" and not torch.cuda.is_available()):
        raise UsageError(f"there is no device {name!r} here", hint="--device auto or cpu")
    return name


KEPT: Final = 1 << 24
"""Tokens of questions that are kept in memory between the first look at them and their batch; others are read again."""

Encode: TypeAlias = Callable[[Question], Ids | Reply | Shared | str]
"""A question as a model reads it, or why it cannot be asked."""


class Asked:
    """What is asked of a model: rows, the lengths of their prompts in tokens, and which of them have labels of the same
    tokens. Those that cannot be asked are answers with an error."""

    def __init__(self, questions: QuestionSet, encode: Encode) -> None:
        self.rows = array("Q")
        self.lengths = array("L")
        self.alike: dict[object, list[int]] = {}
        self.refused: list[Answer] = []
        self._questions = questions
        self._encode = encode
        self._kept: dict[int, Ids | Reply | Shared] = {}
        self._tokens = 0

    def add(self, row: int, encoded: Ids | Reply | Shared) -> None:
        """One more that is asked."""
        at, length = len(self.rows), len(encoded if isinstance(encoded, np.ndarray) else encoded.ids)
        self.rows.append(row)
        self.lengths.append(length)
        key = (encoded.tails, encoded.skipped) if isinstance(encoded, Shared) else None
        self.alike.setdefault(key, []).append(at)
        self._tokens += length
        if self._tokens <= KEPT:
            self._kept[at] = encoded

    def encoded(self, places: Sequence[int]) -> list[Any]:
        """What was added at these places."""
        gone = [self.rows[at] for at in places if at not in self._kept]
        again = {question.row: self._encode(question) for question, _ in self._questions.read(gone)}
        return [self._kept[at] if at in self._kept else again[self.rows[at]] for at in places]


class LocalModel:
    """Implements ``Answerer`` with a loaded model. Raises UsageError for labels that a classification head has not."""

    def __init__(self, loaded: Loaded, options: PredictOptions, seed: int) -> None:
        self._loaded = loaded
        self._model: Any = loaded.model
        self._options = options
        self._seed = seed
        self._prompts = Prompts(loaded.tokenizer)
        self._reads = reads_of(loaded.model)
        self._on_cpu = self._model.device.type == "cpu"
        self._examples: dict[int, int] = {}
        if loaded.task == "classify" and (options.labels != AUTO or options.score_answers):
            raise UsageError(
                f"{loaded.name} classifies: it scores its own labels and nothing else", hint="--labels auto"
            )

    @property
    def loaded(self) -> Loaded:
        """The model that is asked."""
        return self._loaded

    @property
    def classifies(self) -> bool:
        """Whether the model has a head over its classes, and so writes no text."""
        return self._loaded.task == "classify"

    def identity(self, questions: QuestionSet) -> Mapping[str, Json]:
        """The model's files and what the last bits of a sum depend on. Raises UsageError for samples of what is not
        drawn."""
        labels = self.labels(questions)
        if self._options.samples > 1 and (labels is not None or self._options.score_answers):
            raise UsageError("--samples are replies that are drawn, and none is written here", hint="--labels none")
        if self._options.logprobs and labels is not None:
            hint = "leave out --logprobs" if self._loaded.task == "classify" else "--labels none"
            raise UsageError("--logprobs are those of tokens, and labels are scored as a whole", hint=hint)
        return {
            "model": self._loaded.name,
            "model files": dict(sorted(self._loaded.files.items())),
            "labels": None if labels is None else list(labels),
            "device": str(self._model.device),
            "precision": str(self._model.dtype).removeprefix("torch."),
            "threads": torch.get_num_threads(),
            "torch": str(torch.__version__),
        }

    def answers(self, questions: QuestionSet, done: frozenset[tuple[int, int]]) -> Iterator[list[Answer]]:
        """Labels where there are any (a head's, named ones, those of the data), else replies."""
        labels = self.labels(questions)
        if self._loaded.task == "classify":
            asked = self._encoded(questions, self._prompts.prompt, 0)
            found = self._classified(asked, done)
        elif self._options.score_answers:
            asked = self._encoded(questions, self._own_answer, 0)
            found = self._measured(asked, done)
        elif labels is not None:
            asked = self._encoded(questions, lambda question: self._prompts.labels(question, labels), 0)
            found = self._chosen(asked, labels, done)
        else:
            asked = self._encoded(questions, self._prompts.prompt, 1)
            found = self._written(asked, questions, done)
        yield [answer for answer in self._told(asked.refused) if answer.key not in done]
        for answers in found:
            yield self._told(answers)

    def _told(self, answers: list[Answer]) -> list[Answer]:
        """The answers with the number of examples that they were asked with."""
        if not self._examples:
            return answers
        return [msgspec.structs.replace(answer, examples=self._examples.get(answer.row)) for answer in answers]

    def labels(self, questions: QuestionSet) -> Sequence[str] | None:
        """The labels that are scored, None where replies are written."""
        if self._loaded.task == "classify":
            return self._loaded.classes
        if self._options.score_answers or self._options.labels == NONE:
            return None
        if self._options.labels != AUTO:
            return self._options.declared
        found = questions.labels
        of_data = tuple(label.text for label in found.labels) if found and found.in_answer else ()
        return self._loaded.classes or of_data or None

    # ------------------------------------------------------------------ prompts

    def _encoded(self, questions: QuestionSet, encode: Encode, room: int) -> Asked:
        """All questions encoded. ``room`` is how many tokens there must be left for a reply."""
        asked = Asked(questions, lambda question: self._fitting(question, encode, room))
        for question, _ in questions.read(questions.rows):
            encoded = self._fitting(question, encode, room)
            if not isinstance(encoded, str):
                asked.add(question.row, encoded)
                continue
            samples = self._options.samples if room else 1
            problem = str(encoded)  # a plain one: subclasses of text cannot be written as JSON
            asked.refused.extend(Answer(row=question.row, sample=n, error=problem) for n in range(samples))
        return asked

    def _fitting(self, question: Question, encode: Encode, room: int) -> Ids | Reply | Shared | str:
        """A question encoded with as many of its examples as the model has positions for, the first ones."""

        def shown(count: int) -> Ids | Reply | Shared | str:
            encoded = question.problem or encode(question.with_examples(count) if question.examples else question)
            return encoded if isinstance(encoded, str) else self._too_long(_length(encoded) + room) or encoded

        most = len(question.examples)
        found = shown(most)
        if not most:
            return found
        fits = most
        if isinstance(found, str):  # what is longer with every example is halved, and not tried one by one
            fits, found = 0, shown(0)
            too_many = 1 if isinstance(found, str) else most
            while too_many - fits > 1:
                count = (fits + too_many) // 2
                tried = shown(count)
                if isinstance(tried, str):
                    too_many = count
                else:
                    fits, found = count, tried
        self._examples[question.row] = fits
        return found

    def _too_long(self, tokens: int) -> str:
        """Why a sequence cannot be read: the model has no positions for it. What rows were limited to in training is no
        limit here: a base model was trained on longer ones before, and ``tiny`` has no positions beyond it."""
        most = self._loaded.max_length
        return f"over_length: {tokens:,} tokens, and the model reads {most:,}" if most and tokens > most else ""

    def _own_answer(self, question: Question) -> Reply | str:
        return "no_answer: the row has none" if question.answer is None else self._prompts.reply(question.chat)

    def _batches(self, lengths: Sequence[int], rows: int = ROWS) -> list[list[int]]:
        return batches(lengths, rows=rows, tokens=CPU_TOKENS if self._on_cpu else TOKENS)

    # ------------------------------------------------------------------ what is asked

    def _classified(self, asked: Asked, done: frozenset[tuple[int, int]]) -> Iterator[list[Answer]]:
        for batch in self._batches(asked.lengths):
            if all((asked.rows[at], 0) in done for at in batch):
                continue
            ids, mask = right_padded(asked.encoded(batch), self._model.device)
            with torch.inference_mode():
                logits = classify(self._model, ids, mask.sum(dim=1))
            found = [
                _labelled(asked.rows[at], one, self._loaded.classes, asked.lengths[at], 0)
                for at, one in zip(batch, softmax(logits), strict=True)
            ]
            yield [answer for answer in found if answer.key not in done]

    def _measured(self, asked: Asked, done: frozenset[tuple[int, int]]) -> Iterator[list[Answer]]:
        for batch in self._batches(asked.lengths):
            if all((asked.rows[at], 0) in done for at in batch):
                continue
            replies = asked.encoded(batch)
            found = token_logprobs(self._model, replies, self._reads)
            answers = (
                Answer(
                    row=asked.rows[at],
                    output=self._prompts.decode(reply.ids[reply.first :].tolist()),
                    finish_reason="answer",
                    token_logprobs=tuple(values.tolist()),
                    prompt_tokens=reply.first,
                    output_tokens=len(values),
                )
                for at, reply, values in zip(batch, replies, found, strict=True)
            )
            yield [answer for answer in answers if answer.key not in done]

    def _chosen(self, asked: Asked, labels: Sequence[str], done: frozenset[tuple[int, int]]) -> Iterator[list[Answer]]:
        """Labels scored: rows whose labels have the same tokens go together."""
        vocabulary = int(self._model.config.get_text_config().vocab_size)
        for members in asked.alike.values():
            lengths = [asked.lengths[at] for at in members]
            ends = sorted(range(len(members)), key=lambda index: (lengths[index], index))
            tried = asked.encoded([members[index] for index in dict.fromkeys((ends[0], ends[-1]))])
            is_tree = agreed_strategy(self._model, tried, self._reads) == "tree"
            tree = tree_of(tried[0].tails, tried[0].skipped)
            for batch in self._batches(lengths, rows=rows_at_once(tree, vocabulary)):
                rows = [members[index] for index in batch]
                if all((asked.rows[at], 0) in done for at in rows):
                    continue
                prompts = asked.encoded(rows)
                if is_tree:
                    scores = score_tree(self._model, [prompt.ids for prompt in prompts], tree, self._reads)
                else:
                    scores = [score_plain(self._model, prompt, self._reads) for prompt in prompts]
                found = [
                    _labelled_by(asked.rows[at], prompt, scored(values), labels)
                    for at, prompt, values in zip(rows, prompts, scores, strict=True)
                ]
                yield [answer for answer in found if answer.key not in done]

    def _written(
        self, asked: Asked, questions: QuestionSet, done: frozenset[tuple[int, int]]
    ) -> Iterator[list[Answer]]:
        options = self._options
        decoding = Decoding(self._ends(), options.temperature, options.logprobs)
        samples = options.samples
        lengths = [length for length in asked.lengths for _ in range(samples)]
        rows, tokens = (CPU_ROWS, CPU_WRITTEN) if self._on_cpu else (ROWS, TOKENS)
        for batch in batches(lengths, rows=rows, tokens=tokens, padded=self._reads.positions):
            pairs = [(at // samples, at % samples) for at in batch]
            if all((asked.rows[at], sample) in done for at, sample in pairs):
                continue
            prompts = asked.encoded([at for at, _ in pairs])
            limits = [self._limit(len(ids)) for ids in prompts]
            draws = [
                uniforms(self._seed, questions.row_id(asked.rows[at]), sample, limit) if options.temperature else None
                for (at, sample), limit in zip(pairs, limits, strict=True)
            ]
            found = write_on(self._model, prompts, decoding, limits, draws, self._reads)
            answers = (
                Answer(
                    row=asked.rows[at],
                    sample=sample,
                    output=self._prompts.decode(one.ids),
                    finish_reason=one.finish,
                    token_logprobs=one.logprobs if options.logprobs else None,
                    prompt_tokens=asked.lengths[at],
                    output_tokens=len(one.ids) + (one.finish == "stop"),
                )
                for (at, sample), one in zip(pairs, found, strict=True)
            )
            yield [answer for answer in answers if answer.key not in done]

    def _limit(self, tokens: int) -> int:
        """How long a reply to a prompt may be."""
        most = self._loaded.max_length
        return min(self._options.max_new_tokens, most - tokens) if most else self._options.max_new_tokens

    def _ends(self) -> frozenset[int]:
        config = getattr(self._model, "generation_config", None)
        named = getattr(config, "eos_token_id", None)
        listed = named if isinstance(named, list | tuple) else [named]
        return self._prompts.ends() | {token for token in listed if isinstance(token, int)}


def _length(encoded: Ids | Reply | Shared) -> int:
    """The longest sequence that a question makes."""
    if isinstance(encoded, Shared):
        return len(encoded.ids) + max(map(len, encoded.tails))
    return len(encoded.ids) if isinstance(encoded, Reply) else len(encoded)


def _labelled_by(row: int, prompt: Shared, found: Scored, labels: Sequence[str]) -> Answer:
    skipped = prompt.skipped[found.best]
    return _labelled(row, found, labels, len(prompt.ids) + skipped, len(prompt.tails[found.best]) - skipped)


def _labelled(row: int, found: Scored, labels: Sequence[str], prompt_tokens: int, output_tokens: int) -> Answer:
    return Answer(
        row=row,
        output=labels[found.best],
        finish_reason="label",
        label_scores=dict(zip(labels, found.shares, strict=True)),
        label_mass=found.mass,
        prompt_tokens=prompt_tokens,
        output_tokens=output_tokens,
    )
