"""Which language a text is in, and how sure that is. Judges nothing."""

from audit.language.glance import at_a_glance, sure_language, sure_language_by_words
from audit.language.identification import UNDETERMINED, Guess, identify

__all__ = ["UNDETERMINED", "Guess", "at_a_glance", "identify", "sure_language", "sure_language_by_words"]
