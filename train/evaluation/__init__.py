"""The re-audit of models: arms, examples in prompts, variants of prompts, and the folder that holds their outputs."""
