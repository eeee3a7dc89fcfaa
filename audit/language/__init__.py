"""Which language a text is in, and how sure that is. Judges nothing."""

from audit.language.identification import Guess, identify

__all__ = ["Guess", "identify"]
