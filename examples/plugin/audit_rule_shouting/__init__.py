"""The rules of this plugin. ``audit`` finds the tuple through the entry point group ``audit.rules``."""

from audit_rule_shouting.shouted_answer import ShoutedAnswer

RULES = (ShoutedAnswer,)
