"""How measures and costs are named and rounded where people read them."""

NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "f1": "F1",
    "mcc": "Matthews correlation",
    "cohen_kappa": "Cohen's kappa",
    "roc_auc": "area under the ROC curve",
    "pr_auc": "area under the precision-recall curve",
    "log_loss": "log loss",
    "brier": "Brier score",
    "ece": "calibration error",
    "aurc": "area under the risk-coverage curve",
    "size_mb": "size",
    "latency_ms_p50": "median latency",
    "latency_ms_p95": "95th percentile of latency",
    "fit_seconds": "time to fit",
    "peak_memory_mb": "peak memory of fitting",
}
"""Plain names of measures and costs."""

_UNITS = {"size_mb": "MB", "latency_ms_p50": "ms", "latency_ms_p95": "ms", "fit_seconds": "s", "peak_memory_mb": "MiB"}

ROWS = {"validation": "validation rows", "out_of_fold": "out-of-fold train rows"}
"""What candidates were compared on, for the middle of a sentence."""
SPLITS = {"validation": "validation", "out_of_fold": "out of fold"}
"""The same as the heading of a column."""

_TEXT = 320  # characters of a text that are shown


def cut(text: str) -> str:
    """A text as far as it is shown."""
    return text if len(text) <= _TEXT else text[: _TEXT - 1].rstrip() + "…"


def name(key: str) -> str:
    """The plain name of a measure or cost, for the middle of a sentence."""
    return NAMES.get(key, key.replace("_", " "))


def measure(value: float) -> str:
    """A measure with four digits after the point (and no negative zero)."""
    return f"{round(value, 4) + 0.0:.4f}"


def signed(value: float) -> str:
    """A difference of measures with its sign and four digits after the point."""
    return f"{round(value, 4) + 0.0:+.4f}"


def extra(value: float) -> str:
    """A difference of times with its sign, in as many digits as can matter."""
    return f"{round(value, 1) + 0.0:+,.1f}" if abs(value) < 100 else f"{value:+,.0f}"


def cost(key: str, value: float, *, exactly: bool = False) -> str:
    """A cost with its unit, to about three digits or, exactly, to all that can matter."""
    if key == "fit_seconds" and not exactly:
        return duration(value)
    return f"{f'{value:.9g}' if exactly else significant(value)} {_UNITS[key]}"


def p_value(value: float | None) -> str:
    """A p-value to three digits that count; a dash where there is none."""
    if value is None:
        return "-"
    return "below 0.001" if value < 0.001 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """Seconds, or minutes and seconds from two minutes on."""
    if seconds < 120:
        return f"{significant(seconds)} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def significant(value: float) -> str:
    """A number with about three digits that count, and thousands separated."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:#.3g}" if value < 10 else f"{value:.1f}"


def percent(level: float) -> str:
    """A share, such as a confidence level, as a percentage."""
    return f"{100 * level:.3g} %"


def share(value: float) -> str:
    """A share of rows as a whole percentage; small ones do not become nothing."""
    return "< 1 %" if 0 < value < 0.005 else f"{100 * value:.0f} %"


def listed(names: list[str]) -> str:
    """Names as a sentence lists them: `a`, `a and b`, `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
