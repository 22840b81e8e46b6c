#include "COnnx.h"
#include <stdlib.h>

#define FIRST_CHUNK ((size_t)1 << 16)

struct chunk {
    struct chunk *next;
    size_t size;
    uint8_t bytes[];
};

struct thimble_arena {
    ProtobufCAllocator allocator;
    struct chunk *chunks;  // the newest first; the last is kept by a reset
    size_t position;       // in the newest chunk
    size_t used, limit;
};

static void *allocate(void *arena, size_t size) { return thimble_arena_allocate(arena, size); }
static void release(void *arena, void *pointer) { (void)arena, (void)pointer; }

static struct chunk *new_chunk(size_t size) {
    if (size > SIZE_MAX - sizeof(struct chunk)) return NULL;
    struct chunk *chunk = malloc(sizeof(struct chunk) + size);
    if (chunk) { chunk->next = NULL; chunk->size = size; }
    return chunk;
}

thimble_arena *thimble_arena_create(void) {
    thimble_arena *arena = calloc(1, sizeof *arena);
    if (!arena) return NULL;
    arena->chunks = new_chunk(FIRST_CHUNK);
    if (!arena->chunks) { free(arena); return NULL; }
    arena->allocator = (ProtobufCAllocator){ .alloc = allocate, .free = release, .allocator_data = arena };
    return arena;
}

void thimble_arena_destroy(thimble_arena *arena) {
    if (!arena) return;
    thimble_arena_reset(arena, 0);
    free(arena->chunks);
    free(arena);
}

void thimble_arena_reset(thimble_arena *arena, size_t limit) {
    while (arena->chunks->next) {
        struct chunk *chunk = arena->chunks;
        arena->chunks = chunk->next;
        free(chunk);
    }
    arena->position = 0;
    arena->used = 0;
    arena->limit = limit;
}

void *thimble_arena_allocate(thimble_arena *arena, size_t size) {
    if (size > SIZE_MAX - 7) return NULL;
    size = (size + 7) & ~(size_t)7;
    if (size > arena->limit - arena->used) return NULL;
    if (size > arena->chunks->size - arena->position) {
        // Twice the newest, so that the number of chunks stays small.
        size_t wanted = arena->chunks->size < ((size_t)1 << 26) ? 2 * arena->chunks->size : arena->chunks->size;
        struct chunk *chunk = new_chunk(size > wanted ? size : wanted);
        if (!chunk) return NULL;
        chunk->next = arena->chunks;
        arena->chunks = chunk;
        arena->position = 0;
    }
    void *result = arena->chunks->bytes + arena->position;
    arena->position += size;
    arena->used += size;
    return result;
}

size_t thimble_arena_used(const thimble_arena *arena) { return arena->used; }

ProtobufCAllocator *thimble_arena_allocator(thimble_arena *arena) { return &arena->allocator; }
