"""The wording of orders to a model, by kind and language, as RE2 patterns. Searches nothing."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias, get_args

Kind: TypeAlias = Literal[
    "override", "jailbreak", "prompt_leak", "concealment", "false_turn", "exfiltration", "addressed", "hidden"
]
ANY_LANGUAGE: Final = "und"
"""ISO 639-2 for a language that is not determined."""


class Wording(NamedTuple):
    """One way of giving one kind of order: ``pattern`` is RE2, without regard to case."""

    kind: Kind
    language: str
    pattern: str


_PARTS: Final = r"""
<OF> (?:(?:any|all|every|each|the|your|my|our|of|these|those|previous|previously|prior|above|preceding|earlier|foregoing|initial|original|existing|system|safety|given|ethical|content|other|and|or|past|last|developer|security|internal|full|entire|exact|whole|complete|hidden|secret)[\s,]+)
<BEFORE> (?:previous|prior|above|preceding|earlier|foregoing|initial|original|system|your|developer|safety|past|existing)
<ORDERS> (?:instructions?|prompts?|directions?|guidelines|guidance|rules|commands?|directives?|orders|programming|training|restrictions|constraints|policies|filters|safeguards)
<PROMPT> (?:system\s+(?:prompt|message|instructions?)|(?:initial|hidden|original|secret|internal|confidential|developer)\s+(?:instructions?|prompt)|pre-?prompt)
<WORDS> (?:[^\s.!?;]+\s+)
<PRIVATE> (?:conversation|chat|history|messages?|api[ _-]?keys?|passwords?|credentials?|secrets?|tokens?|system prompt|cookies?|user(?:'s)? (?:data|details|information|emails?|files?)|personal (?:data|details|information)|environment variables)
"""  # noqa: E501
"""What patterns share: a name and what it stands for on each line."""
_PATTERNS: Final = r"""
override en \b(?:ignore|ignoring|disregard|disregarding|forget|override|bypass|discard|stop\s+following|(?:do\s+not|don't)\s+follow)\s+(?:about\s+)?<OF>{0,4}<BEFORE>\s+<OF>{0,3}<ORDERS>\b
override en \b(?:ignore|disregard|forget)\s+(?:everything|anything|all|what)\s+(?:(?:that|you|i|we|i've|you've|was|were|have|been|is|said|told|written|mentioned|to)\s+){0,6}(?:above|before this|before|previously|until now|so far|up to now)\b
override en \b(?:ignore|disregard)\s+(?:all\s+)?(?:of\s+)?the\s+(?:above|foregoing|preceding)(?:\s+(?:and|instructions|directions|prompt)\b|\s*[.;:!])
override de \b(?:ignorier\w*|vergiss|vergessen\s+sie|missachte\w*|überschreibe\w*)\s+<WORDS>{0,3}(?:vorherigen|vorigen|bisherigen|obigen|früheren|vorangegangenen|vorstehenden|vorhergehenden|ursprünglichen|deine|ihre)\s+<WORDS>{0,2}(?:anweisung|instruktion|anleitung|befehl|vorgabe|regel|system-?prompt|eingabe|prompt)
override fr \b(?:ignore[rzs]?|oublie[rzs]?|néglige[rz]?|ne\s+(?:tiens|tenez)\s+pas\s+compte\s+de|fais\s+abstraction\s+de|faites\s+abstraction\s+de)\s+<WORDS>{0,4}(?:instructions?|consignes?|directives?|règles?|ordres?)\s+(?:qui\s+)?(?:précéd|antérieur|ci-dessus|initial|système|du\s+système|que\s+tu|données)
override es \b(?:ignor\w+|olvid\w+|descart\w+|omit\w+|haz\s+caso\s+omiso\s+de|haga\s+caso\s+omiso\s+de)\s+<WORDS>{0,4}(?:instrucciones|indicaciones|órdenes|reglas|directrices)\s+(?:anteriores|previas|de\s+arriba|iniciales|del\s+sistema|precedentes|recibidas|que\s+te)
override pt \b(?:ignor\w+|esque[çc]\w+|desconsider\w+)\s+<WORDS>{0,4}(?:instruções|orientações|ordens|regras|diretrizes)\s+(?:anteriores|prévias|acima|iniciais|do\s+sistema)
override it \b(?:ignora\w*|dimentica\w*|trascura\w*)\s+<WORDS>{0,4}(?:istruzioni|indicazioni|regole|direttive)\s+(?:precedenti|sopra|iniziali|di\s+sistema|ricevute)
override ru (?:игнориру\S*|забудь\S*|проигнорируй\S*|не\s+следуй\S*)\s+<WORDS>{0,3}(?:предыдущ\S+|прежн\S+|вышеуказанн\S+|исходн\S+|сво\S+)\s+<WORDS>{0,2}(?:инструкци|указани|правил|команд)
override zh (?:忽略|无视|無視|忽視|忘记|忘掉|忘記|不要理会|不用理会|抛弃|不要遵守)[^。！？\n]{0,12}(?:之前|以前|以上|上述|先前|前面|此前|上面|你的|原有|原来)[^。！？\n]{0,10}(?:指令|指示|说明|提示|规则|規則|命令|设定|設定|限制)
override ja (?:これまで|今まで|以前|以上|上記|前述|前|先ほど|元)の[^。！？\n]{0,12}(?:指示|命令|指令|ルール|プロンプト|制約)[^。！？\n]{0,8}(?:無視|忘れ|破棄|従わない)
override ko (?:이전|앞선|위의|기존|지금까지의)[^.!?\n]{0,12}(?:지시|명령|지침|규칙|프롬프트)[^.!?\n]{0,8}(?:무시|잊어|따르지)
override ar (?:تجاهل|تجاهلي|انس|انسَ|تجاوز|لا تتبع)\s[^.!؟\n]{0,20}(?:(?:التعليمات|الأوامر|القواعد|التوجيهات|الإرشادات)[^.!؟\n]{0,12}(?:السابقة|أعلاه|الأصلية|المذكورة)|تعليماتك)
override hi (?:पिछले|पिछली|पहले|ऊपर|पूर्व|उपरोक्त|अपने)[^।.!?\n]{0,25}(?:निर्देश|आदेश|नियम)[^।.!?\n]{0,20}(?:अनदेखा|अनदेखी|नज़रअंदाज|नज़रअंदाज़|नजरअंदाज|भूल|उपेक्षा|इग्नोर)
override it \b(?:ignora\w*|dimentica\w*)\s+<WORDS>{0,3}precedenti\s+(?:istruzioni|indicazioni|regole|direttive)
override nl \b(?:negeer|vergeet)\s+<WORDS>{0,3}(?:vorige|voorgaande|eerdere|bovenstaande)\s+<WORDS>{0,2}(?:instructies|aanwijzingen|opdrachten|regels)
override pl \b(?:zignoruj|ignoruj|zapomnij|pomiń)\w*\s+<WORDS>{0,3}(?:poprzedni|wcześniejsz|powyższ)\w*\s+<WORDS>{0,2}(?:instrukcj|polece|wskazów|zasad)
override tr (?:önceki|yukarıdaki)\s+<WORDS>{0,2}(?:talimat|komut|yönerge|kural)\S*\s+<WORDS>{0,2}(?:yok\s+say|görmezden\s+gel|unut|dikkate\s+alma|göz\s+ardı)
override en \b[i1!|]gn[o0]r[e3]\s+(?:[a4@]ll\s+)?(?:th[e3]\s+|y[o0]ur\s+)?pr[e3]v[i1!|][o0]us\s+[i1!|]nstruct[i1!|][o0]ns\b
override en \bi[\s._*-]g[\s._*-]n[\s._*-]o[\s._*-]r[\s._*-]e[\s._*-]{1,4}(?:a[\s._*-]l[\s._*-]l[\s._*-]{1,4})?(?:t[\s._*-]h[\s._*-]e[\s._*-]{1,4})?p[\s._*-]r[\s._*-]e[\s._*-]v[\s._*-]i[\s._*-]o[\s._*-]u[\s._*-]s\b
override und \[\s*system\s+override\s*\]
jailbreak en \byou(?:'re|\s+are)\s+now\s+(?:going\s+to\s+(?:be|act\s+as)\s+)?(?:an?\s+|the\s+)?[\"'“]?(?:DAN\b|in\s+(?:developer|god|debug|jailbreak|dan|admin|maintenance|unrestricted)\s+mode|(?:unrestricted|unfiltered|uncensored|jailbroken|unbound|amoral|unethical)\b)
jailbreak en \b(?:acts?|pretend|roleplay)\s+(?:as|to\s+be)\s+[\"'“]?DAN\b|\bdo\s+anything\s+now\b
jailbreak en \b(?:developer|god|jailbreak|dan)\s+mode\s+(?:enabled|activated|unlocked|engaged)\b|\b(?:enable|activate|enter|switch\s+to)\s+(?:developer|jailbreak|dan|god)\s+mode\b
jailbreak en \b(?:pretend|act\s+as\s+if|imagine|answer\s+as\s+if|respond\s+as\s+if)\s+(?:that\s+)?you\s+(?:have|had|are\s+(?:not\s+)?|aren't|do\s+not\s+have|don't\s+have|were\s+not)\s*(?:no|any|bound\s+by|free\s+(?:of|from)|without)\s+<WORDS>{0,4}(?:restrictions|limitations|guidelines|rules|filters|ethic\w*|moral\w*|censorship)\b
jailbreak en \byou\s+(?:are\s+no\s+longer|are\s+not|aren't)\s+(?:bound|restricted|limited|constrained)\s+by\s+<WORDS>{0,4}(?:restrictions|limitations|guidelines|rules|filters|policies|ethic\w*|openai\w*|anthropic\w*)
jailbreak de \bdu\s+bist\s+(?:jetzt|nun|ab\s+jetzt|ab\s+sofort)\s+(?:DAN\b|im\s+entwicklermodus|uneingeschränkt|unzensiert)
jailbreak fr \btu\s+es\s+(?:maintenant|désormais)\s+(?:DAN\b|en\s+mode\s+développeur|sans\s+(?:restriction|filtre|limite))
jailbreak es \b(?:ahora\s+eres|eres\s+ahora|a\s+partir\s+de\s+ahora\s+eres)\s+(?:DAN\b|una?\s+ia\s+sin\s+(?:restricciones|filtros|límites))
jailbreak zh (?:你现在是|从现在起你是|從現在起你是|你將扮演|你将扮演)[^。！？\n]{0,8}(?:DAN|没有(?:任何)?限制|不受(?:任何)?限制|开发者模式)
jailbreak ja (?:あなたは(?:今|これ)から|今からあなたは|あなたは今)[^。！？\n]{0,12}(?:DAN|制限のない|無制限|開発者モード)
jailbreak ar أنت الآن\s[^.!؟\n]{0,15}(?:DAN|بدون قيود|بلا قيود|وضع المطور)
jailbreak hi (?:अब (?:आप|तुम)|(?:आप|तुम) अब)[^।.!?\n]{0,15}(?:DAN|बिना किसी (?:प्रतिबंध|सीमा)|डेवलपर मोड)
prompt_leak en \b(?:reveal|show|print|repeat|output|display|leak|disclose|tell|give|share|expose|recite|dump|write\s+out|return)\s+(?:me\s+|us\s+|back\s+|out\s+)?<OF>{1,4}<PROMPT>
prompt_leak en \b(?:repeat|print|output|recite)\s+(?:back\s+)?(?:all\s+(?:of\s+)?)?the\s+(?:words|text|sentences|instructions)\s+above\b
prompt_leak en \b(?:repeat|print|output|recite|reproduce)\s+(?:back\s+|verbatim\s+)?(?:everything|all\s+(?:of\s+)?the\s+text)\s+(?:that\s+is\s+|that\s+was\s+|written\s+)?above\b
prompt_leak pt \b(?:revel\w*|mostr\w*|repit\w*|repet\w*|imprim\w*|diga\w*)\s+<WORDS>{0,4}(?:prompt\s+(?:do\s+sistema|inicial|oculto)|instruções\s+(?:do\s+sistema|ocultas|iniciais)|mensagem\s+d[eo]\s+sistema)
prompt_leak it \b(?:rivel\w*|mostr\w*|ripet\w*|stamp\w*|dimmi)\s+<WORDS>{0,4}(?:prompt\s+(?:di\s+sistema|iniziale|nascosto)|istruzioni\s+(?:di\s+sistema|nascoste|iniziali)|messaggio\s+di\s+sistema)
prompt_leak nl \b(?:toon|onthul|herhaal|geef|laat)\s+<WORDS>{0,4}(?:systeemprompt|systeembericht|systeeminstructies|verborgen\s+instructies)
prompt_leak pl \b(?:pokaż|ujawnij|powtórz|wypisz|podaj)\s+<WORDS>{0,4}(?:prompt\w*\s+systemow|instrukcj\w*\s+systemow|ukryt\w*\s+instrukcj|komunikat\w*\s+systemow)
prompt_leak tr (?:sistem\s+(?:istem|prompt|mesaj|talimat)|gizli\s+talimat)\S*\s+<WORDS>{0,2}(?:göster|açıkla|tekrarla|yaz|paylaş|söyle)
prompt_leak ru (?:покажи|раскрой|выведи|повтори|напечатай|назови|сообщи)\S*\s+<WORDS>{0,4}(?:системн\S+\s+(?:промпт|инструкци|сообщени|подсказк)|скрыт\S+\s+инструкци|начальн\S+\s+инструкци)
prompt_leak de \b(?:zeig\w*|verrate\w*|gib\w*|nenne\w*|wiederhole\w*|offenbare\w*)\s+<WORDS>{0,3}(?:system-?prompt|systemnachricht|systemanweisung|versteckten\s+anweisung)
prompt_leak fr \b(?:révèle\w*|montre\w*|affiche\w*|donne\w*|répète\w*|divulgue\w*)\s*(?:-moi)?\s+<WORDS>{0,3}(?:prompt\s+(?:système|initial|caché)|instructions\s+(?:système|cachées|initiales)|message\s+système)
prompt_leak es \b(?:revela\w*|muestra\w*|muéstra\w*|imprime\w*|dime|repite\w*|divulga\w*)\s+<WORDS>{0,3}(?:prompt\s+(?:del?\s+sistema|inicial|oculto)|instrucciones\s+(?:del?\s+sistema|ocultas|iniciales)|mensaje\s+del?\s+sistema)
prompt_leak zh (?:显示|顯示|告诉我|输出|輸出|透露|泄露|打印|重复|公开)[^。！？\n]{0,8}(?:系统提示|系統提示|系统指令|初始指令|隐藏指令|系统消息)
prompt_leak ja (?:システムプロンプト|システムメッセージ|初期プロンプト|隠された指示|内部の?指示)を?[^。！？\n]{0,8}(?:表示|教え|出力|公開|見せ|明かし|開示)
prompt_leak ar (?:اكشف|أظهر|اعرض|اطبع|أخبرني|كرر)\s[^.!؟\n]{0,15}(?:موجه النظام|تعليمات النظام|رسالة النظام|التعليمات المخفية|مطالبة النظام)
prompt_leak hi (?:सिस्टम प्रॉम्प्ट|सिस्टम निर्देश|छिपे निर्देश|गुप्त निर्देश)[^।.!?\n]{0,15}(?:दिखा|बता|प्रकट|प्रिंट|दोहरा|उजागर)
concealment en \b(?:do\s+not|don't|never|without)\s+(?:tell(?:ing)?|inform(?:ing)?|alert(?:ing)?|notify(?:ing)?|let(?:ting)?|(?:mention|reveal|disclose|show|explain)(?:ing)?\s+(?:this|it|that|these\s+instructions)\s+to)\s+(?:the\s+)?(?:end\s+)?users?\b
concealment de \b(?:sag\w*|erzähl\w*|verrate\w*|teile?\w*)\s+(?:es\s+|das\s+|davon\s+|dies\s+)?(?:dem|der)\s+(?:be)?nutzer(?:in)?\s+(?:nichts|nicht|davon\s+nichts|kein\s+wort)
concealment fr \bn[e'](?:\s*en)?\s*(?:dis|dites|parle|parlez|informe|informez|préviens|prévenez|mentionne|mentionnez)\s+(?:rien|pas)\s+(?:cela\s+|ceci\s+)?(?:à\s+)?l['’]utilisat
concealment es \bno\s+(?:se\s+)?(?:le\s+|lo\s+)?(?:digas|diga|informes|informe|menciones|mencione|avises|avise|reveles|revele)\s+(?:nada\s+|esto\s+|de\s+esto\s+)?al?\s+usuari
concealment pt \bnão\s+(?:diga|conte|informe|mencione|avise|revele)\s+(?:nada\s+|isso\s+|isto\s+)?(?:ao|a|para\s+o)\s+usu[áa]ri
concealment it \bnon\s+(?:dire|dirlo|informare|menzionare|avvisare|rivelare)\s+(?:nulla\s+|niente\s+|questo\s+)?(?:al)?l?['’]?\s?utente
concealment nl \b(?:vertel|zeg|meld)\s+(?:dit\s+|het\s+)?(?:niet|niets)\s+(?:aan\s+)?de\s+gebruiker|\b(?:vertel|zeg|meld)\s+(?:het\s+|dit\s+)?(?:aan\s+)?de\s+gebruiker\s+(?:niets|niet)
concealment pl \bnie\s+(?:mów|informuj|wspominaj|ujawniaj)\s+(?:o\s+tym\s+|tego\s+|nic\s+)?użytkownik
concealment ru не\s+(?:говори\S*|сообщай\S*|рассказывай\S*|упоминай\S*)\s+(?:об\s+этом\s+|этого\s+|ничего\s+)?пользовател
concealment zh (?:不要|别|不得|切勿|不能|請勿|请勿)(?:把这|将此|将这|把此)?[^。！？\n]{0,6}(?:告诉|告訴|告知|通知|透露给|泄露给)(?:给)?用[户戶]
concealment ja ユーザーに?(?:に|へ)は?[^。！？\n]{0,8}(?:言わない|伝えない|知らせない|教えない|話さない|言うな|伝えるな|知らせるな)
concealment ar (?:لا|دون أن|بدون أن) (?:تخبر|تُخبر|تبلغ|تعلم|تذكر هذا) (?:ل)?المستخدم
concealment hi (?:उपयोगकर्ता|यूज़र|यूजर) (?:को|से) [^।.!?\n]{0,15}(?:मत बता|न बता|नहीं बता|मत कह|न कह|सूचित न)
false_turn und (?:^|\n)[ \t>]*(?:#{1,4}|\*\*|\[|<)?[ \t]?(?:system|developer|admin|new)(?:[ \t]+(?:prompt|message|override|instructions?|note|update|command|notice))?[ \t]?(?:\*\*[ \t]?:|\][ \t]?:?|>|:\*\*|:)[^\n]*\n?[^\n]*\b(?:you|ignore|disregard|always|never|must|respond|assistant|reveal|send|execute|forget)\b
false_turn und (?:#{2,}|={3,}|-{3,})\s*end\s+of\s+(?:the\s+)?(?:document|context|text|data|input|prompt|page|e?mail|message)\s*(?:#{2,}|={3,}|-{3,})?\s[^\n]*\b(?:you|ignore|disregard|always|never|must|respond|assistant|reveal|send|execute|forget|now|new)\b
exfiltration en \b(?:send|post|forward|upload|transmit|exfiltrate|leak|e?mail|submit|append|deliver)\s+<WORDS>{0,6}<PRIVATE>\s+<WORDS>{0,6}to:?\s+<WORDS>{0,3}(?:https?://|[\w.+-]+@[\w-]+\.)
exfiltration und !\[[^\]\n]*\]\(https?://[^)\s]+[?&][^)\s=]+=(?:\{|%7B|<|\[|\$\{|[A-Z]+_[A-Z_]+\))
exfiltration und (?:schick\w*|sende\w*|envoie\w*|envoy[ez]+|envía\w*|enviar|manda\w*|发送|傳送|发到|送信|أرسل|भेज)[^.。!！?\n]*(?:gespräch|unterhaltung|verlauf|passw[oö]rt|conversation|historique|mots?\s+de\s+passe|conversación|historial|contraseña|对话|聊天记录|密码|会話|履歴|パスワード|المحادثة|كلمة المرور|बातचीत|पासवर्ड)[^.。!！?\n]*https?://
exfiltration und (?:gespräch|conversation|conversación|对话|聊天记录|密码|会話|履歴|パスワード|المحادثة|كلمة المرور|बातचीत|पासवर्ड)[^.。!！?\n]*https?://[^\s]+\s?(?:へ|に|पर|को|中|上)?\s?(?:发送|送信|भेज)
addressed en \b(?:attention|important|note|notice|message|instructions?)\b[\s:,!*]*(?:to|for)?\s*(?:all\s+|any\s+|the\s+)?(?:ai|llm|large\s+language|language)[\s-]*(?:assistants?|models?|agents?|systems?)\b[^.\n]*\b(?:must|should|please|ignore|always|respond|say|include|do\s+not|reading|recommend|rate|give)\b
addressed en \bif\s+you(?:'re|\s+are)\s+(?:an?\s+)?(?:ai|llm|large\s+language\s+model|language\s+model|chatbot)\b[^.\n]*\b(?:read|process|summari[sz]|review|evaluat|crawl|must|ignore|include|recommend)
"""  # noqa: E501
"""On each line the kind, the language and the pattern."""


def wordings() -> tuple[Wording, ...]:
    """All of them, in the order of the table."""
    parts = [line.split(" ", 1) for line in _PARTS.strip().splitlines()]
    found: list[Wording] = []
    for line in _PATTERNS.strip().splitlines():
        kind, language, pattern = line.split(" ", 2)
        for name, stands_for in parts:
            pattern = pattern.replace(name, stands_for)
        found.append(Wording(_KINDS[kind], language, pattern))
    return tuple(found)


_KINDS: Final[dict[str, Kind]] = {kind: kind for kind in get_args(Kind)}
