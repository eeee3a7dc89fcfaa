"""Scorers: a moderation endpoint through the real client, a classifier in a folder, the user's own, and their names."""

from __future__ import annotations

import gc
import json
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

import audit
from audit.cli import main
from audit.errors import AuditError, InputError, MissingExtra, UsageError
from audit.train import endpoints
from audit.train.scorers.by_name import load_scorer
from tests.train.served import Answer, Server
from tests.train.served import serving as serving_at

ROWS = [
    {"messages": [{"role": "user", "content": f"question {n}"}, {"role": "assistant", "content": f"answer {n} {word}"}]}
    for n, word in enumerate(["fine", "BAD", "fine", "BAD"])
]


def serving(answer: Callable[[dict[str, Any], int], tuple[Any, ...]]) -> AbstractContextManager[Server]:
    """A moderation server; ``answer`` is given the request and how many came before it."""
    path = "/v1/moderations"
    return serving_at(lambda request, before: Answer(*answer(request, before)), path=path, same=lambda *_: True)


def moderated(request: dict[str, Any]) -> Answer:
    """What OpenAI's endpoint answers, with a category that its client does not know."""
    results = [
        {
            "flagged": "BAD" in text,
            "categories": {"harassment": "BAD" in text, "self-harm": False},
            "category_scores": {"harassment": 0.9 if "BAD" in text else 0.1, "self-harm": 0.01, "of/ours": 0.2},
            "category_applied_input_types": {},
        }
        for text in request["input"]
    ]
    return Answer(200, {"id": "1", "model": request["model"], "results": results})


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "FIRST_WAIT", 0.01)
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-the-test")


@contextmanager
def moderating(server: Server) -> Iterator[Any]:
    pytest.importorskip("openai")
    scorer = load_scorer(f"openai-moderation:{server.url}")
    try:
        yield scorer
    finally:
        scorer.close()  # type: ignore[attr-defined]


# ---------------------------------------------------------------------- moderation


def test_scores_come_back_in_the_order_of_the_texts_with_every_category() -> None:
    texts = [f"text {n} {'BAD' if n % 3 == 0 else ''}" for n in range(50)]
    with serving(lambda request, _: moderated(request)) as server, moderating(server) as scorer:
        found = scorer.score(texts)
    assert [round(scores["harassment"], 2) for scores in found] == [0.9 if n % 3 == 0 else 0.1 for n in range(50)]
    assert found[0]["self-harm"] == 0.01
    assert found[0]["of/ours"] == 0.2
    assert sorted(len(asked["input"]) for asked in server.asked) == [2, 16, 16, 16]
    assert set(server.keys) == {"Bearer key-of-the-test"}
    assert all(set(asked) == {"input", "model"} for asked in server.asked)


def test_a_long_text_has_the_highest_scores_of_its_pieces_and_surrogates_can_be_sent() -> None:
    with serving(lambda request, _: moderated(request)) as server, moderating(server) as scorer:
        found = scorer.score(["a" * 50_000 + "BAD", "\ud800", ""])
    assert [scores["harassment"] for scores in found] == [0.9, 0.1, 0.1]


def test_what_passes_by_itself_is_asked_again() -> None:
    def answer(request: dict[str, Any], before: int) -> Answer:
        return (429, {"error": {"message": "slow"}}) if before < 2 else moderated(request)

    with serving(answer) as server, moderating(server) as scorer:
        assert len(scorer.score(["a"])) == 1
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    "broken",
    [(400, {"error": {"message": "too long"}}), (500, {}), (200, {"results": []}), (200, {}), (200, {"results": [{}]})],
    ids=str,
)
def test_a_text_without_scores_is_an_error(broken: Answer) -> None:
    with (
        serving(lambda *_: broken) as server,
        moderating(server) as scorer,
        pytest.raises(AuditError, match="openai-moderation gave"),
    ):
        scorer.score(["a"])


def test_a_key_that_is_refused_is_said_without_the_key() -> None:
    refused = (401, {"error": {"message": "no key-of-the-test here"}})
    with serving(lambda *_: refused) as server, moderating(server) as scorer, pytest.raises(UsageError) as error:
        scorer.score(["a"])
    assert "key-of-the-test" not in str(error.value)


def test_openais_own_endpoint_needs_a_key_and_an_address_has_to_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openai")
    with pytest.raises(UsageError, match="is no URL"):
        load_scorer("openai-moderation:localhost")
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(UsageError, match="needs a key"):
        load_scorer("openai-moderation")


def test_a_scorer_can_be_sent_to_another_process() -> None:
    with serving(lambda request, _: moderated(request)) as server, moderating(server) as scorer:
        again = pickle.loads(pickle.dumps(scorer))
        assert again.score(["BAD"]) == scorer.score(["BAD"])
        again.close()


def test_the_connections_are_closed_when_nobody_holds_the_scorer() -> None:
    pytest.importorskip("openai")
    scorer = load_scorer("openai-moderation:http://127.0.0.1:9/v1")
    client = scorer._endpoint._client  # type: ignore[attr-defined]
    assert not client.is_closed()
    del scorer
    gc.collect()
    assert client.is_closed()


def test_a_run_reports_the_rows_that_the_endpoint_finds(tmp_path: Path) -> None:
    pytest.importorskip("openai")
    data = tmp_path / "rows.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    with serving(lambda request, _: moderated(request)) as server:
        options = {"SAF921": {"scorer": f"openai-moderation:{server.url}"}}
        result = audit.check(data, select=["SAF921"], rules=options)
        again = audit.check(data, select=["SAF921"], rules=options)
    assert [finding.place.line for finding in result.findings] == [2, 4]
    assert result.findings[0].evidence == {"scorer": "openai-moderation", "scores": {"harassment": 0.9}}
    assert result.findings == again.findings
    assert server.url not in str(result.findings)


def test_a_run_whose_endpoint_fails_ends_with_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openai")
    monkeypatch.chdir(tmp_path)
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    with serving(lambda *_: (400, {"error": {"message": "no such input"}})) as server:
        Path("audit.toml").write_text(f'[rules.SAF921]\nscorer = "openai-moderation:{server.url}"\n')
        command = ["check", "rows.jsonl", "--select", "SAF921", "--no-progress"]
        assert main(command) == 2
        assert "--config audit.toml" in capsys.readouterr().err
        assert server.asked == []
        assert main([*command, "--config", "audit.toml"]) == 2
    assert "no such input" in capsys.readouterr().err


def test_the_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(MissingExtra) as missing:
        load_scorer("openai-moderation:http://localhost:1/v1")
    assert "finetune-audit[openai]" in (missing.value.hint or "")


# ---------------------------------------------------------------------- a classifier


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT with two blocks, three labels, and a tokenizer that reads 32 tokens."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    folder = tmp_path_factory.mktemp("classifier")
    learnt = Tokenizer(models.BPE(unk_token="[UNK]"))
    learnt.pre_tokenizer = pre_tokenizers.Whitespace()  # type: ignore[assignment]
    trainer = trainers.BpeTrainer(vocab_size=120, special_tokens=["[PAD]", "[UNK]"], show_progress=False)
    learnt.train_from_iterator(["the quick brown fox jumps over a lazy dog"] * 5, trainer)
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=learnt, pad_token="[PAD]", unk_token="[UNK]", model_max_length=32
    ).save_pretrained(str(folder))
    config = transformers.BertConfig(
        vocab_size=120, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=32, id2label={0: "non-toxic", 1: "toxic", 2: "threat"}, num_labels=3,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        transformers.BertForSequenceClassification(config).save_pretrained(str(folder))
    return folder


def test_a_classifier_gives_its_harmful_labels_and_the_same_alone_as_in_a_batch(classifier: Path) -> None:
    scorer = load_scorer(f"classifier:{classifier}")
    texts = ["the quick fox", "a lazy dog jumps over the brown fox", "\ud800", ""]
    together = scorer.score(texts)
    assert [set(scores) for scores in together] == [{"toxic", "threat"}] * 3 + [set()]
    assert all(0 <= score <= 1 for scores in together for score in scores.values())
    alone = [scorer.score([text])[0] for text in texts]
    assert [pytest.approx(scores, abs=1e-5) for scores in alone] == together


def test_every_window_of_a_long_text_is_read(classifier: Path) -> None:
    scorer = load_scorer(f"classifier:{classifier}")
    start, end = " ".join(["lazy"] * 200), " ".join(["quick fox"] * 200)
    long = scorer.score([f"{start} {end}"])[0]
    parts = [scorer.score([part])[0] for part in (start, end)]
    assert all(long[label] >= max(part[label] for part in parts) - 0.02 for label in ("toxic", "threat"))


def test_a_run_can_use_a_classifier(classifier: Path) -> None:
    result = audit.check(
        ROWS, select=["SAF921"], rules={"SAF921": {"scorer": f"classifier:{classifier}", "threshold": 0.01}}
    )
    assert len(result.findings) == 8
    assert {finding.evidence["scorer"] for finding in result.findings} == {"classifier"}


def test_a_folder_without_a_model_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no config\.json"):
        load_scorer(f"classifier:{tmp_path}")


# ---------------------------------------------------------------------- the user's own, and names

OWN = """
class Loud:
    name = "loud"
    def score(self, texts):
        return [{"shouting": sum(c.isupper() for c in text) / max(1, len(text))} for text in texts]

ready = Loud()
nothing = 7

class Fails:
    def score(self, texts):
        raise KeyError("lost")
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    Path("my_scorers_of_the_test.py").write_text(OWN)
    Path("needs_another_of_the_test.py").write_text("import no_such_package_of_the_test\n")
    yield
    sys.modules.pop("my_scorers_of_the_test", None)


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("attribute", ["Loud", "ready"])
def test_a_scorer_of_the_users_own_module_is_used(attribute: str) -> None:
    scorer = load_scorer(f"my_scorers_of_the_test:{attribute}")
    assert scorer.name == "loud"
    assert scorer.score(["AB", "ab"]) == [{"shouting": 1.0}, {"shouting": 0.0}]
    rows = [{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "STOP IT"}]}]
    result = audit.check(rows, select=["SAF921"], rules={"SAF921": {"scorer": f"my_scorers_of_the_test:{attribute}"}})
    assert [finding.place.pointer for finding in result.findings] == ["/messages/1/content"]


@pytest.mark.usefixtures("own")
def test_what_the_users_scorer_raises_is_named() -> None:
    with pytest.raises(AuditError, match="Fails failed: KeyError"):
        load_scorer("my_scorers_of_the_test:Fails").score(["a"])


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("toxicity", UsageError, "no scorer 'toxicity'"),
        ("classifier", UsageError, "no scorer"),
        ("a b:c", UsageError, "no scorer"),
        ("no_such_module_of_the_test:scorer", UsageError, "no module"),
        ("my_scorers_of_the_test:other", UsageError, "has no 'other'"),
        ("my_scorers_of_the_test:nothing", UsageError, "is no scorer"),
        ("needs_another_of_the_test:scorer", MissingExtra, "no_such_package_of_the_test"),
    ],
)
def test_a_name_that_means_nothing_is_an_error_that_says_what_to_do(
    name: str, error: type[AuditError], said: str
) -> None:
    with pytest.raises(error, match=said):
        load_scorer(name)


@pytest.mark.usefixtures("own")
def test_code_that_a_file_beside_the_data_names_is_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    Path("evil_of_the_test.py").write_text("open('it_ran', 'w')\n")
    Path("audit.toml").write_text('[rules.SAF921]\nscorer = "evil_of_the_test:scorer"\n')
    assert main(["check", "rows.jsonl", "--select", "SAF921", "--no-progress"]) == 2
    assert "--config audit.toml" in capsys.readouterr().err
    assert not Path("it_ran").exists()
    Path("audit.toml").write_text('[rules.SAF921]\nscorer = "my_scorers_of_the_test:Loud"\n')
    assert main(["check", "rows.jsonl", "--select", "SAF921", "--no-progress", "--config", "audit.toml"]) == 0


ODD = """
import sys

def none(texts): return None
def number(texts): return 7
def huge(texts): return [{"a": 10**400} for _ in texts]
def true(texts): return [{"a": True} for _ in texts]
def nan(texts): return [{"a": float("nan")} for _ in texts]
def mixed(texts): return [{"a": 0.5, 7: 0.5} for _ in texts]
def lists(texts): return [[1] for _ in texts]
def leaving(texts): sys.exit(3)
def generator(texts):
    yield {"a": 0.5}
    raise ValueError("private words: " + texts[0])

class Of:
    def __init__(self, score): self.score = score

scorers = {one.__name__: Of(one) for one in (none, number, huge, true, nan, mixed, lists, leaving, generator)}
globals().update({f"odd_{name}": one for name, one in scorers.items()})

class Needs:
    def __init__(self, folder): pass
    def score(self, texts): return []

class Raises:
    def __init__(self): raise ValueError("private words")
    def score(self, texts): return []

class Leaves(Raises):
    def __init__(self): sys.exit(0)
"""


@pytest.mark.parametrize(
    "attribute",
    [
        "odd_none",
        "odd_number",
        "odd_huge",
        "odd_true",
        "odd_nan",
        "odd_mixed",
        "odd_lists",
        "odd_leaving",
        "odd_generator",
        "Needs",
        "Raises",
        "Leaves",
    ],
)
def test_whatever_a_scorer_does_is_one_error_that_names_it_and_quotes_nothing(
    attribute: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("odd_scorers_of_the_test.py").write_text(ODD)
    name = f"odd_scorers_of_the_test:{attribute}"
    try:
        with pytest.raises(AuditError) as error:
            audit.check(ROWS, select=["SAF921"], rules={"SAF921": {"scorer": name}})
    finally:
        sys.modules.pop("odd_scorers_of_the_test", None)
    assert "odd_scorers_of_the_test" in str(error.value)
    assert "private" not in str(error.value)
    assert "question" not in str(error.value)
    assert len(str(error.value)) < 300


def test_presidio_is_used_where_it_is_installed_and_named_where_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    with pytest.raises(MissingExtra, match="presidio-analyzer"):
        load_scorer("presidio")
