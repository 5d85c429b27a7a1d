"""The pages after the steps: success, failed, expired, and the status of a pending approval."""

from __future__ import annotations

import time
from typing import Any

from django.http import HttpResponseBase, HttpResponseRedirect, JsonResponse

from .. import errors
from ..contacts import CONTACTS, Contact
from ..models.verifications import Status, Verification
from ..process import session_data
from ..process.choices import Choice
from ..providers.installed import get_providers
from .step import OWN_STEPS, Wizard, choice_context, message

# Success


def show_success(wizard: Wizard) -> HttpResponseBase:
    """Redirect a verified user to the next page, or show the success page."""
    if not wizard.is_proven():
        return wizard.redirect("start")
    if wizard.is_signing_in:
        # The request that approved the verification did not finish.
        wizard.sign_in()
    for step in wizard.get_form_list():
        if step not in OWN_STEPS and not wizard.has_stored(step):
            return wizard.redirect(step)
    if response := owed_phone(wizard) or offer_backup(wizard):
        return response
    if url := wizard.get_success_url():
        return HttpResponseRedirect(url)
    context = {"message": message(wizard, "verified"), "next_url": wizard.get_site_url()}
    # The page's own button already leads to the site.
    return wizard.render_page("success", {**context, "site_href": ""})


def after_last_step(wizard: Wizard) -> HttpResponseBase:
    """Redirect to the page that the user wants, or to the success page if that has something to show."""
    if response := owed_phone(wizard):
        return response
    url = "" if wizard.state.get("offer") else wizard.get_success_url()
    return HttpResponseRedirect(url) if url else wizard.redirect("success")


def owed_phone(wizard: Wizard) -> HttpResponseBase | None:
    """Redirect to add a phone number if the user must have one and has just verified with another device."""
    verifier = wizard.verifier
    if not verifier.needs_phone() or wizard.is_registration or not verifier.fresh_proof():
        return None
    url = wizard.url("index", f"{wizard.home_namespace}:adding")
    return HttpResponseRedirect(url) if url else None


def offer_backup(wizard: Wizard) -> HttpResponseBase | None:
    """Show the page that offers a backup for a new first device. None if there is no backup to offer."""
    if not wizard.state.get("offer") or not wizard.verifier.fresh_proof():
        return None
    action = wizard.url_with_next(
        "start",
        f"{wizard.home_namespace}:adding",
        then=wizard.url_with_next("success", then=wizard.get_next_url()),
    )
    offered = [choice_context(wizard, Choice(p)) for p in wizard.verifier.backups()] if action else []
    if not offered:
        return None
    return wizard.render_page("backup", {"offered": offered, "action": action})


# Skipped


def skip_registration(wizard: Wizard) -> HttpResponseBase:
    """Redirect to the next page without a registration, if registration is optional."""
    if not wizard.is_optional():
        return wizard.redirect("start")
    session_data.write(wizard.request, skipped=True)
    return HttpResponseRedirect(wizard.get_skip_url())


# Failed


def remember_failure(wizard: Wizard, error: errors.TwoFactorError) -> None:
    """Keep an error for the failed page."""
    row = wizard.current_verification()
    ended = wizard.pending.known(wizard.state.get("verification"))
    kept = {"code": error.full_code, "display": error.display, "blocking": error.blocking}
    kept["verification_id"] = str(row.public_id) if row else ""
    if wait := error.data.get("retry_after"):
        # Keep the message without the wait: it is filled in each time the page is shown.
        kept |= {"retry_at": int(time.time()) + wait, "sentence": error.sentence}
    # In a registration, only one number or address is blocked. The user can enter another one, or register
    # another kind of device.
    kept["kind"] = ended.kind if ended is not None and ended.purpose == "enrol" else ""
    wizard.state.update(error=kept)


def show_failed(wizard: Wizard) -> HttpResponseBase:
    """Show the error, and the methods that can be used now."""
    kept = wizard.state.get("error")
    if not kept:
        return wizard.redirect("start")
    text, blocking = kept["display"], kept["blocking"]
    wait = max(0, kept.get("retry_at", 0) - int(time.time()))
    if "sentence" in kept:
        text = errors.fill(kept["sentence"], {"retry_after": wait, "when": errors.in_words(wait)})
    others = other_methods(wizard, kept.get("kind", "")) if wait and not blocking else []
    context = {
        "error_code": kept["code"],
        "error_display": text,
        "is_blocking": blocking,
        "can_retry": not blocking or ("retry_at" in kept and not wait),
        "retry_in": wait,
        "last_doors": last_doors(wizard) if blocking else [],
        "other_methods": others,
        "verification_id": kept["verification_id"],
        "other_destination": bool(wait and kept.get("kind") in CONTACTS and not blocking),
    }
    return wizard.render_page("failed", context)


def other_methods(wizard: Wizard, used_up: str) -> list[dict[str, Any]]:
    """Return the choices that can be used now. Leaves out new devices of the kind `used_up`."""
    choices = [c for c in wizard.choices if c.registered or c.provider.device_kind != used_up]
    return [choice_context(wizard, c) for c in wizard.verifier.usable_now(choices)]


def last_doors(wizard: Wizard) -> list[dict[str, Any]]:
    """Return the choices that the user can still use while the other methods are locked."""
    return [choice_context(wizard, c) for c in wizard.choices if c.registered and c.provider.high_entropy]


# Expired


def show_expired(wizard: Wizard, row: Verification | None, to: Contact | None) -> HttpResponseBase | None:
    """Show that a code has expired, with a button that sends another.

    Returns None if the row has not expired, or if the method sends nothing or is no longer offered.

    `to`: the number or address that was typed. It is not stored.
    """
    provider = get_providers().get(row.method) if row is not None else None
    if row is None or provider is None or row.status != Status.EXPIRED or not provider.sends:
        return None
    context: dict[str, Any] = {
        "approved_elsewhere": provider.approved_elsewhere,
        "choice": None,
        "fields": {},
    }
    if wizard.is_registration:
        if wizard.registering_provider() is not provider:
            return None
        form_class = provider.get_registration_form_class()
        form = form_class(user=wizard.verifier.user, request=wizard.request) if form_class else None
        context["fields"] = form.fields_for(to) if form is not None and to is not None else {}
    else:
        id = str(row.device_id or row.kind)
        found = [c for c in wizard.choices if c.provider is provider and c.registered]
        same = [c for c in found if c.registered is not None and c.registered.id == id]
        if not same:
            return None
        context["choice"] = choice_context(wizard, same[0])
    context["error_display"] = errors.VerificationExpired().display
    context["has_other_methods"] = len(wizard.choices) > 1
    return wizard.render_page("expired", context)


# Status


def show_status(wizard: Wizard) -> HttpResponseBase:
    """Return JSON for a page that waits: whether the user has answered, and whether nothing is pending."""
    row = wizard.current_verification()
    ready = row is not None and get_providers()[row.method].is_answered(row)
    return JsonResponse({"ready": ready, "over": row is None})


# The pages of the wizard that are not steps, by name.
SHOW = {"success": show_success, "failed": show_failed, "status": show_status}
