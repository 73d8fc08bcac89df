"""Lets an operator set the health of an institution for some hours."""

from dataclasses import dataclass
from datetime import timedelta

from shared.domain.institution_health.evidence import HealthState
from shared.domain.institution_health.record import HealthRecord, Override
from shared.ports import Clock, HealthRecords, TaskFunction, Tasks
from shared.ports.compare_and_set import retry_on_conflict
from shared.usecases.enqueue import task_name

LONGEST = timedelta(hours=24)
MAX_TRIES = 20  # of a compare-and-set against judgements


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideHealth:
    """Sets overrides."""

    records: HealthRecords
    tasks: Tasks
    clock: Clock

    def __call__(self, institution_id: str, state: HealthState, *, lasting: timedelta, by: str) -> HealthRecord:
        """Sets the state of an institution, and enqueues the judgement that makes it take effect.

        Raises:
            Unavailable: The store or the queue did not answer; a stored override takes effect with the schedule.
        """
        now = self.clock.now()
        override = Override(state=state, since=now, until=now + min(lasting, LONGEST), by=by)

        def step() -> HealthRecord:
            watchlist, listed = self.records.watchlist()
            loaded = self.records.load(institution_id)
            before, version = loaded if loaded is not None else (HealthRecord(institution_id=institution_id), None)
            record = before.model_copy(update={"override": override, "settled": False})
            changed = watchlist.with_record(record, now=now, shared_at=None)
            self.records.save(record, expected=version, watchlist=(changed, listed))
            return record

        record = retry_on_conflict(step, tries=MAX_TRIES)
        name = task_name(institution_id, f"o{int(now.timestamp() * 1000)}")
        self.tasks.add(TaskFunction.JUDGE_INSTITUTION, {"institution_id": institution_id}, name=name)
        return record
