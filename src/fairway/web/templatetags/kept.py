"""A part of a page that is drawn once for the same things: a table of 180 cells costs as much as the cells that changed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

from django import template
from django.template.base import FilterExpression, NodeList, Parser, Token
from django.utils.safestring import SafeString
from django.utils.timezone import get_current_timezone_name
from django.utils.translation import get_language

register = template.Library()

MOST = 1000  # parts of one place in a template; a matrix cell is 1 kB


class Kept(template.Node):
    """Draws its nodes, or answers what they drew for the same language, time zone and `parts`."""

    child_nodelists = ("nodelist",)

    def __init__(self, parts: list[FilterExpression], nodelist: NodeList) -> None:
        self.parts, self.nodelist = parts, nodelist
        self._drawn: OrderedDict[Hashable, SafeString] = OrderedDict()

    def render(self, context: template.Context) -> SafeString:
        key = (get_language(), get_current_timezone_name(), *[part.resolve(context) for part in self.parts])
        drawn = self._drawn.get(key)
        if drawn is None:
            drawn = self._drawn[key] = self.nodelist.render(context)
            while len(self._drawn) > MOST:  # several threads may do so; each takes another one, or none
                try:
                    self._drawn.popitem(last=False)
                except KeyError:
                    break
        return drawn


@register.tag("kept")
def kept(parser: Parser, token: Token) -> Kept:
    """``{% kept a b %}…{% endkept %}``: what stands between is a function of a and b (hashable) and nothing else."""
    parts = [parser.compile_filter(word) for word in token.split_contents()[1:]]
    nodelist = parser.parse(("endkept",))
    parser.delete_first_token()
    return Kept(parts, nodelist)
