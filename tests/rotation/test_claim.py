"""Which node a process is: one server for a data directory, the same name after a restart."""

import subprocess
import sys

import pytest

from rotation.claim import DataDirTaken, claim_node

HOLD = """
import sys, pathlib
sys.path.insert(0, {root!r})
from rotation.claim import claim_node
with claim_node(pathlib.Path({data_dir!r}), may_share=False) as name:
    print(name, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path, pytestconfig):
    """Another process that holds the data directory."""
    script = HOLD.format(root=str(pytestconfig.rootpath), data_dir=str(tmp_path))
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        process.name = process.stdout.readline().strip()
        yield process
        process.kill()


def test_a_name_is_kept(tmp_path):
    """A restart finds its leases under the same name."""
    with claim_node(tmp_path, may_share=False) as first:
        pass
    with claim_node(tmp_path, may_share=False) as second:
        pass

    assert first == second != ""


def test_a_second_server_is_refused(tmp_path, holder):
    """The sentence names the process and the way out."""
    with pytest.raises(DataDirTaken, match=rf"process {holder.pid}.*CLAWCHAT_DATA_DIR"), claim_node(tmp_path, False):
        pass


def test_a_killed_server_leaves_no_lock(tmp_path, holder):
    """The lock goes with the process; its name stays."""
    holder.kill()
    holder.wait()

    with claim_node(tmp_path, may_share=False) as name:
        assert name == holder.name


def test_servers_that_share_are_several_nodes(tmp_path, holder):
    """With Redis, the second one takes the next name, and takes it again after a restart."""
    with claim_node(tmp_path, may_share=True) as second:
        assert second != holder.name
        with claim_node(tmp_path, may_share=True) as third:
            assert third not in (second, holder.name)
    with claim_node(tmp_path, may_share=True) as again:
        assert again == second


def test_the_file_is_for_the_owner_alone(tmp_path):
    """Nobody else may lock a server out."""
    with claim_node(tmp_path, may_share=False):
        assert (tmp_path / "node-1").stat().st_mode & 0o777 == 0o600
