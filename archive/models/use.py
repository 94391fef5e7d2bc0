"""Where publications are used: written by the rooms that use them, read by withdrawals and by the desk."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Use(models.Model):
    """Something (a lesson, a page, a scene) shows or quotes a publication, whole or from one passage to another.

    It holds ids only. The public id is no foreign key: a use may outlive the publication, and says so.
    """

    public_id = models.CharField(max_length=10, db_index=True)
    first_anchor = models.CharField(max_length=40, blank=True)
    last_anchor = models.CharField(max_length=40, blank=True)
    #: Public id of the clip that is used, where it is one.
    clip = models.CharField(max_length=10, blank=True)
    #: Kind and id of what uses it, in the words of its room.
    by_kind = models.CharField(max_length=20)
    by_id = models.CharField(max_length=40)
    #: Version of the consent on which the use rested when it was made.
    consent_version = models.PositiveIntegerField(default=0)
    since = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("use")
        indexes = [models.Index(fields=["by_kind", "by_id"])]

    def __str__(self) -> str:
        return f"{self.public_id} in {self.by_kind} {self.by_id}"
