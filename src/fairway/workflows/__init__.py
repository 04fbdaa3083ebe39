"""The workflows that the engine runs: deploying, adjusting, watching, inspecting; resolving, distributing, rolling out;
requesting what was pushed."""


def register_all() -> None:
    """Make this process able to run every workflow. Only workers call it; other processes only enqueue runs."""
    from fairway.engine.workflow import WORKFLOWS
    from fairway.workflows.adjust import ADJUST
    from fairway.workflows.deploy import DEPLOY
    from fairway.workflows.distribute import DISTRIBUTE
    from fairway.workflows.inspect import INSPECT
    from fairway.workflows.job import JOB
    from fairway.workflows.push import PUSH
    from fairway.workflows.resolve import RESOLVE
    from fairway.workflows.resources import WORKFLOWS as RESOURCES
    from fairway.workflows.rollout import ROLLOUT
    from fairway.workflows.watch import WATCH

    for workflow in (DEPLOY, ADJUST, INSPECT, WATCH, RESOLVE, DISTRIBUTE, ROLLOUT, JOB, PUSH, *RESOURCES):
        if workflow.kind not in WORKFLOWS.by_kind:
            WORKFLOWS.register(workflow)
