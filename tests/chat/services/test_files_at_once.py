"""Files while everything else goes on: nobody waits for ever, and what counts for a device is what is there."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.db.models import Sum

from chat.models import Device, Envelope, File
from chat.services import delivery, files
from chat.services.files import Stored
from clawchat.protocol.limits import FILE_CHUNK_BYTES
from clawchat.protocol.primitives import random_bytes
from tests.chat.services.test_delivery import message
from tests.chat.services.test_files import chunk, room_of

ROUNDS = 8
SIZE = FILE_CHUNK_BYTES + 50


def closing(work, *arguments):
    """What it gives, from a thread that lets go of its connection."""
    try:
        return work(*arguments)
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_files_messages_and_pruning_at_once(alice, bob, room):
    """Two devices lay down and drop files and write messages, and old files go: no row waits in a circle."""

    def carry(person):
        for turn in range(ROUNDS):
            file_id = random_bytes(16)
            files.create(person.pk, file_id, room_of(room), SIZE)
            chunks = [chunk(file_id, index, size=SIZE) for index in (0, 1)]
            assert all(isinstance(each, Stored) for each in files.store_chunks(person.pk, chunks))
            files.read(person.pk, file_id, room_of(room), 0, 2)
            if turn % 2:
                files.drop(person.pk, file_id, room_of(room))

    def write(person):
        for _ in range(ROUNDS):
            delivery.store([message(alice, room), message(bob, room)])

    def prune(person):
        for _ in range(ROUNDS):
            files.drop_old(36_000)
            files.drop_unfinished()

    with ThreadPoolExecutor(6) as threads:
        works = [(work, person) for work in (carry, write, prune) for person in (alice, bob)]
        for done in [threads.submit(closing, *work) for work in works]:
            done.result(30)

    assert File.objects.exclude(completed_at=None).count() == ROUNDS
    assert Envelope.objects.count() == 4 * ROUNDS
    for person in (alice, bob):
        own = File.objects.filter(device=person.device).aggregate(size=Sum("size"))["size"]
        letters = sum(len(row.ciphertext) for row in Envelope.objects.filter(sender=person.device))
        assert Device.objects.get(pk=person.pk).stored_bytes == own + letters


@pytest.mark.django_db(transaction=True)
def test_one_file_from_two_sessions_of_its_device(alice, room):
    """A client that moves sends the same chunks on both: each is there once."""
    file_id = random_bytes(16)
    files.create(alice.pk, file_id, room_of(room), SIZE)
    chunks = [chunk(file_id, index, size=SIZE) for index in (0, 1)]

    with ThreadPoolExecutor(4) as threads:
        works = [threads.submit(closing, files.store_chunks, alice.pk, chunks) for _ in range(4)]
        outcomes = [work.result(30) for work in works]

    assert all(outcome[1] == Stored(room_of(room), 2) for outcome in outcomes)
    assert files.read(alice.pk, file_id, room_of(room), 0, 16) == (SIZE, chunks)
