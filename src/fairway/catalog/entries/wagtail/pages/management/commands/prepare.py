"""Runs once before each new version: brings the database up to date and, the first time, makes the first page and administrator."""

import os

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand
from wagtail.models import Page, Site

from pages.models import HomePage


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args, **options):
        call_command("migrate", interactive=False, verbosity=1)
        name = os.environ.get("SITE_NAME", "Website")
        if not HomePage.objects.exists():
            self._first_page(name)
        people = get_user_model()
        if not people.objects.filter(is_superuser=True).exists():
            people.objects.create_superuser("admin", password=os.environ["ADMIN_PASSWORD"])
            self.stdout.write("The administrator admin is created.")

    def _first_page(self, name):
        root = Page.objects.get(depth=1)
        Page.objects.filter(depth=2).delete()
        root.refresh_from_db()
        home = root.add_child(instance=HomePage(title=name, slug="home", body="<p>Edit this page under <b>/admin/</b>.</p>"))
        Site.objects.all().delete()
        Site.objects.create(hostname="localhost", root_page=home, is_default_site=True, site_name=name)
