"""What every runtime that starts programs of its own does with a command that is several of them. Mix into its contract."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fairway.drivers.health import wait_until_ready
from fairway.drivers.runtimes.contract import HealthCheck, InstanceSpec, InstanceState, NullProgress, Runtime
from fairway.shared.failures import Refused
from tests.drivers.runtimes.contract import RuntimeContract, ask
from tests.services.waiting import eventually

ANSWERS_ONCE = (
    "-c",
    "import http.server, os; http.server.HTTPServer((os.environ.get('HOST', '0.0.0.0'), int(os.environ['PORT'])), "
    "http.server.SimpleHTTPRequestHandler).handle_request()",
)
WRITES = ("-c", "import os; open('made', 'w').write(os.environ['FIRST'])")


class ChainContract(RuntimeContract):
    """The artifact holds ``app.py``, and carries a launcher where the runtime needs one."""

    PYTHON = "python3"  # the word that starts Python; override

    def texts(self, runtime: Runtime, name: str) -> list[str]:
        return [line.text for line in runtime.output(name, tail=1000)]

    def test_programs_run_in_order_and_the_last_one_stays(self, runtime: Runtime, spec: InstanceSpec) -> None:
        sees = (
            self.PYTHON,
            "-c",
            "import os; print(open('made').read(), os.getcwd().rpartition('/')[2], 'FIRST' in os.environ)",
        )
        words = (
            "FIRST=${GREETING}",
            self.PYTHON,
            *WRITES,
            "&&",
            "export",
            "SECOND=${GREETING}:{port}",
            "&&",
            *sees,
            ";",
            "false",
            ";",
        )
        wanted = replace(spec, command=(*words, self.PYTHON, "app.py"), environment={"GREETING": "hello"})
        instance = self.start(runtime, wanted)
        assert self.texts(runtime, spec.name)[0].startswith("hello ")
        assert self.texts(runtime, spec.name)[0].endswith(" False"), "one program's variables are its own"
        variables = (ask(instance, "/env") or "").splitlines()
        assert "GREETING=hello" in variables
        assert any(line.startswith("SECOND=hello:") and line != "SECOND=hello:{port}" for line in variables)
        assert instance.doing == ""
        runtime.ensure_stopped(spec.name)
        assert self.read_state(runtime, spec.name) is InstanceState.STOPPED

    def test_nothing_is_started_after_a_program_that_failed(self, runtime: Runtime, spec: InstanceSpec) -> None:
        fails = (self.PYTHON, "-c", "print('no table'); raise SystemExit(3)")
        runtime.ensure_started(replace(spec, command=(*fails, "&&", self.PYTHON, "app.py")), NullProgress())
        with pytest.raises(Refused, match="code 3, [2-9] times in a row") as refused:
            wait_until_ready(runtime, spec.name, HealthCheck(), NullProgress(), most_restarts=2)
        assert "no table" in refused.value.detail
        assert f"ended with code 3, so “{self.PYTHON.strip('{}')} app.py” is not started." in refused.value.detail
        assert "version one starts" not in refused.value.detail

    def test_term_ends_the_program_that_runs_first(self, runtime: Runtime, spec: InstanceSpec) -> None:
        hears = "import signal, sys, time\nsignal.signal(15, lambda *_: sys.exit(print('told', flush=True)))\n"
        waits = (self.PYTHON, "-c", f"{hears}print('waits', flush=True)\ntime.sleep(600)")
        runtime.ensure_started(replace(spec, command=(*waits, "&&", self.PYTHON, "app.py")), NullProgress())
        eventually(lambda: "waits" in self.texts(runtime, spec.name), what="the first program runs")
        runtime.ensure_stopped(spec.name, grace=30)
        assert self.texts(runtime, spec.name) == ["waits", "told"]
        assert self.read_state(runtime, spec.name) is InstanceState.STOPPED

    def test_what_runs_first_is_named_and_not_taken_for_the_application(self, runtime: Runtime, spec: InstanceSpec) -> None:
        heard: list[str] = []
        instance = runtime.ensure_started(
            replace(spec, command=(self.PYTHON, *ANSWERS_ONCE, "&&", self.PYTHON, "app.py")), NullProgress()
        )
        eventually(lambda: "http.server" in self.doing(runtime, spec.name), what="it says what runs first")

        class Ear(NullProgress):
            def line(self, text: str, *, stream: str = "stdout") -> None:
                if not heard:
                    eventually(lambda: ask(instance), what="it is let go on")
                heard.append(text)

        wait_until_ready(runtime, spec.name, HealthCheck(path="/health"), Ear())
        assert "runs first" in heard[0]
        assert self.doing(runtime, spec.name) == ""

    def doing(self, runtime: Runtime, name: str) -> str:
        instance = runtime.instance(name)
        return instance.doing if instance else ""

    def read_state(self, runtime: Runtime, name: str) -> InstanceState | None:
        instance = runtime.instance(name)
        return instance.state if instance else None
