"""The model classes of the original experiment, with its widths and no code of weightsweep. Imports only PyTorch."""

import torch
from torch import Tensor, nn


class PairEncoder(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(width, 128), nn.ReLU(), nn.Linear(128, 256), nn.ReLU(), nn.Linear(256, 128))

    def forward(self, pairs: Tensor) -> Tensor:
        return self.net(pairs)


class DeepSets(nn.Module):
    def __init__(self, equations: int, width: int, unknowns: int):
        super().__init__()
        self.encoder = PairEncoder(width)
        self.decoder = nn.Sequential(nn.Linear(128, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, unknowns))

    def forward(self, pairs: Tensor) -> Tensor:
        return self.decoder(self.encoder(pairs).mean(dim=1))


class Linear(nn.Module):
    def __init__(self, equations: int, width: int, unknowns: int):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(equations * width, 256), nn.Linear(256, 256), nn.Linear(256, 256)])
        self.output = nn.Linear(256, unknowns)

    def forward(self, pairs: Tensor) -> Tensor:
        h = pairs.reshape(len(pairs), -1)
        for layer in self.layers:
            h = torch.relu(layer(h))
        return self.output(h)


class XLinear(nn.Module):
    def __init__(self, equations: int, width: int, unknowns: int):
        super().__init__()
        x = equations * width
        self.layers = nn.ModuleList([nn.Linear(x, 256), nn.Linear(256 + x, 256), nn.Linear(256 + x, 256)])
        self.output = nn.Linear(256 + x, unknowns)

    def forward(self, pairs: Tensor) -> Tensor:
        x = h = pairs.reshape(len(pairs), -1)
        for layer in self.layers:
            h = torch.cat([torch.relu(layer(h)), x], dim=1)
        return self.output(h)


class ResBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.main = nn.Sequential(nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 256))
        self.skip = nn.Linear(256, 256)

    def forward(self, h: Tensor) -> Tensor:
        return torch.relu(self.main(h) + self.skip(h))


class ResLinear(nn.Module):
    def __init__(self, equations: int, width: int, unknowns: int):
        super().__init__()
        self.input = nn.Linear(equations * width, 256)
        self.blocks = nn.ModuleList([ResBlock(), ResBlock()])
        self.output = nn.Linear(256, unknowns)

    def forward(self, pairs: Tensor) -> Tensor:
        h = self.input(pairs.reshape(len(pairs), -1))
        for block in self.blocks:
            h = block(h)
        return self.output(h)


CLASSES = {"deep-sets": DeepSets, "linear": Linear, "x-linear": XLinear, "res-linear": ResLinear}
