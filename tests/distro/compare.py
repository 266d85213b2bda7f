"""compare.py A.h5 B.h5: the same sweep on two systems. Their R^2 differ by at most 0.3 points, else exit code 2; 0 where both have the same
numerics, and then the same R^2 to the bit, 1 where the numerics differ."""

import sys

import h5py
import numpy as np

TOLERANCE = 0.003

names, scores = [], []
for path in sys.argv[1:]:
    with h5py.File(path) as file:
        names.append([b"".join(row).rstrip(b"\0") for row in file["arithmetic"][...]])
        scores.append(file["r2"][...])
print(*scores, *names, sep="\n")
if not np.allclose(*scores, rtol=0, atol=TOLERANCE):
    sys.exit(2)
if names[0] != names[1]:
    sys.exit(1)
sys.exit(0 if np.array_equal(*scores) else 2)
