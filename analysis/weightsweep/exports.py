"""A sweep in the formats of other programs. pandas, pyarrow, W&B, MLflow and TensorBoard are optional: `pip install weightsweep[parquet]`,
`[wandb]`, `[mlflow]`, `[tensorboard]`."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from weightsweep import answer_table, grids, results
from weightsweep.answer import Sweep, runs_of
from weightsweep.results import Row

_CURVES = {"loss": "curve_loss", "r2": "curve_r2"}


def to_latex(sweep: Sweep, by: str = "r2") -> str:
    """The settings with their means, intervals and seeds as a LaTeX tabular for the package booktabs. `by`: the column of R^2."""
    return answer_table.render([runs_of(sweep)], "latex", answer_table.View(by=by))


def to_parquet(sweep: Sweep, path: str | Path, curves: bool = False) -> None:
    """Writes one row per run, or with `curves` one row per point of the curves, as a Parquet file. Needs pandas and pyarrow."""
    grids.to_pandas(runs_of(sweep), curves).to_parquet(path)


def to_wandb(sweep: Sweep, project: str, **options: Any) -> None:
    """Logs each run to a W&B project: its settings, curves and outcomes. `options` go to wandb.init, for example mode="offline"."""
    import wandb

    for settings, outcomes, curve in _logged(sweep):
        with wandb.init(project=project, name=str(settings["run_id"]), config=settings, **options) as run:
            for step, values in curve:
                run.log(values, step=step)
            run.summary.update(outcomes)


def to_mlflow(sweep: Sweep, experiment: str) -> None:
    """Logs each run to an MLflow experiment of the current tracking URI: its settings, curves and outcomes."""
    import mlflow

    mlflow.set_experiment(experiment)
    for settings, outcomes, curve in _logged(sweep):
        with mlflow.start_run(run_name=str(settings["run_id"])):
            mlflow.log_params(settings)
            for step, values in curve:
                mlflow.log_metrics(values, step=step)
            mlflow.log_metrics({f"final_{name}": value for name, value in outcomes.items()})


def to_tensorboard(sweep: Sweep, folder: str | Path) -> None:
    """Writes the curves of each run for TensorBoard, in a folder per run that is named by its settings."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    runs = runs_of(sweep)
    varied = results.varied(runs)
    for settings, _, curve in _logged(runs):
        name = ",".join(f"{each}={settings[each]}" for each in varied) or str(settings["run_id"])
        writer = EventFileWriter(str(Path(folder) / name.replace("/", "_")))
        for step, values in curve:
            writer.add_event(Event(step=step, summary=Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()])))
        writer.close()


Logged = tuple[dict[str, object], dict[str, float], list[tuple[int, dict[str, float]]]]


def _logged(sweep: Sweep) -> Iterator[Logged]:
    """The settings, the finite outcomes and the curve (step, values) of each run."""
    runs = runs_of(sweep)
    names = ["run_id", *results.setting_names(runs), "status"]
    outcomes = [str(name) for name, variable in runs.data_vars.items() if variable.dims == ("run",) and variable.dtype.kind in "fi"]
    for row in results.rows(runs):
        finite = {name: float(row[name]) for name in outcomes if math.isfinite(row[name])}
        yield {name: row[name].item() for name in names}, finite, list(_curve(row))


def _curve(row: Row) -> Iterator[tuple[int, dict[str, float]]]:
    for place in np.flatnonzero(np.isfinite(row["curve_step"])):
        yield int(row["curve_step"][place]), {name: float(row[column][place]) for name, column in _CURVES.items() if np.isfinite(row[column][place])}
