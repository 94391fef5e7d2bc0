"""Checks every original against what was acknowledged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from archive import audit
from archive.vault import custody_log
from archive.vault.deposit import instance_vault
from archive.vault.errors import VaultError
from archive.vault.fixity import FixityReport, verify_all, verify_slice
from archive.vault.inventory import canonical_json
from archive.vault.ledger import LedgerNotWhole
from archive.vault.replay import ReplayLedger, accepted_damage


class Command(BaseCommand):
    help = (
        "Checks the vault: its layout (OCFL 1.1), every byte against its hashes, the database's word, the chains of "
        "the custody log and of the audit trail. Exit status: 0 everything is whole, 1 something is damaged (each "
        "place is named), 2 the vault cannot be read."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--slice", action="store_true", help="only the next part of the rolling cycle")
        parser.add_argument("--report", type=Path, metavar="FILE", help="write everything found as JSON")
        parser.add_argument(
            "--custody-log",
            type=Path,
            metavar="FILE",
            help="write the custody log as JSON Lines, for tools/verify_custody.py",
        )
        parser.add_argument(
            "--audit-log", type=Path, metavar="FILE", help="write the audit trail as JSON Lines, for the same tool"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = self._verify(options)
            if options["report"]:
                options["report"].write_text(json.dumps(report, ensure_ascii=False, indent=1), "utf-8")
            for option, events in (("custody_log", custody_log.facts), ("audit_log", audit.facts)):
                if options[option]:
                    with options[option].open("wb") as stream:
                        stream.writelines(canonical_json(event) for event in events())
        except VaultError as error:
            raise CommandError(str(error), returncode=2) from error
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}", returncode=2) from error
        for notice in report["notices"]:
            self.stdout.write(f"NOTICE {notice['code']} {notice['place']}: {notice['message']}")
        for sentence in accepted_damage():
            self.stdout.write(f"NOTICE ledger-accepted {sentence}")
        for found in report["damage"]:
            self.stderr.write(f"DAMAGED {found['code']} {found['place']}: {found['message']}")
        head = custody_log.publish_head()
        ledger_head = head.get("ledger", {"lines": 0, "hash": "-"})
        self.stdout.write(
            f"{report['objects']} objects, {report['files']} files, {report['bytes']} bytes read. "
            f"Custody head {head['sequence']}: {head['hash']} "
            f"Audit head {head['audit']['sequence']}: {head['audit']['hash']} "
            f"Ledger head {ledger_head['lines']}: {ledger_head['hash']}"
        )
        try:
            ReplayLedger().check()
        except LedgerNotWhole as error:
            raise CommandError(f"DAMAGED ledger: {error}", returncode=1) from error
        if report["damage"]:
            raise CommandError(
                f"{len(report['damage'])} places are damaged. Restore these objects from a backup or a copy.",
                returncode=1,
            )

    def _verify(self, options: dict[str, Any]) -> dict[str, Any]:
        if options["slice"]:
            return verify_slice()

        def progress(report: FixityReport) -> None:
            if options["verbosity"] > 1 and report.objects % 100 == 0:
                self.stdout.write(f"{report.objects} objects, {report.bytes} bytes")

        return verify_all(instance_vault(), progress=progress).as_json()
