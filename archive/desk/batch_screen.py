"""Acting on several works of a list at once; what is refused is named with its reasons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from wagtail.admin import messages

from archive.actions.base import ActionRefused, reason_in_words
from archive.actions.publish import HideAction, PublishAction, ReviewAction, UnpublishAction
from archive.desk.screens import DeskScreen
from archive.desk.sealing import shown_title
from archive.desk.views import sent_key

#: Works in one transaction, and the most that one request takes.
PART = 50
MOST = 500


class BatchScreen(DeskScreen):
    """Takes the ticked works of a list; answers with what became of each."""

    model: Any = None
    namespace = ""
    template_name = "archive/desk/batch.html"
    http_method_names = ["post"]

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        keys = [sent_key(key) for key in request.POST.getlist("work")][:MOST]
        works = list(
            self.only_visible(self.model.objects.filter(pk__in=keys)).select_related("community", "collection")
        )
        action = request.POST.get("action", "")
        act: Callable[[list[Any]], list[tuple[Any, list[str]]]] | None = {
            "publish": self._publish,
            "unpublish": self._unpublish,
            "pass": self._pass,
            "hide": self._hide,
        }.get(action)
        if act is None or not works:
            messages.error(request, _("Tick the works first, then choose what to do with them."))
            return HttpResponseRedirect(reverse(f"{self.namespace}:index"))
        right = {"pass": "review"}.get(action, action)
        allowed, refused = [], []
        for work in works:
            decision = self.may(right, work)
            if decision:
                allowed.append(work)
            else:
                refused.append((work, [reason_in_words(decision.reason)]))
        for start in range(0, len(allowed), PART):
            refused += act(allowed[start : start + PART])
        done = len(works) - len(refused)
        context = self.get_context_data(
            done=done,
            refused=[
                {
                    "title": shown_title(work, self.viewer),
                    "url": reverse(f"{self.namespace}:gate", args=[work.pk]),
                    "reasons": reasons,
                }
                for work, reasons in refused
            ],
            back=reverse(f"{self.namespace}:index"),
        )
        return self.render_to_response(context)

    def get_page_title(self) -> str:
        return _("What became of them")

    def _publish(self, works: list[Any]) -> list[tuple[Any, list[str]]]:
        assessments = PublishAction(self.request.user, works).execute()  # type: ignore[arg-type]
        return [
            (work, [str(reason.sentence) for reason in assessments[work.public_id].blocking])
            for work in works
            if not assessments[work.public_id].allowed
        ]

    def _unpublish(self, works: list[Any]) -> list[tuple[Any, list[str]]]:
        UnpublishAction(self.request.user, works).execute()  # type: ignore[arg-type]
        return []

    def _pass(self, works: list[Any]) -> list[tuple[Any, list[str]]]:
        empty = [work for work in works if work.current_revision == 0]
        ReviewAction(self.request.user, [w for w in works if w.current_revision]).execute()  # type: ignore[arg-type]
        return [(work, [_("There is no revision to review yet: save the record first.")]) for work in empty]

    def _hide(self, works: list[Any]) -> list[tuple[Any, list[str]]]:
        refused: list[tuple[Any, list[str]]] = []
        for work in works:
            try:
                HideAction(self.request.user, work).execute()  # type: ignore[arg-type]
            except ActionRefused as error:
                refused.append((work, error.sentences))
        return refused
