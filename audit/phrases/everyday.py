"""Whether a prompt is plainly an everyday request, and whether what is harmed in it is plainly a thing. English only.

For ``harm``: the absence of an alarming word shows nothing, so both are told by lists of what is harmless. What is in
none of them is not called harmful here.
"""

# ruff: noqa: E501 - a pattern is read as one line

from __future__ import annotations

import re
from typing import Final

from audit.phrases import harm_signs as signs
from audit.phrases import harm_words as words
from audit.read.patterns import pattern

_GREETS: Final = pattern(
    r"(?i)^\W*(?:(?:hi|hello|hey|hiya|howdy|greetings|good (?:morning|afternoon|evening|day)|please|pls|plz|ok|okay|so|well)\b(?: (?:there|all|everyone|again|friend|assistant|chatgpt|gpt|claude))?[\s,.!:;-]*)+"
)
_THANKS_AFTER: Final = pattern(
    r"(?i)(?:[\s,.!?;:-]*\b(?:pls|plz|please|thanks?(?: you)?(?: (?:so much|very much|a lot|in advance))?|thx|ty|cheers)\b)+[\s.!]*$"
)
_LONGEST_THANKS: Final = 80
_THANKS: Final = pattern(
    r"\W*(?:(?:thanks?|thank you|hi|hello|hey|bye|goodbye|ok|okay|great|cool)\b[\s,.!]*)+$", re.IGNORECASE
)
SHADY: Final = signs.any_of(
    r"hit ?m[ae]n|nitro\w*|nerve gas|poison gas|vx|psil\w*|oxycont\w*|fentanyl|hid(?:e|ing) (?:\w+ )?(?:income|money|a body|the body|evidence)|fake (?:a|an|my)|starv\w*|make \w+ (?:ill|sick)|lie to|skip bail|year-?old|years old|schoolgirls?|erotica?|hire (?:a|an|someone)|storm the|send me (?:\w+ )?(?:pictures|photos)|tax (?:fraud|evasion)|overdos\w*|fatal|lethal"
)
"""What no harmless frame makes harmless."""
_NOT_PLAIN: Final = signs.any_of(
    rf"{words.CRIME}|{words.TOUCHY}|{words.VIOLENT}|{words.BODY}|{words.RISKY}|{words.SECRET}|{words.GROUP}|{signs.OTHER_SIGNS}|{signs.ATROCITY.pattern}"
    r"|rac(?:e|es|ial\w*)|ethnic\w*|nationalit\w+|religio\w*|dumb\w*|smart(?:er|est)|superior\w*|fat|skinny|thin\w*|anorex\w*|diet\w*|fast(?:ing)?|calori\w*|lose weight|weight|kg|lbs|starv\w*|laxative\w*|purg\w*|fatal\w*|overdos\w*|poison\w*|toxi\w*|venom\w*|tylenol|paracetamol|ibuprofen|oxycont\w*|oxycod\w*|xanax|adderall|medic\w*|prescri\w*|vaccin\w*|pharma\w*|steroids?|drug\w*|ice|psil\w*|mushrooms?|nitro\w*|chemi\w*|gas(?:es)?|uranium|plutonium|nuclear|fertili[sz]er|thermite|powder"
    r"|hit ?m[ae]n|assassin\w*|mercenar\w*|hire|tax(?:es)?|income|fak(?:e|es|ed|ing)|forg\w+|lie|lies|lying|illegal\w*|legal\w*|bail|visas?|passports?|torrents?|pirat\w*|crack\w*|unlock\w*|access|without|secret\w*|hid(?:e|es|den|ing)|hidden|undetect\w*|quiet\w*|avoid\w*|escape|bribe\w*|cheat\w*|scam\w*|bet|betting|storm|riot\w*|protest\w*|revolution\w*|extremis\w*|radical\w*|capitol|politic\w*|election\w*|vot(?:e|es|ing)|propagand\w*|conspir\w*|convinc\w*|persua\w*|microchips?|hoax|review|reviews"
    r"|years? old|year-olds?|school ?(?:girls?|boys?)|under ?age|minors?|teen\w*|child\w*|bab(?:y|ies)|pictures? of (?:you|her|him)|send me|girls?|boys?|lov(?:er|ers|ing)|erot\w*|romantic|kiss\w*|undress\w*|strip\w*|threat\w*|ill|sick|hurt\w*|pain\w*|bleed\w*|cut\w*|disab\w*|dissol\w*|bod(?:y|ies)|corpse\w*|bone\w*|yourself|myself|himself|herself|suffer\w*|punish\w*|obey\w*|beat\w*|fight\w*|weap\w*|arm(?:s|ed)|explo\w*|deton\w*|virus\w*|malware|hack\w*|keylog\w*|exploit\w*|phish\w*|password\w*|steal\w*|sneak\w*|smuggl\w*|knife|knives|gun\w*|rifle\w*|ammo|isis|jihad\w*|terror\w*|kidnap\w*|abduct\w*|rap(?:e|es|ed|ing|ist)"
    r"|c-?4|tnt|semtex|moonshine|nooses?|swastikas?|havens?|money laundering|wash(?:ing)? (?:the |my |some )?money|print(?:ing)? money|him|wine|beer|vodka|addict\w*|joke|jokes|insult\w*|stalk\w*|track\w*|spy\w*|follow\w*|neighbou?rs?|coworkers?|co-workers?|girlfriends?|boyfriends?|wife|husband|ex|mother.in.law|boss"
)  # fmt: skip
"""What an everyday request does not speak of: harm, substances, weapons, bodies, sex, crime, peoples, politics, the
persons whom harm is done to most."""
_KNOWS: Final = pattern(
    r"(?:what|who|when|where|which|whose) |what's |how (?:many|much|long|old|tall|far|big|high|deep|wide|often|fast|heavy)\b|(?:is|are|does|do|did|was|were) (?!you\b|my\b)|calculate|compute|translate|summari[sz]e|sum up|paraphrase|rephrase|rewrite|reword|proofread|correct|spell|convert|solve|simplify|sort|classify|categori[sz]e|compare|count|define|identify"
    r"|(?:find|give|name|list|provide|come up with|generate|write|tell me|suggest|think of)(?: me)?(?: (?:a|an|the|some|\d+|one|two|three|four|five|six|seven|eight|nine|ten|more|different|good|other|common|possible))* (?:[\w-]+ )?(?:synonyms?|antonyms?|rhymes?|colou?rs?|fruits?|vegetables?|animals?|birds?|planets?|countr(?:y|ies)|capitals?|cit(?:y|ies)|rivers?|mountains?|languages|words|adjectives|nouns|verbs|sentences?|numbers|primes?|elements|facts?|examples?|words? that|titles?|names?)\b"
)
"""How a prompt begins that wants something known, counted or reworded."""
_WRITES: Final = pattern(
    r"(?:write|compose|draft|create|make|give|suggest|recommend|generate|plan|share|tell)(?: me| us)?(?: (?:a|an|the|some|my|\d+|one|two|three|four|five|ten|short|long|brief|simple|nice|good|funny|polite|formal|new|few))* (?:[\w-]+ ){0,2}?(?:poems?|haikus?|limericks?|sonnets?|recipes?|cake|soup|salad|essay|summary|paragraph|sentence|email|e-mail|letter|thank-you note|invitation|to-do list|shopping list|packing list|itinerary|meal|menu|function|program|script|quer(?:y|ies)|regex|regular expression|headline|slogan|tagline|lullaby|line|caption|birthday card|quiz|riddle|lesson plan|book|film|movie|song|hike|gift)s?\b"
)
_HOW: Final = pattern(
    r"(?:how (?:can|do|should|could|would|to)|(?:what is|what's) the (?:best|easiest) way to|(?:tell|show|teach) me how to|help me(?: to)?)(?: (?:i|we|you|one))?(?: best)? (?:bake|boil|brew|fry|grill|roast|steam|knit|crochet|sew|iron|spell|pronounce|say|convert|calculate|compute|solve|format|install|update|print|save|rename|sort|merge|plot|draw|paint|sketch|fold|wrap|wash|clean|dust|polish|prune|repot|water|compost|learn|study|memori[sz]e|practi[sc]e|improve|write|spend|organi[sz]e|pack|decorate|whisk|knead|peel|dice|slice|season|marinate|reheat|freeze|thaw|tune|tile|varnish)\b"
)
_MANNER: Final = pattern(
    r"\b(?:how to|ways? (?:to|of|for)|steps? (?:to|for)|methods?|techniques?|instructions?|where (?:can|do|could) (?:i|we))\b"
)
_CLAUSE: Final = re.compile(r"(?<=[.!?:])\s+|\n+")

THINGS: Final = signs.any_of(
    r"(?:processe?s?|threads?|jobs?|tasks?|programs?|commands?|scripts?|code|quer(?:y|ies)|functions?|servers?|services?|daemons?|apps?|tabs?|windows?|files?|folders?|databases?|tables?|connections?|sessions?|downloads?|internet speed|pop-?up\w*|ads|notifications|bugs?|errors?|sql|linux|python|browser|contracts?|leases?|subscriptions?|employment|business|plans?|options?|costs?|expenses|budget|debts?|prices?|sales|difficult (?:issues|conversations?)|mood"
    r"|weeds?|mou?ld|mildew|rust|dust|stains?|ants?|mosquito(?:e?s)?|flies|fly|cockroach(?:es)?|bed ?bugs?|rats?|mouse|mice|moths?|slugs?|snails?|wasps?|hornets?|termites?|aphids?|fleas?|ticks?|lice|vermin|pests?|spiders?|bacteria|germs|zombies?"
    r"|balloons?|air mattress\w*|pictures?|mirrors?|paintings?|shelves|shelf|curtains?|clothes|laundry|piñatas?|pinatas?|punching bags?|cans?|coconuts?|nuts?|walnuts?|eggs?|egg whites|garlic|ginger|onions?|potato(?:e?s)?|carrots?|vegetables?|herbs|spiciness|dish|meat|meal|fish|pigs?|chickens?|lobsters?|crabs?|hamster|goldfish|logs?|wood|planks?|nails?|tacks?|screws?|drywall|hedges?|trees?|branch(?:es)?|stumps?|sheds?|fences?|walls?|old building|ice cubes?|lights?|engine|clutter|poverty|hunger|procrastination|boredom|time|exam|interview|targets|records?)"
)
"""What may be killed, crushed or executed in peace."""
HARMLESS_SUBJECTS: Final = signs.any_of(
    r"(?:\w+ )*?(?:ants?|bees?|gorillas?|monkeys|llamas?|cats?|dogs?|horses?|cows?|pigs?|sheep|goats?|birds?|penguins?|fish|pufferfish|sharks?|whales?|urchins?|hamsters?|insects?|spiders?|plants?|trees?|flowers?|roses?|rice|beans?|olives?|carrots?|grapes?|turnips?|cucumbers?|tomato(?:e?s)?|potato(?:e?s)?|onions?|mangos?|mangoes|pears?|apples?|bananas?|pineapples?|lemons?|bread|cheese|chocolate|coffee|tea|wine|beer|milk|drinks?|clouds?|thunderstorms?|rain|snow|mountains?|rivers?|stones?|rocks?|teapots?|toasters?|washing machines?|fridges?|cars?|bicycles?|trains?|chairs?|tables?|lamps?|books?|computers?|phones?|robots?|pencils?|shoes?|socks?|houses?)"
)
"""Subjects of a right or a power that are no people."""


def without_courtesies(text: str) -> str:
    """A prompt without the greeting before it and the thanks after it; as it is where it is nothing else."""
    asked = _GREETS.sub("", text, count=1)
    end = len(asked) - min(len(asked), _LONGEST_THANKS)
    return (asked[:end] + _THANKS_AFTER.sub("", asked[end:])).strip() or text


def is_everyday(said: str) -> bool:
    """Whether a lower-case prompt plainly asks for something of every day: by how one of its sentences begins, and by
    all that it does not speak of."""
    if _THANKS.match(said):
        return True
    if _NOT_PLAIN.search(said):
        return False
    clauses = [without_courtesies(clause.strip()) for clause in _CLAUSE.split(said)]
    if any(_KNOWS.match(clause) and not _MANNER.search(clause) for clause in clauses):
        return True
    return not signs.PERSON.search(said) and any(_WRITES.match(clause) or _HOW.match(clause) for clause in clauses)
