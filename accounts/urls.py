"""Account pages of our own; django-allauth's come after them."""

from __future__ import annotations

from django.urls import path
from django.views.i18n import set_language

from accounts import views

urlpatterns = [
    path("", views.overview, name="account_overview"),
    path("language/", set_language, name="account_language"),
    path("second-factor/", views.second_factor_setup, name="second_factor_setup"),
    path("second-factor/continue/", views.second_factor_continue, name="second_factor_continue"),
    path("invitations/<str:token>/", views.accept_invitation, name="accept_invitation"),
]
