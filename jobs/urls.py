"""Addresses of the job pages, below the admin."""

from __future__ import annotations

from django.urls import path

from jobs import views

app_name = "jobs"
urlpatterns = [
    path("", views.JobList.as_view(), name="index"),
    path("<uuid:public_id>/", views.JobDetail.as_view(), name="detail"),
    path("<uuid:public_id>/news/", views.JobNews.as_view(), name="news"),
    path("<uuid:public_id>/cancel/", views.CancelJob.as_view(), name="cancel"),
    path("<uuid:public_id>/retry/", views.RetryJob.as_view(), name="retry"),
]
