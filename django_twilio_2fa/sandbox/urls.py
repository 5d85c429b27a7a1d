from django.urls import path

from . import views

app_name = "twilio_2fa_sandbox"

urlpatterns = [
    path("", views.handset_page, name="handset"),
    path("messages.json", views.message_list, name="messages"),
    path("sna/<str:token>", views.open_sna, name="sna"),
]
