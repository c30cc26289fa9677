"""Keeps two browsers talking through the page, and reads the room's log beside what stands on the screens."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

from tests.e2e.browser import Person

# Types into the composer and presses Send, over and over, as fast as `every` ms allows; at each move of the port it
# sends a burst and notes how many of its own messages were waiting for their acknowledgement when the port changed.
KEEP_TALKING = """([composer, button, log, name, total, every, burst]) => {
  const app = document.querySelector("cc-app").app
  const talk = window.talk = { sent: 0, waitingAtMoves: [], done: false }
  const tick = () => new Promise(resolve => setTimeout(resolve, 0))
  const waiting = () => log.querySelectorAll("[data-own=true][data-status=waiting]").length
  let turn = Promise.resolve()
  const say = count => turn = turn.then(async () => {
    for (let n = 0; n < count && talk.sent < total; n++) {
      composer.value = `${name} says ${talk.sent++}`
      composer.dispatchEvent(new InputEvent("input", { bubbles: true, composed: true }))
      await tick()
      button.click()
      await tick()
    }
    talk.done = talk.sent >= total
  })
  talk.burst = () => say(burst)
  talk.waiting = waiting
  let port = app.connection.port, status = app.connection.status
  // Only a move that was seen to begin counts: not one under way at the start, nor a server that came back elsewhere.
  let isMove = false
  app.addEventListener("change", event => {
    if (event.detail.what !== "connection") return
    if (app.connection.status === "moving" && status !== "moving") {
      isMove = true
      talk.burst()
    }
    if (app.connection.port && app.connection.port !== port) {
      if (!talk.done && isMove) talk.waitingAtMoves.push(waiting())
      port = app.connection.port
      isMove = false
    }
    status = app.connection.status
  })
  const timer = setInterval(() => talk.done ? clearInterval(timer) : say(1), every)
}"""


async def start_talking(person: Person, total: int, every_ms: int, burst: int) -> None:
    """Begin to send `total` messages, "<name> says <n>", and return at once."""
    button = await person.page.get_by_role("button", name="Send").element_handle()
    handles = [await person.composer.element_handle(), button, await person.log.element_handle()]
    await person.page.evaluate(KEEP_TALKING, [*handles, person.name, total, every_ms, burst])


async def burst_and_wait(people: list[Person], least: int, seconds: float = 10) -> list[int]:
    """Make everybody send a burst; return how many wait for an acknowledgement once it is `least` for each."""
    for person in people:
        await person.page.evaluate("() => { window.talk.burst() }")
    deadline = asyncio.get_running_loop().time() + seconds
    counts: list[int] = []
    while asyncio.get_running_loop().time() < deadline:
        counts = [await person.page.evaluate("() => window.talk.waiting()") for person in people]
        if min(counts) >= least:
            return counts
        await asyncio.sleep(0.01)
    raise AssertionError(f"Only {counts} messages were waiting for their acknowledgement.")


async def everything_arrived(people: list[Person], texts: int, seconds: float) -> None:
    """Return when each screen shows `texts` messages and none of them waits."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        counts = []
        for person in people:
            rows = [row for row in await person.transcript() if row["status"] != "notice"]
            counts.append((len(rows), sum(row["status"] == "waiting" for row in rows)))
        if all(shown == texts and waiting == 0 for shown, waiting in counts):
            return
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"On the screens (shown, waiting): {counts}; expected {texts} shown.")
        await asyncio.sleep(0.5)


def application_log(data_dir: Path) -> list[tuple[int, str]]:
    """(seq, message id in hex) of every application message the server has stored, in the order of the log."""
    with sqlite3.connect(f"file:{data_dir / 'clawchat.sqlite3'}?mode=ro", uri=True) as database:
        rows = database.execute("SELECT seq, message_id FROM chat_envelope WHERE kind = 1 ORDER BY room_id, seq")
        return [(seq, bytes(message_id).hex()) for seq, message_id in rows]


def said(rows: list[dict[str, Any]], name: str) -> list[int]:
    """The numbers of what `name` said, in the order of the screen."""
    marker = f"{name} says "
    numbers = []
    for row in rows:
        if marker in row["text"]:
            numbers.append(int(row["text"].split(marker)[1].split()[0]))
    return numbers
