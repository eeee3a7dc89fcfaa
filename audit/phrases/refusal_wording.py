"""How refusals and self-reference of models are worded, language by language. Patterns and triggers only; where in an
answer they count, and who speaks, is ``refusals``' to tell.

Each refusal is the grammar of a refusal rather than a word of it: who cannot (I, we), what (help, answer, provide), and
for whom or what (that, your request, information). Gathered from the clean-up lists of FastChat (``clean_sharegpt.py``)
and WizardLM, the refusal strings of Zou et al. (2023, "Universal and Transferable Adversarial Attacks", table of test
prefixes), the answers of hh-rlhf, and by hand for the other languages. Straight apostrophes only: the reader folds.
"""

# ruff: noqa: E501, ISC004 - a pattern is read as one line; tuples of patterns, each of several lines

from __future__ import annotations

from typing import Final, NamedTuple


class Wording(NamedTuple):
    """One language's ``Re`` patterns of a refusal and of self-reference, and RE2 literals that any match holds."""

    language: str
    refusal: tuple[str, ...]
    itself: tuple[str, ...]
    triggers: tuple[str, ...]


# ------------------------------------------------------------------ English

_SORRY: Final = (
    r"(?:(?:(?:i|we)(?: am|'?m| are|'re) )?(?:(?:so|very|really|truly|deeply|terribly|just) )*sorry|(?:my )?apologies"
    r"|(?:i|we) (?:do |sincerely |must )*apologi[sz]e|(?:i'?m|i am) afraid|unfortunately|regrettably)"
    r"(?: to say| for (?:the|any) \w+)?[ ,.;:!]*(?:(?:but|however|though|that|and|no)\b,? *)?"
    r"(?:as an? [^.,!?\n]{2,60},? *)?(?:unfortunately,? *)?"
)
_HOW: Final = (
    r"(?:(?: or wo(?:n't|nt)| (?:and|or) (?:will|would|should) not|,? ?(?:really|possibly|ethically|legally|directly"
    r"|currently|just|simply|personally|actually|ever|even|in good (?:conscience|faith)|at this time|safely)))*,?"
)
_CANNOT: Final = (
    r"\b(?:i|we)(?: also| really| just| simply| still| truly)*(?: can(?:'t|not|t| not)"
    r"|(?: am|'m|m| are|'re)(?: really| just| currently| still| also| simply)* (?:not (?:able|allowed|permitted|going"
    r"|willing|prepared|programmed|designed|authori[sz]ed|here|equipped|in a position|supposed)|unable) to"
    r"| wo(?:n't|nt)(?: be able to)?| will not(?: be able to)?|'ll not|'ll never| shouldn't| should not"
    r"| do(?:n't| not) (?:think|believe|feel) (?:that )?i (?:can|could|should)"
    r"| do(?:n't| not) (?:really )?want to| do(?:n't| not) feel comfortable)" + _HOW
)
_GIVE: Final = (
    r"(?:provid|offer|giv|shar|generat|creat|writ|produc|mak|suppl|disclos|reveal|divulg|teach|show|list|compos|draft"
    r"|suggest|tell|recommend|publish|output|explain|describ|giving|discuss)(?:e|y|ing|ying)?"
)
_WHAT: Final = (
    r"(?:information|info|instructions?|guidance|advice|content|details?|steps?|assistance|answers?|response|opinions?"
    r"|recommendations?|directions|help|materials?|jokes?|code|support|images?|tutorials?|recipes?|methods?|suggestions?"
    r"|tips|resources|ideas|data|examples?|speech|language|stories|story|text|strategies|feedback|plans?|guides?|address(?:es)?"
    r"|numbers?|passwords?|how to|how you|such|anything|things? like (?:that|this)|personal|private"
    r"|(?:that|this)(?= *(?:[.,!;]|$)| (?:kind|type|sort|information|content|request|out)\b))"
)
_DEMAND: Final = r"(?:that|this|it|these|those|such|your|any|anything|the (?:task|question|request|rest)|what you(?:'re| are) asking)"
_UNABLE_TO: Final = (
    r"(?:assist(?:ing)?|aid|comply|work with you on|fulfil?l?|accommodate|condone|facilitate|engage (?:in|with)|speak to (?:that|this)|promote|participate in"
    r"|(?:encourage|support|endorse) (?:or|such|this|that|any|illegal|violen\w+|harm\w*|hate\w*))\b",
    r"(?:be )?(?:able to )?help(?:ing)?(?: out| you| with| someone| anyone)*"
    r"(?: (?:with|do|to|by|in|on|get|find|make|plan|create|write|out|there|here|further|your|because|that|this)\b"
    r"(?! the (?:dishes|move|cooking|cleaning|party|event))|[.,;!…]| *$| *\n| you(?= \w)(?! (?:unless|until|without|but|enough|if you (?:do|are))))",
    r"(?:complet|process|perform|answer|respond to|carry out|address|execut|discuss|talk about|speak about"
    r"|comment on|tell you|teach you|show you|advise(?: you)?(?: on)?|help you)(?:e|ing)? (?:"
    + _DEMAND
    + r"|how to|about|where|what)\b"
    r"(?! (?:any ?more|any longer|alone|without you))",
    r"do (?:that|this|anything (?:like|that)|what you)\b(?! (?:any ?more|any longer|alone|without|because (?:he|she)"
    r"|to (?:you|him|her|us|them|me)))",
    r""
    + _GIVE
    + r"(?:,? (?:or|and|nor) \w+)?(?: you| people| anyone| out| up)?(?: with)? (?:[\w'/-]+,? ){0,5}?"
    + _WHAT
    + r"(?!\w)(?! (?:enough|too much|highly enough))",
)
"""What somebody who was asked says that they cannot do, whatever comes before it."""
_ENGLISH_REFUSALS: Final = (
    _CANNOT + rf" (?:{'|'.join(_UNABLE_TO)})",
    r"\b(?:i|we)(?: must|'ll have to| will have to| have to| need to| would have to| am going to have to"
    r"|'m going to have to| am obliged to)?(?: (?:respectfully|politely|regretfully|also|therefore|kindly))* decline\b(?! (?:of|in)\b)"
    r"(?: to (?:help|answer|engage|participate|do|assist|provide|discuss|comply|create|write|generate|give|respond)| *(?:[.,;!]|$)"
    r"| (?:your|this|that|the request))",
    r"\bi (?:must |have to |will |need to )?(?:respectfully |politely )?refuse(?:[.!]| to (?:help|answer|engage|participate"
    r"|do (?:that|this)|assist|provide|discuss|comply|create|write|generate|give you|respond|share|support|take part)\b)",
    r"\bi(?:'d| would) (?:really |much |very much )?(?:rather|prefer) not(?: to)?(?: *(?:[.,!]|$)"
    r"| (?:answer|say|discuss|talk|help|do|give|provide|share|comment|assist|engage|participate|go into)\b)",
    r"\bi(?:'m| am| do(?:n't| not) feel)(?: really| just| very)* (?:not |un)?comfortable (?:with )?(?:that\b|this\b|your|answering"
    r"|discussing|helping|providing|giving|sharing|doing|engaging|assisting|writing|creating|continuing|talking"
    r"|suggesting|recommending|making|participating|saying|telling|supporting|encouraging|the idea|the request)",
    r"\bnot (?:something|a (?:request|topic|question|task)) (?:that )?i(?:'m| am)? (?:can|will|would|could|able|willing"
    r"|comfortable|want|going|should|allowed)\b",
    r"^\W*(?:no, )?(?:that|this),? i (?:can't|cannot|will not|won't) (?:provide|do|help|answer|give|assist|tell)\b",
    r"\bsomething (?:that )?i (?:can't|cannot|won't|am unable to|'m unable to) (?:help|do|assist|discuss|provide|support)\b",
    r"\b(?:against|violat\w+(?: of)?|outside(?: of)?|contrary to|goes beyond|conflicts? with) (?:my (?:programming|guidelines"
    r"|polic\w+|principles|terms|ethic\w*|safety|values|rules|design|core|purpose|training|capabilities|content)"
    r"|(?:our|openai's|anthropic's|the) (?:content|usage|use|community|safety|ethical|ai) (?:polic\w+|guidelines|standards))",
    r"\bmy (?:programming|guidelines|design|policies|principles|rules|ethic\w* guidelines) (?:prevents?|prohibits?|forbids?"
    r"|do(?:es)?(?: not|n't) (?:allow|permit))",
    r"\b(?:inappropriate|unethical|irresponsible|not (?:appropriate|ethical|acceptable|right|okay|ok|safe|responsible)) for"
    r" (?:me|us|an ai[\w ]{0,24}) to\b",
    r"\b(?:it(?:'s| is)|that(?:'s| is)) (?:not possible|impossible) for me to (?:help|assist|provide|answer|give|comply)\b",
    r"^\W*unable to (?:comply|assist|help|answer|respond|process (?:this|that|your) request)\b[^.!\n]{0,40}[.!]?\s*$",
    # Only after an apology.
    _SORRY + _CANNOT + r"(?: *(?:[.!;…]|$)| (?:do|say|discuss|answer|help|assist|support|recommend|suggest|continue|go into|talk about"
    r"|tell|give you|give (?:that|this|out)|advise|encourage|access (?:the|real|ext|your|file|link|web)"
    r"|browse|translate (?:this|that)|open (?:links|files)|view|see (?:images|pictures|photos)|verify)\b(?! (?:but|it\b|myself|\w+ing\b)))"
    r"(?! you (?:unless|until|a refund|money))",
    _SORRY + r"i do(?:n't| not) (?:currently )?have (?:the (?:ability|capability|capacity|capabilities)|(?:direct |any )?access to"
    r" (?:real|the internet|external|current|live|personal|up-to-date|that kind)|(?:any )?(?:real-?time|personal))",
    _SORRY + r"i do(?:n't| not) (?:think|believe|feel) (?:that |this |it )*(?:is|'s|would be|that's|this is)? ?(?:appropriate|right|ethical)\b",
    _SORRY + r"(?:your request|this request|that request|this content|the task|this task|that topic|this topic) (?:is against|violates|goes against"
    r"|involves|cannot be|can't be|is not (?:something|allowed)|may violate|is inappropriate)",
)  # fmt: skip
_ENGLISH_ITSELF: Final = (
    r"\b(?:as|i am|i'm|being|since i am|since i'm|because i am|because i'm)(?: just| only| merely| simply| still| but)? an? "
    r"(?:(?:large|responsible|text-based|virtual|advanced|helpful|mere) )*(?:ai|a\.i\.|artificial intelligence)"
    r"(?:[ -](?:powered|based|language|text|chat|virtual|digital))*(?: (?:model|assistant|system|chatbot|bot|program|tool|chat model))?"
    r"(?= *(?:[,.;:!)—-]|$|\n)| (?:i|i'm|my|it|developed|created|trained|designed|made|built|and|that|without|with no|so|from|named|called)\b)",
    r"\b(?:as|i am|i'm)(?: just| only| merely| simply)? (?:an? )?(?:[a-z]+ )?(?:large |ai )?language model\b",
    r"\bi(?:'m| am) (?:chatgpt|claude\b(?=,? (?:an? )?(?:ai|made|created|by))|bard\b(?=,)|gpt-?\d|gemini, a|an? (?:ai|large) language model|(?:a|an ai) (?:language )?model trained by)",
    r"\bmy (?:knowledge|training) (?:cut-?off|(?:data )?(?:ends|goes up to|was last updated))",
    r"\bas of my (?:last|latest|most recent|knowledge|training)(?: knowledge| training)? (?:update|cut-?off|data)",
    r"\bi(?:'m| am| was) (?:an? [\w -]{0,30})?(?:trained|developed|created|made|built|designed) by (?:openai|anthropic|google|meta ai|microsoft|mistral|deepseek|alibaba)\b",
    r"\bi do(?:n't| not) (?:have|possess) (?:any )?(?:personal (?:opinions|beliefs|feelings|emotions|preferences|views)|(?:human )?(?:feelings or|emotions or|consciousness)|feelings, )",
)  # fmt: skip

# ------------------------------------------------------------------ other languages

_DE: Final = Wording(
    "de",
    (
        r"\b(?:(?:ich|wir) (?:kann|können|darf|dürfen|werde|werden|möchte)\b[^.!?\n]{0,70}?|(?:kann|können|darf|dürfen|werde|möchte) (?:ich|wir)\b[^.!?\n]{0,70}?)"
        r"\b(?:nicht|kein\w*)\b(?! (?:genug|umhin|anders))[^.!?\n]{0,110}?(?:\b(?:weiter)?helfen\b|behilflich|unterstützen|unterstützung"
        r"|beantworten|nachkommen|bereitstellen|anbieten|assistieren|erfüllen\b|weitergeben|\bdazu (?:äußern|sagen|geben)|(?:informationen|auskunft|auskünfte|anleitung\w*|ratschläge|hilfe|antwort) (?:\w+ ){0,4}(?:geben|liefern|erteilen|erstellen)"
        r"|(?:diese[nrms]?|solche[nrms]?) [^.!?\n]{0,40}(?:erstellen|schreiben|generieren|durchführen))",
        r"\b(?:(?:ich|wir) (?:bin|sind)|(?:bin|sind) (?:ich|wir)) (?:leider )?nicht (?:in der lage|befugt|berechtigt|dazu da)\b|\bdas (?:kann|darf|werde) ich (?:leider )?nicht(?: tun| machen| beantworten)?[.!,]",
        r"\bich (?:muss|möchte) (?:\w+ ){0,4}(?:ablehnen|verweigern)\b|\b(?:ich )?lehne (?:ich )?(?:diese|die|das|ihre|deine) (?:anfrage|bitte|frage)?[^.!?\n]{0,20}ab\b",
    ),
    (
        r"\bals (?:ein[e]? )?(?:reine[s]? )?(?:ki|künstliche intelligenz|(?:großes )?sprachmodell)(?:[- ](?:sprachmodell|modell|assistent|assistentin|system|chatbot))?(?=[, .]| (?:habe|kann|bin|verfüge|darf|besitze|ist))",
        r"\bich bin (?:nur |lediglich |bloß )?(?:ein[e]? )?(?:ki\b|künstliche intelligenz|(?:großes )?sprachmodell)",
    ),
    ("kann", "können", "darf", "dürfen", "werde", "ablehnen", "lehne ", "nicht in der lage", "sprachmodell", "als ki", "als eine ki", "bin eine ki", "künstliche intelligenz"),
)  # fmt: skip
_FR: Final = Wording(
    "fr",
    (
        r"\bje (?:ne (?:peux|puis|saurais|suis pas|vais pas|veux pas|souhaite pas)|n'ai pas (?:le droit|l'autorisation)|peux pas|suis (?:dans l'incapacité|incapable))\b(?! (?:pas )?(?:m'empêcher|que |m'y))"
        r"[^.!?\n]{0,60}?(?:aider|assister|répondre|fournir|donner (?:de |des |d'|ces |ce |cette |l'|les )|satisfaire|accéder à|proposer|offrir|partager|créer|générer|rédiger|écrire|discuter|aborder|faire (?:cela|ça)|vous dire|te dire|soutenir|encourager|participer à|traiter (?:cette|votre|ta))",
        r"\bje (?:dois|me vois(?: dans l'obligation de| contraint\w* de)?|préfère|suis (?:obligée?|contrainte?) de) (?:\w+ ){0,3}(?:refuser|décliner|ne pas répondre)",
        r"\bje (?:refuse de|décline)\b[^.!?\n]{0,40}(?:aider|répondre|fournir|participer|demande|offre|requête|faire cela)",
        r"(?:désolée?|regrette|excusez|malheureusement)[^.!?\n]{0,20}\bje ne (?:peux|puis) (?:pas|vraiment pas)? ?(?:[.!]|$)",
    ),
    (
        r"\ben tant qu(?:e |')(?:une? )?(?:simple )?(?:ia\b|intelligence artificielle|(?:grand )?modèle (?:de langage|linguistique|d'ia)|assistante? (?:ia|virtuelle?|d'intelligence artificielle))",
        r"\bje (?:ne )?suis (?:qu')?(?:une? )?(?:simple )?(?:ia\b|intelligence artificielle|(?:grand )?modèle (?:de langage|linguistique|d'ia))",
    ),
    ("je ne peux", "je ne puis", "je ne saurais", "je ne suis", "je ne vais pas", "je ne veux pas", "je ne souhaite", "peux pas", "je n'ai pas l", "incapa", "refuser", "décliner", "je refuse", "je décline", "ne pas répondre", "en tant qu", "modèle de lang", "suis une ia", "qu'une ia", "intelligence artificielle", "modèle linguistique"),
)  # fmt: skip
_ES: Final = Wording(
    "es",
    (
        r"\bno (?:(?:te |le |les |os )?(?:puedo|podemos|podré|debo|voy a)|(?:me )?(?:es|resulta) posible|estoy (?:en condiciones de|autorizad[oa] (?:a|para)|capacitad[oa] para)|soy capaz de|tengo permitido)\b(?! (?:evitar|dejar de|esperar|más|creer))"
        r"[^.!?\n]{0,40}?(?:ayudar|asistir|responder|contestar|proporcionar|ofrecer|cumplir|brindar|facilitar|compartir|hacer eso|hacerlo|crear (?:ese|este|contenido)|generar|escribir (?:ese|este|eso|contenido)|dar(?:te|le|les)? (?:esa|ese|información|instrucciones|consejos|detalles|esos)|participar en|hablar (?:de|sobre) (?:eso|ese|este|esto)|discutir|promover|atender (?:esa|tu|su))",
        r"\b(?:debo|tengo que|me veo obligad[oa] a|prefiero) (?:\w+ ){0,2}(?:rechazar|negarme|declinar|no responder|no hablar)\b|\bme niego a (?:ayudar|responder|hacer|proporcionar|participar)",
        r"(?:lo siento|lamento|disculp\w+|perd[oó]n\w*|desgraciadamente|lamentablemente)[^.!?\n]{0,15}\bno puedo ?(?:[.!]|$)",
    ),
    (
        r"\bcomo (?:una? )?(?:gran )?(?:ia\b|inteligencia artificial|modelo de (?:lenguaje|ia|inteligencia)|asistente (?:de ia|virtual|de inteligencia))",
        r"\b(?:soy|solo soy|sólo soy) (?:solo |sólo )?(?:una? )?(?:gran )?(?:ia\b|inteligencia artificial|modelo de (?:lenguaje|ia))",
    ),
    ("puedo", "podemos", "podré", "no debo", "no voy a", "posible", "no estoy", "no soy capaz", "no tengo permitido", "rechazar", "negarme", "declinar", "me niego", "no responder", "no hablar", "como una ia", "como ia", "modelo de lenguaje", "modelo de ia", "soy una ia", "inteligencia artificial", "asistente de ia", "asistente virtual"),
)  # fmt: skip
_PT: Final = Wording(
    "pt",
    (
        r"\bnão (?:(?:te |lhe |o |a )?(?:posso|podemos|poderei|devo|vou|consigo)|(?:me )?é possível|estou (?:autorizad[oa] a|em condições de|apt[oa] a)|sou capaz de)\b(?! (?:evitar|deixar de))"
        r"[^.!?\n]{0,40}?(?:ajudar|ajudá|auxiliar|responder|fornecer|oferecer|cumprir|atender|compartilhar|partilhar|fazer isso|criar (?:esse|este|conteúdo)|gerar|escrever (?:isso|esse|este)|dar (?:essa|esse|informaç|instruç|conselho)|participar (?:de|em)|discutir|promover|prestar)",
        r"\b(?:devo|tenho que|preciso|prefiro) (?:\w+ ){0,2}(?:recusar|declinar|não responder)\b|\brecuso-me a\b",
        r"(?:desculp\w+|sinto muito|lamento|infelizmente)[^.!?\n]{0,15}\bnão posso ?(?:[.!]|$)",
    ),
    (
        r"\b(?:como|sou|sou apenas) (?:apenas )?(?:uma? )?(?:grande )?(?:ia\b|inteligência artificial|modelo de (?:linguagem|ia)|assistente (?:de ia|virtual))",
    ),
    ("posso", "podemos", "poderei", "não devo", "não vou", "consigo", "é possível", "não estou", "não sou capaz", "recusar", "declinar", "recuso", "não responder", "como uma ia", "como ia", "uma ia", "modelo de linguagem", "modelo de ia", "inteligência artificial", "assistente de ia", "assistente virtual"),
)  # fmt: skip
_IT: Final = Wording(
    "it",
    (
        r"\bnon (?:(?:ti |vi |le |la )?(?:posso|possiamo|potrò|devo|intendo)|mi è possibile|sono (?:in grado di|autorizzat[oa] a|programmat[oa] per))\b(?! (?:fare a meno|che|evitare))"
        r"[^.!?\n]{0,40}?(?:aiutar|assister|risponder|fornir|offrir|soddisfar|condivider|farlo|fare questo|crear|generar|scrivere (?:quest|ciò|contenut)|dar(?:e|ti|le|vi) (?:informazioni|istruzioni|consigli|dettagli|queste)|partecipar|discuter|promuover|parlar(?:e|ne))",
        r"\b(?:devo|sono costrett[oa] a|preferisco) (?:\w+ ){0,2}(?:rifiutar\w*|declinare|non rispondere)\b|\bmi rifiuto di\b",
        r"(?:mi dispiace|spiacente|scus\w+|purtroppo)[^.!?\n]{0,15}\bnon posso ?(?:[.!]|$)",
    ),
    (
        r"\b(?:in quanto|come|essendo|sono|sono solo) (?:solo )?(?:un[oa']? ?)?(?:grande )?(?:ia\b|intelligenza artificiale|modello (?:linguistico|di (?:linguaggio|ia))|assistente (?:ia|virtuale|di intelligenza))",
    ),
    ("posso", "possiamo", "potrò", "non devo", "non intendo", "possibile", "non sono", "rifiut", "declinare", "non rispondere", "in quanto ia", "un'ia", "come ia", "modello linguistico", "modello di", "intelligenza artificiale", "assistente ia", "assistente virtuale"),
)  # fmt: skip
_RU: Final = Wording(
    "ru",
    (
        r"(?<!\w)(?:я |мы )?(?:(?:к сожалению,? |просто )*(?:не (?:могу|можем|смогу|буду|стану|имею права|в состоянии|вправе)))(?! не\b)[^.!?\n]{0,40}?(?:помочь|помогать|помощь|ответить|отвечать|предоставить|предоставлять|выполнить|дать (?:совет|инструкц|информац|вам|такую)|давать|обсуждать|создать|создавать|генерировать|сделать это|делать это|поделиться|содействовать|участвовать в|писать (?:так|эт))",
        r"(?<!\w)(?:я )?(?:вынужден[аы]?|должен|должна) (?:\w+ ){0,2}отказать(?:ся)?|(?<!\w)я отказываюсь (?:помогать|отвечать|выполнять|участвовать|обсуждать)",
        r"(?:извините|простите|сожалею|к сожалению)[^.!?\n]{0,15}я не (?:могу|буду) ?(?:этого (?:сделать|делать) ?)?(?:[.!]|$)",
    ),
    (
        r"(?<!\w)(?:как|будучи|поскольку я|я(?:,)?(?: —| -| –)?(?: всего лишь| просто)?) (?:большая |всего лишь )?(?:языков(?:ая|ой) модель?ю?|ии(?:-| |,|\.)|искусственный интеллект|искусственным интеллектом|ии-?ассистент)",
    ),
    ("не могу", "не можем", "не смогу", "не буду", "не стану", "не имею права", "не в состоянии", "не вправе", "отказ", "языковая модель", "языковой мод", "искусственны", " ии", "ии-"),
)  # fmt: skip
_ZH: Final = Wording(
    "zh",
    (
        r"(?:抱歉|对不起|對不起|遗憾|遺憾|不好意思|很难过|很難過)[^。！？!?\n]{0,30}?(?:无法|無法|不能|不可以|没办法|沒辦法|不便|不会|拒绝|拒絕)[^。！？!?\n]{0,16}?(?:提供|回答|帮助|幫助|帮你|帮您|幫您|协助|協助|满足|滿足|完成|生成|讨论|討論|给出|給出|处理|處理|继续|繼續|执行|執行|回应|回應|参与(?:此|这|任何)|支持|为您|为你|這個|这个(?:请求|问题)|您的(?:请求|要求)|你的(?:请求|要求)|这样做|這樣做)",
        r"(?:我|本(?:模型|助手|AI))(?:不会|無法|无法|不能|没有办法|不便|拒绝)(?:为(?:您|你)|向(?:您|你)|给(?:您|你)|就此|直接|帮(?:您|你)|對此|对此)?(?:提供|回答|帮助(?:你|您|完成)|协助|满足|讨论|给出(?:建议|答案|具体)|回应|生成|参与(?:此类|这种|任何))",
        r"我(?:必须|不得不|只能)(?:拒绝|婉拒)",
    ),
    (
        r"(?:作为|作為|身为)(?:一个|一個|一名|一款|一种)?(?:大型|大|先进的)?(?:AI|ＡＩ|人工智能|人工智慧|语言模型|語言模型)",
        r"我(?:只)?是(?:一个|一個|一名|一款|由)?(?:[^。，,！？\n]{0,12}?(?:开发|训练)的)?(?:大型|大)?(?:人工智能|人工智慧|AI(?:助手|语言|模型|，|。)|语言模型|語言模型)",
    ),
    ("抱歉", "对不起", "對不起", "遗憾", "遺憾", "不好意思", "很难过", "很難過", "我不会", "我无法", "我無法", "我不能", "我没有办法", "我不便", "我拒绝", "拒绝", "婉拒", "本模型", "本助手", "人工智能", "人工智慧", "语言模型", "語言模型", "作为AI", "作为一个AI", "作为一名AI", "是AI", "是一个AI", "是一款AI", "作為AI", "身为AI", "本AI"),
)  # fmt: skip
_JA: Final = Wording(
    "ja",
    (
        r"(?:お答え|お手伝い|ご?提供|ご?対応|お応え|ご?回答|ご?支援|サポート|ご?協力|お受け|生成|作成|応じ|ご?案内|手助け|お教え|お伝え|お助け|ご?説明|ご要望に(?:お応え|沿う)|リクエスト(?:に|を)\w{0,6})(?:する|いたす|る)?(?:こと|の)?(?:は|が|に|を)?(?:でき(?:ません|かねます|ない)|致しかねます|いたしかねます|しかねます|かねます|られません|れません|差し控え)",
        r"(?:申し訳|すみません|ごめんなさい|残念ながら|恐れ入り|あいにく)[^。！？!?\n]{0,40}?(?:それは|その質問には|そのような|この質問には|ご質問には|ご要望には|ご依頼は)[^。！？!?\n]{0,20}?(?:できません|できかねます|られません|かねます)",
        r"お断り(?:します|いたします|させていただきます|しなければ)",
    ),
    (
        r"(?:AI|ＡＩ|人工知能)(?:言語モデル|アシスタント|モデル|チャットボット)?(?:として(?=[、,私は]|の)|ですので|なので|であるため)|言語モデル(?:として|なので|ですので|であるため)",
        r"(?:私|わたし|僕)は(?:単なる|ただの)?(?:大規模)?(?:AI(?!を)|ＡＩ|人工知能|言語モデル)(?:です|であり|の|な|言語|アシスタント|、)",
    ),
    ("できません", "できかねます", "できない", "かねます", "られません", "れません", "差し控え", "お断り", "言語モデル", "人工知能", "AIとして", "AIアシスタント", "AIモデル", "AIですので", "AIなので", "AIであるため", "はAI", "のAI", "なるAI", "規模AI"),
)  # fmt: skip
_AR: Final = Wording(
    "ar",
    (
        r"(?:لا (?:أستطيع|استطيع|يمكنني|أقدر|يسعني|يسمح لي|يجوز لي)|لن (?:أستطيع|أتمكن|أقوم)|لست قادر\w*|غير قادر\w*|لا أتمكن)[^.!؟?\n،]{0,30}?(?:مساعد|المساعد|أساعد|تقديم|أقدم|الإجابة|الاجابة|أجيب|الرد|تلبية|توفير|القيام بذلك|القيام بهذا|فعل ذلك|المشاركة في (?:ذلك|هذا)|مشاركة|إنشاء|تنفيذ|إعطا|مناقشة|دعم)",
        r"(?:عذر[\u064b-\u0652]*ا[\u064b-\u0652]*|آسف\w*|أعتذر|معذرة|للأسف|اعتذر)[^.!؟?\n]{0,15}(?:لا (?:أستطيع|يمكنني)|لا أقدر)(?: فعل| القيام)?(?: بذلك| ذلك| هذا| بهذا)? ?(?:[.!]|$)",
        r"(?:يجب (?:علي )?أن أرفض|أرفض (?:المساعدة|الإجابة|القيام|تقديم)|علي أن أرفض)",
    ),
    (
        r"(?:كنموذج|بصفتي|باعتباري|كوني|بما أنني|لأنني|أنا)(?: مجرد| فقط)? ?(?:نموذج[\u064b-\u0652]*ا?[\u064b-\u0652]* ?)?(?:لغوي|لغة|ذكاء[\u064b-\u0652]*ا?[\u064b-\u0652]* اصطناعي|مساعد\w* ذكاء|برنامج ذكاء|روبوت)",
        r"كذكاء اصطناعي|كمساعد ذكاء اصطناعي",
    ),
    ("لا أستطيع", "لا استطيع", "لا يمكنني", "لا أقدر", "لا يسعني", "لا يسمح لي", "لا يجوز لي", "لن أ", "لست قادر", "غير قادر", "لا أتمكن", "أرفض", "نموذج", "بصفتي", "باعتباري", "كوني", "بما أنني", "لأنني", "أنا مجرد", "أنا ذكاء", "أنا روبوت", "أنا برنامج", "أنا مساعد", "كذكاء", "كمساعد", "أنا لغ", "أنا فقط"),
)  # fmt: skip
_HI: Final = Wording(
    "hi",
    (
        r"(?:क्षमा|मा(?:फ़|फ़|फ)|खेद|अ(?:फ़|फ़|फ)सोस|दु(?:ः)?ख है|सॉरी)[^।!?\n]{0,25}?(?:मैं|मुझे|हम)[^।!?\n]{0,90}?(?:नहीं (?:कर|दे|बता|पा)\w*[^।!?\n]{0,6}सक\w*|नहीं (?:कर|दे|बता) (?:सक|पा)|असमर्थ|नहीं है|इनकार|अनुमति नहीं|सक्षम नहीं)",
        r"(?:मैं|हम) (?:[^।!?\n]{0,60}?)(?:मदद|सहायता|जवाब|उत्तर|जानकारी|अनुरोध|सलाह|निर्देश)[^।!?\n]{0,30}?(?:नहीं (?:कर|दे|बता|पूरा)|असमर्थ|सक्षम नहीं)",
    ),
    (
        r"(?:एआई|AI|ए\.आई\.|कृत्रिम बुद्धिमत्ता|भाषा)(?: भाषा)?(?: मॉडल| सहायक| असिस्टेंट)?(?: के रूप में| होने के नाते| के तौर पर)",
        r"मैं (?:केवल |सिर्फ |बस )?एक (?:बड़ा )?(?:एआई|AI|कृत्रिम बुद्धिमत्ता|भाषा मॉडल)",
    ),
    ("क्षमा", "माफ", "माफ़", "खेद", "अफसोस", "अफ़सोस", "दुख है", "दुःख है", "सॉरी", "नहीं कर", "नहीं दे", "नहीं बता", "नहीं पूरा", "असमर्थ", "सक्षम नहीं", "एआई", "AI (?:भाषा|मॉडल|सहायक|असिस्टेंट|के |होने)", "ए.आई.", "कृत्रिम", "भाषा मॉडल"),
)  # fmt: skip
_KO: Final = Wording(
    "ko",
    (
        r"(?:도와\s?드릴|도움을 드릴|도움을 줄|답변(?:해 드릴|드릴|을 드릴|할)|대답(?:해 드릴|드릴|할)|제공(?:해 드릴|할|해드릴)|수행할|응할|해 드릴|해드릴|알려\s?드릴|말씀드릴|들어드릴|지원할|도울|작성(?:해 드릴|할)|생성할)\s?수(?:는|가)?\s?없",
        r"(?:죄송|미안|유감)[^.!?\n]{0,40}?(?:거절|응할 수 없|곤란)",
    ),
    (
        r"(?:AI|인공지능|언어 ?모델)(?: 언어)?(?: ?(?:모델|어시스턴트|비서|챗봇))?(?:로서|이기 때문에|이므로|이라서)",
        r"저는 (?:단지 |그저 )?(?:AI|인공지능|(?:대규모 )?언어 ?모델)",
    ),
    ("수 없", "수는 없", "수가 없", "수없", "거절", "곤란", "AI로서", "모델로서", "어시스턴트로서", "비서로서", "지능으로서", "지능이", "모델이", "AI이", "AI 언어", "저는 AI", "인공지능", "언어 모델", "언어모델", "챗봇"),
)  # fmt: skip
_EN: Final = Wording(
    "en",
    _ENGLISH_REFUSALS,
    _ENGLISH_ITSELF,
    (
        r"\bi can['’]?t\b", r"\bi cannot\b", r"\bi can not\b", r"\bwe can(?:['’]?t|not)\b",
        "unable to", "not able to", "not allowed", "not permitted",
        "not going to", "not willing to", "not prepared to", "not programmed", "not designed", "not authori", "not here to", "not equipped to", "not in a position", "not supposed to",
        r"\b(?:i|we) won['’]?t\b", r"\b(?:i|we) will not\b", r"['’]ll (?:not|never)", r"\b(?:i|we) should(?:n['’]t| not)\b", r"think (?:that )?i (?:can|could|should)\b", r"(?:believe|feel) (?:that )?i (?:can|could|should)\b", r"n['’]t (?:really )?want to", "do not want to", "(?:not |un|feel )comfortable",
        r"\b(?:i|we)(?: really| also| just| simply| still| truly)+ (?:can['’]?t|cannot|wo|will not|could|should)", "decline", r"\brefuse\b", "rather not", "prefer not", r"not (?:something|a (?:request|topic|question|task)) (?:that )?i\b", r"something (?:that )?i (?:can['’]?t|won|am unable|['’]m unable)", r"something (?:that )?i['’]m unable",
        r"(?:against|violat[a-z]+|violation of|outside|outside of|contrary to|goes beyond|conflicts? with) (?:my|(?:our|openai['’]s|anthropic['’]s|the) (?:content|usage|use|community|safety|ethical|ai)) ", r"\bmy (?:programming|guidelines|design|policies|principles|rules|ethic)", r"(?:ethical|appropriate|irresponsible|acceptable|right|okay|ok|safe|responsible|possible) for (?:me|us|an ai)",
        "have the (?:ability|capabilit|capacity)", "have (?:direct |any )?access to", "have (?:any )?(?:real|personal)", r"n['’]t (?:think|believe|feel) ", "do not (?:think|believe|feel) ", "(?:your|this|that|the) (?:request|task|content|topic) (?:is|violates|goes|involves|can|may)",
        r"\b(?:as|am|being|['’]m)(?: just| only| merely| simply| still| but)? an? (?:[a-z-]+ ){0,2}(?:ai|a\.i\.|artificial intelligence)\b", "language model", "chatgpt", r"i(?:['’]m| am) (?:claude|bard|gpt|gemini)", r"my (?:knowledge|training)", "as of my", "by (?:openai|anthropic|google|meta ai|microsoft|mistral|deepseek|alibaba)", "personal (?:opinions|beliefs|feelings|emotions|preferences|views)", r"have (?:any |human |any human )?feelings(?: or|, )", "emotions or", "possess (?:any )?(?:human )?feelings", r"(?:have|possess) (?:any )?consciousness",
    ),
)  # fmt: skip

WORDINGS: Final = (_EN, _DE, _FR, _ES, _PT, _IT, _RU, _ZH, _JA, _AR, _HI, _KO)
"""English first: it is asked first."""
