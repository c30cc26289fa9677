"""The operations a client may ask for, one function each. Spec: 3.14"""

from .registry import OPERATIONS

__all__ = ["OPERATIONS"]
