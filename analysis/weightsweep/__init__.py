"""Reads the results files of weightsweep. `open_sweep("results.h5")` returns an xarray.Dataset with the sweep's axes as dimensions,
`best(sweep)` the best setting of each case, `by_setting(sweep)` every setting with its mean and interval, `compare(a, b)` the differences of two
sweeps, and `load_model("results.h5", run)` a trained model as arrays or as a PyTorch module."""

__version__ = "0.5.0"

# Modules are imported on first use: `python -m weightsweep` has the working folder on its path until __main__ removes it.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from weightsweep.answer import best, by_setting
    from weightsweep.comparison import compare
    from weightsweep.effects import effect
    from weightsweep.exports import to_latex, to_mlflow, to_parquet, to_tensorboard, to_wandb
    from weightsweep.figures import figure
    from weightsweep.grids import open_sweep, to_pandas
    from weightsweep.models import load_model
    from weightsweep.results import ResultsError, open_runs

_MODULES = {
    **dict.fromkeys(("best", "by_setting"), "answer"),
    **dict.fromkeys(("ResultsError", "open_runs"), "results"),
    **dict.fromkeys(("open_sweep", "to_pandas"), "grids"),
    **dict.fromkeys(("to_latex", "to_mlflow", "to_parquet", "to_tensorboard", "to_wandb"), "exports"),
    "compare": "comparison",
    "effect": "effects",
    "figure": "figures",
    "load_model": "models",
}

__all__ = ["ResultsError", "__version__", "best", "by_setting", "compare", "effect", "figure", "load_model", "open_runs", "open_sweep",
           "to_latex", "to_mlflow", "to_pandas", "to_parquet", "to_tensorboard", "to_wandb"]  # fmt: skip


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module 'weightsweep' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(f"weightsweep.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
