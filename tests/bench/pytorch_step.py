#!/usr/bin/env python3
"""The training step in PyTorch, from the program of the original experiment to the fastest variant found.

    tests/bench/pytorch_step.py --seed-program           one JSON object: median time per step, in ms
    tests/bench/pytorch_step.py --best-bf16 --threads 2
    tests/bench/pytorch_step.py --table                  every program below, one JSON object per line
    tests/bench/pytorch_step.py --best-bf16 --optimizer muon --batch 256 --schedule cosine --train 1500
                                                         trains 1,500 steps, evaluates once, adds r2 and wall_seconds

Deep sets on mlp-inverse with mean pooling, or max with `--pooling max`, where no program pools first. Each program adds one change to the
previous one; all compute the same function:

    --seed-program     the original program: every layer of the encoder on every pair, then the mean
    --pool-first       mean before the encoder's last layer, which is linear
    --tcmalloc         libtcmalloc preloaded, without which large activations page-fault in every step
    --micro-batch 256  gradients summed over micro-batches, whose activations fit into the caches
    --precision bf16   network under bf16 autocast; labels and loss stay fp32
    --compile          torch.compile

--best-fp32 combines the first four programs, --best-bf16 the first five. `--optimizer muon` is torch.optim.Muon for the hidden
matrices and Adam for the rest. Needs PyTorch (`pip install torch`; 2.9 for Muon).
"""

import argparse
import ctypes.util
import json
import math
import os
import statistics
import subprocess
import sys
import time

TABLE = {  # program -> its options
    "seed-program": ["--seed-program"],
    "pool-first": ["--pool-first"],
    "tcmalloc": ["--pool-first", "--tcmalloc"],
    "micro-batch": ["--best-fp32"],
    "micro-batch-bf16": ["--best-bf16"],
    "compile": ["--best-fp32", "--compile"],
    "compile-bf16": ["--best-bf16", "--compile"],
}

SHOWN = (
    "unknowns",
    "equations",
    "embed_dim",
    "pooling",
    "batch",
    "optimizer",
    "threads",
    "precision",
    "micro_batch",
    "pool_first",
    "tcmalloc",
    "compile",
)


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    program = parser.add_mutually_exclusive_group()
    program.add_argument("--seed-program", action="store_true", help="the original program (default)")
    program.add_argument("--best-fp32", action="store_true", help="--pool-first --tcmalloc --micro-batch 256")
    program.add_argument("--best-bf16", action="store_true", help="the same and --precision bf16")
    program.add_argument("--table", action="store_true", help="measure every program, one after the other")
    parser.add_argument("--pooling", choices=["mean", "max"], default="mean")
    parser.add_argument("--pool-first", action="store_true")
    parser.add_argument("--tcmalloc", action="store_true")
    parser.add_argument("--micro-batch", type=int, metavar="GENERATORS", help="0: the whole batch at once")
    parser.add_argument("--precision", choices=["fp32", "bf16"])
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--optimizer", choices=["adam", "muon"], default="adam")
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--unknowns", type=int, default=15)
    parser.add_argument("--equations", type=int, default=45)
    parser.add_argument("--embed-dim", type=int, default=128)
    parser.add_argument("--eval-points", type=int, default=1, help="evaluation inputs per generator in the loss")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--schedule", choices=["constant", "cosine"], default="constant")
    parser.add_argument("--warmup-steps", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=40, help="timed steps")
    parser.add_argument("--warm-up", type=int, default=5, help="untimed steps before them")
    parser.add_argument("--train", type=int, metavar="STEPS", help="train to the end and evaluate, instead of timing a few steps")
    parser.add_argument("--generators", type=int, default=16384, help="held-out generators of the evaluation")
    return parser


def resolve(arguments: argparse.Namespace) -> argparse.Namespace:
    best = arguments.best_fp32 or arguments.best_bf16
    arguments.pool_first = (arguments.pool_first or best) and arguments.pooling == "mean"
    arguments.tcmalloc |= best
    if arguments.micro_batch is None:
        arguments.micro_batch = 256 if best else 0
    if arguments.precision is None:
        arguments.precision = "bf16" if arguments.best_bf16 else "fp32"
    micro = arguments.micro_batch or arguments.batch
    arguments.micro_batch = min(micro, arguments.batch)
    if arguments.batch % arguments.micro_batch:
        sys.exit(f"pytorch_step.py: --batch {arguments.batch} is no multiple of --micro-batch {arguments.micro_batch}")
    return arguments


def preload_tcmalloc() -> None:
    """Restarts this process with libtcmalloc preloaded, unless it is loaded already."""
    if "libtcmalloc" in os.environ.get("LD_PRELOAD", ""):
        return
    library = ctypes.util.find_library("tcmalloc_minimal") or ctypes.util.find_library("tcmalloc")
    if library is None:
        sys.exit("pytorch_step.py: libtcmalloc_minimal.so.4 is missing (Debian and Ubuntu: apt-get install libtcmalloc-minimal4)")
    before = os.environ.get("LD_PRELOAD")
    os.environ["LD_PRELOAD"] = f"{library}:{before}" if before else library
    os.execv(sys.executable, [sys.executable, *sys.argv])


def measure_table(arguments: argparse.Namespace) -> None:
    rest = [word for word in sys.argv[1:] if word != "--table"]
    for name, program in TABLE.items():
        run = subprocess.run([sys.executable, __file__, *program, *rest], capture_output=True, text=True)
        if run.returncode:
            last = run.stderr.strip().splitlines()[-1:] or ["no message"]
            print(json.dumps({"program": name, "error": last[0]}), flush=True)
        else:
            print(json.dumps({"program": name, **json.loads(run.stdout)}), flush=True)


def generator_shape(unknowns: int) -> tuple[int, int]:
    """d, h with (d + 1) h = unknowns and h/d nearest to 2.5, as weightsweep chooses them."""
    shapes = [(d, unknowns // (d + 1)) for d in range(2, unknowns) if unknowns % (d + 1) == 0 and unknowns // (d + 1) >= 2]
    if not shapes:
        sys.exit(f"pytorch_step.py: no generator has {unknowns} unknowns")
    return min(shapes, key=lambda shape: (abs(shape[1] / shape[0] - 2.5), shape[0]))


arguments = resolve(options().parse_args())
if arguments.table:
    measure_table(arguments)
    sys.exit()
if arguments.tcmalloc:
    preload_tcmalloc()
started = time.perf_counter()
try:
    import torch
except ImportError as error:
    sys.exit(f"pytorch_step.py: PyTorch is missing (pip install torch): {error}")
from torch import Tensor, nn
from torch.nn import functional

if arguments.optimizer == "muon" and not hasattr(torch.optim, "Muon"):
    sys.exit(f"pytorch_step.py: PyTorch {torch.__version__} has no torch.optim.Muon; 2.9 is the first that has")

INPUTS, HIDDEN = generator_shape(arguments.unknowns)


class PairEncoder(nn.Module):
    def __init__(self, width: int, embed_dim: int):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(width, 128), nn.ReLU(), nn.Linear(128, 256), nn.ReLU(), nn.Linear(256, embed_dim))


class DeepSets(nn.Module):
    def __init__(self, width: int, unknowns: int, embed_dim: int, pool_first: bool):
        super().__init__()
        self.encoder = PairEncoder(width, embed_dim)
        self.decoder = nn.Sequential(nn.Linear(embed_dim, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, unknowns))
        self.pool_first = pool_first

    def forward(self, pairs: Tensor) -> Tensor:  # pairs [sets, n, d + 1]
        if self.pool_first:
            embedding = self.encoder.net[-1](self.encoder.net[:-1](pairs).mean(dim=1))
        else:
            embeddings = self.encoder.net(pairs)
            embedding = embeddings.max(dim=1).values if arguments.pooling == "max" else embeddings.mean(dim=1)
        return self.decoder(embedding)


def draw_generators(sets: int) -> Tensor:  # [sets, unknowns]
    weights = torch.randn(sets, arguments.unknowns)
    weights[:, : INPUTS * HIDDEN] *= INPUTS**-0.5
    weights[:, INPUTS * HIDDEN :] *= HIDDEN**-0.5
    return weights


def apply_generators(weights: Tensor, x: Tensor) -> Tensor:
    """x [sets, d, n] -> [sets, 1, n]; the points are last, since products of these shapes are several times faster so."""
    first = weights[:, : INPUTS * HIDDEN].reshape(-1, INPUTS, HIDDEN).transpose(1, 2)
    second = weights[:, INPUTS * HIDDEN :].reshape(-1, 1, HIDDEN)
    return torch.bmm(second, functional.relu(torch.bmm(first, x)))


def draw_batch(sets: int) -> tuple[Tensor, Tensor, Tensor]:
    """Pairs that the network sees, fresh inputs, and what the true generators answer there."""
    weights = draw_generators(sets)
    x = torch.randn(sets, INPUTS, arguments.equations)
    pairs = torch.cat([x, apply_generators(weights, x)], dim=1).transpose(1, 2).contiguous()
    probes = torch.randn(sets, INPUTS, arguments.eval_points)
    return pairs, probes, apply_generators(weights, probes)


class Training:
    def __init__(self) -> None:
        torch.manual_seed(arguments.seed)
        model = DeepSets(INPUTS + 1, arguments.unknowns, arguments.embed_dim, arguments.pool_first)
        self.optimizers = make_optimizers(model)
        self.model = torch.compile(model) if arguments.compile else model
        self.steps = 0

    def predict(self, pairs: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=arguments.precision == "bf16"):
            output = self.model(pairs)
        return output.float()

    def step(self) -> None:
        rate = arguments.learning_rate
        if arguments.warmup_steps:
            rate *= min(1.0, (self.steps + 1) / arguments.warmup_steps)
        if arguments.schedule == "cosine":
            rate *= (1 + math.cos(math.pi * self.steps / (arguments.train or arguments.steps))) / 2
        for _ in range(arguments.batch // arguments.micro_batch):
            pairs, probes, target = draw_batch(arguments.micro_batch)
            loss = functional.mse_loss(apply_generators(self.predict(pairs), probes), target)
            (loss * (arguments.micro_batch / arguments.batch)).backward()
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
            optimizer.zero_grad()
        self.steps += 1

    @torch.no_grad()
    def r2(self) -> float:
        """1 - MSE / Var(y) over held-out generators, whose stream of random numbers no training step shares."""
        torch.manual_seed(2**32 + arguments.seed)
        error = total = square = 0.0
        count = 0
        while count < arguments.generators:
            sets = min(1024, arguments.generators - count)
            pairs, probes, target = draw_batch(sets)
            difference = apply_generators(self.predict(pairs), probes) - target
            error += difference.double().square().sum().item()
            total += target.double().sum().item()
            square += target.double().square().sum().item()
            count += sets
        numbers = count * arguments.eval_points
        return 1 - (error / numbers) / (square / numbers - (total / numbers) ** 2)


def make_optimizers(model: DeepSets) -> list[torch.optim.Optimizer]:
    parameters = dict(model.named_parameters())
    hidden = []
    if arguments.optimizer == "muon":
        matrices = [name for name, tensor in parameters.items() if tensor.dim() == 2]
        hidden = [parameters.pop(name) for name in matrices[1:-1]]
    made: list[torch.optim.Optimizer] = [torch.optim.Adam(parameters.values(), lr=arguments.learning_rate)]
    if hidden:
        made.append(torch.optim.Muon(hidden, lr=arguments.learning_rate, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"))
    return made


def main() -> None:
    torch.set_num_threads(arguments.threads)
    line = {
        "torch": torch.__version__,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        **{key: getattr(arguments, key) for key in SHOWN},
    }
    training = Training()
    seconds = []
    timed_from = 0 if arguments.train else arguments.warm_up
    for step in range(arguments.train or arguments.warm_up + arguments.steps):
        start = time.perf_counter()
        training.step()
        if step >= timed_from:
            seconds.append(time.perf_counter() - start)
    line |= {"steps": len(seconds), "ms": round(1e3 * statistics.median(seconds), 4)}
    if arguments.train:
        keys = ("eval_points", "learning_rate", "schedule", "warmup_steps", "seed", "generators")
        line |= {key: getattr(arguments, key) for key in keys} | {"r2": training.r2()}
        line["wall_seconds"] = round(time.perf_counter() - started, 3)
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
