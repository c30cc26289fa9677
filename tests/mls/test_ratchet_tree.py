"""The ratchet tree: places, paths, hashes, and what makes a tree from outside a false one."""

import random
from dataclasses import replace

import pytest

from clawchat.mls import ratchet_tree
from clawchat.mls.codec import Reader, vector_of
from clawchat.mls.errors import Invalid
from clawchat.mls.nodes import (
    Credential,
    CredentialType,
    Extension,
    ExtensionType,
    LeafNodeSource,
    Lifetime,
    ParentNode,
    encode_node,
)
from clawchat.mls.ratchet_tree import MAX_LEAVES, RatchetTree
from clawchat.mls.suite import X25519_SUITE
from clawchat.mls.tree_hash import root_hash, tree_hash, with_path
from clawchat.mls.tree_kem import make_update_path, merge_path, open_path
from clawchat.mls.tree_validation import Needs, check_keys_distinct, check_leaf, check_members, verify_tree
from clawchat.protocol.errors import Malformed, Unauthentic
from tests.mls.members import NOW, Device, dice

SUITE = X25519_SUITE
GROUP = b"group"
CONTEXT = b"context"


def member(number):
    """Somebody in suite 1."""
    device = Device(f"person-{number}")
    return replace(device.member(), suite=SUITE, identity=str(number).encode())


class Forest:
    """A tree with everybody's private keys, changed by the functions of the library alone."""

    def __init__(self, count):
        self.random = dice("forest", count)
        self.count = 0
        self.members, self.keys = {}, {}
        self.tree = None
        for _ in range(count):
            self.add()

    def add(self):
        """Somebody comes."""
        pair = SUITE.derive_key_pair(self.random(SUITE.Nh))
        who = member(self.count)
        self.count += 1
        leaf = who.leaf(LeafNodeSource.KEY_PACKAGE, pair.public, lifetime=Lifetime(NOW, NOW))
        if self.tree is None:
            self.tree, index = RatchetTree.of_one(SUITE, leaf), 0
        else:
            self.tree, index = self.tree.add(leaf)
        self.members[index], self.keys[index] = who, {2 * index: pair.secret}
        return index

    def remove(self, index):
        """Somebody goes."""
        self.tree = self.tree.remove(index)
        del self.members[index], self.keys[index]

    def path(self, index, added=()):
        """Somebody makes a path, and everybody but those who just came reads it."""
        who = self.members[index]

        def make_leaf(key, parent_hash):
            return who.leaf(LeafNodeSource.COMMIT, key, group_id=GROUP, leaf_index=index, parent_hash=parent_hash)

        made = make_update_path(self.tree, index, make_leaf, lambda tree: CONTEXT, added, self.random)
        merged = merge_path(self.tree, index, made.path, added)
        assert merged.encode() == made.tree.encode()
        for other in self.members:
            if other != index and other not in added:
                keys, secret = open_path(merged, index, made.path, other, self.keys[other], CONTEXT, added)
                assert secret == made.commit_secret
                self.keys[other] = keys
        for other in added:
            self.keys[other] = {2 * other: self.keys[other][2 * other]}
        self.keys[index], self.tree = dict(made.keys), merged
        return made


def fresh(tree):
    """The same tree without anything computed before."""
    return RatchetTree.parse(tree.suite, tree.encode())


@pytest.mark.parametrize("number", range(6))
def test_tree_stays_valid_whatever_happens(number):
    """Adds, removes and paths in any order: valid parents, true cached hashes, keys that fit."""
    chance = random.Random(number)
    forest = Forest(2 + number)
    for _ in range(25):
        present = sorted(forest.members)
        what = chance.choice(("add", "remove", "path", "path"))
        if what == "add" and len(present) < 12:
            forest.add()
        elif what == "remove" and len(present) > 2:
            forest.remove(chance.choice(present))
        else:
            forest.path(chance.choice(present))
        verify_tree(forest.tree, GROUP)
        check_members(forest.tree, ())
        assert root_hash(forest.tree) == root_hash(fresh(forest.tree))
        for index, keys in forest.keys.items():
            for node, secret in keys.items():
                there = forest.tree.node(node) if forest.tree.has(node) else None
                assert there is None or node == 2 * index or _fits(there, secret, index)


def _fits(node, secret, index):
    known = SUITE.hpke.kem.public_key(secret) == node.encryption_key
    return known or index in node.unmerged_leaves


def test_old_tree_stays_as_it_was():
    """Every change gives a new one."""
    forest = Forest(5)
    forest.path(1)
    tree, encoded, hashed = forest.tree, forest.tree.encode(), root_hash(forest.tree)

    tree.remove(3)
    tree.add(tree.leaf(0))
    tree.update(2, tree.leaf(0))
    with_path(tree, 0, (b"key",) * len(tree.filtered_direct_path(0)))

    assert (tree.encode(), root_hash(tree), root_hash(fresh(tree))) == (encoded, hashed, hashed)


def test_leaves_take_the_leftmost_place():
    """A blank one first; then the tree grows to twice as many."""
    forest = Forest(4)
    forest.remove(1)
    assert forest.add() == 1
    assert forest.add() == 4
    assert forest.tree.leaf_count == 8


def test_empty_right_halves_go():
    """Down to one leaf."""
    forest = Forest(5)
    forest.remove(4)
    assert forest.tree.leaf_count == 4
    for index in (1, 3, 2):
        forest.remove(index)
    assert forest.tree.leaf_count == 1


def test_who_was_added_is_unmerged_until_somebody_says_otherwise():
    """Parents above list it, and lose it at the next path."""
    forest = Forest(4)
    forest.path(0)
    forest.remove(3)
    forest.path(0)
    index = forest.add()

    assert forest.tree.parent(forest.tree.root).unmerged_leaves == (index,)
    assert forest.tree.resolution(forest.tree.root) == (forest.tree.root, 2 * index)
    forest.path(1)
    assert forest.tree.parent(forest.tree.root).unmerged_leaves == ()


def test_path_skips_nodes_with_nobody_below_their_other_child():
    """The filtered direct path."""
    forest = Forest(5)

    assert forest.tree.filtered_direct_path(4) == ((7, 3),)
    assert forest.tree.filtered_direct_path(0) == ((1, 2), (3, 5), (7, 11))


def test_added_leaves_get_nothing_of_the_path():
    """They have a Welcome."""
    forest = Forest(3)
    index = forest.add()

    made = forest.path(0, added=(index,))

    assert [len(node.encrypted_path_secret) for node in made.path.nodes] == [1, 1]


def test_path_without_a_word_for_us_is_refused():
    """Whoever has no key that something of it is sealed to learns nothing of it."""
    forest = Forest(4)
    made = forest.path(0)
    merged = merge_path(forest.tree, 0, made.path, ())

    with pytest.raises(Invalid) as refused:
        open_path(merged, 0, made.path, 3, {}, CONTEXT, ())
    assert refused.value.reason == "path-secret"


@pytest.mark.parametrize(
    "nodes",
    [
        (),
        (None,),
        ("leaf", None),
        ("leaf", None, None),
        ("leaf", "parent"),
        ("parent",),
        ("leaf", "leaf", "leaf"),
    ],
    ids=str,
)
def test_tree_of_a_wrong_form_is_malformed(nodes):
    """Empty, a blank end, a parent with nobody below its right half, nodes in each other's places."""
    forest = Forest(1)
    kinds = {"leaf": forest.tree.leaf(0), "parent": ParentNode(b"key", b"", ()), None: None}

    with pytest.raises(Malformed):
        RatchetTree.parse(SUITE, vector_of(encode_node(kinds[node]) for node in nodes))


def test_tree_of_blanks_is_refused_before_it_is_hashed():
    """A byte a node is cheap to send."""
    leaf = encode_node(Forest(1).tree.leaf(0))
    blanks = b"\0" * (2 * MAX_LEAVES)

    with pytest.raises(Malformed):
        RatchetTree.parse(SUITE, vector_of((blanks, leaf)))


def test_full_tree_takes_nobody():
    """It does not grow past what it would be read with: 4,096 places, at everybody."""
    assert MAX_LEAVES == 4096
    leaf = Forest(1).tree.leaf(0)
    nodes = [None] * (2 * MAX_LEAVES - 1)
    nodes[::2] = [leaf] * MAX_LEAVES

    assert RatchetTree(SUITE, [*nodes[:-1], None]).with_place()[1] == MAX_LEAVES - 1
    with pytest.raises(Invalid) as refused:
        RatchetTree(SUITE, nodes).with_place()
    assert refused.value.reason == "tree-full"


def test_tree_is_read_up_to_its_widest(monkeypatch):
    """As wide as it was written, one leaf or as many as there may be, and no wider."""
    for count in (1, 2, 4):
        tree, wider = Forest(count).tree, Forest(count + 1).tree
        with monkeypatch.context() as patch:
            patch.setattr(ratchet_tree, "MAX_LEAVES", count)
            assert fresh(tree).nodes == tree.nodes
            with pytest.raises(Malformed):
                fresh(wider)


def test_leaf_in_no_place_is_nobody():
    """A blank one, and one outside the tree."""
    forest = Forest(3)

    for index in (3, 4, 1 << 31):
        assert forest.tree.leaf(index) is None
        with pytest.raises(Invalid) as refused:
            forest.tree.member(index)
        assert refused.value.reason == "leaf-blank"


def changed_parent(tree, index, **changes):
    """The tree with another parent node."""
    return tree.changed({index: replace(tree.parent(index), **changes)})


def sound():
    """A tree of five, with a path of each, one who left and one who came."""
    forest = Forest(5)
    for index in range(5):
        forest.path(index)
    forest.remove(1)
    forest.path(2)
    forest.add()
    verify_tree(forest.tree, GROUP)
    assert [forest.tree.parent(index) is None for index in (1, 3, 5, 7)] == [True, False, False, False]
    return forest.tree


@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        (lambda tree: changed_parent(tree, 7, parent_hash=b"x"), "parent-hash"),
        (lambda tree: changed_parent(tree, 3, parent_hash=b""), "parent-hash"),
        (lambda tree: changed_parent(tree, 3, unmerged_leaves=()), "parent-hash"),
        (lambda tree: changed_parent(tree, 7, unmerged_leaves=()), "parent-hash"),
        (lambda tree: changed_parent(tree, 3, unmerged_leaves=(1, 4)), "unmerged-leaves"),
        (lambda tree: changed_parent(tree, 3, unmerged_leaves=(1, 7)), "unmerged-leaves"),
        (lambda tree: changed_parent(tree, 3, unmerged_leaves=(2, 1)), "unmerged-leaves"),
        (lambda tree: changed_parent(tree, 3, unmerged_leaves=(1, 1)), "unmerged-leaves"),
        (lambda tree: changed_parent(tree, 5, unmerged_leaves=(3,)), "parent-hash"),
        (lambda tree: changed_parent(tree, 7, unmerged_leaves=(1, 3)), "unmerged-leaves"),
        (lambda tree: tree.changed({1: replace(tree.parent(7), unmerged_leaves=())}), "parent-hash"),
        (lambda tree: tree.changed({1: replace(tree.parent(7), unmerged_leaves=(1,))}), "parent-hash"),
        (lambda tree: tree.changed({6: None}), "parent-hash"),
    ],
    ids=lambda value: value if isinstance(value, str) else "lie",
)
def test_tree_that_nobody_made_is_refused(forge, reason):
    """Ghost roots, lost and invented unmerged leaves, parents without children of theirs."""
    with pytest.raises(Invalid) as refused:
        verify_tree(forge(sound()), GROUP)
    assert refused.value.reason == reason


def test_leaves_that_changed_places_are_refused():
    """A leaf of a commit is signed for its place; one of a key package is not, but its parent's hash is."""
    tree = sound()

    with pytest.raises((Unauthentic, Invalid)):
        verify_tree(tree.changed({0: tree.leaf(2), 4: tree.leaf(0)}), GROUP)
    with pytest.raises(Unauthentic):
        verify_tree(tree, b"another group")


def test_key_in_two_places_is_refused():
    """Encryption keys among all nodes, signature keys among leaves."""
    tree = sound()
    with pytest.raises(Invalid) as refused:
        check_keys_distinct(changed_parent(tree, 7, encryption_key=tree.leaf(0).encryption_key))
    assert refused.value.reason == "encryption-key-twice"
    twin = replace(tree.leaf(0), encryption_key=b"another")
    with pytest.raises(Invalid) as refused:
        check_keys_distinct(tree.changed({2: twin}))
    assert refused.value.reason == "signature-key-twice"


def test_key_that_nobody_may_seal_to_is_refused():
    """A point of small order in a parent."""
    with pytest.raises(Malformed):
        verify_tree(changed_parent(sound(), 7, encryption_key=bytes(32)), GROUP)


def test_members_must_know_what_the_group_needs():
    """Extensions, proposals and credentials of required_capabilities, and the extensions in use."""
    tree = Forest(2).tree
    known, unknown = 0xF0C1, 0xF0C3

    check_members(tree, (Extension(known, b""), _required([known], [], [1])))
    for extensions in (
        (Extension(unknown, b""),),
        (_required([unknown], [], []),),
        (_required([], [9], []),),
        (_required([], [], [2]),),
    ):
        with pytest.raises(Invalid) as refused:
            check_members(tree, extensions)
        assert refused.value.reason == "capabilities"
    for data in (b"\1", _required([], [], []).extension_data + b"\0"):
        with pytest.raises(Malformed):
            Needs.of(tree, (Extension(ExtensionType.REQUIRED_CAPABILITIES, data),))


def test_extension_types_that_everybody_knows_are_not_listed():
    """One to five; six is the first that a leaf must list."""
    tree = Forest(2).tree

    check_members(tree, tuple(Extension(kind, b"\0\0\0") for kind in range(1, 6)))
    with pytest.raises(Invalid) as refused:
        check_members(tree, (Extension(6, b""),))
    assert refused.value.reason == "capabilities"


def test_leaf_that_comes_in_is_sound():
    """Its source, its key, and extensions that it says it knows."""
    tree = Forest(1).tree
    leaf = tree.leaf(0)
    check_leaf(tree, leaf, LeafNodeSource.KEY_PACKAGE)

    with pytest.raises(Malformed):
        check_leaf(tree, replace(leaf, encryption_key=bytes(32)), LeafNodeSource.KEY_PACKAGE)
    for changed, source, reason in (
        (leaf, LeafNodeSource.COMMIT, "leaf-source"),
        (replace(leaf, extensions=(Extension(0xF0C3, b""),)), LeafNodeSource.KEY_PACKAGE, "capabilities"),
        (replace(leaf, credential=Credential(CredentialType.X509, b"")), LeafNodeSource.KEY_PACKAGE, "capabilities"),
    ):
        with pytest.raises(Invalid) as refused:
            check_leaf(tree, changed, source)
        assert refused.value.reason == reason


def _required(*lists):
    encoded = b"".join(vector_of(number.to_bytes(2, "big") for number in numbers) for numbers in lists)
    return Extension(ExtensionType.REQUIRED_CAPABILITIES, encoded)


def test_tree_with_a_leaf_that_lists_too_little_is_refused():
    """Its own extension must be among those it says it knows."""
    pair = SUITE.derive_key_pair(b"pair")
    extensions = (Extension(0xF0C3, b""),)
    leaf = member(0).leaf(LeafNodeSource.KEY_PACKAGE, pair.public, lifetime=Lifetime(NOW, NOW), extensions=extensions)

    with pytest.raises(Invalid) as refused:
        verify_tree(RatchetTree.of_one(SUITE, leaf), GROUP)
    assert refused.value.reason == "capabilities"


def test_hash_without_leaves_is_that_of_before_they_came():
    """What parent hashes are made of."""
    forest = Forest(4)
    forest.path(0)
    before = tree_hash(forest.tree, 3)
    forest.remove(3)
    forest.path(0)
    without = tree_hash(forest.tree, 3)
    index = forest.add()

    assert tree_hash(forest.tree, 3, frozenset({index})) == without
    assert tree_hash(forest.tree, 3, frozenset({99})) == tree_hash(forest.tree, 3)
    assert before != without != tree_hash(forest.tree, 3)
    assert Reader(forest.tree.encode()).vector()
