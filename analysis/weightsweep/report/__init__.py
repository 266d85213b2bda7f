"""A sweep as one self-contained HTML page: settings, a table to sort and filter, curves to zoom, figures, and failed runs.

The page needs no network: scripts, styles and pictures are embedded, and its Content-Security-Policy forbids loading anything. Data of the
results file are embedded as JSON and inserted into the page as text only."""

import base64
import html
import io
import json
from importlib.resources import files
from pathlib import Path

import h5py
import xarray as xr

from weightsweep import outputs
from weightsweep.outputs import Output, OutputError
from weightsweep.report import data

FIGURE_DPI = 110
SCRIPTS = ("state.js", "filter.js", "copy.js", "chart.js", "table.js", "curves.js", "explore.js", "answer.js", "print.js", "report.js")


def write(runs: xr.Dataset, path: Path | None = None) -> Path:
    """Writes the report of a finished or unfinished sweep to `path` (default: beside the results file). Returns the path."""
    source = Path(runs.attrs["source"])
    output = Output(path or _beside(source), outputs.PAGE, source)
    outputs.check_folder(output.path)
    outputs.check([output])
    output.write(page(data.content(runs), _figures(runs)).encode("utf-8", "replace"))
    return output.path


def _beside(results: Path) -> Path:
    """Default path of the page: RESULTS without .h5, plus .html. Raises OutputError if another results file has the same default: `quick`, `quick.h5`."""
    path = Path(f"{outputs.stem(results)}.html")
    other = results.with_name(f"{results.name}.h5") if results.suffix != ".h5" else results.with_suffix("")
    if other.is_file() and h5py.is_hdf5(other):
        raise OutputError(f"{results} and {other} would both have the report {path}; name it with -o")
    return path


def page(content: dict[str, object], figures: list[tuple[str, bytes]], refresh_seconds: float = 0) -> str:
    """The HTML page. With `refresh_seconds` the page requests data.json from its server with this period (see watch)."""
    pictures = "".join(
        f'<figure><img alt="{html.escape(name)}" src="data:image/png;base64,{base64.b64encode(png).decode()}"></figure>\n' for name, png in figures
    )
    parts = {
        "generator": outputs.GENERATOR,
        "title": html.escape(str(content["name"])),
        "connect": "'self'" if refresh_seconds else "'none'",
        "style": _file("report.css"),
        "link": ' <a href="#figures">Figures</a>' if pictures else "",
        "figures": f'<section id="figures">\n<h2>Figures</h2>\n{pictures}</section>' if pictures else "",
        "data": as_script({"refresh": refresh_seconds, **content}),
        "script": "".join(map(_file, SCRIPTS)),
    }
    before, *pieces = _file("report.html").split("{{")
    return before + "".join(parts[name] + after for name, _, after in (piece.partition("}}") for piece in pieces))


def as_script(content: object) -> str:
    """JSON text that is safe inside a script element."""
    return json.dumps(content, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _figures(runs: xr.Dataset) -> list[tuple[str, bytes]]:
    from weightsweep import figures  # deferred: importing matplotlib is slow

    pictures = []
    for name in [name for name in figures.called_for(runs) if name in figures.FIGURES and name != "loss"]:  # the page's charts show the others
        with figures.drawn([runs], name) as figure:
            buffer = io.BytesIO()
            figure.savefig(buffer, format="png", dpi=FIGURE_DPI)
        pictures.append((name, buffer.getvalue()))
    return pictures


def _file(name: str) -> str:
    return (files("weightsweep.report") / name).read_text(encoding="utf-8")

