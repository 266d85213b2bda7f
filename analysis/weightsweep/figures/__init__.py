"""Figures for papers, as wide as a column or a page: each function draws the runs of a sweep as a matplotlib figure. FIGURES lists them, with the
condition that a sweep has their data; every axis of a sweep has a figure of its own name, R^2 against the axis."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from weightsweep import effects, one_pass, outputs, results
from weightsweep.answer import Sweep, runs_of
from weightsweep.figures import effect, evaluation, fits, heatmap, loss, scaling, seed, style, timeline
from weightsweep.outputs import Output
from weightsweep.results import Row


@dataclass(frozen=True)
class Kind:
    draw: Callable[[xr.Dataset], Figure]
    called_for: Callable[[xr.Dataset], bool]  # true if the sweep has the data of the figure


def _differ(runs: xr.Dataset, name: str) -> bool:
    return name in runs.variables and len(set(results.done(runs)[name].values)) > 1


FIGURES: dict[str, Kind] = {
    "loss": Kind(loss.loss_curves, lambda runs: bool(np.isfinite(runs["curve_loss"].values).any())),
    "heatmap": Kind(heatmap.heat_map, lambda runs: len([name for name in heatmap.axes_of(runs) if _differ(runs, name)]) > 1),
    "weights": Kind(evaluation.weight_match, evaluation.has_weight_match),
    "shift": Kind(evaluation.distribution_shift, lambda runs: bool(evaluation.shifts(runs))),
    "fits": Kind(fits.fits, one_pass.called_for),
    "timeline": Kind(timeline.rank_timeline, lambda runs: len(timeline.segments(runs)) > 0),
}
SCALING = "scaling"  # the only figure of several files


def called_for(runs: xr.Dataset) -> list[str]:
    """The figures whose data the sweep has: those of FIGURES, and R^2 against each axis, under the name of the axis."""
    return [*(name for name, kind in FIGURES.items() if kind.called_for(runs)), *(name for name in effects.axes(runs) if _differ(runs, name))]


def _draw(files: list[xr.Dataset], name: str, with_published: bool) -> Figure:
    if name == SCALING:
        return scaling.scaling(files)
    if name == "loss":
        return loss.loss_curves(files[0], with_published)
    return FIGURES[name].draw(files[0]) if name in FIGURES else effect.effect(files[0], name, with_published=with_published)


@contextmanager
def drawn(files: list[xr.Dataset], name: str, with_published: bool = False) -> Iterator[Figure]:
    """Context manager: draws the figure `name` and closes it at the end."""
    with style.plt.rc_context(style.STYLE):
        figure = _draw(files, name, with_published)
        yield figure
        style.plt.close(figure)


def figure(sweep: Sweep, name: str, with_published: bool = False) -> Figure:
    """The figure `name` of a sweep: one of FIGURES, or an axis of the sweep for R^2 against the axis.

    `sweep`: a dataset of open_sweep or open_runs, or the path of a results file. `figure("a.h5", "pooling").savefig("pooling.pdf")` writes it as
    wide as a column or a page of a paper. Raises ResultsError if the sweep has no such figure.
    """
    runs = runs_of(sweep)
    known = [*FIGURES, *effects.axes(runs)]
    if name not in known:
        raise results.ResultsError(f"no figure '{name}'; expected one of {', '.join(known)}")
    with style.plt.rc_context(style.STYLE):
        return _draw([runs], name, with_published)


@dataclass(frozen=True)
class Drawing:
    """A figure to be drawn as FOLDER/RESULTS-NAME.png and, with `pdf`, .pdf. The figure `scaling` is FOLDER/scaling.png and .pdf."""

    name: str
    files: list[xr.Dataset]
    folder: Path
    pdf: bool = True
    with_published: bool = False

    @property
    def path(self) -> Path:
        """Path of the PNG file."""
        return self.outputs()[0].path

    def outputs(self) -> list[Output]:
        source = Path(self.files[0].attrs["source"])
        stem = self.name if self.name == SCALING else f"{outputs.stem(source).name}-{self.name}"
        kinds = {"png": outputs.PNG} | ({"pdf": outputs.PDF} if self.pdf else {})
        return [Output(self.folder / f"{stem}.{suffix}", kind, source) for suffix, kind in kinds.items()]

    def save(self) -> list[Path]:
        with drawn(self.files, self.name, self.with_published) as figure:
            return write(figure, self.outputs())


def drawings(files: list[xr.Dataset], folder: Path | None, names: list[str] | None = None, with_published: bool = False) -> list[Drawing]:
    """The figures `names`, or all whose data each sweep has, in `folder` or in the folder of each results file."""
    beside = [folder or Path(runs.attrs["source"]).parent for runs in files]
    wanted = [(name, runs, place) for runs, place in zip(files, beside) for name in (called_for(runs) if names is None else names)]
    found = [Drawing(name, [runs], place, with_published=with_published) for name, runs, place in wanted if name != SCALING]
    return found + ([Drawing(SCALING, files, beside[0])] if SCALING in (names or []) else [])


def save(files: list[xr.Dataset], folder: Path | None, names: list[str] | None = None, with_published: bool = False) -> list[Path]:
    """Draws the figures of `drawings` after checking that each can be written. Returns their paths."""
    planned = drawings(files, folder, names, with_published)
    outputs.check(output for drawing in planned for output in drawing.outputs())
    for place in {drawing.folder for drawing in planned}:
        outputs.make_folder(place)
    return [path for drawing in planned for path in drawing.save()]


def save_seed(archives: dict[str, list[Row]], folder: Path) -> list[Path]:
    """Draws the comparisons with the original experiment: FOLDER/seed-curves and FOLDER/seed-r2, as .png and .pdf."""
    kinds = {"png": outputs.PNG, "pdf": outputs.PDF}
    named = {name: [Output(folder / f"{name}.{suffix}", kind, folder) for suffix, kind in kinds.items()] for name in ("seed-curves", "seed-r2")}
    outputs.check(output for each in named.values() for output in each)
    outputs.make_folder(folder)
    written = []
    for (name, each), draw in zip(named.items(), (seed.side_by_side, seed.r2)):
        with style.plt.rc_context(style.STYLE):
            figure = draw(archives)
            written += write(figure, each)
            style.plt.close(figure)
    return written


def write(figure: Figure, files: list[Output]) -> list[Path]:
    """Writes a figure to each file, in the format of its suffix. The metadata contain the marker of this package."""
    for output in files:
        buffer = io.BytesIO()
        figure.savefig(buffer, format=output.path.suffix[1:], metadata={"Creator": outputs.MARKER})
        output.write(buffer.getvalue())
    return [output.path for output in files]
