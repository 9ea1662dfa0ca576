"""The report: one HTML file in English and Japanese, and a Markdown summary, as pure functions of the run record."""

from .render import DEFAULT_BUDGET, REPORT_NAME, SUMMARY_NAME, render_html, render_summary, write_reports

__all__ = ["DEFAULT_BUDGET", "REPORT_NAME", "SUMMARY_NAME", "render_html", "render_summary", "write_reports"]
