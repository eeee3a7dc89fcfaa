"""What people and models say when they refuse, speak of themselves as models, give no output, give orders or ask for
harm, in several languages. Finds phrases and how prompts read; judges no answer."""
