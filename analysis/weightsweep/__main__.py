"""python3 -m weightsweep SUBCOMMAND RESULTS.h5"""

import os
import sys


def _leave_working_folder() -> None:
    """Removes the working folder from the module path of `python -m`, so that a file random.py or csv.py there does not replace the module
    of the standard library. The folder stays if PYTHONPATH has its absolute path, or if it is the folder of the standard library."""
    named = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if os.path.isabs(entry)]
    own = os.path.dirname(os.__file__)
    end = sys.path.index(own) if own in sys.path else 1
    sys.path[:end] = [entry for entry in sys.path[:end] if entry in named or entry not in ("", os.getcwd())]


def main() -> int:
    try:
        from weightsweep import commands
    except ImportError as error:
        print(f"weightsweep: {error}: jobs/install installs what is needed, or python3 -m pip install h5py h5netcdf xarray matplotlib scipy", file=sys.stderr)
        return 4
    return commands.main()


if __name__ == "__main__":
    _leave_working_folder()
    sys.exit(main())
