"""Words that mention groups of people: the data files, and where they stand in a text. Judges nothing."""

from audit.lexicons.lexicon import Lexicon, axes, load
from audit.lexicons.terms import Mention, Term

__all__ = ["Lexicon", "Mention", "Term", "axes", "load"]
