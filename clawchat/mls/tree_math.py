"""Which node is whose neighbour, in an array-based tree (RFC 9420 appendix C).

Leaves stand at even indices, a leaf's node is twice its leaf index, and a tree always has 2**d leaves.
"""

from clawchat.protocol.errors import UsageError


def level(node: int) -> int:
    """How high a node stands: 0 is a leaf."""
    return (~node & node + 1).bit_length() - 1


def is_leaf(node: int) -> bool:
    """Whether the node is a leaf."""
    return not node & 1


def node_width(leaves: int) -> int:
    """How many nodes a tree of so many leaves has."""
    return 2 * leaves - 1 if leaves else 0


def leaf_count(width: int) -> int:
    """How many leaves a tree of so many nodes has."""
    return (width + 1) // 2


def root(leaves: int) -> int:
    """The root of a tree of so many leaves, a power of two."""
    return leaves - 1


def left(node: int) -> int:
    """The left child.

    Raises: usage (a leaf).
    """
    return node ^ 1 << _level_of_parent(node) - 1


def right(node: int) -> int:
    """The right child.

    Raises: usage (a leaf).
    """
    return node ^ 3 << _level_of_parent(node) - 1


def parent(node: int) -> int:
    """The parent in a tree that is large enough to have one."""
    height = level(node)
    return (node | 1 << height) & ~(2 << height)


def sibling(node: int) -> int:
    """The other child of the node's parent."""
    above = parent(node)
    return right(above) if node < above else left(above)


def direct_path(node: int, leaves: int) -> tuple[int, ...]:
    """The ancestors from the parent to the root; of the root none (RFC 9420 4.1.1)."""
    top = root(leaves)
    path = []
    while node != top:
        node = parent(node)
        path.append(node)
    return tuple(path)


def copath(node: int, leaves: int) -> tuple[int, ...]:
    """The siblings of the node and of its direct path without the root, from the bottom (RFC 9420 4.1.1)."""
    path = (node, *direct_path(node, leaves))
    return tuple(sibling(each) for each in path[:-1])


def common_ancestor(one: int, other: int) -> int:
    """The lowest node above or equal to both."""
    while one != other:
        if level(one) <= level(other):
            one = parent(one)
        else:
            other = parent(other)
    return one


def _level_of_parent(node: int) -> int:
    if is_leaf(node):
        raise UsageError("a leaf has no children")
    return level(node)
