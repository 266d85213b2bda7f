"""Straightforward PyTorch implementations of the generators and the tasks. Imports only PyTorch."""

from collections.abc import Callable, Mapping
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

Settings = Mapping[str, object]

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "leaky-relu": lambda z: functional.leaky_relu(z, 0.01),
    "tanh": torch.tanh,
    "gelu": functional.gelu,
}


def layers(settings: Settings) -> list[tuple[int, int]]:
    """(fan in, fan out) of a generator's layers; its hidden widths are a list, or text as results files have it."""
    hidden = settings["generator_hidden"]
    hidden = [int(width) for width in hidden.split(",") if width] if isinstance(hidden, str) else list(hidden or [])
    return list(pairwise([settings["generator_inputs"], *hidden, settings["generator_outputs"]]))


def draw_weights(settings: Settings, count: int) -> Tensor:
    """Weights of fresh generators [count, unknowns]: LeCun normal, or N(0, 1)."""
    normal = settings["generator_init"] == "normal" or settings["task"] == "linear-inverse"
    return torch.cat([torch.randn(count, a * b) / (1 if normal else a**0.5) for a, b in layers(settings)], 1)


def outputs(settings: Settings, weights: Tensor, x: Tensor) -> Tensor:
    """Outputs y [count, points, outputs] of generators with these weights at x [count, points, inputs]."""
    shapes = layers(settings)
    parts = weights.split([a * b for a, b in shapes], 1)
    for place, (part, (a, b)) in enumerate(zip(parts, shapes)):
        x = torch.einsum("cpa,cab->cpb", x, part.view(-1, a, b))
        x = ACTIVATIONS[str(settings["generator_activation"])](x) if place < len(shapes) - 1 else x
    return x


def truth(settings: Settings, weights: Tensor, probes: Tensor) -> Tensor:
    """The numbers on which a model is scored, [count, numbers]."""
    return weights if settings["task"] == "linear-inverse" else outputs(settings, weights, probes).flatten(1)


def answer(settings: Settings, prediction: Tensor, probes: Tensor) -> Tensor:
    """Outputs computed from a model's prediction."""
    return outputs(settings, prediction, probes).flatten(1) if settings["task"] == "mlp-inverse" else prediction


def losses(settings: Settings, prediction: Tensor, weights: Tensor, probes: Tensor) -> Tensor:
    """The loss of each generator [count], of a model's predictions [count, its outputs]."""
    if settings["task"] == "mlp-inverse" and settings["objective"] == "weights":
        return (prediction - weights).square().mean(1)
    return (answer(settings, prediction, probes) - truth(settings, weights, probes)).square().mean(1)
