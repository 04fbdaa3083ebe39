"""A real Prometheus scrapes a real installation."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.services.docker import missing
from tests.services.installation import Installation, ask, wait_for
from tests.services.ports import free_port
from tests.workflows.desk import Desk

ROOT = Path(__file__).parents[2]
OF_RESOURCES = {"fairway_resource_up", "fairway_backup_last_verified_timestamp_seconds"}  # there are none here


@contextmanager
def prometheus(folder: Path, one: Installation, token: str) -> Iterator[int]:
    """As the guide says to set it up; the port it answers at."""
    found = shutil.which("prometheus")
    if not found:
        missing("Prometheus (Debian package prometheus)")
    job = {
        "job_name": "fairway",
        "metrics_path": "/api/v1/metrics",
        "scrape_interval": "1s",
        "authorization": {"credentials": token},
        "static_configs": [{"targets": [f"localhost:{one.port}"]}],
    }
    rules = str(ROOT / "docs/guides/metrics/alerts.yml")
    (folder / "prometheus.yml").write_text(json.dumps({"scrape_configs": [job], "rule_files": [rules]}))  # JSON is YAML
    port = free_port()
    words = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    words.append(f"--web.listen-address=127.0.0.1:{port}")
    with (folder / "log").open("wb") as log, subprocess.Popen([found, *words], stdout=log, stderr=log) as process:
        try:
            yield port
        finally:
            process.terminate()


def asked(port: int, question: str) -> list[dict[str, Any]]:
    answer = ask(port, "GET", f"/api/v1/query?query={quote(question)}", {})
    found: list[dict[str, Any]] = answer.json["data"]["result"] if answer.status == 200 else []
    return found


def test_prometheus_scrapes_it_and_answers_questions(desk: Desk, tmp_path: Path) -> None:
    slug, _ = desk.launched("measured")
    with prometheus(tmp_path, desk.fairway, desk.fairway.sign_in["token"]) as port:
        question = f'fairway_application_healthy{{application="{slug}"}} == 1'
        wait_for(lambda: asked(port, question), "Prometheus knows that it is healthy")
        [one] = asked(port, f'fairway_deployments_total{{application="{slug}", status="succeeded"}}')
        assert (one["metric"]["environment"], one["value"][1]) == ("staging", "1")
        used = f'fairway_service_memory_bytes{{application="{slug}", service="web"}} > 1000000'
        wait_for(lambda: asked(port, used), "a worker has read what it uses")
        assert asked(port, f'fairway_service_cpu_cores{{application="{slug}"}} < 1')
        assert asked(port, 'up{job="fairway"} == 1'), "it took every line"
        [group] = ask(port, "GET", "/api/v1/rules", {}).json["data"]["groups"]
        asked_for = {name for rule in group["rules"] for name in re.findall(r"fairway_\w+", rule["query"])}
        assert asked_for <= set(ask(port, "GET", "/api/v1/label/__name__/values", {}).json["data"]) | OF_RESOURCES
