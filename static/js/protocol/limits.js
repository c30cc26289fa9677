/**
 * Every limit of the protocol, in one place; sizes in bytes, times in seconds.
 *
 * Spec: 3.3
 */

// Handshake records: bodies, and the whole first message with its 4-byte head. Spec: 3.3
export const H1_MAX_BYTES = 2048;
export const H2_MAX_BYTES = 4096;
export const H3_MAX_BYTES = 1024;
export const FIRST_MESSAGE_MAX_BYTES = 2052;
export const HANDSHAKE_SECONDS = 10;
export const MAX_SUITES = 8;
export const CLIENT_NAME_MAX_BYTES = 256;

// Frames: header 26, IV 12 and tag 16 around at least one byte of padding. Spec: 3.5
export const FRAME_OVERHEAD = 54;
export const FRAME_MIN_BYTES = 55;
export const DEFAULT_MAX_FRAME_BYTES = 262_144;
export const FRAME_CEILING_BYTES = 1 << 20;

// How much one epoch's keys may carry, in each direction. Spec: 3.6
export const SOFT_LIMIT_SECONDS = 3600;
export const SOFT_LIMIT_BYTES = 64 * 1024 * 1024;
export const SOFT_LIMIT_FRAMES = 1 << 20;
export const HARD_LIMIT_SECONDS = 86_400;
export const HARD_LIMIT_BYTES = 1_000_000_000;
export const HARD_LIMIT_FRAMES = 2 ** 31;
// An epoch lasts at least so long, and a rekey that was begun is answered within so long. Spec: 3.6
export const REKEY_INTERVAL_SECONDS = 10;
export const REKEY_ANSWER_SECONDS = 30;

// Keepalive. Spec: 3.11
export const PING_AFTER_SECONDS = 25;
export const SILENCE_SECONDS = 60;
export const PING_MAX_BYTES = 64;

// Encodings: what fits a JavaScript number, and how deep maps and lists nest. Spec: 3
export const INTEGER_MAX = Number.MAX_SAFE_INTEGER;
export const MAX_DEPTH = 8;

// Connection file. Spec: 3.8
export const CONNECTION_FILE_MAX_BYTES = 65_536;
export const CONNECTION_FILE_STEP_BYTES = 4096;
export const CLOCK_SKEW_SECONDS = 300;
export const MAX_ENDPOINTS = 64;

// A server's identity hands over: the statement, and how long both identities may hold. Spec: 3.2
export const SUCCESSION_BYTES = 208;
export const SUCCESSION_DEFAULT_SECONDS = 2_592_000;
export const SUCCESSION_MAX_SECONDS = 7_776_000;

// Invites. Spec: 3.14
export const INVITE_MIN_SECONDS = 60;
export const INVITE_DEFAULT_SECONDS = 86_400;
export const INVITE_MAX_SECONDS = 604_800;
export const INVITE_TEXT_MAX_BYTES = 65_536;

// A request: its map, and how many values it holds in all. Spec: 3.14
export const REQUEST_MAX_BYTES = 262_144;
export const REQUEST_MAX_ITEMS = 4096;

// Staged blobs: a chunk, and the whole. Spec: 3.14
export const STAGE_CHUNK_BYTES = 131_072;
export const STAGE_MAX_BYTES = 4_194_304;

// Files: a sealed chunk with its tag, the largest file before it is sealed, and what one device asks for. Spec: 3.18
export const FILE_CHUNK_BYTES = 65_552;
export const FILE_MAX_BYTES = 2 ** 30;
export const FILE_CHUNKS_IN_FLIGHT = 8;
export const FILE_READ_CHUNKS = 16;

// A device's certificate: how long before and after its making it holds. Spec: 4.4
export const CERTIFICATE_LEEWAY_SECONDS = 86_400;
export const CERTIFICATE_SECONDS = 315_360_000;

// Attachments: plaintext of a chunk and of the smallest file, how many a message shows, and their texts. Spec: 4.4
export const ATTACHMENT_CHUNK_BYTES = 65_536;
export const ATTACHMENT_MIN_BYTES = 4096;
export const MAX_ATTACHMENTS = 10;
export const ATTACHMENT_NAME_MAX_BYTES = 255;
export const ATTACHMENT_MIME_MAX_BYTES = 127;

// A sealed signal: device, epoch and nonce in clear, then at most 320 bytes and their tag; the map in it, and to a
// multiple of what it is padded. Spec: 4.12
export const SIGNAL_MAX_BYTES = 372;
export const SIGNAL_MAP_MAX_BYTES = 256;
export const SIGNAL_STEP_BYTES = 64;
