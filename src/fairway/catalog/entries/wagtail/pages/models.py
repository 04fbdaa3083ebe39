from django.db import models
from wagtail.admin.panels import FieldPanel
from wagtail.fields import RichTextField
from wagtail.models import Page


class HomePage(Page):
    """The first page; its children are listed below its text."""

    body = RichTextField(blank=True)
    content_panels = [*Page.content_panels, FieldPanel("body")]
    template = "pages/page.html"


class StandardPage(Page):
    """Any other page."""

    intro = models.CharField(max_length=250, blank=True)
    body = RichTextField(blank=True)
    content_panels = [*Page.content_panels, FieldPanel("intro"), FieldPanel("body")]
    template = "pages/page.html"
