"""An instance of this room alone serves no page."""

urlpatterns: list[object] = []
