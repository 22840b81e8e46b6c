// The messages of Schemas/onnx.proto as protobuf-c structs, and the memory they are decoded into.
#ifndef THIMBLE_CONNX_H
#define THIMBLE_CONNX_H

#include "onnx.pb-c.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// --- arena

/// Memory that is handed out upwards and given back all at once. Not thread-safe.
typedef struct thimble_arena thimble_arena;

/// NULL if there is no memory.
thimble_arena *thimble_arena_create(void);
void thimble_arena_destroy(thimble_arena *arena);

/// Gives everything back, and limits what may be handed out before the next reset to `limit` bytes.
void thimble_arena_reset(thimble_arena *arena, size_t limit);

/// `size` bytes aligned to 8, not cleared; NULL if the limit would be passed or the system has no more.
void *thimble_arena_allocate(thimble_arena *arena, size_t size);

/// Bytes handed out since the last reset.
size_t thimble_arena_used(const thimble_arena *arena);

/// For protobuf-c; its `free` does nothing. Lives as long as the arena.
ProtobufCAllocator *thimble_arena_allocator(thimble_arena *arena);

// --- messages

/// A message without fields set, in `arena`; NULL if there is no room.
void *thimble_message_create(const ProtobufCMessageDescriptor *descriptor, thimble_arena *arena);

/// Descriptors by number, in the order of Swift's `MessageKind`; NULL beyond the last.
const ProtobufCMessageDescriptor *thimble_message_descriptor(unsigned number);

// --- scanning

/// A message inside of another: where it lies in the file, and as which field.
typedef struct {
    uint64_t start;
    uint32_t count;
    uint32_t number;
} thimble_child;

/// What a scan found in one message, besides the copy for protobuf-c.
typedef struct {
    uint32_t seen;  // bit n: field n occurs
    uint32_t copied_field_count;
    size_t first_field_count;  // how often field 1 occurs
    size_t copied_byte_count;
    size_t decoded_within;  // messages inside that the copy has, too: attributes of nodes without messages inside, types of tensors
    size_t first_child, child_count;
    size_t raw_start, raw_count;  // TensorProto.raw_data, if bit 9 is set
    size_t packed_start, packed_count;
    bool has_packed;  // float_data or double_data in one packed run
} thimble_scan;

/// Looks at one message after the other. Not thread-safe.
typedef struct thimble_scanner thimble_scanner;

/// Reads `map`, a mapping of the whole file, or by `descriptor` if `map` is NULL: nothing becomes resident then. NULL if there is no memory.
thimble_scanner *thimble_scanner_create(const void *map, int descriptor, size_t file_size);
void thimble_scanner_destroy(thimble_scanner *scanner);

/// Checks the message of number `kind` (see `thimble_message_descriptor`) in bytes `start` to `end` of the file, and keeps a
/// copy of its own fields for protobuf-c: without payloads, and of messages inside only those that can hold no further ones
/// without end, so that it neither recurses as deep as a file says nor copies a weight. Adds the other messages inside to the list of children. False, and nothing added, if anything about it is wrong or merely
/// unusual: fields that the schema does not know, text beyond ASCII, more than 1 MB.
bool thimble_scan_message(thimble_scanner *scanner, unsigned kind, size_t start, size_t end, thimble_scan *found);

/// The last scan's copy as protobuf-c decodes it, in `arena`; NULL if there is no room.
ProtobufCMessage *thimble_scanner_unpack(const thimble_scanner *scanner, unsigned kind, thimble_arena *arena);

/// A child by its place in the list, all zero beyond the end; and an end to those from place `from` on.
thimble_child thimble_scanner_child(const thimble_scanner *scanner, size_t index);
size_t thimble_scanner_count_children(const thimble_scanner *scanner, size_t first, size_t count, uint32_t number);
size_t thimble_scanner_child_count(const thimble_scanner *scanner);
void thimble_scanner_forget_children(thimble_scanner *scanner, size_t from);

/// Bytes of the file; false if they cannot be read. The range must lie within it.
bool thimble_scanner_read(thimble_scanner *scanner, size_t start, size_t count, void *target);

/// What the scan takes a field for: 0 unknown, 1 varint, 2 float, 3 double, 4 string, 5 bytes, 6 message; plus 8 if it is repeated.
unsigned thimble_field_rule(unsigned kind, unsigned number);

// --- packing

/// Addresses that may be compared but never read: stand-ins for data that is elsewhere. NULL if there is no address space.
void *thimble_reserve_addresses(size_t count);
void thimble_release_addresses(void *base, size_t count);

typedef void thimble_pack_append(void *context, const uint8_t *bytes, size_t count);

/// Packs `message` through `append`, in order, in pieces; returns the bytes packed. Fields of bytes and packed fields of
/// fixed-width numbers may point into `stand_ins`: nothing is read there, and `append` gets that address. Small pieces are
/// gathered in `room`, which is free for others to use whenever `append` is called with such an address.
size_t thimble_pack(
    const ProtobufCMessage *message, const void *stand_ins, size_t stand_in_count, uint8_t *room, size_t room_count,
    thimble_pack_append *append, void *context);

#endif
