"""Groups in suite 1 whose members have four libraries: they stay one group whatever anybody does.

A schedule is drawn from its number: who commits, what, and who comes and goes. After each commit everybody has the same
exporter and reads a message of everybody else.
"""

import random

import pytest

from tests.mls.oracles.members import Commit, InNode, MlsRs, Node, OursInPython

OURS = ["ours in Python", "ours in JavaScript"]
LIBRARIES = [*OURS, "ts-mls", "mls-rs"]
GROUP_ID = b"mixed-group-id-0"
LARGEST = 7
STEPS = 8
# As many as the Shows of the room's encryption ask for; `make test` runs the first few.
SCHEDULES = 100
QUICK = 4


@pytest.fixture(scope="module")
def nodes():
    """One process with ts-mls, one with our own library."""
    nodes = {"ts-mls": Node("ts_mls.mjs"), "ours in JavaScript": Node("ours.mjs")}
    yield nodes
    for node in nodes.values():
        node.close()


class MixedGroup:
    """A group, and a member of ours in Python who is always in it and knows who sits where."""

    def __init__(self, nodes, dice):
        self.nodes, self.dice = nodes, dice
        self.members = []
        self.named = 0
        self.watcher = OursInPython("watcher")
        self.info = None

    def newcomer(self, library):
        """Somebody new with this library."""
        self.named += 1
        name = f"{library.replace(' ', '-')}-{self.named}"
        if library == "mls-rs":
            return MlsRs(name)
        return OursInPython(name) if library == "ours in Python" else InNode(self.nodes[library], library, name)

    def begin(self, maker):
        """The group, made by this member; the watcher is the first to be added."""
        maker.create(GROUP_ID)
        self.members = [maker]
        self.add(maker, [self.watcher])

    def leaf_of(self, member):
        """Where somebody sits."""
        identity = member.name.encode()
        return next(each.index for each in self.watcher.group.members if each.leaf.credential.identity == identity)

    def commit(self, committer, made: Commit, gone=()):
        """Everybody processes a commit and goes on."""
        for member in self.members:
            if member is not committer and member not in gone:
                member.process(made.message)
        made.taken()
        self.members = [member for member in self.members if member not in gone]
        # ts-mls writes external_pub without its length (RFC 9420 12.4.3.2), and mls-rs shows no GroupInfo.
        self.info = made.group_info if committer.library in OURS else None

    def add(self, committer, newcomers):
        """One commit with an Add for each, and a Welcome."""
        made = committer.commit([each.key_package() for each in newcomers], [])
        self.commit(committer, made)
        for each in newcomers:
            each.join(made.welcome, committer.tree())
        self.members += newcomers
        self.check()

    def remove(self, committer, leaver):
        """One commit with a Remove; the wheel can only remove whom it has heard."""
        if isinstance(committer, MlsRs):
            made = committer.remove_by_name(leaver.name)
        else:
            made = committer.commit([], [self.leaf_of(leaver)])
        self.commit(committer, made, gone=[leaver])
        self.check()

    def refresh(self, committer):
        """A path update."""
        self.commit(committer, committer.commit([], []))
        self.check()

    def come_externally(self, newcomer):
        """An external commit by the newest GroupInfo."""
        made = newcomer.join_externally(self.info)
        for member in self.members:
            member.process(made.message)
        made.taken()
        self.members.append(newcomer)
        self.info = made.group_info
        self.check()

    def check(self):
        """One exporter, and a message of each member opens for all others."""
        exported = {member.name: member.export() for member in self.members}
        assert len(set(exported.values())) == 1, {name: value.hex()[:8] for name, value in exported.items()}
        for sender in self.members:
            payload = f"{sender.name} in a group of {len(self.members)}".encode()
            message = sender.seal(payload)
            for reader in self.members:
                if reader is not sender:
                    assert reader.process(message) == payload, (sender.name, reader.name)

    def library(self, what):
        """Whose library the next newcomer has.

        ts-mls refuses a good tree in which two nodes above an unmerged leaf have different lists of unmerged leaves
        (it wants them equal, where RFC 9420 12.4.3.1 wants the leaf in each), so it comes alone and to merged trees.
        """
        library = self.dice.choice(LIBRARIES)
        tree = self.watcher.group.tree
        parents = [tree.node(index) for index in range(1, 2 * tree.leaf_count - 1, 2)]
        is_merged = not any(parent.unmerged_leaves for parent in parents if parent)
        return library if library != "ts-mls" or (what == "add" and is_merged) else "ours in JavaScript"

    def step(self):
        """Something happens."""
        dice = self.dice
        committer = dice.choice(self.members)
        others = [each for each in self.members if each is not committer and each is not self.watcher]
        what = dice.choice(["add", "add", "add two", "remove", "refresh", "refresh", "external"])
        if what in ("add", "add two") and len(self.members) + 2 <= LARGEST:
            self.add(committer, [self.newcomer(self.library(what)) for _ in range(1 if what == "add" else 2)])
        elif what == "remove" and others:
            self.remove(committer, dice.choice(others))
        elif what == "external" and self.info and len(self.members) < LARGEST:
            self.come_externally(self.newcomer(dice.choice(OURS)))
        else:
            self.refresh(committer)


@pytest.mark.parametrize(
    "number", [pytest.param(number, marks=() if number < QUICK else pytest.mark.e2e) for number in range(SCHEDULES)]
)
def test_a_schedule_leaves_one_group(nodes, number):
    """Whoever makes the group and whatever happens, there is one exporter at each epoch and every message is read."""
    group = MixedGroup(nodes, random.Random(number))
    group.begin(group.newcomer(LIBRARIES[number % len(LIBRARIES)]))
    group.add(group.watcher, [group.newcomer(each) for each in LIBRARIES])
    for _ in range(STEPS):
        group.step()
