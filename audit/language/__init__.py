"""Which language a text is in, and how sure that is. Judges nothing."""

from audit.language.glance import at_a_glance, sure_language, sure_language_by_words
from audit.language.identification import UNDETERMINED, Guess, identify, identify_by_words

__all__ = [
    "UNDETERMINED",
    "Guess",
    "at_a_glance",
    "identify",
    "identify_by_words",
    "sure_language",
    "sure_language_by_words",
]
