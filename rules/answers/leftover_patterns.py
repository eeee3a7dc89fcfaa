"""The patterns of what programs and templates leave in answers, and of prompts that ask for such things.

The words were chosen by hand; no list was copied. Own work.
"""

# ruff: noqa: E501 - a pattern is read as one line

from __future__ import annotations

import re
from typing import Final

OBJECT: Final = re.compile(r"\[object (?:Object|Undefined|Array|Promise|Null)\]")
ABOUT_ERRORS: Final = re.compile(
    r"error|exception|server|requests|traceback|crash|fail|bug|debug|log\b|stack|status code|http|\b[45]\d\d\b|fehler"
    r"|erreur|excepci|错误|报错|エラー|خطأ|त्रुटि|ошибк|javascript|\bjs\b"
    r"|output of|what (?:does|will|is) .{0,40}print|prints?\b|api\b|limit|return"
    r"|translat|übersetz|tradui|traduc|tradur|翻译|翻譯|翻訳|ترجم|अनुवाद|перевед|classif|categori|label|intent\b|which of"
    r"|\bwhat (?:do|does|did|will|would|is|are|was)\b.{0,60}\b(?:sees?|seen|shows?|shown|display|displayed|say|says|said|called"
    r"|means?|read|reads|appears?)\b|\b(?:joke|pun)\b",
    re.IGNORECASE,
)
ABOUT_VALUES: Final = re.compile(
    r"slope|vertical|tangent|asymptot|fraction|equation|gradient|steigung|domain of|\b(?:wie ?viele?|was ist|welche|minus|ergebnis"
    r"|berechne|rechne|summe|punktestand|uhr|grad)\b|undefined|null|nan\b|none|nil\b|javascript|python|json|print|output|code|value|return|divi|sql|type|infinity",
    re.IGNORECASE,
)
ABOUT_TEMPLATES: Final = re.compile(
    r"template|placeholder|jinja|mustache|handlebars|liquid|vue|angular|django|variable|format|fill[- ]in"
    r"|boilerplate|generic|sample|example|draft|letter|e-?mail|html|latex|code|script"
    r"|function|render|regex|yaml|helm|ansible|prompt|github action|workflow|message|invoice|contract"
    r"|form\b|vorlage|platzhalter|brief|modèle|lettre|plantilla|carta|modelo"
    r"|模板|信|邮件|テンプレート|手紙|メール|قالب|رسالة|टेम्पलेट|पत्र|шаблон|письм|lorem|dummy|filler|\{\{|\[[A-Z]",
    re.IGNORECASE,
)
API_ERROR: Final = re.compile(
    r"\s*(?:(?:\{\s*\"error\"\s*:)|(?:(?:openai|anthropic|api|http|server|request|client|runtime"
    r"|network|connection|timeout|internal|requests|urllib3?|aiohttp)[\w. ]{0,30}"
    r"(?:error|exception|timeout)\b[\s:!.(]*)|(?:error|exception|fehler|erreur)\s*[:#(]?\s*(?:code\s*[:=]?\s*)?(?:[45]\d\d"
    r"|\w+(?:error|exception|limit)\b)"
    r"|(?:(?:http )?(?:error )?(?:400 bad request|401 unauthorized|403 forbidden|404 not found|408 request timeout"
    r"|429 too many requests|500 internal server error|502 bad gateway|503 service (?:temporarily )?unavailable"
    r"|504 gateway time-?out))"
    r"|(?:internal server error|bad gateway|service (?:temporarily )?unavailable|gateway time-?out"
    r"|too many requests|rate limit (?:exceeded|reached)|request timed out|connection (?:refused"
    r"|reset|timed out))\b"
    r"|<(?:!doctype html>\s*<)?html[^>]{0,200}>\s*<head>\s*<title>\s*[45]\d\d\b"
    r"|you exceeded your current quota|rate limit reached for|the (?:server|model|engine) is (?:currently )?overloaded"
    r"|that model is currently overloaded|this model['’]s maximum context length"
    r"|(?:something went wrong|an? (?:unexpected |internal |unknown )?error (?:has )?occurr?ed)(?:[.!:]\s*(?:please"
    r"|try|\Z)|\s+(?:while|during|when|processing|generating|in upstream)|\Z)"
    r"|there was an error generating a response|network error\b|upstream (?:connect|request)|invalid api key"
    r"|incorrect api key provided|error in message stream"
    r"|(?:traceback \(most recent call last\)))",
    re.IGNORECASE,
)
EXPLAINS: Final = re.compile(
    r"\b(?:is not|isn['’]t|means?|because|occurs|happens|refers|indicates|stands for|he|she|they|we|i)\b", re.IGNORECASE
)
"""What an answer about an error says after its name, and an error message does not."""
FOREIGN_ERROR: Final = re.compile(
    r"(?:leider |entschuldigung,? )?(?:es |leider )?ist (?:ein|leider ein)(?: \w+)? ?fehler aufgetreten|zeitüberschreitung"
    r"|(?:interner )?(?:server|netzwerk|verbindungs)-?fehler\b"
    r"|(?:désolé, )?une erreur(?: \w+)? (?:s['’]est|est) (?:produite|survenue)|erreur (?:interne|réseau|(?:du )?serveur)"
    r"|(?:ha ocurrido|se ha producido|se produjo|ocurrió) un error|error (?:interno|de red|de conexión|del servidor)"
    r"|(?:网络|網路|网路|系统|系統|服务器|伺服器|内部|请求|連接|连接)(?:错误|錯誤|异常|異常|超时|逾時|繁忙|失败)|出错了|发生(?:了)?错误|發生錯誤"
    r"|(?:ネットワーク|サーバー|内部|システム|通信)?(?:エラーが(?:発生|起き)|エラーです)|タイムアウトしました|問題が発生しました"
    r"|(?:عذرًا|عذرا)?[،,]? ?(?:لقد )?حدث خطأ|خطأ في (?:الشبكة|الخادم|الاتصال)"
    r"|कुछ गलत हो गया|(?:एक )?(?:नेटवर्क |सर्वर )?त्रुटि (?:हुई|आई|हो गई)",
    re.IGNORECASE,
)
"""How error messages of programs begin in German, French, Spanish, Chinese, Japanese, Arabic and Hindi."""
RAISED: Final = re.compile(
    r"(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception)(?:: .{0,200}|\n\s+at [\w.$]+\(.*)?\Z"
    r"|Exception in thread \"|[\w.]+Exception[^\n]{0,200}\n\s+at [\w.$<>]+\("
    r"|\{\s*\"(?:detail|message|status|statusCode|code)\"\s*:\s*(?:\"(?:not found|unauthorized|forbidden|internal (?:server )?error"
    r"|Not Found|Internal Server Error|Too Many Requests|Unauthorized|Forbidden)\"|[45]\d\d\b)",
    re.DOTALL,
)
"""What a program prints for an exception, and what a service answers in JSON."""
TRACEBACK: Final = re.compile(r"Traceback \(most recent call last\)")
FILLER: Final = re.compile(r"[Ll]orem [Ii]psum|LOREM IPSUM|dolor sit amet")
TODO: Final = re.compile(
    r"(?:^|[\s\[(<])(?:TODO|FIXME|TBD)(?:\b(?=[\]):>]|\s*$)|\s?: )|\bto be (?:filled|completed|added) (?:in|later)\b",
    re.MULTILINE,
)
CROSSES: Final = re.compile(r"\bX{3,}\b(?![\w-])|\bXX[-/.]XX|○○+|×{2,}|_{5,}")
MOUSTACHE: Final = re.compile(r"\{\{\{?\s*[#/^>&]?\s*([A-Za-z_][\w.\- ]{0,60}?)(?:\s*\|[^{}\n]{0,80})?\s*\}\}")
TEMPLATE_CODE: Final = re.compile(
    r"<%=?\s*[A-Za-z_][\w.]{0,40}\s*%>|\$\{[A-Za-z_][\w.]{0,40}\}|\[\[[A-Z][A-Z_ ]{1,40}\]\]"
)
NOUN: Final = (
    r"(?:name|names|date|time|year|address|company|organi[sz]ation|title|position|email|e-mail|phone"
    r"|number|city|state|country|location|product|service|amount|price|recipient|sender|signature"
    r"|customer|client|user|username|order|link|url|website|key|token|password|id|text|topic|subject"
    r"|reason|department|school|university|job|role|age|event|item|model|brand|manager|agent|team"
    r"|data|file|path)"
)
BRACKETED: Final = re.compile(
    r"(?<!\!)[\[<](?=([^\[\]<>\n]{2,60})[\]>](?!\())(?:(?:please |insert|add|enter|fill|type|put"
    r"|write|paste|provide)\b[^\[\]<>\n]{0,50}(?:here|in|" + NOUN + r")?"
    r"|(?:your|ihr(?:e|en)?|dein(?:e|en)?|votre|vos|ton|ta|su|sus|tu|tus|seu|sua|il tuo|la tua|il vostro)"
    r"[ _-][^\[\]<>\n.!?,;:]{1,30}"
    r"|(?:customer|client|company|recipient|sender|user|first|last|full|contact|product|order|employee"
    r"|candidate|agent|hiring manager|current|phone|email|street|zip|project|school|event|business)(?:['’]s)?[ _-]?"
    + NOUN
    + r"|name|date|email|company|address|signature|phone(?: number)?|position|recipient|amount|link"
    r"|placeholder|todo|tbd|text here|[a-z ]{0,30}\bgoes here"
    r"|[^\[\]<>\n]{2,40} (?:einfügen|eintragen|einsetzen|ergänzen|eingeben|insérer|insertar)"
    r"|(?:insérez|insérer|indiquez|indiquer|saisir|saisissez|insertar|inserte|introduzca|escriba|inserir|inserisci|inserire"
    r"|вставьте|укажите|введите) [^\[\]<>\n]{2,40}"
    r"|nom|nombre|nome|prénom|datum|fecha|adresse|dirección|имя|фамилия|ваше имя|название [\w ]{1,20})[\]>]",
    re.IGNORECASE,
)
BRACKETED_EAST: Final = re.compile(
    r"[\[【［<](?:(?:请|請)?(?:填写|填入|插入|输入|輸入|在此)[^\[\]【】\n]{0,20}|(?:您|你)的[^\[\]【】\n]{1,12}"
    r"|姓名|日期|公司名称|公司名|客户姓名|名字|あなたの[^\[\]【】\n]{1,12}|お?名前|氏名|会社名|日付"
    r"|ここに[^\[\]【】\n]{1,16}"
    r"|اسمك|اسم [^\[\]\n]{1,20}|التاريخ|أدخل [^\[\]\n]{1,20}|(?:आपका|अपना|यहाँ|यहां)[^\[\]\n]{1,20}"
    r"|नाम|दिनांक)[\]】］>]"
)
SINGLE: Final = re.compile(
    r"(?<![\w{$\\#@^_])\{(?=[a-z_A-Z])((?:customer|client|user|company|first|last|full|your|recipient"
    r"|product|order|agent|employee|insert|my|assistant|bot|model|system|prompt|input|output|context"
    r"|question|answer|response|instruction)"
    r"(?:[_ ][a-zA-Z_ ]{1,30})?|name|date|email|username|city|country|company|amount)\}(?!\w)",
    re.IGNORECASE,
)
CODE: Final = re.compile(
    r"```|</\w+>|;\s*\n|\bdef \w|\bfunction\b|\bclass \w|=>|f[\"']|\.format\(|\\(?:begin|frac)|^\s*(?:import"
    r"|from|const|let|var) ",
    re.MULTILINE,
)


INLINE: Final = re.compile(r"^[ \t]{0,9}```[^\n]*\n.*?(?:^[ \t]{0,9}```|\Z)|`[^`\n]*`", re.MULTILINE | re.DOTALL)

SURE_ERROR: Final = re.compile(
    r"\b(?:4(?:00|01|03|04|08|29)|50[0-4])\b|\"error\"\s*:|internal server error|rate limit (?:exceeded"
    r"|reached)|current quota|too many requests|bad gateway|service (?:temporarily )?unavailable"
    r"|Traceback"
    r"|maximum context length|error generating a response",
    re.IGNORECASE,
)

ASKED: Final = re.compile(r"\b(?:how (?:to|do|can|should)|write|compose|phrases?|scripts?)\b", re.IGNORECASE)

ABOUT_CODE: Final = re.compile(
    r"\b(?:templates?|jinja2?|mustache|handlebars|liquid|vue|angular|django|code|scripts?|html|ya?ml|helm|ansible"
    r"|placeholders?|workflows?|variables?)\b|\{\{",
    re.IGNORECASE,
)
ENGINE: Final = re.compile(
    r"jinja|mustache|handlebars|\bliquid\b|\bvue\b|angular|django|templating|ansible|\bhelm\b|github actions"
    r"|wiki|double curly",
    re.IGNORECASE,
)

FOR_READERS: Final = re.compile(
    r"mad ?libs?|fill in the blanks?|cloze|lückentext|\b(?:write|compose|continue|draft)\b.{0,60}\b(?:play|scene|drama|screenplay|sketch|skit|monologue|dialogue)\b"
    r"|anonymi|redact|\bmask|de-?identif|pseudonym|schwärz|\bpii\b|\bner\b|entit(?:y|ies)|remove (?:all )?(?:the )?(?:names|personal)",
    re.IGNORECASE,
)
"""Prompts that ask for words in brackets: games with blanks, plays, texts of which names are taken out."""

MARKUP: Final = re.compile(
    r"<(?:name|date|address|email|link|title|text|data|id|key|item|time|url|file|path|model|event"
    r"|location|number|product|order|user|username|amount|phone|position|signature|placeholder)>\Z",
    re.IGNORECASE,
)
LETTER: Final = re.compile(
    r"^\W*(?:dear|subject|sincerely|(?:best |kind |warm )?regards|yours|sehr geehrte|liebe|cher|chère"
    r"|madame|estimad|querid"
    r"|prezad|gentile|尊敬的|亲爱的|拝啓)\b",
    re.IGNORECASE | re.MULTILINE,
)
ABOUT_FILLER: Final = re.compile(
    r"lorem|filler|dummy|placeholder|latin|typograph|html|css|template|mock|sample|file|diff", re.IGNORECASE
)
ABOUT_TASKS: Final = re.compile(r"to-?do|task|code|list", re.IGNORECASE)
ABOUT_CROSSES: Final = re.compile(
    r"xxx|roman|porn|kiss|tic|size|super ?bowl|blank|form|mask|redact|censor|anonym|example|phone", re.IGNORECASE
)
