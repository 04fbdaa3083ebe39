"""Django's `makemessages`, which here also finds the sentences of `Invalid` and `translate`."""

from django.core.management.commands import makemessages


class Command(makemessages.Command):
    xgettext_options = [*makemessages.Command.xgettext_options, "--keyword=Invalid:2", "--keyword=translate:1"]
