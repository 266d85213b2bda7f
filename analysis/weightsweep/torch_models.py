"""The models in PyTorch, with the tensor names, shapes and functions of the original experiment's. Imports only PyTorch and numpy. Shapes
follow from the parameters; model, pooling and heads come from `settings`."""

from collections.abc import Callable, Mapping
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

Settings = Mapping[str, object]
Shapes = Mapping[str, tuple[int, ...]]  # of the tensors, by name

MOMENTS_EPSILON = 1e-6  # added to the variance before the square root


def torch_model(settings: Settings, tensors: Mapping[str, np.ndarray]) -> nn.Module:
    """A module with these parameters, for prediction or further training."""
    values = {name: torch.from_numpy(np.array(array, np.float32)) for name, array in tensors.items()}
    shapes = {name: tuple(value.shape) for name, value in values.items()}
    kind = str(settings["model"])
    if kind not in MODELS:
        raise ValueError(f"unknown model '{kind}'; expected {', '.join(MODELS)}")
    model = MODELS[kind](shapes, settings)
    model.load_state_dict(values)
    return model


def _dense(shapes: Shapes, name: str) -> nn.Linear:
    out, in_ = shapes[f"{name}.weight"]
    return nn.Linear(in_, out, bias=f"{name}.bias" in shapes)


def _stack(shapes: Shapes, prefix: str) -> nn.Sequential:
    """Dense layers prefix.0, prefix.2, ... with a ReLU between consecutive layers."""
    count = sum(name.startswith(f"{prefix}.") and name.endswith(".weight") for name in shapes)
    layers: list[nn.Module] = []
    for index in range(count):
        layers += [nn.ReLU()] if layers else []
        layers.append(_dense(shapes, f"{prefix}.{2 * index}"))
    return nn.Sequential(*layers)


class Encoder(nn.Module):
    """Maps each pair to its embedding."""

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        self.net = _stack(shapes, "encoder.net")

    def forward(self, pairs: Tensor) -> Tensor:
        return self.net(pairs)


class Attention(nn.Module):
    """Multi-head attention of learned queries over the embeddings of a set, without residual, norm or feed-forward layer."""

    def __init__(self, shapes: Shapes, settings: Settings) -> None:
        super().__init__()
        self.heads = int(settings.get("heads", 4))
        self.query = nn.Parameter(torch.empty(shapes["pooling.query"]))
        self.key = _dense(shapes, "pooling.key")
        self.value = _dense(shapes, "pooling.value")
        self.output = _dense(shapes, "pooling.output")

    def forward(self, embeddings: Tensor) -> Tensor:
        batch, pairs, width = embeddings.shape
        slice_ = width // self.heads
        keys, values = (layer(embeddings).view(batch, pairs, self.heads, slice_) for layer in (self.key, self.value))
        query = self.query.view(-1, self.heads, slice_)
        scores = torch.einsum("qhs,bphs->bqhp", query, keys) / slice_**0.5
        pooled = torch.einsum("bqhp,bphs->bqhs", scores.softmax(-1), values)
        return self.output(pooled.reshape(batch, -1, width)).flatten(1)


def _moments(embeddings: Tensor) -> Tensor:
    deviation = (embeddings.var(1, unbiased=False) + MOMENTS_EPSILON).sqrt()
    return torch.cat([embeddings.mean(1), deviation], 1)


# Embeddings [batch, pairs, E] -> the decoder's input.
POOLINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "mean": lambda embeddings: embeddings.mean(1),
    "sum": lambda embeddings: embeddings.sum(1),
    "max": lambda embeddings: embeddings.amax(1),
    "moments": _moments,
}


class Pool(nn.Module):
    """Poolings without parameters, side by side."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.kinds = words.split("+")
        for kind in self.kinds:
            if kind not in POOLINGS:
                raise ValueError(f"unknown pooling '{kind}'; expected {', '.join(POOLINGS)} or attention")

    def forward(self, embeddings: Tensor) -> Tensor:
        return torch.cat([POOLINGS[kind](embeddings) for kind in self.kinds], 1)


class DeepSets(nn.Module):
    """pairs [batch, equations, inputs + 1] -> weights [batch, unknowns]; the order of the pairs does not matter."""

    def __init__(self, shapes: Shapes, settings: Settings) -> None:
        super().__init__()
        pooling = str(settings["pooling"])
        self.encoder = Encoder(shapes)
        self.pooling = Attention(shapes, settings) if pooling == "attention" else Pool(pooling)
        self.decoder = _stack(shapes, "decoder")

    def forward(self, pairs: Tensor, *context: Tensor) -> Tensor:
        """The decoder also reads the context, tensors [batch, width]."""
        return self.decoder(torch.cat([self.pooling(self.encoder(pairs)), *context], 1))


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "leaky-relu": lambda z: functional.leaky_relu(z, 0.01),
    "tanh": torch.tanh,
    "gelu": functional.gelu,
}


class Generators:
    """Generators of one shape: weights [batch, unknowns], x [batch, points, inputs] -> hidden units of all layers and y [batch, points, ...]."""

    def __init__(self, settings: Settings) -> None:
        hidden = settings["generator_hidden"]
        widths = [int(width) for width in (hidden.split(",") if isinstance(hidden, str) else hidden)]
        self.inputs = int(settings["generator_inputs"])
        self.layers = list(pairwise([self.inputs, *widths, int(settings.get("generator_outputs", 1))]))
        self.activation = ACTIVATIONS[str(settings.get("generator_activation", "relu"))]
        lecun = str(settings.get("generator_init", "lecun")) == "lecun"
        self.precision = torch.cat([torch.full((a * b,), float(a if lecun else 1), dtype=torch.float64) for a, b in self.layers])

    def __call__(self, weights: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        units: list[Tensor] = []
        *hidden, last = weights.split([a * b for a, b in self.layers], 1)
        for part, shape in zip(hidden, self.layers):
            x = self.activation(x @ part.reshape(-1, *shape))
            units.append(x)
        return torch.cat(units, 2), x @ last.reshape(-1, *self.layers[-1])


class Refined(DeepSets):
    """A first network and stages after it. Each reads the pairs with their residuals under the prediction of the stage before, and
    corrects it. No gradient passes from a stage to the one before."""

    def __init__(self, shapes: Shapes, settings: Settings) -> None:
        super().__init__(shapes, settings)
        self.generators = Generators(settings)
        self.steps = settings.get("refine_from") == "least-squares"
        prefixes = {str(stage): f"stages.{stage}." for stage in range(1, int(settings["refinements"]) + 1)}
        parts = {stage: {name.removeprefix(prefix): shapes[name] for name in shapes if name.startswith(prefix)} for stage, prefix in prefixes.items()}
        self.stages = nn.ModuleDict({stage: DeepSets(part, settings) for stage, part in parts.items()})

    def features(self, pairs: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Pairs [x, y, 4 * residual, hidden units], and J^T r / n: half the gradient of the mean squared residual by the weights."""
        x, y = pairs.split([self.generators.inputs, pairs.shape[2] - self.generators.inputs], 2)
        with torch.enable_grad():
            at = weights.detach().requires_grad_()
            units, outputs = self.generators(at, x)
            residual = outputs - y
            (gradient,) = torch.autograd.grad(residual.square().sum() / 2 / pairs.shape[1], at)
        return torch.cat([pairs, 4 * residual, units], 2).detach(), gradient

    def least_squares_step(self, pairs: Tensor, weights: Tensor) -> Tensor:
        """The weights after a step that solves (J^T J / s^2 + P) step = -J^T r / s^2, with s^2 the mean of the squared residuals r, J their
        derivatives by the weights, and P the precision of the weights' prior. In double."""
        x, y = pairs.double().split([self.generators.inputs, pairs.shape[2] - self.generators.inputs], 2)
        with torch.enable_grad():
            at = weights.detach().double().requires_grad_()
            residual = (self.generators(at, x)[1] - y).flatten(1)
            rows = [torch.autograd.grad(column.sum(), at, retain_graph=True)[0] for column in residual.unbind(1)]
        jacobian = torch.stack(rows, 1)
        variance = residual.detach().square().mean(1).clamp(min=1e-6)
        normal = jacobian.mT @ jacobian + variance[:, None, None] * torch.diag(self.generators.precision.to(at.device))
        step = torch.linalg.solve(normal, jacobian.mT @ residual.detach()[:, :, None])[:, :, 0]
        return (at.detach() - step).to(weights.dtype)

    def predictions(self, pairs: Tensor) -> list[Tensor]:
        """The prediction of each stage; the last one is the model's."""
        found = [super().forward(pairs)]
        for stage in self.stages.values():
            weights = found[-1].detach()
            if self.steps:
                weights = self.least_squares_step(pairs, weights)
            features, gradient = self.features(pairs, weights)
            found.append(weights + stage(features, weights, gradient))
        return found

    def forward(self, pairs: Tensor) -> Tensor:
        return self.predictions(pairs)[-1]


def _deep_sets(shapes: Shapes, settings: Settings) -> DeepSets:
    return (Refined if settings.get("refinements") else DeepSets)(shapes, settings)


class Linear(nn.Module):
    """Dense layers with ReLU, and a linear output layer. Input: x [batch, inputs], or pairs [batch, equations, inputs + 1], flattened."""

    def __init__(self, shapes: Shapes, settings: Settings) -> None:
        super().__init__()
        count = sum(name.startswith("layers.") and name.endswith(".weight") for name in shapes)
        self.layers = nn.ModuleList(_dense(shapes, f"layers.{index}") for index in range(count))
        self.output = _dense(shapes, "output")

    def forward(self, x: Tensor) -> Tensor:
        h = x.flatten(1)
        for layer in self.layers:
            h = layer(h).relu()
        return self.output(h)


class XLinear(Linear):
    """Linear, with the input concatenated to the output of every hidden layer."""

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        h = x
        for layer in self.layers:
            h = torch.cat([layer(h).relu(), x], 1)
        return self.output(h)


class Block(nn.Module):
    """Residual block: relu(main(x) + skip(x))."""

    def __init__(self, shapes: Shapes, name: str) -> None:
        super().__init__()
        self.main = nn.Sequential(_dense(shapes, f"{name}.main.0"), nn.ReLU(), _dense(shapes, f"{name}.main.2"))
        self.skip = _dense(shapes, f"{name}.skip")

    def forward(self, x: Tensor) -> Tensor:
        return (self.main(x) + self.skip(x)).relu()


class ResLinear(nn.Module):
    """Two residual blocks between a dense input layer and a linear output layer."""

    def __init__(self, shapes: Shapes, settings: Settings) -> None:
        super().__init__()
        count = sum(name.endswith(".skip.weight") for name in shapes)
        self.input = _dense(shapes, "input")
        self.blocks = nn.Sequential(*(Block(shapes, f"blocks.{index}") for index in range(count)))
        self.output = _dense(shapes, "output")

    def forward(self, x: Tensor) -> Tensor:
        return self.output(self.blocks(self.input(x.flatten(1))))


MODELS: dict[str, Callable[[Shapes, Settings], nn.Module]] = {"linear": Linear, "x-linear": XLinear, "res-linear": ResLinear, "deep-sets": _deep_sets}
