"""Configuration: finds the file, reads it, and merges command line, environment, file and defaults into ``Settings``.

Knows the names of options and sections, not the rules: whether a rule code exists is asked of the catalogue elsewhere.
"""

from audit.config.load import load_settings
from audit.config.settings import Ignore, Settings

__all__ = ["Ignore", "Settings", "load_settings"]
