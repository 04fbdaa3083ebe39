from django.conf import settings
from django.urls import include, path, re_path
from django.views.static import serve
from wagtail import urls as pages
from wagtail.admin import urls as admin
from wagtail.documents import urls as documents

urlpatterns = [
    path("admin/", include(admin)),
    path("documents/", include(documents)),
    re_path(r"^media/(?P<path>(?:images|original_images|avatar_images)/.*)$", serve, {"document_root": settings.MEDIA_ROOT}),
    path("", include(pages)),
]
