"""One page, the same as JSON, and the health answer."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

# Semi-major axis in astronomical units. Source: NASA planetary fact sheet.
PLANETS = {
    "Mercury": 0.387,
    "Venus": 0.723,
    "Earth": 1.0,
    "Mars": 1.524,
    "Jupiter": 5.204,
    "Saturn": 9.573,
    "Uranus": 19.165,
    "Neptune": 30.178,
}


def index(request: HttpRequest) -> HttpResponse:
    farthest = max(PLANETS.values())
    rows = [{"name": name, "distance": au, "share": round(100 * au / farthest, 1)} for name, au in PLANETS.items()]
    return render(request, "index.html", {"rows": rows, "greeting": settings.GREETING, "version": settings.VERSION})


def planets(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"greeting": settings.GREETING, "version": settings.VERSION, "planets": PLANETS})


def health(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok", "version": settings.VERSION})
