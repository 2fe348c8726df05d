"""Telling: records in, text out. PYTEST_DONT_REWRITE"""

from pytest_llm.reports.failure import Place, failure_text, shell_word
from pytest_llm.reports.forecast import Forecast, forecast_lines
from pytest_llm.reports.gate import verdict_lines, verdict_text
from pytest_llm.reports.progress import Progress, progress_line
from pytest_llm.reports.summary import summary_lines
from pytest_llm.reports.text import one_line, visible

__all__ = [
    "Forecast",
    "Place",
    "Progress",
    "failure_text",
    "forecast_lines",
    "one_line",
    "progress_line",
    "shell_word",
    "summary_lines",
    "verdict_lines",
    "verdict_text",
    "visible",
]
