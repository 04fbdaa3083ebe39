"""A part of a page that is drawn once for the same things: a table of 180 cells costs as much as the cells that changed."""

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

MOST = 1000  # parts of one place in a template; a matrix cell is 1 kB
PLAIN = (str, bytes, bool, int, float, date, timedelta, type(None))


class Kept(template.Node):
    """Draws its nodes, or answers what they drew for the same language, time zone and values.

    The nodes see these values and nothing else of the page, so that nothing else can be in what is kept: not who reads it,
    not their token. A value is plain data all through; anything else could change, or know more than its key.
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
            while len(self._drawn) > MOST:  # several threads may do so; each takes another one, or none
                try:
                    self._drawn.popitem(last=False)
                except KeyError:
                    break
        return drawn


@register.tag("kept")
def kept(parser: Parser, token: Token) -> Kept:
    """``{% kept a=x b=y.z %}…{% endkept %}``: what stands between is a function of a and b; it sees nothing else."""
    words = token.split_contents()[1:]
    values = token_kwargs(words, parser)
    if words:
        raise template.TemplateSyntaxError(f"kept takes name=value only, not “{words[0]}”")
    nodelist = parser.parse(("endkept",))
    parser.delete_first_token()
    return Kept(values, nodelist)


def _alone(context: template.Context, values: Mapping[str, Any]) -> template.Context:
    """A context of these values only, with the template and the settings of the one around it."""
    alone = template.Context(dict(values), autoescape=context.autoescape, use_l10n=context.use_l10n, use_tz=context.use_tz)
    alone.template, alone.render_context = context.template, context.render_context
    return alone


def _key(value: Any) -> Hashable:
    """Equal only for what is drawn alike: 1 and True are not. Raises `TypeError` for what is not plain data."""
    if isinstance(value, Promise):
        return (str, str(value))
    if isinstance(value, PLAIN):
        return (type(value), value)
    if isinstance(value, Mapping):
        return (type(value), *((name, _key(part)) for name, part in value.items()))
    if isinstance(value, Sequence):
        return (type(value), *map(_key, value))
    raise TypeError(f"kept takes plain data, not {type(value).__name__}")
