"""Reads the results files of weightsweep. `open_sweep("results.h5")` gives an xarray.Dataset with the sweep's axes as dimensions,
`load_model("results.h5", run)` a trained model, as arrays or as a PyTorch module; tables, figures and the report build on them."""

from weightsweep.models import load_model
from weightsweep.results import ResultsError, open_runs, open_sweep, to_pandas

__all__ = ["ResultsError", "load_model", "open_runs", "open_sweep", "to_pandas"]
