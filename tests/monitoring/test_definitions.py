"""The files in deploy/monitoring, compared with the code that logs and the document that explains them."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from deploy import key_log
from deploy.monitoring_setup import FOLDER, metrics, policies
from deploy.project import Project
from emulators.setup import ROOT
from shared.contract.log_events import KEY_EVENTS
from shared.domain.health import Health
from tests.monitoring.evaluate import Line, fires, matches, percentile, points

METRICS = metrics()
POLICIES = policies()
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
HEALTH = Health(statuses={}, stale=0, failing=0, overdue_syncs=0, overdue_webhooks=0, overdue_removals=0)
EVENT = re.compile(r"[a-z_]+(\.[a-z_]+)+")
OF_THE_LOG = {"message", "logger"}


def logged() -> Iterator[tuple[str, set[str]]]:
    """Each event that the code logs, with the fields at that place."""
    for path in [*(ROOT / "shared").rglob("*.py"), *(ROOT / "functions").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                event = node.args[0].value
                if isinstance(event, str) and EVENT.fullmatch(event):
                    yield event, {keyword.arg for keyword in node.keywords if keyword.arg}


@pytest.fixture(scope="module")
def events() -> dict[str, set[str]]:
    """The fields of each event."""
    found: dict[str, set[str]] = {}
    for event, fields in logged():
        found[event] = found.get(event, set()) | fields
    # Fields that are passed to the log as a mapping are those of shared/contract/log_events.py.
    for event, promise in KEY_EVENTS.items():
        found[event] |= {*promise.fields, "function"}
    found["connections.health"] |= HEALTH.figures().keys()
    return found


def events_of(metric: dict[str, Any]) -> list[str]:
    found = re.search(r"jsonPayload\.message=(\([^)]*\)|\"[^\"]*\")", metric["filter"])
    return re.findall(r"\"([^\"]+)\"", found[1]) if found else []


def fields_of(metric: dict[str, Any]) -> set[str]:
    texts = [metric["filter"], metric.get("valueExtractor", ""), *metric["labelExtractors"].values()]
    return set(re.findall(r"jsonPayload\.(\w+)", " ".join(texts)))


@pytest.mark.parametrize("name", METRICS)
def test_metrics_count_events_and_fields_that_the_code_logs(name: str, events: dict[str, set[str]]) -> None:
    metric = METRICS[name]
    for event in events_of(metric):
        assert event in events, f"nothing logs {event}"
        assert fields_of(metric) - OF_THE_LOG <= events[event]


@pytest.mark.parametrize("name", METRICS)
def test_metrics_have_kinds_that_cloud_logging_supports(name: str) -> None:
    """https://cloud.google.com/logging/docs/reference/v2/rest/v2/projects.metrics"""
    metric = METRICS[name]
    kind = metric["metricDescriptor"]
    assert kind["metricKind"] == "DELTA"
    assert kind["valueType"] == ("DISTRIBUTION" if "valueExtractor" in metric else "INT64")
    assert ("bucketOptions" in metric) == ("valueExtractor" in metric)
    assert [label["key"] for label in kind["labels"]] == list(metric["labelExtractors"])
    assert len(kind["labels"]) <= 10
    assert not fields_of(metric) & {"connection_id", "app_user_id", "item_id", "request_id"}, (
        "a series for each of them"
    )
    matches(metric["filter"], {"severity": "INFO"})  # its filter is valid
    if "bucketOptions" in metric:
        bounds = metric["bucketOptions"]["explicitBuckets"]["bounds"]
        assert bounds == sorted(set(bounds))
        assert len(bounds) < 200


@pytest.mark.parametrize("name", POLICIES)
def test_each_alert_is_explained_and_links_to_its_explanation(name: str) -> None:
    heading = f"### Alert: {name}\n"
    assert heading in OPERATIONS, "it has no paragraph in docs/operations.md"
    paragraph = OPERATIONS.split(heading)[1].split("\n#")[0]
    for part in ("Means:", "Look at:", "Do:"):
        assert part in paragraph, f"its paragraph lacks {part}"
    assert f'docs/operations.md, "Alert: {name}"' in POLICIES[name]["documentation"]["content"]


def test_every_explained_alert_exists() -> None:
    assert set(re.findall(r"^### Alert: (.+)$", OPERATIONS, re.MULTILINE)) == set(POLICIES)


@pytest.mark.parametrize("name", POLICIES)
def test_an_alert_watches_metrics_that_exist_and_windows_that_cloud_monitoring_allows(name: str) -> None:
    policy = POLICIES[name]
    assert policy["severity"] in ("CRITICAL", "WARNING")
    assert 1 <= len(policy["conditions"]) <= 6
    for condition in policy["conditions"]:
        [(_, what)] = [(key, value) for key, value in condition.items() if key.startswith("condition")]
        for which in ("aggregations", "denominatorAggregations"):
            for aggregation in what.get(which, []):
                assert int(aggregation["alignmentPeriod"].rstrip("s")) <= 90_000
                assert aggregation["perSeriesAligner"] == "ALIGN_DELTA"
        assert int(what["duration"].rstrip("s")) % 60 == 0
        used = re.findall(r"user/(\w+)", what["filter"] + what.get("denominatorFilter", ""))
        assert used
        assert set(used) <= METRICS.keys()
        if "PERCENTILE" in what["aggregations"][0]["crossSeriesReducer"]:
            [metric] = used
            bounds = METRICS[metric]["bucketOptions"]["explicitBuckets"]["bounds"]
            assert what["thresholdValue"] in bounds, "inside a bucket, a threshold is compared with an estimate"
            assert any("_SUM" in str(other) for other in policy["conditions"]), "one slow value must not be enough"


@pytest.mark.parametrize("name", sorted(POLICIES.keys() - {"schedule-silent"}))
def test_where_nothing_is_logged_no_alert_fires(name: str) -> None:
    assert not fires(POLICIES[name], METRICS, [])


def test_the_dashboard_shows_metrics_that_exist() -> None:
    text = (FOLDER / "dashboard.json").read_text(encoding="utf-8")
    shown = set(re.findall(r"logging\.googleapis\.com/user/(\w+)", text))
    assert shown <= METRICS.keys()
    assert METRICS.keys() - shown <= {
        "bank_sync_duration", "bank_syncs_timed", "bank_tasks", "bank_schedule_runs", "bank_webhooks_refused",
        "bank_webhooks_missing", "bank_tokens_lost", "bank_misconfigured",
        "bank_runs_enqueuing", "bank_runs_overdue", "bank_runs_stale", "bank_webhooks_late", "bank_plaid_slow",
        "bank_tasks_late",
    }, "a metric that is shown nowhere"  # fmt: skip
    tiles = json.loads(text)["mosaicLayout"]["tiles"]
    assert len({(tile["xPos"], tile["yPos"]) for tile in tiles}) == len(tiles)


def test_evaluation_reads_filters_labels_and_numbers_as_google_does() -> None:
    line: Line = {"severity": "ERROR", "message": "a.b", "count": 3, "good": False, "code": None}
    assert matches('resource.type="cloud_run_revision" AND jsonPayload.message=("x" OR "a.b")', line)
    assert matches("jsonPayload.count>2 AND jsonPayload.good=false AND severity>=WARNING", line)
    assert not matches("jsonPayload.count>3", line)
    assert not matches("jsonPayload.code>0", line)
    assert not matches("severity>=CRITICAL", line)
    metric = {"filter": "jsonPayload.count>0", "labelExtractors": {"good": "EXTRACT(jsonPayload.good)"}}
    assert [(p.labels, p.value) for p in points(metric, [line])] == [({"good": "false"}, 1.0)]
    timed = metric | {"valueExtractor": "EXTRACT(jsonPayload.code)"}
    assert points(timed, [line]) == []


def test_percentile_is_interpolated_inside_its_bucket() -> None:
    assert percentile([3] * 10, [0, 2, 4], 50) == 3
    assert percentile([2.1] * 10, [0, 2, 4], 95) == pytest.approx(3.9)
    assert percentile([1] * 95 + [9] * 5, [0, 6, 10], 95) == 6
    assert percentile([1] * 94 + [9] * 6, [0, 6, 10], 95) == pytest.approx(6 + 4 / 6)
    assert percentile([99], [0, 6, 10], 50) == 10
    assert percentile([2200] * 2, [1477.9, 2216.8, 3325.3], 95) < 2216.8 < percentile([2220] * 2, [0, 2216.8, 3325], 95)


def test_costs_of_alerts_in_the_document_follow_from_the_policies() -> None:
    """Each condition returns one series, because none groups by a label: $0.10 and a series every 30 seconds."""
    wanted = [*POLICIES.values(), key_log.alert(Project(id="a-project", variables={}))]
    conditions = [one for policy in wanted for one in policy["conditions"]]
    queries = [one for one in conditions if "conditionMatchedLog" not in one]
    grouped = [part.get("groupByFields") for one in queries for part in _aggregations(one)]
    assert grouped
    assert not any(grouped)
    series = len(queries) * 30 * 24 * 3600 // 30
    document = " ".join((ROOT / "docs" / "performance.md").read_text(encoding="utf-8").split())
    assert (
        f"The {len(wanted)} alerts have {len(conditions)} conditions, of which {len(queries)} return one series every "
        f"30 seconds: ${len(conditions) * 0.10:.2f} and ${series / 1e6 * 0.35:.2f}"
    ) in document


def _aggregations(condition: dict[str, Any]) -> list[dict[str, Any]]:
    [kind] = [name for name in condition if name.startswith("condition")]
    return list(condition[kind]["aggregations"])
