"""The chat page in a real browser: by keyboard, and on a phone."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import OpenPage
from tests.serving.conftest import Serve
from tests.serving.test_chat_completions import post, until, user

pytestmark = pytest.mark.browser
PHONE = {"width": 360, "height": 640}


def opened(open_page: OpenPage, url: str, **size: int) -> Page:
    return open_page(f"{url}/", allowed=url, **size)


def say(page: Page, text: str) -> None:
    """Type and send, when the input has the focus."""
    expect(page.get_by_label("Your message")).to_be_focused()
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def answers(page: Page) -> list[str]:
    return page.locator(".chat-answer").all_inner_texts()


def test_a_conversation_by_keyboard(serve: Serve, open_page: OpenPage) -> None:
    page = opened(open_page, serve())
    expect(page.get_by_label("Your message")).to_be_focused()
    say(page, "pay 30")
    expect(page.locator(".chat-answer")).to_have_text("70")
    expect(page.locator(".chat-state")).to_have_text("2 steps")
    steps = page.locator("details.chat-step")
    expect(steps).to_have_count(2)
    expect(steps.first.locator(".chat-step-what")).to_have_text('pay {"amount": 30}')
    expect(steps.first.get_by_text("Observation")).to_be_hidden()
    steps.first.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(steps.first.get_by_text("left = pay(30)")).to_be_visible()
    expect(steps.first.locator(".observation")).to_contain_text("70")
    page.get_by_label("Your message").focus()
    say(page, "look")
    expect(page.locator(".chat-answer")).to_have_count(2)
    assert answers(page)[1] == "70", "the world is that of the first turn"
    page.keyboard.type("a")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("look")
    expect(page.get_by_label("Your message")).to_have_value("a\nlook")


def test_stop_ends_the_turn_and_keeps_the_conversation(serve: Serve, open_page: OpenPage) -> None:
    url = serve()
    page = opened(open_page, url)
    say(page, "remember 6")
    expect(page.locator(".chat-answer")).to_have_text("ok")
    say(page, "loop")
    expect(page.locator(".badge.running")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".chat-state").last).to_have_text("Stopped.")
    say(page, "loop")
    until(lambda: httpx.get(f"{url}/health").json()["turns"] == 1)
    page.keyboard.press("Escape")
    expect(page.locator(".chat-state").last).to_have_text("Stopped.")
    say(page, "recall")
    expect(page.locator(".chat-answer")).to_have_count(2)
    assert answers(page)[1] == "6"


@pytest.mark.slow
def test_new_begins_another_conversation(serve: Serve, open_page: OpenPage) -> None:
    url = serve()
    page = opened(open_page, url)
    say(page, "pay 30")
    expect(page.locator(".chat-answer")).to_have_text("70")
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".chat-answer")).to_have_count(0)
    until(lambda: httpx.get(f"{url}/health").json()["conversations"] == 0)
    say(page, "look")
    expect(page.locator(".chat-answer")).to_have_text("100")


@pytest.mark.slow
def test_a_conversation_that_has_ended_meanwhile_is_begun_from_its_messages(serve: Serve, open_page: OpenPage) -> None:
    url = serve(idle_s=0.3)
    page = opened(open_page, url)
    say(page, "pay 30")
    expect(page.locator(".chat-answer")).to_have_text("70")
    until(lambda: httpx.get(f"{url}/health").json()["conversations"] == 0)
    say(page, "look")
    expect(page.locator(".chat-answer")).to_have_count(2)
    assert answers(page)[1] == "100"


@pytest.mark.slow
def test_what_went_wrong_is_said(serve: Serve, open_page: OpenPage) -> None:
    url = serve()
    page = opened(open_page, url)
    say(page, "fail")
    expect(page.get_by_role("alert")).to_contain_text("the model's server is down")
    say(page, "never")
    expect(page.locator(".chat-state").last).to_have_text("No answer: step limit.")
    say(page, "look")
    expect(page.locator(".chat-answer")).to_have_text("100")


def test_on_a_phone(serve: Serve, open_page: OpenPage) -> None:
    page = opened(open_page, serve(), **PHONE)
    say(page, "remember 1111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111")
    expect(page.locator(".chat-answer")).to_have_text("ok")
    page.locator("summary").first.click()
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(overflow) <= 0
    for number in range(3):
        page.get_by_label("Your message").focus()
        say(page, "look")
        expect(page.locator(".chat-answer")).to_have_count(number + 2)
    box = page.get_by_role("button", name="Send").bounding_box()
    assert box is not None
    assert box["height"] >= 44
    assert box["y"] + box["height"] <= PHONE["height"], "the form stays in the window"
    expect(page.locator(".chat-answer").last).to_be_in_viewport()


@pytest.mark.slow
def test_the_token_is_in_the_link_or_asked_for(serve: Serve, open_page: OpenPage, browser: Browser) -> None:
    url = serve(token="secret-1")
    assert httpx.get(f"{url}/v1/models").status_code == 401
    page = open_page(f"{url}/#token=secret-1", allowed=url)
    assert "secret" not in page.url
    say(page, "look")
    expect(page.locator(".chat-answer")).to_have_text("100")
    context = browser.new_context()
    other = context.new_page()
    other.goto(url)
    other.get_by_label("Your message").fill("pay 1")
    other.keyboard.press("Enter")
    other.get_by_label("Token of this server").fill("secret-1")
    other.keyboard.press("Enter")
    expect(other.locator(".chat-answer")).to_have_text("99")
    context.close()


def test_foreign_pages_may_not_use_it(serve: Serve) -> None:
    url = serve()
    body = {"model": "teller", "messages": user("look")}
    path = f"{url}/v1/chat/completions"
    assert post(url).status_code == 200
    assert httpx.post(path, content=b"{}", headers={"content-type": "text/plain"}).status_code == 415
    assert httpx.post(path, json=body, headers={"origin": "http://evil.example"}).status_code == 403
    assert httpx.post(path, json=body, headers={"host": "evil.example"}).status_code == 403
