"""Consent: what was agreed, by whom, until when; append-only."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from archive.models.community import Protocol
from archive.models.record import Record
from archive.models.terms import Answer, Basis


class AppendOnly(models.Model):
    """A row that is written once; triggers refuse update, delete and REPLACE as well (``archive.append_only``).

    A migration installs them for every model that is one.
    """

    class Meta:
        abstract = True

    def save(self, *args: object, **kwargs: object) -> None:
        if self.pk is not None and not self._state.adding:
            raise TypeError(f"{type(self).__name__} is append-only: write a new row instead.")
        super().save(*args, **kwargs)  # type: ignore[arg-type]

    def delete(self, *args: object, **kwargs: object) -> tuple[int, dict[str, int]]:
        raise TypeError(f"{type(self).__name__} is append-only and cannot be deleted.")


class ConsentRecord(AppendOnly):
    """One version of what was agreed for one record; the highest version is in force."""

    Basis = Basis

    class GivenBy(models.TextChoices):
        NARRATOR = "narrator", _("the narrator")
        PROXY = "proxy", _("somebody for the narrator")
        NOBODY = "nobody", _("nobody was asked (edition, public domain or court record)")

    class Identity(models.TextChoices):
        REAL = "real-name", _("real name")
        FIRST = "first-name", _("first name")
        PSEUDONYM = "pseudonym", _("pseudonym")
        WITHHELD = "withheld", _("withheld")

    record = models.ForeignKey(Record, on_delete=models.PROTECT, related_name="consents")
    version = models.PositiveIntegerField()
    basis = models.CharField(_("basis"), max_length=20, choices=Basis.choices)
    given_by = models.CharField(_("given by"), max_length=10, choices=GivenBy.choices, default=GivenBy.NARRATOR)
    proxy_relation = models.CharField(_("relation to the narrator"), max_length=100, blank=True)
    form_language = models.CharField(_("language of the form"), max_length=35, blank=True)
    form_sha256 = models.CharField(_("hash of the form"), max_length=64, blank=True)
    witness = models.CharField(_("interpreter or witness"), max_length=200, blank=True)
    #: ``{scope: "yes" | "no" | "ask"}``; a scope that is missing means no.
    scopes = models.JSONField(_("scopes"), default=dict)
    identity = models.CharField(_("named in public by"), max_length=12, choices=Identity.choices, default=Identity.REAL)
    voice_altered = models.BooleanField(_("voice altered"), default=False)
    face_blurred = models.BooleanField(_("face blurred"), default=False)
    protocols = models.ManyToManyField(Protocol, blank=True, related_name="+")
    protocols_all = models.BooleanField(_("all protocols must admit (not just one)"), default=True)
    embargo_until = models.DateTimeField(_("not before"), null=True, blank=True)
    #: An embargo that ends with an event and not with a date: nothing opens it but a new version.
    embargo_event = models.CharField(_("not before this event"), max_length=200, blank=True)
    ends_at = models.DateTimeField(_("consent ends"), null=True, blank=True)
    territory = models.CharField(_("territory"), max_length=200, blank=True)
    after_death = models.CharField(_("after death"), max_length=200, blank=True)
    review_due = models.DateField(_("to be reviewed by"), null=True, blank=True)
    contact = models.CharField(_("safe way to make contact"), max_length=300, blank=True)
    withdrawal_terms = models.TextField(_("terms of withdrawal"), blank=True)
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["record", "-version"]
        verbose_name = _("consent")
        constraints = [models.UniqueConstraint(fields=["record", "version"], name="consent_version_unique")]

    def __str__(self) -> str:
        return f"{self.basis} v{self.version}"

    def answer(self, scope: str) -> str:
        """The answer for one scope; what was not asked was not granted."""
        return str(self.scopes.get(scope, Answer.NO))


class ConsentEvent(AppendOnly):
    class Kind(models.TextChoices):
        GRANTED = "granted", _("granted")
        NARROWED = "narrowed", _("narrowed")
        WIDENED = "widened", _("widened")
        RENEWED = "renewed", _("renewed")
        WITHDRAWN = "withdrawn", _("withdrawn")
        DISPUTED = "disputed", _("disputed")

    record = models.ForeignKey(Record, on_delete=models.PROTECT, related_name="consent_events")
    consent = models.ForeignKey(ConsentRecord, null=True, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    reason = models.CharField(max_length=60, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["record", "at", "id"]
        verbose_name = _("consent event")

    def __str__(self) -> str:
        return self.kind


class WithdrawalCase(models.Model):
    """Somebody withdrew: what was asked, what it reached, what was done."""

    record = models.ForeignKey(Record, on_delete=models.PROTECT, related_name="withdrawals")
    #: A code (``narrator-request``, ``family-request``, ``legal``, ``danger``, ``mistake``), never free text.
    reason = models.CharField(max_length=40)
    received_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, blank=True)
    #: What the withdrawal reached: publications, clips, lessons, packs, harvested sets.
    impact = models.JSONField(default=dict, blank=True)
    #: ``[{"action", "at", "outcome"}]``
    done = models.JSONField(default=list, blank=True)
    tombstone = models.JSONField(_("tombstone text"), default=dict, blank=True)
    #: What its publications said when they were closed: the proof of absence looks for it. Emptied once proven.
    said = models.JSONField(default=list, blank=True, editable=False)
    proven_absent_at = models.DateTimeField(null=True, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["-received_at"]
        verbose_name = _("withdrawal")

    def __str__(self) -> str:
        return self.reason
