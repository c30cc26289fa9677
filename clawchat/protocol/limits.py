"""Every limit of the protocol, in one place; sizes in bytes, times in seconds.

Spec: 3.3
"""

# Handshake records: bodies, and the whole first message with its 4-byte head. Spec: 3.3
H1_MAX_BYTES = 2048
H2_MAX_BYTES = 4096
H3_MAX_BYTES = 1024
FIRST_MESSAGE_MAX_BYTES = 2052
HANDSHAKE_SECONDS = 10
MAX_SUITES = 8
CLIENT_NAME_MAX_BYTES = 256

# Frames: header 26, IV 12 and tag 16 around at least one byte of padding. Spec: 3.5
FRAME_OVERHEAD = 54
FRAME_MIN_BYTES = 55
DEFAULT_MAX_FRAME_BYTES = 262_144
FRAME_CEILING_BYTES = 1 << 20

# How much one epoch's keys may carry, in each direction. Spec: 3.6
SOFT_LIMIT_SECONDS = 3600
SOFT_LIMIT_BYTES = 64 * 1024 * 1024
SOFT_LIMIT_FRAMES = 1 << 20
HARD_LIMIT_SECONDS = 86_400
HARD_LIMIT_BYTES = 1_000_000_000
HARD_LIMIT_FRAMES = 1 << 31
# An epoch lasts at least so long, and a rekey that was begun is answered within so long. Spec: 3.6
REKEY_INTERVAL_SECONDS = 10
REKEY_ANSWER_SECONDS = 30

# Keepalive. Spec: 3.11
PING_AFTER_SECONDS = 25
SILENCE_SECONDS = 60
PING_MAX_BYTES = 64

# Encodings: what fits a JavaScript number, and how deep maps and lists nest. Spec: 3
INTEGER_MAX = 2**53 - 1
MAX_DEPTH = 8

# Connection file. Spec: 3.8
CONNECTION_FILE_MAX_BYTES = 65_536
CONNECTION_FILE_STEP_BYTES = 4096
CLOCK_SKEW_SECONDS = 300
MAX_ENDPOINTS = 64

# A server's identity hands over: the statement, and how long both identities may hold. Spec: 3.2
SUCCESSION_BYTES = 208
SUCCESSION_DEFAULT_SECONDS = 2_592_000
SUCCESSION_MAX_SECONDS = 7_776_000

# Invites. Spec: 3.14
INVITE_MIN_SECONDS = 60
INVITE_DEFAULT_SECONDS = 86_400
INVITE_MAX_SECONDS = 604_800
INVITE_TEXT_MAX_BYTES = 65_536

# A request: its map, and how many values it holds in all. Spec: 3.14
REQUEST_MAX_BYTES = 262_144
REQUEST_MAX_ITEMS = 4096

# Staged blobs: a chunk, and the whole. Spec: 3.14
STAGE_CHUNK_BYTES = 131_072
STAGE_MAX_BYTES = 4_194_304

# Files: a sealed chunk with its tag, the largest file before it is sealed, and what one device asks for. Spec: 3.18
FILE_CHUNK_BYTES = 65_552
FILE_MAX_BYTES = 1 << 30
FILE_CHUNKS_IN_FLIGHT = 8
FILE_READ_CHUNKS = 16

# A device's certificate: how long before and after its making it holds. Spec: 4.4
CERTIFICATE_LEEWAY_SECONDS = 86_400
CERTIFICATE_SECONDS = 315_360_000

# Attachments: plaintext of a chunk and of the smallest file, how many a message shows, and their texts. Spec: 4.4
ATTACHMENT_CHUNK_BYTES = 65_536
ATTACHMENT_MIN_BYTES = 4096
MAX_ATTACHMENTS = 10
ATTACHMENT_NAME_MAX_BYTES = 255
ATTACHMENT_MIME_MAX_BYTES = 127

# A sealed signal: device, epoch and nonce in clear, then at most 320 bytes and their tag; the map in it, and to a
# multiple of what it is padded. Spec: 4.12
SIGNAL_MAX_BYTES = 372
SIGNAL_MAP_MAX_BYTES = 256
SIGNAL_STEP_BYTES = 64
