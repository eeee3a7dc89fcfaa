"""What a prompt says when its answer is meant to be in another language: words for translating, names of languages.

Stems in small letters, looked for anywhere in the text. Knows no grammar: a prompt that names a language counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TRANSLATING: Final = (
    "translat", "bilingual", "language", "übersetz", "uebersetz", "sprache", "zweisprachig", "tradui", "traduct",
    "langue", "bilingue", "traduc", "traduz", "idioma", "lengua", "bilingüe", "lingua", "翻译", "翻譯", "译成", "譯成",
    "语言", "語言", "双语", "翻訳", "訳し", "訳せ", "和訳", "英訳", "言語", "外国語", "ترجم", "لغة", "अनुवाद", "भाषा",
    "перевед", "перевод", "язык", "vertaal", "번역", "언어", "tłumacz", "çevir", "terjemah",
    "original", "wortlaut", "原文", "оригинал",
)  # fmt: skip
"""To translate, a language, bilingual, the original: in English, German, French, Spanish, Chinese, Japanese, Arabic,
Hindi and some others."""

_NAMES: Final[Mapping[str, str]] = {
    "en": "english englisch anglais inglés ingles inglese inglês 英语 英語 英文 الإنجليزية "
    "الانجليزية अंग्रेज़ी अंग्रेजी английск engels 영어",
    "de": "german deutsch allemand alemán aleman tedesco alemão 德语 德語 德文 ドイツ語 "
    "الألمانية जर्मन немецк duits 독일어",
    "fr": "french französisch franzoesisch français francais francés frances francese 法语 法語 "
    "法文 フランス語 الفرنسية फ़्रेंच फ्रेंच французск frans 프랑스어",
    "es": "spanish spanisch espagnol español espanol castellano spagnolo 西班牙语 西班牙語 スペイン語 "
    "الإسبانية الاسبانية स्पेनिश испанск spaans 스페인어",
    "zh": "chinese mandarin cantonese chinesisch chinois chino cinese 中文 汉语 漢語 普通话 国语 中国語 "
    "الصينية चीनी китайск chinees 중국어",
    "ja": "japanese japanisch japonais japonés japones giapponese 日语 日語 日文 日本語 اليابانية "
    "जापानी японск japans 일본어",
    "ar": "arabic arabisch arabe árabe arabo 阿拉伯语 アラビア語 العربية अरबी арабск 아랍어",
    "hi": "hindi 印地语 ヒンディー語 الهندية हिंदी हिन्दी хинди 힌디어",
    "it": "italian italienisch italien italiano 意大利语 イタリア語 الإيطالية итальянск",
    "pt": "portuguese portugiesisch portugais portugués português 葡萄牙语 ポルトガル語 البرتغالية португальск",
    "nl": "dutch niederländisch néerlandais holandés nederlands 荷兰语 オランダ語 flemish",
    "ru": "russian russisch russe ruso русск 俄语 ロシア語 الروسية रूसी",
    "ko": "korean koreanisch coréen coreano 韩语 韓国語 한국어 الكورية",
    "tr": "turkish türkisch turc turco türkçe",
    "pl": "polish polnisch polonais polaco polski",
    "sv": "swedish schwedisch suédois sueco svenska",
    "fi": "finnish finnisch finnois suomi suomeksi",
    "da": "danish dänisch danois dansk",
    "no": "norwegian norwegisch norvégien norsk",
    "cs": "czech tschechisch",
    "el": "greek griechisch grec griego ελληνικ",
    "he": "hebrew hebräisch hébreu hebreo עברית",
    "fa": "persian farsi persisch فارسی",
    "ur": "urdu اردو",
    "bn": "bengali bangla বাংলা",
    "vi": "vietnamese tiếng việt",
    "th": "thai ไทย",
    "id": "indonesian bahasa indonesisch",
    "uk": "ukrainian ukrainisch украин україн",
    "ro": "romanian rumänisch română",
    "hu": "hungarian ungarisch magyar",
    "la": "latin lateinisch",
    "ca": "catalan katalanisch català",
    "bg": "bulgarian българск",
    "ta": "tamil தமிழ்",
    "te": "telugu తెలుగు",
    "mr": "marathi मराठी",
    "sw": "swahili kiswahili",
}
NAMES: Final = {language: tuple(names.split()) for language, names in _NAMES.items()}
"""ISO 639-1 -> what the language is called in several languages."""


def asks_for_another(prompt: str, language: str) -> bool:
    """Whether a prompt (with its system prompt) speaks of translating, of languages, or of this one."""
    folded = prompt.casefold()
    return any(word in folded for word in (*TRANSLATING, *NAMES.get(language, ())))
