"""A site's own wizard, beside the wizard of this package."""

from __future__ import annotations

import pytest
from django.db import connections
from django.urls import resolve

from .. import mounts
from ..people import PHONE, Person

pytestmark = pytest.mark.urls("tests.mounts")


@pytest.fixture(autouse=True)
def nothing_done() -> None:
    mounts.DONE.clear()


@pytest.fixture
def buyer(demo: Person) -> Person:
    demo.mount = "checkout"
    return demo


def test_steps_of_a_subclass_come_in_order(buyer: Person) -> None:
    assert buyer.opens("index").path == "/checkout/terms/"
    buyer.posts(agreed="on")
    assert buyer.path == "/checkout/start/"
    assert buyer.page.templates[0].name == "twilio_2fa/step.html"
    assert [m for m, _detail in buyer.choices] == ["sms", "call"]
    buyer.picks("sms")
    assert buyer.path == "/checkout/register/"
    assert "nickname" in buyer.page.context["form"].fields
    buyer.registers()
    assert buyer.path == "/checkout/verify/"
    buyer.types_the_code()
    assert buyer.path == "/checkout/note/"
    assert mounts.DONE == [("sms", {"agreed": True})]
    buyer.posts(note="thanks")
    assert buyer.path == "/secret/"
    assert len(mounts.DONE) == 1


@pytest.mark.parametrize("step", ["start", "register", "verify", "note", "success"])
def test_no_step_of_a_subclass_can_be_skipped(buyer: Person, step: str) -> None:
    buyer.opens(step)
    assert buyer.path in ("/checkout/terms/", "/checkout/start/")
    buyer.posts(f"/checkout/{step}/", note="x", method="sms", token="123456")
    assert buyer.path == "/checkout/terms/"
    assert mounts.DONE == []


def test_a_method_that_a_subclass_does_not_offer_is_refused(buyer: Person) -> None:
    buyer.opens("terms").posts(agreed="on").posts(method="email")
    assert buyer.path == "/checkout/start/"


def test_each_mounted_wizard_has_a_separate_state(buyer: Person) -> None:
    buyer.opens("terms").posts(agreed="on").picks("sms").registers()
    assert buyer.opens("/2fa/verify/").path == "/2fa/start/"
    assert len(buyer.choices) == 4
    buyer.opens("verify").types_the_code(PHONE)
    assert buyer.path == "/checkout/note/"


def test_a_condition_removes_steps(demo: Person) -> None:
    demo.opens("/short/")
    assert demo.path == "/short/start/"
    demo.picks("sms").registers().types_the_code()
    assert demo.path == "/secret/"


def test_showing_a_page_stores_no_formtools_data_in_the_session(buyer: Person) -> None:
    buyer.opens("terms").opens("start")
    assert not [key for key in dict(buyer.client.session.items()) if key.startswith("wizard_")]


@pytest.mark.parametrize("path", ["/checkout/verify/", "/2fa/verify/", "/2fa/devices/", "/2fa/add/start/"])
def test_no_page_runs_in_a_transaction_of_the_site(path: str) -> None:
    assert set(resolve(path).func._non_atomic_requests) == set(connections)
