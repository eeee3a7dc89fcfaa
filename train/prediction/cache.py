"""The keys and values that a model has read, with room for more: transformers' own cache copies all for each token."""

from __future__ import annotations

from typing import Any, Final

import torch
from transformers.cache_utils import DynamicLayer

ROOM: Final = 64
"""Tokens that are made room for at a time."""


_Layer: Final[Any] = DynamicLayer  # typed as Any: transformers ships its types in part only


class RoomyLayer(_Layer):  # type: ignore[misc]
    """A layer of a ``DynamicCache`` whose ``keys`` and ``values`` (batch, heads, tokens, width) are the filled part of
    larger tensors, into which the next token is written."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.lazy_initialization(layer.keys, layer.values)
        self.keys: Any = layer.keys
        self.values: Any = layer.values
        self._stores: tuple[torch.Tensor, torch.Tensor] | None = None

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the new tokens behind the others and give all."""
        filled = self.keys.shape[-2]
        total = filled + key_states.shape[-2]
        if self._stores is None or self._stores[0].shape[-2] < total:
            self._stores = (_larger(self.keys, total), _larger(self.values, total))
        for store, states in zip(self._stores, (key_states, value_states), strict=True):
            store[..., filled:total, :] = states
        self.keys, self.values = (store[..., :total, :] for store in self._stores)
        return self.keys, self.values

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Only keep some rows of the batch."""
        super().batch_select_indices(indices)
        self._stores = None


def _larger(filled: torch.Tensor, tokens: int) -> torch.Tensor:
    store = filled.new_empty((*filled.shape[:-2], tokens + ROOM, filled.shape[-1]))
    store[..., : filled.shape[-2], :] = filled
    return store


def give_room(cache: Any) -> Any:
    """The cache with room in its plain layers; those that slide or hold another state, and other caches, stay."""
    layers = getattr(cache, "layers", None)
    if isinstance(layers, list):
        cache.layers = [
            RoomyLayer(layer) if type(layer) is DynamicLayer and layer.is_initialized else layer for layer in layers
        ]
    return cache
