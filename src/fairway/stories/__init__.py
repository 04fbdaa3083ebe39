"""What happens, told top to bottom: deploying, adjusting, watching, inspecting; resolving, distributing, rolling out."""


def register_all() -> None:
    """Make this process able to tell every story. Called by workers; others only ask for runs."""
    from fairway.engine.story import STORIES
    from fairway.stories.adjust import ADJUST
    from fairway.stories.deploy import DEPLOY
    from fairway.stories.distribute import DISTRIBUTE
    from fairway.stories.inspect import INSPECT
    from fairway.stories.resolve import RESOLVE
    from fairway.stories.rollout import ROLLOUT
    from fairway.stories.watch import WATCH

    for story in (DEPLOY, ADJUST, INSPECT, WATCH, RESOLVE, DISTRIBUTE, ROLLOUT):
        if story.kind not in STORIES.by_kind:
            STORIES.register(story)
