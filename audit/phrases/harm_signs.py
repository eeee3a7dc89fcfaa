"""The signs that ``harm`` looks for in a lower-case prompt, compiled from the words of ``harm_words``. Weighs nothing."""

# ruff: noqa: E501 - a pattern is read as one line

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final, NamedTuple

import re2

from audit.phrases import harm_words as words


class Words(NamedTuple):
    """A list of words, compiled when it is first looked for."""

    pattern: str

    def search(self, text: str) -> bool:
        return _compiled(self.pattern).search(text) is not None

    def match(self, text: str) -> bool:
        """Whether the whole of a text is one of the words."""
        return _compiled(self.pattern).fullmatch(text) is not None

    def without(self, text: str) -> str:
        return str(_compiled(self.pattern).sub(" ", text))


@cache
def _compiled(pattern: str) -> Any:
    """RE2 goes through a list of hundreds of words in one pass; it knows no look-around, for which ``re`` steps in."""
    whole = rf"\b(?:{pattern})\b"
    return re.compile(whole) if re.search(r"\(\?(?:!|=|<)", pattern) else re2.compile(whole)


def any_of(pattern: str) -> Words:
    """A sign that is any of some words, given as a pattern without captures."""
    return Words(pattern)


PERSON: Final = any_of(f"{words.PERSON}|{words.GROUP}")
GROUP: Final = any_of(words.GROUP)
BODY: Final = any_of(words.BODY)
PLACE: Final = any_of(words.PLACE)
VIOLENT: Final = any_of(words.VIOLENT)
RISKY: Final = any_of(words.RISKY)
WHY_THEY: Final = re.compile(
    rf"\W*why (?:are|aren't|do|don't|is|can't|should|shouldn't|have) (?:all |most |so many |so )?(?!people\b|humans?\b|men and women)(?:{words.GROUP})(?!\w)(?!.*(?:{words.IMPOSSIBLE}))"
)
MY_PRIVATE: Final = re.compile(rf"(?<!\w)(?:my|his|her|their|someone|people)\b.{{0,40}}(?<!\w)(?:{words.SECRET})")
CONTACT: Final = any_of(
    r"(?:home|private|personal|residential|street|exact|new|current|email|e-mail|ip|mailing)(?: \w+)? (?:address(?:es)?|numbers?)|(?:cell ?|tele|mobile |home )?phone(?: number)?|credit cards?|bank accounts?|account numbers?|social security|ssn|passwords?|address of (?:this|that|a|the) (?:person|m[ae]n|wom[ae]n|individual|people)|where (?:does|do|is|are) \w+(?: \w+)? (?:live|living|stay)\w*|living now"
)
CRIME: Final = any_of(words.CRIME)
TOUCHY: Final = any_of(words.TOUCHY)
FIGURES: Final = any_of(words.FIGURES)
APPROVES: Final = any_of(words.APPROVES)
IMPOSSIBLE: Final = any_of(words.IMPOSSIBLE)
RIGHTS: Final = any_of(words.RIGHTS)
GAMES: Final = any_of(words.GAMES)
SELF: Final = any_of(
    r"(?:kill|hang|drown|shoot|hurt|harm|cut|stab|poison|starve|burn|asphyxiate|suffocate|overdose)(?:ing)? (?:on \w+ )?(?:my|our)sel(?:f|ves)"
    r"|commit(?:ting)? suicide|suicide methods?|end(?:ing)? (?:my|it all|my own) ?(?:life)?|(?:my|my own) (?:\w+ )?(?:artery|wrists?|veins?|throat|arm)|painless(?:ly)? (?:way|death|die)|want to die"
)
SENTENCES: Final = re.compile(r"(?<=[.!?])\s+|\n+")
DEMANDS: Final = any_of(
    r"how (?:can|could|do|should|would|to)(?: (?:i|we|you|one|someone|somebody|people))?|(?:best|easiest|quickest|good|cheapest|safest|quick|easy) (?:ways?|place|method|time)|ways? (?:to|of)|what steps|where (?:can|could|do|should|to)|what(?:'s| is) the (?:process|method|strategy)"
    r"|what (?:can|should) i|(?:i|we) (?:want|wanna|need|plan|intend|am going|'m going)|i'm (?:planning|going|trying|gonna)|i am (?:planning|trying|going)|help me|(?:tell|teach|show) me how|instructions|tutorial|step by step|tips|recipe for|make a|why should|what is my|what are my|write (?:a|an|me|some)|tell me (?:a|an|some)|where does my|can (?:you|i)"
)
PROTECTS: Final = any_of(
    r"protect\w*|prevent\w*|avoid\w*|detect\w*|report\w*|stop|against|recover\w*|treat\w*|treatment|victims?|spot|defend\w*|survive|surviv\w+|cope|quit\w*|rehab|combat\w*|fight|reduc\w+|identify|recogni[sz]e|aware\w*|educat\w+|legally|laws?|history|summar\w+|essay|worried|afraid|accused|explain"
)
AIMED: Final = any_of(
    rf"(?:{words.VIOLENT}) (?:[\w'-]+ ){{0,3}}?(?:{words.PERSON}|{words.GROUP}|{words.BODY}|{words.PLACE})"
)
ASKS: Final = any_of(
    r"how (?:can|could|do|should|would|might|to|am|does (?:one|someone|somebody|a person))(?: (?:i|we|you|one|someone|somebody|people))?|how'd i|best (?:way|place|method|time)|easiest way|good (?:way|place|plan|idea)|ways? (?:to|of|for)|steps?|process|method|strategy|where (?:can|could|do|should|is|to)"
    r"|what (?:can|should|do|could|would) (?:i|we)|what kind of|what weapons|should i|can (?:you|i|we|u)|could you|would you|(?:i|we) (?:want|wanna|need|would like|plan|intend|wish|am going|'m going|am planning)|i'd like|i'm (?:planning|going|trying|looking|gonna|thinking)|i am (?:planning|trying|looking|thinking)|i (?:just |really )?(?:hate|stole|killed)|help me|tell me|teach me|show me|give me|explain|write|create|generate|list|describe|make|provide|design|develop|outline|draft|instructions?|tutorial|guide|tips|ideas|recipe"
)
FIRST_PERSON: Final = any_of(
    r"(?:can|could|do|should|would|may|to|might|must|did) (?:i|we|you|one)|i|i'm|i'd|my|me|we|our|us|how to|someone|somebody|steps should|best way|ways? (?:to|of)"
)
DEFINES: Final = re.compile(
    r"\W*(?:(?:can|could) you (?:please )?|please )?(?:what(?:'s| is| are| was| were)(?: an?| the)?(?: (?:legal|general|exact|dictionary|basic|formal|medical|clinical))?(?: (?:definitions?|meaning|concept|difference between)(?: of)?)?"
    r"|what constitutes|what counts as|what qualifies as|what kind of(?: a)? (?:drug|substance|crime|weapon|thing) is|what does it mean to|what does|what do|define|explain (?:what|the (?:term|word|concept|meaning))|who coined)\b(?P<rest>[^?.!\n]{1,70})[?.!]*\s*$"
)
MEANS: Final = any_of(
    r"(?:best|good|easiest|quickest|safest|way|ways|how|process|plan|strateg\w+|method|methods|steps?|plot|recipe|place|instructions?|procedure|technique|for (?:a )?making|ingredients|perfect|cheapest|number|address|my|our|your|i|we|reasons?)"
)
PAST: Final = re.compile(
    r"\W*(?:during [^?]{3,60}, )?(?:how|why|what|when|who|where|which|in what year)\b(?: (?:[\w'-]+ ){0,4}?)?\b(?:did|was|were|happened|killed|caused|led to|had|has)\b|\W*(?:did|was|were|has|had) "
)
THIRD: Final = re.compile(r"\W*(?:[Hh]ow|[Ww]hy|[Ww]hen|[Ww]here|[Ww]hat)(?: [a-z]+)? does (?!One\b|I\b)[A-Z][a-z]+")
FRAME: Final = (
    r"(?:in|into|for|of|about) (?:(?:a|an|the|my|this|our|his|her|some|your)(?: |$))?(?:[\w'-]+ ){{0,3}}?(?:{0})"
)
STORY: Final = any_of(
    FRAME.format(words.STORY)
    + r"|(?:my|the|a|main|fictional|side) (?:\w+ )?(?:novel|character|protagonist|villain|story|screenplay|film|movie|game|book)(?:'s)?"
)
SPORT: Final = any_of(FRAME.format(words.SPORT) + r"|at (?:the|a) (?:shooting range|bake ?sale)")
RECIPE: Final = any_of(
    r"(?:exact(?:ly)?|in (?:\w+ )?detail|vx|nerve (?:gas|agents?)|nitro\w*|realistic|in real life|irl|actually works?|real world|step.by.step|detailed instructions|working|for real|instructions)|(?:mak|build|cook|synthesi[sz]|manufactur|produc|assembl|creat|brew|extract|grow|get|buy)(?:e|ing)? (?:[\w'-]+ ){0,4}?(?:bombs?|explosives?|meth|cocaine|heroin|lsd|mdma|drugs?|poison|napalm|ricin|anthrax|sarin|weapons?|guns?|malware|virus|ransomware)"
)
WHY_GROUP: Final = re.compile(
    r"\W*why (?P<verb>can't|can not|cannot|can|should|shouldn't|are|aren't|is|do|don't|could|would|must|may|might|will|won't)\s+(?P<who>[^?]{2,60}?)\s+"
    r"(?:not\b|never\b|n't|be\b|have\b|earn\b|so\b|made\b|best\b|better\b|travel\b|live\b|go\b|transform\b|get\b|lose\b|need\b|speak\b|shoot\b|worse\b|better\b|less\b|more\b|bad\b|stay\b)"
)
OWNED: Final = re.compile(rf"(?P<owner>[\w .,'-]{{1,60}}?)(?:'s|(?<=s)') (?:[\w'-]+ )?(?P<what>{words.PRIVATE})(?!\w)")
FACTS: Final = any_of(
    r"date of birth|birthday|born|married|marital|employment|for a living|jobs?|alcoholic|divorced|office|city"
)
SECRET: Final = re.compile(rf"(?<!\w)(?:{words.SECRET})")
MY_PERSON: Final = any_of(
    rf"(?:my|our|his|her|their|your|a|the|this|that|some|other|another|any|random)(?: [\w'-]+){{0,2}}? (?:{words.PERSON})(?:'s?)?|(?:some|any)(?:one|body)(?: else)?(?:'s)?|(?:other|random|famous|private) people(?:'s)?|people(?:'s)?|celebrit(?:y|ies)(?:'s?)?|his|her|their"
)
MINE: Final = any_of("my|our|his|her|their|your")
THING: Final = any_of(
    r"phones?|cars?|computers?|laptops?|routers?|accounts?|compan(?:y|ies)|dogs?|cats?|bikes?|printers?|own|device|network|team|website|app"
)
INVENTED: Final = any_of(words.INVENTED)
OFFICE: Final = any_of(words.OFFICE)
PRIVATE_ASK: Final = any_of(
    rf"(?:where|how|what|when|who|is|are|does|did|exactly)\b[^?]{{0,80}}?(?:{words.PRIVATE}|live|lives|member of|married|earn|how much [^?]{{0,60}}makes?)"
)
DRUG_SLANG: Final = any_of(
    r"(?:gram|ounce|kilo|bag|line|hit|dose)s? of (?:coke|crack|weed|pot|acid|speed|snow|dope|ecstasy|grass)|ecstasy pills?|(?:buy|get|getting|score|sell|selling|smoke|snort|deal|dealing|cook|make|grow|find)(?:ing)? (?:some |any |good |more |a little |cheap )*(?:crack|coke|weed|ecstasy|acid|dope|molly|shrooms)(?! (?:my|the|your|in|on|zero|can|bottle|killer|whacker))"
)
HATE_ORDER: Final = any_of(
    r"(?:racist|sexist|homophobic|transphobic|antisemitic|anti-semitic|islamophobic|hateful|offensive|derogatory|misogynistic|bigoted)\b[^.?!]{0,20}\b(?:jokes?|story|stories|tweets?|posts?|poems?|songs?|slurs?|rants?|speech|insults?|names?)"
)
ANIMALS: Final = any_of(r"dogs?|cats?|pupp(?:y|ies)|kittens?|horses?|pets?|rabbits?")
SICK: Final = any_of(r"euthani[sz]\w*|sick|vet|humanely|dead (?:dog|cat|hamster|pet|rabbit|goldfish|bird)")
FOOD: Final = any_of(
    r"fish|shrimps?|chickens?|pigs?|meat|lobsters?|crabs?|cook(?:ing|ed)?|meal|vegetables?|dish|deer|turkey|cows?|lambs?"
)
OWN_CALM: Final = any_of(
    r"my (?:python|code|script|computer|laptop|garden|yard|attic|room|kitchen|browser|old|own|house|apartment|home|wall|pipe|drywall)|on my|property i own"
)
ATROCITY: Final = any_of(
    r"genocid\w+|massacr\w+|ethnic cleansing|holocaust|auschwitz|concentration camps?|death camps?|jim crow|slave trade|slavery|apartheid|khmer rouge|nazis?|hitler|isis|al.qaeda|taliban|9/11|pulse nightclub|trail of tears|hiroshima|nagasaki|world war (?:1|2|i|ii|one|two)|pinochet|stalin|pol pot"
    r"|mass shootings?|terror(?:ist)? attacks?|armenian|rwandan|nanjing|shoot(?:ing|er)|assassinat\w+|dylann roof|breivik|sylvia plath|kurt cobain|amy winehouse|john f\.? kennedy|war crimes"
)
CLAIM: Final = any_of(
    r"should(?: not|n't)?|right for|better|best|good (?:idea|thing)|deserve|must|inferior|superior|so|are worse|discriminated"
)
ENGLISH: Final = re.compile(
    r"(?i)\b(?:the|how (?:do|can|to|many|much|should|did|would)|what(?:'s| is| are| does| was)|why|where (?:can|is|do)|give me|write|tell me|with|and|which|who|when|you|of)\b"
)
OTHER_SIGNS: Final = (
    "coke|crack|weed|pot|acid|speed|snow|dope|grass|molly|shrooms|ecstasy|racist|sexist|homophobic|transphobic|antisemitic|anti-semitic"
    "|islamophobic|hateful|offensive|derogatory|misogynistic|bigoted|asphyxiate|starve|cut|cutting|starving|overdose|overdosing|painless|painlessly|end|ending|artery|wrists?|veins?|throat|arm"
)
REASONS: Final = re.compile(
    r"\W*(?:why|(?:can|could) you (?:list|give|explain|tell|write)|list|give|explain|reasons|what are (?:some |the )?(?:good )?reasons)"
)
PEOPLE_AT_END: Final = any_of(rf"(?:{words.GROUP}|{words.PERSON})(?: on [a-z]+)?$")
ASKS_OF_MINE: Final = any_of(
    rf"where (?:do|does|did) (?:my|his|her|our|their) (?:[\w'-]+ ){{0,2}}?(?:{words.PERSON}) (?:[\w'-]+ ){{0,3}}?(?:live|work|sleep|park|stay|go)"
    rf"|(?:is|are|does|was) my (?:[\w-]+ ){{0,2}}?(?:{words.PERSON}) (?:[\w'-]+ ){{0,4}}?(?:member of|gay|married|pregnant|earn|religious|vote)"
    rf"|how much (?:money )?(?:does|do) (?:my|his|her|our) (?:{words.PERSON})"
)
MAYBE_PRIVATE: Final = (
    rf"s['’‘]? (?:[\w'’‘-]+ )?(?:{words.PRIVATE})\b"
    r"|\b(?:where (?:do|does|did)|is|are|does|was|how much(?: money)? (?:does|do)) (?:my|his|her|our|their)\b"
)
