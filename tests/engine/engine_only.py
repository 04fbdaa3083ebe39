"""The application `fairway` with the engine's tables alone."""

from importlib import import_module

from django.apps import AppConfig


class EngineOnly(AppConfig):
    name = "fairway"
    label = "fairway"

    def import_models(self) -> None:
        self.models = self.apps.all_models[self.label]
        self.models_module = import_module("fairway.engine.models")
