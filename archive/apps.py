from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

_HOUR = 3600
#: A work is sealed again this long after its last change at the latest (seconds).
_SEAL_EVERY = 300


class ArchiveConfig(AppConfig):
    name = "archive"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.core import checks

        from accounts.desk import register_desk_rule
        from archive import own_types
        from archive.checks import check_kinds
        from archive.memberships import has_a_role
        from archive.pages import clock
        from archive.public import own_kinds

        clock.connect()
        own_kinds.register_all()
        own_types.register_all()
        checks.register(check_kinds)
        register_desk_rule(has_a_role)
        self._register_jobs()

        from archive.search_source import PublicationsSource
        from search import sources

        sources.register(PublicationsSource())

    def _register_jobs(self) -> None:
        """The jobs of this room, and which of them come back by the clock."""
        from archive import dependents, erasure, gate_jobs
        from archive.derivatives import making
        from archive.importing import job as importing
        from archive.vault import ledger, rounds, sealing
        from jobs.registry import every, register

        register("open-embargoes", gate_jobs.open_due, label=_("Open what an embargo held back"))
        register("delete-expired", gate_jobs.delete_expired, label=_("Delete what consent no longer covers"))
        register("prove-absence", gate_jobs.prove_absence, label=_("Prove that nothing is left"))
        register("finish-erasure", erasure.finish_erasure_job, label=_("Erase what was withdrawn"))
        register(dependents.JOB, dependents.tell_again, label=_("Tell what rests on publications"))
        register("apply-search-outbox", gate_jobs.apply_outbox, label=_("Bring search up to date"))
        register("write-ledger", ledger.write_owed, label=_("Write what the withdrawal ledger lacks"))
        register(importing.KIND, importing.do_import, label=_("import of texts"))
        register("make-derivatives", making.make_derivatives, queue="media", label=_("Make public copies"))
        register(
            "verify-vault-slice", rounds.check_fixity, queue="media", label=_("Check originals against their hashes")
        )
        register("tidy-vault", rounds.tidy, label=_("Tidy up after interrupted uploads"))
        register("seal-records", sealing.seal_due, label=_("Seal edited records in the vault"))

        every(gate_jobs.EVERY_SECONDS, "write-ledger", due=ledger.something_owed)
        every(gate_jobs.EVERY_SECONDS, "open-embargoes", due=gate_jobs.something_opens)
        every(gate_jobs.EVERY_SECONDS, "delete-expired", due=gate_jobs.something_expired)
        every(gate_jobs.EVERY_SECONDS, "apply-search-outbox", due=gate_jobs.something_waits)
        every(_HOUR, "verify-vault-slice", due=rounds.something_stored)
        every(_HOUR, "tidy-vault", due=rounds.something_staged)
        every(_SEAL_EVERY, "seal-records", due=sealing.something_unsealed)
