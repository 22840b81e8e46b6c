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
