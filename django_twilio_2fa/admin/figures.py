"""The admin page of figures: charts, tables, CSV and JSON."""

from __future__ import annotations

import csv
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from ..models.figures import DailyFigure

PERIODS = (
    ("1d", _("1 day")),
    ("7d", _("7 days")),
    ("30d", _("30 days")),
    ("90d", _("90 days")),
    ("364d", _("1 year")),
)
DEFAULT = "30d"


class FiguresAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The read-only page of the figures: the messages sent, approved and refused, and their cost.

    `?since=` is a number of hours, days or weeks (24h, 7d, 2w) or a date, and `?format=` csv or json.
    """

    change_list_template = "admin/twilio_2fa/figures.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: DailyFigure | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: DailyFigure | None = None) -> bool:
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        # Imported here because Django loads this module when it starts.
        from django.core.exceptions import PermissionDenied

        from ..process import figures_report, prices
        from . import charts

        if not self.has_view_permission(request):
            raise PermissionDenied
        wanted, problem = request.GET.get("since") or DEFAULT, ""
        try:
            since = figures_report.first_day(wanted)
        except ValueError as e:
            wanted, problem = DEFAULT, str(e)
            since = figures_report.first_day(DEFAULT)
        shape = request.GET.get("format")
        if problem and shape:
            return HttpResponse(problem, status=400, content_type="text/plain; charset=utf-8")
        told = figures_report.report(since)
        if shape == "json":
            return JsonResponse(told, json_dumps_params={"indent": 2})
        if shape == "csv":
            return _as_csv(told, figures_report.CSV_COLUMNS)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Figures"),
            "subtitle": None,
            "opts": self.opts,
            "report": told,
            "total": charts.in_numbers(told["total"]),
            "period": charts.period(since, figures_report.today()),
            "periods": PERIODS,
            "since": wanted,
            "problem": problem,
            "charts": charts.of(told),
            "tables": charts.tables(told),
            "prices": figures_report.table_of_prices(),
            "prices_taken": prices.TAKEN,
            "prices_source": prices.SOURCE,
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, self.change_list_template, context)


def _as_csv(told: dict[str, Any], columns: tuple[str, ...]) -> HttpResponse:
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="figures-{told["since"]}-{told["until"]}.csv"'
    writer = csv.DictWriter(answer, columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(told["groups"])
    return answer
