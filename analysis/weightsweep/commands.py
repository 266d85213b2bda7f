"""The subcommands: options, actions, and exit codes."""

import argparse
import codecs
import functools
import json
import os
import sys
from pathlib import Path

from weightsweep import answer_table, comparison, effects, findings, original, outputs, table
from weightsweep.cases import AnswerError
from weightsweep.outputs import OutputError
from weightsweep.results import ResultsError, open_runs


def _table(arguments: argparse.Namespace) -> None:
    form = arguments.format or ("markdown" if arguments.into else "table")
    if arguments.into and form != "markdown":
        arguments.subcommand.error(f"--into writes a Markdown table; expected --format markdown, or none, not --format {form}")
    files = [open_runs(path) for path in arguments.results]
    text = answer_table.render(files, form, answer_table.View(arguments.runs, arguments.by, arguments.published))
    if arguments.into:
        outputs.fill_blocks(arguments.into, {answer_table.BLOCK: text})
    else:
        sys.stdout.write(text)


def _compare(arguments: argparse.Namespace) -> None:
    found = comparison.differences(open_runs(arguments.a), open_runs(arguments.b), arguments.by)
    if arguments.format == "json":
        rows = [answer_table.plain(comparison.record(each)) for each in found.differences]
        document = {"a": str(arguments.a), "b": str(arguments.b), "by": arguments.by, "apart": found.apart, "sentence": found.sentence, "note": found.note, "differences": rows}
        print(json.dumps(document, indent=1, allow_nan=False))
    else:
        real = "".join(f"{each.sentence}\n" for each in found.differences if each.real)
        print(f"A: {arguments.a}\nB: {arguments.b}\n{found.sentence}\n", *([real] if real else []), table.text(*found.rows()) + found.note, sep="\n")


def _plot(arguments: argparse.Namespace) -> None:
    from weightsweep import figures  # deferred: importing matplotlib is slow

    files = [open_runs(path) for path in dict.fromkeys(arguments.results)]
    known = list(dict.fromkeys([*figures.FIGURES, figures.SCALING, *(name for runs in files for name in effects.axes(runs))]))
    unknown = [name for name in arguments.figure or [] if name not in known]
    if unknown:
        arguments.subcommand.error(f"no figure '{unknown[0]}'; expected one of {', '.join(known)}")
    written = figures.save(files, arguments.output, arguments.figure, arguments.published)
    for path in written:
        print(path)
    if not written:
        print("weightsweep: no figure drawn: no run has reached the first point that a figure would show", file=sys.stderr)


def _report(arguments: argparse.Namespace) -> None:
    from weightsweep import report

    print(report.write(open_runs(arguments.results), arguments.output))


def _watch(arguments: argparse.Namespace) -> None:
    from weightsweep import watch

    watch.serve(arguments.results, arguments.port)


_PROGRAM = ("plan", "run", "status", "export", "verify", "predict", "bench", "info")  # subcommands of the C program


def _port(text: str) -> int:
    if text.isdecimal() and int(text) < 65536:
        return int(text)
    raise argparse.ArgumentTypeError(f"'{text}' is not a port; expected an integer from 0 to 65535")


def _compare_seed(arguments: argparse.Namespace) -> None:
    if arguments.archives != original.ARCHIVES and not arguments.archives.is_dir():
        raise ResultsError(f"{arguments.archives}: no such folder")
    archives = original.read(arguments.archives)
    if arguments.output:
        from weightsweep import figures

        for path in figures.save_seed(archives, arguments.output):
            print(path)
    if arguments.into:
        outputs.fill_blocks(arguments.into, {original.BLOCK: original.as_markdown(archives)})
    elif not arguments.output:
        sys.stdout.write(original.as_text(archives))


def _findings(arguments: argparse.Namespace) -> None:
    if not arguments.archives.is_dir():
        raise ResultsError(f"{arguments.archives}: no such folder")
    for path in findings.fill(arguments.page, arguments.archives, arguments.output):
        print(path)


def _add_archives(subcommand: argparse.ArgumentParser) -> None:
    subcommand.add_argument("--archives", type=Path, default=original.ARCHIVES, metavar="DIR", help=f"finished sweeps, DIR/*.h5 (default: {original.ARCHIVES})")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m weightsweep", description="The answer, tables and figures of results files. `weightsweep --help` lists the subcommands that train, export and verify.")
    exact = functools.partial(argparse.ArgumentParser, allow_abbrev=False)  # long options in full, as in the C program
    subparsers = parser.add_subparsers(required=True, metavar="SUBCOMMAND", parser_class=exact)
    subcommand = subparsers.add_parser("table", help="which setting is best, and one row per setting: mean over its seeds, 95 %% interval")
    subcommand.add_argument("results", type=Path, nargs="+", metavar="RESULTS.h5")
    subcommand.add_argument("--runs", action="store_true", help="one row per run")
    subcommand.add_argument("--by", default="r2", metavar="COLUMN", help="rank by another column of R^2, for example r2_wide (default: r2)")
    subcommand.add_argument("--format", choices=answer_table.FORMATS, help="output format (default: table); latex needs the package booktabs")
    subcommand.add_argument("--published", action="store_true", help="show the published R^2 beside every training (default: only beside repetitions of the published training)")
    subcommand.add_argument("--into", type=Path, metavar="FILE.md", help=f"write the table as Markdown between {' and '.join(answer_table.BLOCK)} of FILE.md")
    subcommand.set_defaults(run=_table, subcommand=subcommand)
    subcommand = subparsers.add_parser("compare", help="differences between two results files in the settings that they share, and whether they are real")
    subcommand.add_argument("a", type=Path, metavar="A.h5")
    subcommand.add_argument("b", type=Path, metavar="B.h5")
    subcommand.add_argument("--by", default="r2", metavar="COLUMN", help="compare another column of R^2, for example r2_wide (default: r2)")
    subcommand.add_argument("--format", choices=("table", "json"), default="table", help="output format (default: table)")
    subcommand.set_defaults(run=_compare)
    subcommand = subparsers.add_parser("plot", help="figures that suit the axes of the sweep, as PNG and PDF", epilog="Example: python3 -m weightsweep plot results/quick.h5 --figure loss -o figures")
    subcommand.add_argument("results", type=Path, nargs="+", metavar="RESULTS.h5")
    subcommand.add_argument("-o", "--output", type=Path, metavar="DIR", help="folder of the figures (default: the folder of RESULTS.h5)")
    subcommand.add_argument("--figure", action="append", metavar="NAME", help="draw only this figure (repeatable): loss, heatmap, weights, shift, fits, timeline, scaling (from several files), or an axis of the sweep: R^2 against it")
    subcommand.add_argument("--published", action="store_true", help="also draw the published values of the original experiment where no run repeats its training")
    subcommand.set_defaults(run=_plot, subcommand=subcommand)
    subcommand = subparsers.add_parser("report", help="one self-contained HTML page: runs, curves, figures, failures")
    subcommand.add_argument("results", type=Path, metavar="RESULTS.h5")
    subcommand.add_argument("-o", "--output", type=Path, metavar="FILE.html", help="the page (default: RESULTS.html beside RESULTS.h5)")
    subcommand.set_defaults(run=_report)
    subcommand = subparsers.add_parser("watch", help="local web page of the sweep, updated while it runs")
    subcommand.add_argument("results", type=Path, metavar="RESULTS.h5")
    subcommand.add_argument("--port", type=_port, default=8080, help="port on 127.0.0.1; 0: any free port (default: 8080)")
    subcommand.set_defaults(run=_watch)
    subcommand = subparsers.add_parser("compare-seed", description="For developers: published tables and curves of the original experiment beside ours")
    _add_archives(subcommand)
    subcommand.add_argument("-o", "--output", type=Path, metavar="DIR", help="draw the curves and R² as PNG and PDF into DIR")
    subcommand.add_argument("--into", type=Path, metavar="FILE.md", help=f"write the tables between {' and '.join(original.BLOCK)} of FILE.md")
    subcommand.set_defaults(run=_compare_seed)
    subcommand = subparsers.add_parser("findings", description="For developers: fill the page of findings from the archives")
    _add_archives(subcommand)
    subcommand.add_argument("--into", dest="page", type=Path, default=findings.PAGE, metavar="FILE.md", help=f"page whose blocks `<!-- finding NAME:begin -->` ... `:end -->` are filled (default: {findings.PAGE})")
    subcommand.add_argument("-o", "--output", type=Path, metavar="DIR", help="also draw one figure per archive into DIR and link it in the page")
    subcommand.set_defaults(run=_findings)
    return parser


def _printable(error: UnicodeError) -> tuple[str | bytes, int]:
    """Replaces unprintable characters: bytes of a file name that is not UTF-8 stay unchanged, other characters become "?"."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return b"".join(bytes([ord(each) - 0xDC00]) if "\udc80" <= each <= "\udcff" else b"?" for each in text), error.end


def _message(error: BaseException) -> tuple[str, int]:
    """The message of an error and its exit code."""
    if isinstance(error, OutputError | AnswerError):
        return str(error), 2
    if isinstance(error, ResultsError):
        return str(error), 3
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", 75
    if isinstance(error, ImportError):
        return f"{error}: jobs/install installs what is needed, or python3 -m pip install h5py h5netcdf xarray matplotlib scipy", 4
    if isinstance(error, MemoryError):
        return "out of memory", 4
    if isinstance(error, OSError) and error.strerror:  # an OSError without a file name comes from standard output
        return f"{error.filename or 'standard output could not be written'}: {error.strerror}", 4
    return str(error), 4


def _close_output() -> None:
    """Flushes standard output. Redirects it to /dev/null if that fails, since Python flushes again at exit and would change the exit code."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(parser: argparse.ArgumentParser) -> int:
    try:
        if len(sys.argv) > 1 and sys.argv[1] in _PROGRAM:
            parser.error(f"'{sys.argv[1]}' is a subcommand of the program: weightsweep {' '.join(sys.argv[1:])} (in a clone: build/release/weightsweep)")
        arguments = parser.parse_args()
    except SystemExit as end:  # --help, or wrong usage
        sys.stdout.flush()
        return int(end.code or 0)
    arguments.run(arguments)
    sys.stdout.flush()
    return 0


def main() -> int:
    if sys.stdout is None:
        print("weightsweep: standard output is closed; redirect it to a file or /dev/null", file=sys.stderr)
        return 4
    codecs.register_error("printable", _printable)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="printable")
    try:
        return _run(_parser())
    except (OutputError, ResultsError, OSError, ImportError, MemoryError, KeyboardInterrupt) as error:
        text, code = _message(error)
        _close_output()
        print(f"weightsweep: {text}", file=sys.stderr)
        return code
