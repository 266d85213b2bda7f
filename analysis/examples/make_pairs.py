"""Makes pairs.csv: 20 pairs of a known network, y = relu(x W1) W2 with two inputs and five hidden units.

    weightsweep predict RESULTS.h5 --run RUN --pairs analysis/examples/pairs.csv

gives weights back whose outputs are nearly the same. Run by itself this writes pairs.csv where it is missing and prints W1 and W2."""

import math
import random
import sys
from pathlib import Path

INPUTS, HIDDEN, PAIRS = 2, 5, 20

draw = random.Random(1)  # the weights as a sweep's generators have them: N(0, 1 / fan in)
W1 = [[round(draw.gauss(0, 1) / math.sqrt(INPUTS), 2) for _ in range(HIDDEN)] for _ in range(INPUTS)]
W2 = [round(draw.gauss(0, 1) / math.sqrt(HIDDEN), 2) for _ in range(HIDDEN)]
X = [[round(draw.gauss(0, 1), 4) for _ in range(INPUTS)] for _ in range(PAIRS)]


def output(x: list[float]) -> float:
    hidden = [max(0.0, sum(x[i] * W1[i][j] for i in range(INPUTS))) for j in range(HIDDEN)]
    return sum(value * weight for value, weight in zip(hidden, W2))


def rows() -> list[str]:
    return ["x1,x2,y"] + [",".join(f"{value:.4f}" for value in [*x, output(x)]) for x in X]


def main() -> int:
    path, text = Path(__file__).with_name("pairs.csv"), "\n".join(rows()) + "\n"
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
    except FileExistsError:
        if not path.is_file() or path.read_bytes() != text.encode():
            print(f"{path} exists and holds other pairs; it is left as it is. Move it, then run this again", file=sys.stderr)
            return 2
    print(f"W1 = {W1}\nW2 = {W2}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
