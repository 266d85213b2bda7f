"""The subcommands: their options and what each does."""

import argparse
import codecs
import functools
import os
import sys
from pathlib import Path

from weightsweep import compare, findings, outputs, table
from weightsweep.outputs import OutputError
from weightsweep.results import ResultsError, open_runs


def _table(arguments: argparse.Namespace) -> None:
    dataset = open_runs(arguments.results)
    text = table.as_markdown(dataset) if arguments.markdown or arguments.into else table.as_text(dataset)
    if arguments.into:
        outputs.fill_blocks(arguments.into, {table.BLOCK: text})
    else:
        sys.stdout.write(text)


def _plot(arguments: argparse.Namespace) -> None:
    from weightsweep import figures  # matplotlib takes its time

    known = [*figures.FIGURES, figures.SCALING]
    unknown = [name for name in arguments.figure or [] if name not in known]
    if unknown:
        arguments.verb.error(f"no figure '{unknown[0]}'; there are {', '.join(known)}")
    files = [open_runs(path) for path in dict.fromkeys(arguments.results)]
    written = figures.save(files, arguments.output, arguments.figure)
    for path in written:
        print(path)
    if not written:
        print("weightsweep: no figure: no run has come as far as one would show", file=sys.stderr)


def _report(arguments: argparse.Namespace) -> None:
    from weightsweep import report

    print(report.write(open_runs(arguments.results), arguments.output))


def _watch(arguments: argparse.Namespace) -> None:
    from weightsweep import watch

    watch.serve(arguments.results, arguments.port)


def _port(text: str) -> int:
    if text.isdecimal() and int(text) < 65536:
        return int(text)
    raise argparse.ArgumentTypeError(f"'{text}' is no port; expected 0 to 65535")


def _compare_seed(arguments: argparse.Namespace) -> None:
    if arguments.archives != compare.ARCHIVES and not arguments.archives.is_dir():
        raise ResultsError(f"{arguments.archives}: no such folder")
    archives = compare.read(arguments.archives)
    if arguments.output:
        from weightsweep import figures

        for path in figures.save_seed(archives, arguments.output):
            print(path)
    if arguments.into:
        outputs.fill_blocks(arguments.into, {compare.BLOCK: compare.as_markdown(archives)})
    elif not arguments.output:
        sys.stdout.write(compare.as_text(archives))


def _findings(arguments: argparse.Namespace) -> None:
    if not arguments.archives.is_dir():
        raise ResultsError(f"{arguments.archives}: no such folder")
    for path in findings.fill(arguments.page, arguments.archives, arguments.output):
        print(path)


def _add_archives(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--archives", type=Path, default=compare.ARCHIVES, metavar="DIR", help=f"finished sweeps, DIR/*.h5 (default: {compare.ARCHIVES})")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m weightsweep", description="Tables and figures of a results file.")
    exact = functools.partial(argparse.ArgumentParser, allow_abbrev=False)  # as the program's own options
    verbs = parser.add_subparsers(required=True, metavar="VERB", parser_class=exact)
    verb = verbs.add_parser("table", help="the runs as a table, published figures beside them")
    verb.add_argument("results", type=Path, metavar="RESULTS.h5")
    verb.add_argument("--markdown", action="store_true", help="as a Markdown table")
    verb.add_argument("--into", type=Path, metavar="FILE.md", help=f"put the Markdown table between {' and '.join(table.BLOCK)} of that file")
    verb.set_defaults(run=_table)
    verb = verbs.add_parser("plot", help="the figures the sweep calls for, as PNG and PDF", epilog="Example: python3 -m weightsweep plot results/quick.h5 --figure loss -o figures")
    verb.add_argument("results", type=Path, nargs="+", metavar="RESULTS.h5")
    verb.add_argument("-o", "--output", type=Path, metavar="DIR", help="where to (default: beside the results)")
    verb.add_argument("--figure", action="append", metavar="NAME", help="only this one (repeatable): loss, r2, heatmap, embedding, pooling, activation, optimizer, weights, shift, timeline; scaling, of several files")
    verb.set_defaults(run=_plot, verb=verb)
    verb = verbs.add_parser("report", help="one self-contained HTML page: runs, curves, figures, failures")
    verb.add_argument("results", type=Path, metavar="RESULTS.h5")
    verb.add_argument("-o", "--output", type=Path, metavar="FILE.html", help="(default: beside the results)")
    verb.set_defaults(run=_report)
    verb = verbs.add_parser("watch", help="a local page that follows the sweep while it runs")
    verb.add_argument("results", type=Path, metavar="RESULTS.h5")
    verb.add_argument("--port", type=_port, default=8080, help="on 127.0.0.1; 0 takes a free one (8080)")
    verb.set_defaults(run=_watch)
    verb = verbs.add_parser("compare-seed", help="the original experiment's tables and curves beside ours")
    _add_archives(verb)
    verb.add_argument("-o", "--output", type=Path, metavar="DIR", help="draw the curves and the R² as PNG and PDF there")
    verb.add_argument("--into", type=Path, metavar="FILE.md", help=f"put the table between {' and '.join(compare.BLOCK)} of that file")
    verb.set_defaults(run=_compare_seed)
    verb = verbs.add_parser("findings", help="the page of questions, answered from the archives")
    _add_archives(verb)
    verb.add_argument("--into", dest="page", type=Path, default=findings.PAGE, metavar="FILE.md", help=f"whose blocks `<!-- finding NAME:begin -->` ... `:end -->` are filled (default: {findings.PAGE})")
    verb.add_argument("-o", "--output", type=Path, metavar="DIR", help="draw a figure for each there, too, and show it")
    verb.set_defaults(run=_findings)
    return parser


def _printable(error: UnicodeError) -> tuple[str | bytes, int]:
    """Bytes of a file name that is not UTF-8 as they are; "?" for a character that the terminal's encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return b"".join(bytes([ord(each) - 0xDC00]) if "\udc80" <= each <= "\udcff" else b"?" for each in text), error.end


def _said(error: BaseException) -> tuple[str, int]:
    """The sentence for an error, and the exit code."""
    if isinstance(error, OutputError):
        return str(error), 2
    if isinstance(error, ResultsError):
        return str(error), 3
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", 75
    if isinstance(error, ImportError):
        return f"{error}: jobs/install installs what is needed, or python3 -m pip install h5py h5netcdf xarray matplotlib plotly", 4
    if isinstance(error, MemoryError):
        return "out of memory", 4
    if isinstance(error, OSError) and error.strerror:  # without a file's name it is standard output's
        return f"{error.filename or 'standard output could not be written'}: {error.strerror}", 4
    return str(error), 4


def _leave_output() -> None:
    """Flushes standard output, or closes it where that fails: Python would try again at its end and change the exit code."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(parser: argparse.ArgumentParser) -> int:
    try:
        arguments = parser.parse_args()
    except SystemExit as end:  # help was asked for, or the usage is wrong
        sys.stdout.flush()
        return int(end.code or 0)
    arguments.run(arguments)
    sys.stdout.flush()
    return 0


def main() -> int:
    if sys.stdout is None:
        print("weightsweep: standard output is closed", file=sys.stderr)
        return 4
    codecs.register_error("printable", _printable)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="printable")
    try:
        return _run(_parser())
    except (OutputError, ResultsError, OSError, ImportError, MemoryError, KeyboardInterrupt) as error:
        text, code = _said(error)
        _leave_output()
        print(f"weightsweep: {text}", file=sys.stderr)
        return code
