"""The chat templates that come with the trainer, and the control tokens that each needs. Renders nothing."""

from __future__ import annotations

import re
from typing import Final

END: Final = "<|end|>"
PAD: Final = "<|pad|>"
CONTROL: Final = ("<|system|>", "<|user|>", "<|assistant|>", "<|tool|>", END, PAD)
"""The control tokens of the built-in model, in the order of their ids. Padding is never what ends a turn."""

_CONTENT: Final = """\
{%- macro words(content) -%}
{%- if content is string -%}{{- content -}}
{%- else -%}{%- for part in content -%}
{%- if part is string -%}{{- part -}}
{%- elif part.type in ('text', 'refusal') -%}{{- part[part.type] -}}
{%- else -%}{{- raise_exception('a part that is neither text nor refusal: ' ~ part.type) -}}{%- endif -%}
{%- endfor -%}{%- endif -%}
{%- endmacro -%}
"""

TINY: Final = (
    _CONTENT
    + """\
{%- if tools -%}{{- '<|system|>' ~ (tools | tojson) ~ '<|end|>' -}}{%- endif -%}
{%- for message in messages -%}
{%- if message.role == 'assistant' -%}
{{- '<|assistant|>' -}}
{%- generation -%}
{{- words(message.content or '') -}}{%- if message.tool_calls -%}{{- message.tool_calls | tojson -}}{%- endif -%}
{{- '<|end|>' -}}
{%- endgeneration -%}
{%- elif message.role in ('system', 'developer') -%}{{- '<|system|>' ~ words(message.content or '') ~ '<|end|>' -}}
{%- elif message.role == 'user' -%}{{- '<|user|>' ~ words(message.content or '') ~ '<|end|>' -}}
{%- elif message.role in ('tool', 'function') -%}{{- '<|tool|>' ~ words(message.content or '') ~ '<|end|>' -}}
{%- else -%}{{- raise_exception('there is no role ' ~ message.role) -}}{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}
"""
)
"""The layout of the built-in model: a control token, the words, an end. Tools and tool calls are JSON."""

CHATML: Final = (
    _CONTENT
    + """\
{%- if tools -%}{{- '<|im_start|>system\\n' ~ (tools | tojson) ~ '<|im_end|>\\n' -}}{%- endif -%}
{%- for message in messages -%}
{{- '<|im_start|>' ~ message.role ~ '\\n' -}}
{%- if message.role == 'assistant' -%}
{%- generation -%}
{{- words(message.content or '') -}}{%- if message.tool_calls -%}{{- message.tool_calls | tojson -}}{%- endif -%}
{{- '<|im_end|>' -}}
{%- endgeneration -%}
{{- '\\n' -}}
{%- else -%}{{- words(message.content or '') ~ '<|im_end|>\\n' -}}{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}
"""
)
"""ChatML (OpenAI 2023), for a model whose tokenizer has its two control tokens and no template."""
CHATML_END: Final = "<|im_end|>"

PLAIN: Final = (
    _CONTENT
    + """\
{{- cls_token or bos_token or '' -}}
{%- for message in messages -%}
{{- words(message.content or '') ~ (sep_token or '\\n') -}}
{%- endfor -%}
"""
)
"""The words alone, in the frame that encoders of the BERT family were trained with; for classification."""

NAMED: Final = {"chatml": CHATML, "plain": PLAIN}
"""What ``chat_template`` may name instead of a file."""

_TOKEN: Final = re.compile(r"<\|[^|<>\s'\"{}~]{1,60}\|>")


def control_tokens(source: str) -> tuple[str, ...]:
    """The control tokens of the usual shape ``<|name|>`` that a template writes out, each once, in order."""
    return tuple(dict.fromkeys(_TOKEN.findall(source)))
