"""Parameters of the schedules: when `regraft serve` retrains and scores, and what it scores.

They stand here as all parameters do, though only `flows/` reads them: no stage depends on this block.
"""

from pathlib import PurePosixPath
from typing import Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from tasks.block import Block

_CRON_FIELDS = 5


class Timing(Block):
    """When a flow runs by itself."""

    cron: str | None = None
    """Five fields: minute, hour, day of the month, month, day of the week; null where `interval_hours` says it."""

    interval_hours: float | None = Field(default=None, gt=0)
    """Hours from one run to the next; lower runs more often; null where `cron` says it."""

    timezone: str = "UTC"
    """Of `cron`, by its name in the IANA data base, such as Europe/Berlin."""

    paused: bool = False
    """Whether the schedule is off; a person can still start a run in the Prefect UI."""

    @field_validator("cron")
    @classmethod
    def _five_fields(cls, cron: str | None) -> str | None:
        if cron is not None and len(cron.split()) != _CRON_FIELDS:
            raise ValueError('null, or five fields such as "0 3 * * *"')
        return cron

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError("the name of a time zone, such as UTC or Europe/Berlin") from None
        return name

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.cron is None) == (self.interval_hours is None):
            raise ValueError("either cron or interval_hours, the other one null (`paused: true` for never by itself)")
        return self


class ScoreTiming(Timing):
    """When new files are scored, which, and where the answers go."""

    inputs: list[str] = Field(min_length=1)
    """Files, globs or folders, in any form that ingest reads; paths start from the project's folder."""

    output: str = Field(min_length=1)
    """Folder of the answers; keep it from run to run, as it says what was scored already. What lies in it is never an
    input."""

    format: Literal["jsonl", "csv", "tsv", "parquet"] = "jsonl"
    """Of the answers. Only in jsonl may the rows of one input differ in their columns."""

    part_rows: int = Field(default=100_000, ge=1)
    """Rows of one part of the output, at most. A run that is killed loses the part that it is writing; more rows make
    fewer parts."""

    settle_seconds: float = Field(default=10.0, ge=0)
    """Seconds for which a local file must not have changed, so that no row is read while it is being written; higher
    leaves new files longer."""

    rescore: bool = False
    """Whether a new model scores again what earlier ones have scored."""

    @field_validator("inputs")
    @classmethod
    def _named(cls, inputs: list[str]) -> list[str]:
        if len(set(inputs)) < len(inputs) or any(not one.strip() for one in inputs):
            raise ValueError("each input once, and none empty")
        return inputs

    @field_validator("output")
    @classmethod
    def _a_folder_of_its_own(cls, output: str) -> str:
        if PurePosixPath(output) == PurePosixPath("."):
            raise ValueError("a folder of its own, such as scored/")
        return output


class ScheduleParams(Block):
    """What `regraft serve` does by itself."""

    retrain: Timing | None = Timing(cron="0 3 * * *")
    """When to look whether retraining is worth it; null: never by itself, and not offered by `regraft serve`."""

    score: ScoreTiming | None = None
    """When to score new files, and which; null: not at all."""

    report_url: str | None = None
    """Address under which people can open the folder `reports/`, for links in the Prefect UI; null: links to the file
    on this machine, which a browser shows but does not open."""

    @field_validator("report_url")
    @classmethod
    def _an_address(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError("null, or an address that begins with http:// or https://")
        if parts.username or parts.password:
            raise ValueError("an address without user and password, as everybody sees it in the Prefect UI")
        return url
