"""The fragment cache ``{% kept %}``: parts of a page that are rendered once for the same values, such as cells of a
table."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from django import template
from django.template.base import FilterExpression, NodeList, Parser, Token, token_kwargs
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.timezone import get_current_timezone_name
from django.utils.translation import get_language

register = template.Library()

MOST = 1000  # cached results per tag in a template; a cell of the matrix is 1 kB
PLAIN = (str, bytes, bool, int, float, date, timedelta, type(None))


class Kept(template.Node):
    """Renders its nodes, or returns the cached result for the same language, time zone and values.

    The nodes see only these values of the context, so nothing else can get into the cache: neither the reader nor their
    token. Values must be plain data, because anything else could change, or contain more than its cache key.
    """

    child_nodelists = ("nodelist",)

    def __init__(self, values: Mapping[str, FilterExpression], nodelist: NodeList) -> None:
        self.values, self.nodelist = values, nodelist
        self._drawn: OrderedDict[Hashable, SafeString] = OrderedDict()

    def render(self, context: template.Context) -> SafeString:
        values = {name: value.resolve(context) for name, value in self.values.items()}
        key = (get_language(), get_current_timezone_name(), *map(_key, values.values()))
        drawn = self._drawn.get(key)
        if drawn is None:
            drawn = self._drawn[key] = self.nodelist.render(_alone(context, values))
            while len(self._drawn) > MOST:  # several threads may evict at once; each removes another entry, or none
                try:
                    self._drawn.popitem(last=False)
                except KeyError:
                    break
        return drawn


@register.tag("kept")
def kept(parser: Parser, token: Token) -> Kept:
    """``{% kept a=x b=y.z %}…{% endkept %}``: the content depends on a and b only, and sees nothing else."""
    words = token.split_contents()[1:]
    values = token_kwargs(words, parser)
    if words:
        raise template.TemplateSyntaxError(f"kept takes name=value only, not “{words[0]}”")
    nodelist = parser.parse(("endkept",))
    parser.delete_first_token()
    return Kept(values, nodelist)


def _alone(context: template.Context, values: Mapping[str, Any]) -> template.Context:
    """A context with these values only, and the template and settings of the surrounding one."""
    alone = template.Context(dict(values), autoescape=context.autoescape, use_l10n=context.use_l10n, use_tz=context.use_tz)
    alone.template, alone.render_context = context.template, context.render_context
    return alone


def _key(value: Any) -> Hashable:
    """A cache key, equal only for values that render alike (1 and True do not). Raises TypeError for other than plain
    data."""
    if isinstance(value, Promise):
        return (str, str(value))
    if isinstance(value, PLAIN):
        return (type(value), value)
    if isinstance(value, Mapping):
        return (type(value), *((name, _key(part)) for name, part in value.items()))
    if isinstance(value, Sequence):
        return (type(value), *map(_key, value))
    raise TypeError(f"kept takes plain data, not {type(value).__name__}")
