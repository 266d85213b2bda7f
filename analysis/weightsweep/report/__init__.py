"""A sweep as one self-contained HTML page: what was run, a table to sort and filter, curves to zoom, the figures, and what failed.

The page needs no network: scripts, styles and pictures are inside, and its Content-Security-Policy lets it load nothing. Whatever
comes from the results file is data, in JSON, and reaches the page as text alone."""

import base64
import html
import io
import json
from importlib.resources import files
from pathlib import Path

import xarray as xr

from weightsweep import results
from weightsweep.report import data

FIGURE_DPI = 110


def write(runs: xr.Dataset, path: Path) -> None:
    """The report of a finished or unfinished sweep."""
    path.write_text(page(data.content(runs), _figures(runs)), encoding="utf-8")


def page(content: dict[str, object], figures: list[tuple[str, bytes]], refresh_seconds: float = 0) -> str:
    """The page. With `refresh_seconds` it asks its server for data.json that often (see watch)."""
    pictures = "".join(
        f'<figure><img alt="{html.escape(name)}" src="data:image/png;base64,{base64.b64encode(png).decode()}"></figure>\n' for name, png in figures
    )
    parts = {
        "title": html.escape(str(content["name"])),
        "connect": "'self'" if refresh_seconds else "'none'",
        "style": _file("report.css"),
        "figures": pictures or "<p>No figure: nothing has been finished that one would show.</p>",
        "data": as_script({"refresh": refresh_seconds, **content}),
        "script": _file("table.js") + _file("curves.js") + _file("report.js"),
        "plotly": _plotly(),
    }
    before, *pieces = _file("report.html").split("{{")
    return before + "".join(parts[name] + after for name, _, after in (piece.partition("}}") for piece in pieces))


def as_script(content: object) -> str:
    """JSON that cannot end the script element that holds it."""
    return json.dumps(content, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _figures(runs: xr.Dataset) -> list[tuple[str, bytes]]:
    from weightsweep import figures  # matplotlib takes its time

    pictures = []
    for name in figures.called_for(runs):
        with figures.drawn([runs], name) as figure:
            buffer = io.BytesIO()
            figure.savefig(buffer, format="png", dpi=FIGURE_DPI)
        pictures.append((name, buffer.getvalue()))
    return pictures


def _file(name: str) -> str:
    return (files("weightsweep.report") / name).read_text(encoding="utf-8")


def _plotly() -> str:
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise results.ResultsError("the report wants plotly: jobs/install, or python3 -m pip install plotly") from error
    return str(get_plotlyjs())
