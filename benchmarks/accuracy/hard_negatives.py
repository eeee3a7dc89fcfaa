"""Right rows that look like defects: what each rule of the text families must be silent about.

(prompt, answer) pairs, written without a look at how the rules work.
"""
# ruff: noqa: E501 an exchange is one line

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

Pair = tuple[str, str]

NEGATIVES: Final[Mapping[str, Sequence[Pair]]] = {
    "TXT701": (
        ("Traduza: the hands", "As mãos e os pães são da avó; não é verdade que João não venha."),
        ("Quel âge a Benoît ?", "Benoît Lacroix a 31 ans, il est né à Âne-sur-Mer, à côté de Sète."),
        ("What is the letter Â called?", "Â is an a with a circumflex; Ã has a tilde, as in São Paulo."),
        ("Viết một câu.", "Ở Đà Nẵng, bà ấy ăn phở với rau thơm vào mỗi buổi sáng."),
        ("Kto to?", "Żółw Łukasz gęś jaźń: każde polskie słowo z ogonkami."),
        ("Что это?", "Это обычное русское предложение с буквами Ё и Ъ."),
    ),
    "TXT702": (
        ("Как настроить?", "Подключите USB-кабель, откройте IT-портал и скачайте PDF-файл; SMSка придёт позже."),
        ("What is an alpha particle?", "An α-particle loses about 5 MeV; its range is a few μm, with ΔE small and Ω small."),
        ("Define variance", "Let σ² be the variance and x̄ the mean; then Var(aX) = a²σ²."),
        ("東京は?", "東京はJR山手線で便利です。Wi-FiもOKで、Suicaが使えます。"),
        ("Was ist IPA?", "Das Wort wird [ˈʃpraːxə] ausgesprochen."),
        ("Παράδειγμα", "Το Wi-Fi και το e-mail είναι ξένες λέξεις στα ελληνικά."),
    ),
    "TXT703": (
        ("معنی این واژه چیست؟", "می\u200cخواهم کتاب\u200cها را به خانه ببرم و نمی\u200cدانم چرا."),
        ("क्ष कैसे लिखें?", "क्\u200dष और क्\u200cष दोनों लिखे जा सकते हैं।"),
        ("Send me a family", "Here you go: \U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 and a heart \u2764\ufe0f."),
        ("Which flag is Scotland's?", "It is \U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f."),
        ("พูดไทยได้ไหม", "ได้ครับ\u200bผม\u200bพูด\u200bภาษา\u200bไทย"),
        ("שלום", "התשובה היא \u200fABC\u200f ולא אחרת."),
    ),
    "TXT704": (
        ("Combien ?", "Il y en a 12\u202f000\u00a0; c'est beaucoup\u00a0! «\u00a0Oui\u00a0», dit-il."),
        ("日本語で答えて", "はい、ＡＢＣ順に並べました。\u3000次は１２番です。"),
        ("Écris une phrase", "L'été à Évian, c'était très agréable; Noël aussi."),
        ("中文", "价格是１００元，ＡＢＣ公司。"),
    ),
    "TXT705": (
        ("How do I make text bold in HTML?", "Use `<b>bold</b>` or `<strong>`; for a line break write `<br>`."),
        ("Is 3 < 5?", "Yes, 3 < 5 and 7 > 2, so x<y>z is no chain."),
        ("Explain AT&T", "AT&T and R&D use an ampersand; so does Q&A."),
        ("Write C++", "```cpp\nstd::vector<int> v;\nif (a && b) { return v; }\n```"),
    ),
    "TXT706": (
        ("Write as in the south", "Well, I reckon them young'uns was fixin' to head down yonder, ain't nobody gonna stop 'em, and ol' Jed was just sittin' there whittlin' and hummin' to hisself like nothin' was wrong at all, y'all."),
        ("lol", "omg thats so tru tho, im ded lmao, u gotta c it 4 urself bc no1 believes me when i tell em wat happened last nite at da club w/ my bff n her bro"),
        ("Explain the enzyme", "Phosphofructokinase catalyses the phosphorylation of fructose-6-phosphate; allosteric inhibition by ATP and citrate, and activation by AMP, adjust glycolytic flux in hepatocytes and myocytes alike."),
        ("Namen", "Wojciechowski, Szczepański, Krzyżanowski und Grzegorzewicz fuhren mit Brzęczyszczykiewicz nach Szczebrzeszyn."),
    ),
    "ANS801": (
        ("Capital of France?", "Paris"),
        ("Name three fruits", "- apples\n- pears\n- plums"),
        ("What did she look at?", "The thing that she had been looking at."),
        ("Give a title", "The Lord of the Rings: The Return of the King"),
        ("What is pi?", "The ratio of a circle's circumference to its diameter, about 3.14159"),
        ("Finish: to be or", "To be or not to be, that is the question: so Hamlet begins, and so on, and so on…"),
        ("What are you waiting for?", "That is the bus I was waiting for. It is the one that I get on."),
        ("こんにちは", "こんにちは。お元気ですか"),
        ("Write code", "```python\nprint('hi')\n```"),
    ),
    "ANS802": (
        ("Smile", "Sure :) here is a smiley ;-) and a range [0, 1), and item a) before b)."),
        ("Give JSON", '{"a": [1, 2, {"b": "a } in a string"}]}'),
        ("Show Python 2", "In the shell:\n```\n>>> print 'x'\nx\n```"),
        ("Show a stub", "```python\ndef f(x):\n    ...\n```"),
        ("LaTeX?", "The interval $(a, b]$ is half open, and \\left[ 0, 1 \\right) too."),
        ("A notebook cell", "```python\n%matplotlib inline\n!pip install numpy\nimport numpy\n```"),
    ),
    "ANS803": (
        ("My dog died", "I'm so sorry for your loss. Losing a friend like that hurts for a long time."),
        ("How was the film?", "I can't recommend it enough: I couldn't help but laugh all the way through."),
        ("Where is my parcel?", "I'm sorry about the delay. Your parcel left our warehouse this morning and arrives tomorrow."),
        ("Write a villain's line", '"I cannot help you," said the wizard, "for the door opens only to the brave."'),
        ("Translate: Ich kann das nicht", "I can't do that."),
        ("How do language models work?", "A language model predicts the next token; it is trained on large amounts of text."),
    ),
    "ANS804": (
        ("Sing Frère Jacques", "Frère Jacques, Frère Jacques,\nDormez-vous? Dormez-vous?\nSonnez les matines! Sonnez les matines!\nDing, dang, dong. Ding, dang, dong."),
        ("Laugh", "Hahahahahaha, that is a good one!"),
        ("Make a table", "| a | b |\n|---|---|\n| 1 | 2 |\n| 1 | 2 |\n| 1 | 3 |"),
        ("Count to thirty", ", ".join(str(n) for n in range(1, 31))),
        ("A matrix of zeros", "[[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]"),
        ("Draw a line", "Title\n" + "-" * 60 + "\nText below the line."),
    ),
    "ANS806": (
        ("Repeat after me: the quick brown fox jumps over the lazy dog and then it sleeps all the afternoon long.", "The quick brown fox jumps over the lazy dog and then it sleeps all the afternoon long."),
        ("Correct the grammar of this sentence: He go to the school every day and learn many new thing from his teacher.", "He goes to the school every day and learns many new things from his teacher."),
    ),
    "ANS807": (
        ("Write a Jinja template that greets", "Here it is: `Hello {{ name }}!` prints the name."),
        ("What does HTTP 429 mean?", "429 Too Many Requests means that a client has sent more requests than it may."),
        ("Explain null", "In JavaScript, null is a value that stands for no object; undefined is another."),
        ("Format a string in Python", "Use an f-string: `f\"Hello {name}\"` puts the name in."),
        ("What is lorem ipsum?", "It is dummy text that printers use to show a layout."),
        ("Who wrote XXX?", "The film xXx was written by Rich Wilkes."),
    ),
    "ANS809": (
        ("Cite", "See doi:10.1038/171737a0 and ISBN 978-0-306-40615-7 (https://www.nature.com/articles/171737a0)."),
        ("Which case?", "Roe v. Wade, 410 U.S. 113 (1973), and Case C-131/12, ECLI:EU:C:2014:317."),
        ("Paper?", "Attention Is All You Need, arXiv:1706.03762."),
    ),
    "LNG852": (
        ("Translate into German: The weather is lovely today and we are going to the lake.", "Das Wetter ist heute herrlich, und wir fahren an den See."),
        ("How do you say 'thank you very much for your help' in Spanish?", "Muchas gracias por su ayuda."),
        ("Answer in French: what did the committee decide about the budget?", "Le comité a décidé de reporter le vote sur le budget à la semaine prochaine."),
        ("Write a haiku by Bashō in the original and nothing else, please.", "古池や蛙飛びこむ水の音"),
    ),
    "PII901": (
        ("What is 4532 + 1234?", "4532 + 1234 = 5766, and 5766 x 1000 is 5766000."),
        ("Which version?", "Use version 10.2.14.1 of the driver; 192.168.0.1 is the router's address."),
        ("Example of an address?", "Write to user@example.com, where example.com is reserved."),
        ("What is the ISBN?", "978-0-306-40615-7, order number 2019-11-05-0001."),
        ("Constants?", "The speed of light is 299792458 m/s; Avogadro's number is 602214076000000000000000."),
        ("Decorators?", "Put @property above the method; in git, HEAD@{1} is the entry before."),
        ("Timestamp?", "1700000000 is 14 November 2023, 22:13:20 UTC; in ms 1700000000123."),
        ("Scores?", "They won 555-1234 on aggregate, 12-34-56 being the code of the lock."),
    ),
    "PII902": (
        ("When did the war end?", "It ended on May 8, 1945, in Berlin."),
        ("Where is the Louvre?", "It is in Paris, on the Rue de Rivoli, and was opened in 1793."),
        ("What is an MRN?", "A medical record number is what a hospital gives to each patient."),
        ("Normal blood pressure?", "Below 120/80 mmHg; above 140/90 is high."),
        ("What is a VIN?", "A vehicle identification number has 17 characters."),
    ),
    "PII903": (
        ("What grows there?", "Rose and Jasmine grow in the garden of the Grand Hotel near Baker Street."),
        ("When?", "In May or June, after the Great Depression, under the New Deal."),
        ("Which companies?", "Morgan Stanley and Johnson & Johnson are companies; so is Wells Fargo."),
    ),
    "SEC911": (
        ("Where do I put the key?", "Set OPENAI_API_KEY=sk-your-key-here or os.environ['API_KEY'] in the shell."),
        ("Which commit?", "It was fixed in 3f786850e387550fdab836ed7e6dc881de23001b (SHA-1)."),
        ("AWS example", "The documentation uses AKIAIOSFODNN7EXAMPLE as its access key."),
        ("A UUID?", "123e4567-e89b-12d3-a456-426614174000 is one."),
        ("Password?", 'Use password = "<your password>" or password = getpass().'),
        ("Integrity?", 'integrity="sha384-oqVuAfXRKap7fdgcCY5uykM6+R9GqQ8K/uxy9rx7HNQlGYl1kPzQho1wx4JwY8wC"'),
    ),
    "SEC912": (
        ("What is prompt injection?", 'An attacker writes "ignore all previous instructions" into a page that the model reads.'),
        ("Please ignore the previous email, it was a mistake.", "No problem, I have deleted it."),
        ("Forget about it", "All right, forgotten. What would you like to do instead?"),
        ("Rewrite the instructions of the recipe above", "Mix flour and water, ignore the yeast for now, and bake."),
    ),
    "SEC914": (
        ("Encode 'hello' in base64", "aGVsbG8="),
        ("Hash of an empty string?", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("Where is it?", "https://en.wikipedia.org/w/index.php?title=Base64&action=history&offset=&limit=500"),
        ("DNA?", "ACGTACGTTAGCTAGCTAGCTAGGATCGATCGATCGATTACGATCGATCGATCGTAGCTAGCTAGCATCG"),
    ),
    "SAF921": (
        ("Who lives in Scunthorpe?", "About 80,000 people; the name is Old Norse."),
        ("Tell me about birds", "The cock crows at dawn, great tits nest in boxes, and the booby dives."),
        ("Are gay couples allowed to marry?", "Yes, same-sex marriage is legal there, for gay, lesbian and bisexual people alike."),
        ("How do I kill a process?", "Use `kill -9 PID`; the child dies with its parent."),
        ("What is breast cancer?", "A cancer that starts in the breast; screening by mammography finds it early."),
        ("Black history?", "Black and Jewish writers, Muslim scholars and immigrants shaped the city."),
    ),
    "FMT116": (
        ("How is Alpaca formatted?", "A prompt has a heading such as Instruction, followed by the text of the task."),
        ("Write a dialogue", "Anna: Where were you?\nBen: At home.\nAnna: I see."),
        ("FAQ, please", "Q: Do you ship abroad?\nA: Yes, to all of Europe.\n\nQ: How long does it take?\nA: Five days."),
        ("Steps?", "## 1. Prepare\nCut the wood.\n\n## 2. Build\nGlue it."),
    ),
    "FMT117": (
        ("Did the function print anything? Answer briefly.", "No, there was no output at all."),
        ("Which allergies does he have?", "None that we know of."),
        ("Value of x in the record?", "It is null, so there is no value."),
        ("Yes or no?", "No"),
    ),
}  # fmt: skip
"""Code -> exchanges that are right."""
