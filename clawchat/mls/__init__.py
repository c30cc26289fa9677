"""MLS (RFC 9420) as the rooms use it: pure, without input or output, and narrow.

The names, their order and the section numbers are the RFC's. Randomness and time are arguments; every state is a value,
and processing gives a new one. The twin in JavaScript is static/js/mls.
Spec: 4.4
"""
