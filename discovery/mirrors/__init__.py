"""The places a connection file is put, one file each behind one small interface."""
