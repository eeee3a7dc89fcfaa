"""What a model with a classification head says of a batch; the same for training and for prediction."""

from __future__ import annotations

import torch

from audit.train.models.prepared import unwrapped


def pools_last(model: torch.nn.Module) -> bool:
    """Whether the head is a decoder's: one linear map, ``score``, of the last token that was read."""
    return hasattr(unwrapped(model), "score")


def classify(model: torch.nn.Module, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """The logits of the classes, (batch, classes), for ``ids`` (batch, tokens) that are padded on the right.

    A decoder is pooled at the last token by ``lengths`` (batch), not by the id of padding, which may well be the end
    token that a text ends with; it needs no mask, because no token sees what is right of it. An encoder uses its own
    head, with a mask made of ``lengths``.
    """
    inner = unwrapped(model)
    if pools_last(inner):
        states = inner.base_model(input_ids=ids, use_cache=False).last_hidden_state
        rows = torch.arange(len(ids), device=states.device)
        logits: torch.Tensor = inner.score(states[rows, lengths.to(states.device) - 1])
        return logits
    mask = torch.arange(ids.shape[1], device=ids.device)[None, :] < lengths.to(ids.device)[:, None]
    logits = inner(input_ids=ids, attention_mask=mask.long()).logits
    return logits
