"""Neighbours in a tree: RFC 9420's own example of appendix C, and what holds in every tree."""

import pytest

from clawchat.mls import tree_math
from clawchat.protocol.errors import UsageError

SIZES = [1, 2, 4, 8, 16, 32, 64, 128]


@pytest.mark.parametrize(("node", "level"), [(0, 0), (1, 1), (2, 0), (3, 2), (5, 1), (7, 3), (11, 2), (127, 7)])
def test_level(node, level):
    """Leaves stand at 0."""
    assert tree_math.level(node) == level
    assert tree_math.is_leaf(node) == (level == 0)


def test_the_tree_of_eight_leaves():
    """The tree drawn in appendix C."""
    assert tree_math.root(8) == 7
    assert [tree_math.left(node) for node in (1, 3, 5, 7, 9, 11, 13)] == [0, 1, 4, 3, 8, 9, 12]
    assert [tree_math.right(node) for node in (1, 3, 5, 7, 9, 11, 13)] == [2, 5, 6, 11, 10, 13, 14]
    assert [tree_math.parent(node) for node in (0, 1, 2, 3, 4, 5, 6, 8, 11, 14)] == [1, 3, 1, 7, 5, 3, 5, 9, 7, 13]
    assert [tree_math.sibling(node) for node in (0, 1, 2, 3, 11)] == [2, 5, 0, 11, 3]
    assert tree_math.direct_path(4, 8) == (5, 3, 7)
    assert tree_math.copath(4, 8) == (6, 1, 11)
    assert tree_math.direct_path(7, 8) == tree_math.copath(7, 8) == ()


@pytest.mark.parametrize("leaves", SIZES)
def test_children_and_parents_agree(leaves):
    """Each child's parent is where it came from, and the other child is its sibling."""
    width = tree_math.node_width(leaves)
    assert width == 2 * leaves - 1
    assert tree_math.leaf_count(width) == leaves
    for node in range(1, width, 2):
        left, right = tree_math.left(node), tree_math.right(node)
        assert left < node < right
        assert tree_math.parent(left) == tree_math.parent(right) == node
        assert (tree_math.sibling(left), tree_math.sibling(right)) == (right, left)
        assert tree_math.level(left) == tree_math.level(right) == tree_math.level(node) - 1


@pytest.mark.parametrize("leaves", SIZES[1:])
def test_the_common_ancestor_is_the_first_node_of_both_paths(leaves):
    """Computed by level, compared with the paths themselves."""
    for one in range(0, tree_math.node_width(leaves), 3):
        for other in range(0, tree_math.node_width(leaves), 5):
            paths = [(node, *tree_math.direct_path(node, leaves)) for node in (one, other)]
            first = next(node for node in paths[0] if node in paths[1])
            assert tree_math.common_ancestor(one, other) == tree_math.common_ancestor(other, one) == first


def test_no_nodes_without_leaves():
    """An empty tree has no node."""
    assert tree_math.node_width(0) == 0


@pytest.mark.parametrize("child", [tree_math.left, tree_math.right])
def test_a_leaf_has_no_children(child):
    """Asking for one is a mistake of ours."""
    with pytest.raises(UsageError):
        child(4)
