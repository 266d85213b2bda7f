"""Reads the results files of weightsweep: `open_sweep("results.h5")` gives an xarray.Dataset; tables and figures build on it."""

from weightsweep.results import ResultsError, open_sweep

__all__ = ["ResultsError", "open_sweep"]
