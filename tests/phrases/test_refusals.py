"""Which answers are refusals, in twelve languages, and which only sound like one."""

# ruff: noqa: E501 - a case is read as one line

from __future__ import annotations

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from audit.phrases.refusals import (
    HEAD,
    REFUSAL_TRIGGERS,
    TAIL,
    may_refuse,
    refusal_in,
    refuses,
    self_reference_in,
)

REFUSALS = {
    "en": [
        "I'm sorry, but as an AI language model I cannot help with that request.",
        "I can't help with that.",
        "I CANNOT ASSIST WITH THIS REQUEST.",
        "I cant help you with that",
        "**I’m sorry, but I can’t assist with that.**",
        "🙏 Sorry, I can't do that.",
        "As an AI developed by a company, I am not able to provide instructions for this.",
        "I must respectfully decline.",
        "I refuse to answer this question.",
        "I'd rather not say.",
        "I'm not comfortable writing that kind of content.",
        "I won't provide any information on this.",
        "Thank you for asking. Unfortunately, I'm unable to fulfill this request.",
        "Sorry, I'm not allowed to tell you that.",
        "I'm afraid I can't do that.",
        "This request goes against my guidelines, so the answer is no.",
        "It would be unethical for me to write this.",
        "No, I cannot aid you in breaking into a car.",
        "Assistant: I cannot provide instructions for that.",
        "I understand that this matters to you, but I can't give out personal information.",
        "I'm sorry, but I can't.",
        "“Happy” is a fine word. I can't help with that, though.",
    ],
    "de": [
        "Ich kann dabei nicht helfen.",
        "Es tut mir leid, aber ich kann Ihnen diese Informationen nicht geben und dabei nicht behilflich sein.",
        "Leider kann ich diese Frage nicht beantworten.",
        "Ich bin nicht in der Lage, diese Anfrage zu erfüllen.",
        "Das kann ich leider nicht beantworten.",
    ],
    "fr": [
        "Je suis désolé, mais je ne peux pas vous aider avec cette demande.",
        "Désolée, je ne peux pas répondre à cette question.",
        "Je ne suis pas en mesure de fournir ces informations.",
        "Je dois refuser cette demande.",
    ],
    "es": [
        "Lo siento, pero no puedo ayudarte con eso.",
        "No puedo proporcionar esa información.",
        "Lamento decirle que no me es posible responder a esa pregunta.",
    ],
    "pt": ["Desculpe, mas não posso ajudar com isso.", "Não posso fornecer essas informações."],
    "it": ["Mi dispiace, ma non posso aiutarti con questa richiesta.", "Non sono in grado di fornire queste informazioni."],
    "ru": ["Извините, но я не могу помочь с этим.", "К сожалению, я не могу предоставить эту информацию."],
    "zh": ["抱歉，我无法提供这方面的帮助。", "对不起，我不能回答这个问题。", "很抱歉，我無法協助您完成這個請求。", "我无法为您提供此类信息。"],
    "ja": ["申し訳ありませんが、その質問にはお答えできません。", "申し訳ございませんが、ご提供できません。", "そのようなご依頼はお断りします。"],
    "ar": ["عذراً، لا أستطيع مساعدتك في ذلك.", "آسف، لا يمكنني تقديم هذه المعلومات.", "أعتذر، ولكن لا يمكنني الإجابة على هذا السؤال."],
    "hi": ["क्षमा करें, मैं इसमें आपकी मदद नहीं कर सकता।", "माफ़ करें, मैं इस सवाल का जवाब नहीं दे सकती।", "मुझे खेद है, लेकिन मैं यह जानकारी नहीं दे सकता।"],
    "ko": ["죄송하지만 도와드릴 수 없습니다.", "죄송합니다. 그 요청에는 응할 수 없습니다."],
}  # fmt: skip
SELF_REFERENCES = {
    "en": ["As an AI language model, I have no taste.", "I'm ChatGPT.", "As of my last update, it was so.", "I am just an AI."],
    "de": ["Als KI-Sprachmodell habe ich keine Meinung.", "Ich bin ein Sprachmodell."],
    "fr": ["En tant qu'intelligence artificielle, je n'ai pas d'avis.", "En tant que modèle de langage, je lis."],
    "es": ["Como modelo de lenguaje, no tengo opiniones.", "Soy una inteligencia artificial."],
    "pt": ["Como um modelo de linguagem, não tenho opiniões."],
    "it": ["In quanto intelligenza artificiale, non ho opinioni."],
    "ru": ["Как языковая модель, я не имею мнения."],
    "zh": ["作为一个人工智能语言模型，我没有情感。", "我是一个语言模型。"],
    "ja": ["AI言語モデルとして、私には感情がありません。", "私はAIです。"],
    "ar": ["كنموذج لغوي، ليس لدي مشاعر.", "بصفتي نموذج ذكاء اصطناعي، لا مشاعر لدي."],
    "hi": ["एक एआई भाषा मॉडल के रूप में, मेरी कोई भावना नहीं है।"],
    "ko": ["저는 AI 언어 모델입니다.", "AI 언어 모델로서 감정이 없습니다."],
}  # fmt: skip
NEITHER = [
    "I can't help but smile when I think of you.",
    "I can't help noticing that you are late.",
    "I couldn't help laughing.",
    "I'm sorry for your loss.",
    "I'm so sorry to hear that! Here are a few things that may help.",
    "I cannot recommend this book enough.",
    "I cannot thank you enough for the help.",
    "I'm sorry, but your card was declined. Please try another one.",
    "I'm sorry, but the store closes at six.",
    "I can't tell you how happy I am.",
    "I can't believe it.",
    "I can't wait to help you with that!",
    "I won't lie: it was hard.",
    "Sorry, what do you mean by that?",
    "Sorry, I'm not sure what you are asking.",
    "I'm sorry, I can't make it tonight.",
    "You can't help with that.",
    "She said she can't help with that.",
    '"I can\'t help with that," said the clerk and closed the window.',
    "“I'm sorry, but I can't assist with that,” the robot said.",
    "Dear Tom,\n\nI'm sorry, but I can't help with the move on Saturday.\n\nYours, Ann",
    "Subject: Your request\n\nUnfortunately, I am unable to assist with this claim.",
    "Agent: I'm sorry, but I can't help with that.\nCustomer: Why not?",
    "He declined the offer, and she refused to answer.",
    "As an AI engineer, I build models.",
    "As a model of virtue, she gave.",
    "The language model is small.",
    "An AI assistant.",
    "I am a teacher.",
    "„Dabei kann ich nicht helfen“, sagte die Frau.",
    "« Je ne peux pas vous aider », dit-il.",
    "「お手伝いできません」と彼は言った。",
    "Whether I can't help with that is for the court to say.",
    "Ich kann nicht anders, als zu lächeln.",
    "Es tut mir leid für Ihren Verlust.",
    "Ich kann dieses Buch nicht genug empfehlen.",
    "Es tut mir leid, aber Ihre Karte wurde abgelehnt.",
    "Je ne peux pas m'empêcher de sourire.",
    "Je suis désolé pour votre perte.",
    "No puedo evitar sonreír.",
    "Lo siento mucho por su pérdida.",
    "Non posso fare a meno di ridere.",
    "Не могу не улыбнуться.",
    "抱歉，您的卡被拒绝了。",
    "我忍不住笑了。",
    "对不起，我迟到了。",
    "申し訳ありませんが、お客様のカードはご利用できません。",
    "すみません、遅れました。",
    "عذراً على التأخير.",
    "لا أستطيع أن أتوقف عن الابتسام.",
    "क्षमा करें, मुझे देर हो गई।",
    "죄송합니다, 늦었습니다.",
    "",
    " \n ",
]
ALL = [(language, "refusal", text) for language, texts in REFUSALS.items() for text in texts] + [
    (language, "self_reference", text) for language, texts in SELF_REFERENCES.items() for text in texts
]


@pytest.mark.parametrize(("language", "kind", "text"), ALL)
def test_a_phrase_is_known_with_its_language_and_kind(language: str, kind: str, text: str) -> None:
    phrase = refusal_in(text)
    assert phrase is not None
    assert (phrase.language, phrase.kind) == (language, kind)
    assert 0 <= phrase.start < phrase.end <= len(text)


@pytest.mark.parametrize("text", NEITHER)
def test_what_only_sounds_like_it_is_neither(text: str) -> None:
    assert refusal_in(text) is None


@pytest.mark.parametrize("text", [text for _, _, text in ALL])
def test_whatever_is_found_has_a_trigger(text: str) -> None:
    assert may_refuse(text)
    assert any(re2.search(trigger, text) for trigger in REFUSAL_TRIGGERS)


@pytest.mark.parametrize("mark", ["'", "’", "ʼ", "`"])
def test_any_apostrophe_will_do(mark: str) -> None:
    assert refuses(f"I{mark}m sorry, but I can{mark}t help with that.")


def test_advice_that_is_declined_and_then_given_is_no_refusal() -> None:
    given_anyway = "In general a contract needs an offer, an acceptance and something in return. " * 3
    assert not refuses("I can't give legal advice, but " + given_anyway)
    assert refuses("I can't give legal advice, but I can help you find a lawyer. If you like, tell me where you live.")


def test_a_refusal_counts_at_the_beginning_and_at_the_end_only() -> None:
    story = "The road went up the hill and the rain came down. " * 40
    refusal = "I cannot assist with that request. "
    assert refuses(refusal + story)
    assert refuses(story + refusal)
    assert not refuses(story + refusal + story)


def test_a_refusal_after_self_reference_is_a_refusal() -> None:
    phrase = refusal_in("As an AI language model, I have read a lot. I cannot help you with this task.")
    assert phrase is not None
    assert phrase.kind == "refusal"


def test_self_reference_beside_a_refusal_is_found_by_itself() -> None:
    phrase = self_reference_in("I'm sorry, but as an AI language model I cannot help with that.")
    assert phrase is not None
    assert phrase.kind == "self_reference"
    assert self_reference_in("I can't help with that.") is None


@given(st.text(alphabet=st.characters(codec=None), max_size=900))
def test_any_text_is_taken(text: str) -> None:
    phrase = refusal_in(text)
    assert phrase is None or (0 <= phrase.start < phrase.end <= len(text) and may_refuse(text))


@given(st.sampled_from([text for _, _, text in ALL]), st.text(max_size=40), st.text(max_size=40))
def test_offsets_lie_in_the_text_whatever_stands_around(phrase: str, before: str, after: str) -> None:
    text = f"{before}\n{phrase}\n{after}"
    seen = refusal_in(text)
    assert seen is None or (text[seen.start : seen.end].strip() and may_refuse(text))


@pytest.mark.parametrize("piece", ["a", "I can't ", "sorry, ", "\n", '"', "抱歉，", "i am an ai ", "\ud800"])
def test_ten_megabytes_cost_no_more_than_their_beginning_and_end(piece: str) -> None:
    refusal_in(piece * (10_000_000 // len(piece)))
    assert HEAD + TAIL == 900
