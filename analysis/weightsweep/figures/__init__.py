"""Figures, one function each: the runs of a sweep in, a matplotlib figure out. FIGURES names them and says which sweep calls for which."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from weightsweep import results
from weightsweep.figures import ablation, evaluation, heatmap, loss, progress, ratio, scaling, seed, style, timeline
from weightsweep.results import Row


@dataclass(frozen=True)
class Kind:
    draw: Callable[[xr.Dataset], Figure]
    called_for: Callable[[xr.Dataset], bool]  # whether the sweep has what the figure shows


def _differ(runs: xr.Dataset, name: str) -> bool:
    return name in runs.variables and len(set(results.done(runs)[name].values)) > 1


FIGURES: dict[str, Kind] = {
    "loss": Kind(loss.loss_curves, lambda runs: bool(np.isfinite(runs["curve_loss"].values).any())),
    "r2": Kind(ratio.r2_against_ratio, lambda runs: _differ(runs, "equations")),
    "heatmap": Kind(heatmap.heat_map, lambda runs: len([name for name in heatmap.axes_of(runs) if _differ(runs, name)]) > 1),
    "embedding": Kind(ablation.embedding, lambda runs: _differ(runs, "embed_dim")),
    "pooling": Kind(ablation.pooling, lambda runs: _differ(runs, "pooling")),
    "activation": Kind(ablation.activation, lambda runs: _differ(runs, "generator_activation")),
    "optimizer": Kind(progress.r2_by_optimizer, lambda runs: bool(progress.varied(runs)) and bool(np.isfinite(runs["curve_r2"].values).any())),
    "weights": Kind(evaluation.weight_match, evaluation.has_weight_match),
    "shift": Kind(evaluation.distribution_shift, lambda runs: bool(evaluation.shifts(runs))),
    "timeline": Kind(timeline.rank_timeline, lambda runs: len(timeline.segments(runs)) > 0),
}
SCALING = "scaling"  # the one figure of several files


def called_for(runs: xr.Dataset) -> list[str]:
    return [name for name, kind in FIGURES.items() if kind.called_for(runs)]


@contextmanager
def drawn(files: list[xr.Dataset], name: str) -> Iterator[Figure]:
    """The figure of that name; closed afterwards."""
    with style.plt.rc_context(style.STYLE):
        figure = scaling.scaling(files) if name == SCALING else FIGURES[name].draw(files[0])
        yield figure
        style.plt.close(figure)


def save(files: list[xr.Dataset], folder: Path, names: list[str] | None = None) -> list[Path]:
    """Draws the named figures, or those the sweeps call for, as FOLDER/<results>-<figure>.png and .pdf; scaling, of all files, as
    FOLDER/scaling.png and .pdf."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for runs in files:
        stem = Path(runs.attrs["source"]).stem
        for name in called_for(runs) if names is None else names:
            if name != SCALING:
                written += _save([runs], name, folder / f"{stem}-{name}")
    if SCALING in (names or []):
        written += _save(files, SCALING, folder / SCALING)
    return written


def save_seed(archives: dict[str, list[Row]], folder: Path) -> list[Path]:
    """The founding experiment beside ours, as FOLDER/seed-curves and FOLDER/seed-r2, .png and .pdf."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, draw in (("seed-curves", seed.side_by_side), ("seed-r2", seed.r2)):
        with style.plt.rc_context(style.STYLE):
            figure = draw(archives)
            written += _write(figure, folder / name)
            style.plt.close(figure)
    return written


def _save(files: list[xr.Dataset], name: str, path: Path) -> list[Path]:
    with drawn(files, name) as figure:
        return _write(figure, path)


def _write(figure: Figure, path: Path) -> list[Path]:
    paths = [path.with_name(f"{path.name}.{suffix}") for suffix in ("png", "pdf")]
    for each in paths:
        figure.savefig(each)
    return paths
