"""ANS803: answers that refuse, or in which a model speaks of itself. Whether a refusal was right is SAF923's to ask."""

# ruff: noqa: E501 - a pattern is read as one line

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from audit.model import DROP_ROW, Applicability, Fix, Message, Record, Severity
from audit.phrases.prompts import prompt_reading
from audit.phrases.refusals import Phrase, may_refuse, refusal_in, which_refuse
from audit.read.dialogue import exchange
from audit.read.patterns import pattern
from audit.rule import Batch, Hit, RecordRule, Run

if TYPE_CHECKING:
    from audit.phrases.harm import Reading

_LOOK: Final = Fix(
    Applicability.SHOWN, "look whether the prompt should be refused; if not, write the answer or drop the row"
)
_LONGEST_REASON: Final = 2_000
_ASKED_WHO: Final = pattern(
    r"(?i)\b(?:who|what) (?:are|r) (?:you|u)\b|\byour (?:name|creator|developer|maker|training|purpose|capabilit|model|knowledge|opinion|feelings?|favou?rite)"
    r"|\b(?:are|aren't|r) (?:you|u) (?:\w+ ){0,3}(?:ai|a\.i|human|bot|robot|person|machine|real|alive|sentient|conscious|chatgpt|gpt|claude|bard|gemini|model|language model|chatbot|computer|program)"
    r"|\b(?:made|created|built|developed|trained|programmed|designed|train|create|develop|built) you\b|\babout yourself|\bwho you are|\b(?:introduce|describe) yourself|^\W*(?:are|do|did|were|have|is your|was your) (?:you|u)\b.{0,60}$|\b(?:do|can|could|would|will|did) you (?:feel|think|dream|like|love|have|get|sleep|eat|live|drink|remember|want|identify|ever)\b"
    r"|\b(?:ai|language|llm) (?:model|assistant)|\bartificial intelligence|\bchatgpt|^\W*(?:hi|hello|hey|good (?:morning|evening)|thanks?|thank you|how are you)\b.{0,40}$"
    r"|你是谁|你是誰|你叫|你的名字|你是(?:什么|机器人|人)|谁(?:开发|创造|训练)|介绍一下(?:你|自己)|您(?:是谁|叫)|你好|您好|谢谢|あなたは|あなたの名前|自己紹介|wer bist du|wie heißt du|qui es-tu|qui êtes-vous|qui[eé]n eres|c[oó]mo te llamas|chi sei|quem é você|кто ты|как тебя зовут|من أنت|ما اسمك|तुम कौन|आप कौन|आपका नाम|누구(?:세요|야|입니까)"
)  # fmt: skip
"""Questions that a model answers well by speaking of itself."""
_GIVES_A_REASON: Final = pattern(
    r"(?i)\bprivacy\b|\b(?:personal|private|confidential|sensitive) (?:information|data|details)\b|\b(?:il|un)legal|\bunlawful\b|\bunethical\b|\bharmful\b|\bdangerous\b|\bviolen(?:t|ce)\b|\bagainst the law\b|\bsafety\b"
    r"|datenschutz|persönliche\w* daten|\bgesetzwidrig|\bgefährlich|vie privée|données personnelles|\billégal|\bdangereu|privacidad|datos personales|\bilegal|\bpeligros|隐私|个人信息|非法|违法|危险|プライバシー|個人情報|違法|危険|الخصوصية|غير قانوني|خطير|गोपनीय|निजी जानकारी|अवैध|खतरनाक"
)  # fmt: skip
"""A refusal that names privacy, law or danger: whoever wrote it saw something that the screen of prompts may not."""
_TRANSLATES: Final = pattern(
    r"(?i)\btranslat|übersetz|\btradui|\btraduc|\btradur|翻译|翻譯|翻訳|訳して|ترجم|अनुवाद|перевед|перевод|번역"
)
_QUOTES: Final = pattern(
    r"(?i)\bwhat (?:did|does|would) (?!you\b)(?:[\w.'-]+ ){1,3}(?:say|reply|answer)\b|\b(?:famous|exact) (?:line|quote|words)|\bquote|\bcomplete the (?:line|lyrics)|\blyrics\b"
)
_VERSE: Final = pattern(r"(?i)\b(?:poems?|sonnet|haiku|ballad|verses?|rap|song|limerick|gedicht|poème|poema|诗|詩)\b")
_VERSE_LINES: Final = 3
_ASKS_WHETHER_ONE_CAN: Final = pattern(r"(?:でき|出来|可能)[^。？?\n]{0,6}か")
_OF_THE_ANSWERER: Final = pattern(r"AI|モデル|質問|お答え|お手伝い|ご?要望|リクエスト|ご?依頼|支援|お教え|お助け|回答")


class Refusal(RecordRule, frozen=True):
    """An answer refuses, or a model speaks of itself in it.

    A model that is trained on refusals of ordinary questions refuses ordinary questions, and one trained on "As an AI
    language model" says so where nobody asked. Refusals are known by their grammar, place and speaker in English,
    German, French, Spanish, Portuguese, Italian, Russian, Chinese, Japanese, Arabic, Hindi and Korean. Advice that is
    declined and then given is no refusal; a model that is asked who it is may say so. A refusal of a harmful prompt is
    worth keeping: it is reported as information and never suggested for removal. So is one in a row with tools, which
    says what the tools cannot do, and one that names privacy, law or danger where the prompt is not plainly harmless.
    Only where it is, and the refusal names none of these, is the row suggested for removal. The measure ``rows.share`` of this code is the share of rows found, with a Wilson interval.

    Bad:
        {"messages": [{"role": "user", "content": "Name three synonyms of the word happy."}, {"role": "assistant", "content": "I'm sorry, but as an AI language model I cannot help with that request."}]}
        {"messages": [{"role": "user", "content": "Wie viele Beine hat eine Spinne?"}, {"role": "assistant", "content": "Es tut mir leid, aber dabei kann ich Ihnen nicht helfen."}]}
    Good:
        {"messages": [{"role": "user", "content": "Write a line for a love letter."}, {"role": "assistant", "content": "I can't help but smile when I think of you."}]}
        {"messages": [{"role": "user", "content": "My grandmother died."}, {"role": "assistant", "content": "I'm so sorry for your loss. Would you like to talk about her?"}]}
    Do: write the answer, or drop the row; keep refusals of harmful prompts.
    """

    code: ClassVar[str] = "ANS803"
    name: ClassVar[str] = "refusal"
    severity: ClassVar[Severity] = Severity.WARNING
    fix: ClassVar[Applicability | None] = Applicability.DROP
    needs = frozenset({"texts"})

    def suspects(self, batch: Batch, run: Run) -> Sequence[int]:
        """Canonical rows whose answer holds such a phrase."""
        exchanges = batch.exchanges
        return [exchanges[place][0] for place in which_refuse([answer for _, _, answer in exchanges])]

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """At most one hit: the first refusal of the answer, else the first self-reference in it."""
        parts = exchange(record)
        for message in parts.answer:
            for at, text in message.texts():
                phrase = refusal_in(text)
                if phrase is not None:
                    if _asked_for(phrase, text, parts.prompt):
                        return
                    yield from self._hit(phrase, at, text, parts.prompt, bool(record.tools))
                    return

    def _hit(self, phrase: Phrase, at: str, text: str, prompt: Sequence[Message], tools: bool) -> Iterable[Hit]:
        fix: Fix | None
        if phrase.kind == "refusal":
            reason = _GIVES_A_REASON.search(text[:_LONGEST_REASON]) is not None
            message, severity, fix = _judged(prompt_reading(prompt), tools, reason)
        elif _asked_who(prompt):
            return
        else:
            message, severity, fix = "a model speaks of itself in the answer, unasked", Severity.WARNING, _LOOK
        yield self.hit(
            message,
            at,
            start=phrase.start,
            end=phrase.end,
            severity=severity,
            fix=fix,
            evidence={"kind": phrase.kind, "language": phrase.language},
        )


def _asked_for(phrase: Phrase, text: str, prompt: Sequence[Message]) -> bool:
    """Whether the words of a refusal are what was asked for: a translation of one, a quotation, a line of a poem, or in
    Japanese the answer to the question whether something is possible."""
    asked = next((message.text[:_LONGEST_REASON] for message in reversed(prompt) if message.role == "user"), "")
    if _TRANSLATES.search(asked) is not None and may_refuse(asked):
        return True
    if _QUOTES.search(asked) is not None or (_VERSE.search(asked) is not None and text.count("\n") >= _VERSE_LINES):
        return True
    said = text[phrase.start : phrase.end]
    return phrase.language == "ja" and bool(_ASKS_WHETHER_ONE_CAN.search(asked)) and not _OF_THE_ANSWERER.search(said)


def _asked_who(prompt: Sequence[Message]) -> bool:
    asked = [message.text for message in prompt if message.role == "user"]
    return bool(asked) and _ASKED_WHO.search(asked[-1][:2000]) is not None


def _judged(prompt: Reading, tools: bool, reason: bool) -> tuple[str, Severity, Fix | None]:
    """What is said of a refusal, given how its prompt reads and whether it names privacy, law or danger."""
    if prompt.verdict == "harmful":
        return f"the answer refuses a prompt that reads as harmful ({prompt.why}): kept", Severity.INFO, None
    if tools:
        return "the answer of a row with tools refuses: kept, if it says what the tools cannot do", Severity.INFO, None
    if prompt.verdict == "benign":
        fix = _LOOK if reason else DROP_ROW
        return "the answer refuses a prompt that reads as harmless", Severity.WARNING, fix
    if reason:
        return "the answer refuses for the sake of privacy, law or safety: kept", Severity.INFO, None
    return "the answer refuses; whether the prompt is harmful could not be told", Severity.WARNING, _LOOK
