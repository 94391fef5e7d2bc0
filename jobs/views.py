"""The job pages of the admin: what waits, what runs, what went wrong. Foreign jobs do not exist here."""

from __future__ import annotations

import abc
import uuid
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.generic import TemplateView, View
from wagtail.admin import messages
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin

from jobs import api, wiring
from jobs.models import Job
from jobs.registry import label_of
from jobs.states import RETRYABLE, State

PER_PAGE = 50


class JobPage(WagtailAdminTemplateMixin, TemplateView):
    """Furniture of both pages."""

    page_title = gettext_lazy("Jobs")
    header_icon = "tasks"

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        return [*self.breadcrumbs_items, {"url": reverse("jobs:index"), "label": _("Jobs")}]


@method_decorator(never_cache, name="dispatch")
class JobList(JobPage):
    """All jobs the user may see, newest first; ``?state=`` narrows."""

    template_name = "jobs/index.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        jobs = api.visible(self.request.user).defer("input", "checkpoint", "finished_stages", "result")
        state = self.request.GET.get("state", "")
        if state in State.values:
            jobs = jobs.filter(state=state)
        page = Paginator(jobs, PER_PAGE).get_page(self.request.GET.get("p"))
        rows = [{"job": job, "label": label_of(job.kind)} for job in page]
        return super().get_context_data(**kwargs) | {
            "rows": rows,
            "page": page,
            "state": state,
            "states": State.choices,
        }


class OneJob:
    """Finds the job of the address among those that ``filter`` leaves to the user; 404 otherwise."""

    request: HttpRequest
    kwargs: dict[str, Any]
    changing = False

    @cached_property
    def job(self) -> Job:
        narrow = wiring.changeable if self.changing else wiring.visible
        public_id: uuid.UUID = self.kwargs["public_id"]
        found = narrow(Job.objects.filter(public_id=public_id), self.request.user).first()
        if found is None:
            raise Http404
        return found


@method_decorator(never_cache, name="dispatch")
class JobDetail(OneJob, JobPage):
    """One job with its log."""

    template_name = "jobs/detail.html"

    def get_page_subtitle(self) -> str:
        return label_of(self.job.kind)

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        return [*super().get_breadcrumbs_items(), {"url": "", "label": label_of(self.job.kind)}]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        mine = Job.objects.filter(pk=self.job.pk)
        change = wiring.changeable(mine, self.request.user).exists()
        return super().get_context_data(**kwargs) | {
            "job": self.job,
            "label": label_of(self.job.kind),
            "lines": self.job.log_lines.order_by("sequence"),
            "can_cancel": change and self.job.is_active and not self.job.cancel_requested,
            "can_retry": change and self.job.state in RETRYABLE,
        }


@method_decorator(never_cache, name="dispatch")
class JobNews(OneJob, View):
    """What the page's script asks for: the state, and the log after ``?after=``."""

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        job = self.job
        after = request.GET.get("after", "0")
        sequence = int(after) if after.isascii() and after.isdigit() and len(after) < 10 else 0
        return JsonResponse(
            {
                "state": job.state,
                "label": job.get_state_display(),
                "active": job.is_active,
                "cancelling": job.cancel_requested and job.is_active,
                "stage": job.stage,
                "done": job.progress_done,
                "total": job.progress_total,
                "log": api.log_after(job.public_id, sequence),
            }
        )


class ChangeJob(OneJob, View, abc.ABC):
    """What cancel and retry share: they answer POST, say what happened, and lead back to the job."""

    changing = True
    http_method_names = ["post"]

    @abc.abstractmethod
    def change(self) -> None:
        """Do it. :raises api.NotPossible: when the job's state has no place for it."""

    @abc.abstractmethod
    def said(self) -> str:
        """What the person is told when it is done."""

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        job = self.job
        try:
            self.change()
        except api.NotPossible:
            job.refresh_from_db()
            messages.error(
                request,
                _("Nothing was changed: the job is “%(state)s” by now, or an equal one is waiting.")
                % {"state": job.get_state_display()},
            )
        else:
            messages.success(request, self.said())
        return HttpResponseRedirect(reverse("jobs:detail", kwargs={"public_id": job.public_id}))


class CancelJob(ChangeJob):
    """Ask a job to end."""

    def change(self) -> None:
        api.cancel(self.job)

    def said(self) -> str:
        return _("The job will end within ten seconds.")


class RetryJob(ChangeJob):
    """Send a job back to the queue."""

    def change(self) -> None:
        api.retry(self.job)

    def said(self) -> str:
        return _("The job waits for a worker again; finished stages are not repeated.")
