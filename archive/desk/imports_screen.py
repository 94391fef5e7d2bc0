"""Imports in the admin: files go to quarantine, a dry run reports, a job imports, a batch can be taken back."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from wagtail.admin import messages

from archive.desk.forms import communities_in_which
from archive.desk.screens import DeskScreen
from archive.importing.formats import readers
from archive.importing.job import KIND, discard_uploads, import_after, report_of, start_import
from archive.importing.options import KINDS, ImportOptions
from archive.importing.problems import RefusedError
from archive.importing.report import OUTCOMES
from archive.importing.safe_text import shown
from archive.importing.undo import UndoImport
from archive.models import Community, ImportBatch, ImportItem, RecordKind
from archive.policy import Viewer
from archive.vault.errors import VaultError
from jobs.models import Job

#: Files that one request may bring.
MOST_FILES = 500
#: Items of a report on one page.
PER_PAGE = 100


class ManyFilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class ManyFilesField(forms.FileField):
    """Several files at once; each is checked by itself."""

    widget = ManyFilesInput

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        files = data if isinstance(data, (list, tuple)) else [data]
        if not files:
            raise forms.ValidationError(self.error_messages["required"], code="required")
        if len(files) > MOST_FILES:
            raise forms.ValidationError(
                _("At most %(most)d files at once; bring the rest in a second import.") % {"most": MOST_FILES}
            )
        return [super(ManyFilesField, self).clean(one, initial) for one in files]


class ImportForm(forms.Form):
    """What to import, into which collection, and how to read it."""

    community = forms.ModelChoiceField(queryset=Community.objects.none(), label=gettext_lazy("Community"))
    collection = forms.SlugField(
        label=gettext_lazy("Collection (short name)"),
        max_length=80,
        help_text=gettext_lazy("A collection of this community; one that is missing is made."),
    )
    uploads = ManyFilesField(
        label=gettext_lazy("Files"),
        help_text=gettext_lazy("TEI, WebVTT, SubRip, plain text, or one CSV table with the texts and media it names."),
    )
    format = forms.ChoiceField(label=gettext_lazy("Format"))
    kind = forms.ChoiceField(label=gettext_lazy("Kind"))
    language = forms.CharField(label=gettext_lazy("Language where a file names none"), max_length=35, required=False)
    mapping = forms.ChoiceField(label=gettext_lazy("Mapping of a table"), required=False)

    def __init__(self, *args: Any, viewer: Viewer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = communities_in_which(viewer, "import")
        self.fields["community"].queryset = choices  # type: ignore[attr-defined]
        if choices.count() == 1:
            self.fields["community"].initial = choices.first()
        names = [("auto", _("find out"))] + [(name, one.label) for name, one in readers().items()]
        self.fields["format"].choices = names  # type: ignore[attr-defined]
        kinds = {"auto": _("find out"), **dict(RecordKind.choices)}
        self.fields["kind"].choices = [(kind, kinds[kind]) for kind in KINDS]  # type: ignore[attr-defined]
        self.fields["mapping"].choices = [("", "–"), ("wpa", "WPA")]  # type: ignore[attr-defined]

    def options(self) -> ImportOptions:
        """What the import is asked to do; always a dry run first."""
        data = self.cleaned_data
        return ImportOptions(
            community=data["community"].slug,
            collection=data["collection"].lower(),
            format=data["format"],
            kind=data["kind"],
            mapping=data["mapping"],
            language=data["language"],
            dry_run=True,
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors and (wrong := self.options().wrong()):
            raise forms.ValidationError(wrong)
        return cleaned


class ImportsScreen(DeskScreen):
    """Imports of the viewer's communities, and a form for the next."""

    template_name = "archive/desk/imports.html"
    page_title = gettext_lazy("Imports")
    header_icon = "upload"

    @cached_property
    def form(self) -> ImportForm:
        sent = (self.request.POST, self.request.FILES) if self.request.method == "POST" else (None, None)
        return ImportForm(*sent, viewer=self.viewer)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not self.form.is_valid():
            return self.render_to_response(self.get_context_data())
        self.require("import", self.form.cleaned_data["community"])
        uploads = [(one.name, one.chunks()) for one in self.form.cleaned_data["uploads"]]
        try:
            job = start_import(uploads, self.form.options(), user=request.user)  # type: ignore[arg-type]
        except (VaultError, ValueError, RefusedError) as error:
            self.form.add_error("uploads", str(error))
            return self.render_to_response(self.get_context_data())
        messages.success(request, _("The files are in quarantine. A dry run reads them; nothing is written yet."))
        return HttpResponseRedirect(reverse("desk:import", args=[job.input["batch"]]))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        batches = self.only_visible(ImportBatch.objects.select_related("community", "by"))
        page = Paginator(batches, 30).get_page(self.request.GET.get("p"))
        return super().get_context_data(**kwargs) | {
            "form": self.form,
            "page": page,
            "may_import": communities_in_which(self.viewer, "import").exists(),
        }


class ImportScreen(DeskScreen):
    """One import: what became of each file, and what can be done now."""

    template_name = "archive/desk/import.html"
    page_title = gettext_lazy("Import")
    header_icon = "upload"

    @cached_property
    def batch(self) -> ImportBatch:
        found: ImportBatch = self.object_or_404(
            ImportBatch.objects.select_related("community", "by"), uuid=self.kwargs["uuid"]
        )
        return found

    @cached_property
    def job(self) -> Job | None:
        return Job.objects.filter(kind=KIND, input__batch=str(self.batch.uuid)).order_by("-pk").first()

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self.require("import", self.batch)
        act = request.POST.get("action", "")
        address = reverse("desk:import", args=[self.batch.uuid])
        if self.job is not None and self.job.is_active:
            messages.error(request, _("Its job is still running; wait for it, or cancel it first."))
        elif act == "import":
            try:
                job = import_after(self.batch, user=request.user)  # type: ignore[arg-type]
            except ValueError:
                messages.error(request, _("Its files are not there any more: upload them again."))
            else:
                address = reverse("desk:import", args=[job.input["batch"]])
        elif act == "forget":
            discard_uploads(self.batch.options.get("uploads", []))
            self.batch.options = {**self.batch.options, "uploads": []}
            self.batch.save(update_fields=["options"])
            messages.success(request, _("Its files were deleted from quarantine; nothing was imported."))
        elif act == "undo":
            try:
                undone = UndoImport(self.batch, request.user).execute()  # type: ignore[arg-type]
            except ValueError:
                messages.error(request, _("This import was taken back already."))
            else:
                messages.success(
                    request,
                    _("Taken back: %(gone)d works; set back: %(reverted)d; kept, because touched since: %(kept)d.")
                    % {
                        "gone": len(undone.taken_back),
                        "reverted": len(undone.reverted),
                        "kept": len(undone.kept),
                    },
                )
        else:
            raise Http404
        return HttpResponseRedirect(address)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        report = report_of(self.batch)
        labels = dict(ImportItem.Outcome.choices)
        outcome = self.request.GET.get("outcome", "")
        items = [item for item in report.items if not outcome or item.outcome == outcome]
        page = Paginator(items, PER_PAGE).get_page(self.request.GET.get("p"))
        return super().get_context_data(**kwargs) | {
            "batch": self.batch,
            "job": self.job,
            "dry_run": bool(self.batch.options.get("dry_run")),
            "waiting": len(self.batch.options.get("uploads", [])),
            "counts": [(key, labels.get(key, key), report.counts[key]) for key in OUTCOMES],
            "made": [(kind, shown(name)) for kind, name in report.made],
            "problems": [_as_line(one) for one in report.problems],
            "turned_away": [shown(said, 400) for said in self.batch.options.get("turned_away", [])],
            "items": [
                {
                    "source": shown(item.source),
                    "title": shown(item.title),
                    "outcome": labels.get(item.outcome, item.outcome),
                    "record": item.record,
                    "problems": [_as_line(one) for one in item.problems],
                }
                for item in page
            ],
            "page": page,
            "outcome": outcome,
            "may_import": bool(self.may("import", self.batch)),
        }


def _as_line(problem: Any) -> dict[str, str]:
    return {
        "file": shown(problem.file),
        "place": shown(problem.place),
        "reason": problem.reason,
        "remedy": problem.remedy,
        "severity": problem.severity,
    }
