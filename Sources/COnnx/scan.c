// Steps over the fields of one message: checks them, copies what protobuf-c is to decode, and notes where the rest lies.
// What is in any way unusual ends the scan; Swift's `PayloadScanner` looks at such a message again and finds the words for it.
#define _GNU_SOURCE
#include "COnnx.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HIGHEST_FIELD 26
#define WITHIN_LIMIT 4096
#define COPY_LIMIT ((size_t)1 << 20)
#define CHILD_LIMIT ((size_t)1 << 20)
// Of a file that is not read through its mapping: so much around a place that was jumped to, so much where reading goes on.
#define WINDOW_AFTER_JUMP ((size_t)512)
#define WINDOW ((size_t)4096)

enum { VARINT = 1, FLOAT, DOUBLE, STRING, BYTES, MESSAGE, MANY = 8 };

// By message, in the order of Swift's `MessageKind`, and field number.
static const uint8_t rules[][HIGHEST_FIELD + 1] = {
    /* model */ { [1] = VARINT, [2] = STRING, [3] = STRING, [4] = STRING, [5] = VARINT, [6] = STRING, [7] = MESSAGE, [8] = MESSAGE | MANY,
        [14] = MESSAGE | MANY, [20] = MESSAGE | MANY, [25] = MESSAGE | MANY, [26] = MESSAGE | MANY },
    /* graph */ { [1] = MESSAGE | MANY, [2] = STRING, [5] = MESSAGE | MANY, [10] = STRING, [11] = MESSAGE | MANY, [12] = MESSAGE | MANY,
        [13] = MESSAGE | MANY, [14] = MESSAGE | MANY, [15] = MESSAGE | MANY, [16] = MESSAGE | MANY },
    /* node */ { [1] = STRING | MANY, [2] = STRING | MANY, [3] = STRING, [4] = STRING, [5] = MESSAGE | MANY, [6] = STRING, [7] = STRING,
        [8] = STRING, [9] = MESSAGE | MANY, [10] = MESSAGE | MANY },
    /* attribute */ { [1] = STRING, [2] = FLOAT, [3] = VARINT, [4] = BYTES, [5] = MESSAGE, [6] = MESSAGE, [7] = FLOAT | MANY,
        [8] = VARINT | MANY, [9] = BYTES | MANY, [10] = MESSAGE | MANY, [11] = MESSAGE | MANY, [13] = STRING, [14] = MESSAGE,
        [15] = MESSAGE | MANY, [20] = VARINT, [21] = STRING, [22] = MESSAGE, [23] = MESSAGE | MANY },
    /* tensor */ { [1] = VARINT | MANY, [2] = VARINT, [3] = MESSAGE, [4] = FLOAT | MANY, [5] = VARINT | MANY, [6] = BYTES | MANY,
        [7] = VARINT | MANY, [8] = STRING, [9] = BYTES, [10] = DOUBLE | MANY, [11] = VARINT | MANY, [12] = STRING,
        [13] = MESSAGE | MANY, [14] = VARINT, [16] = MESSAGE | MANY },
    /* segment */ { [1] = VARINT, [2] = VARINT },
    /* sparseTensor */ { [1] = MESSAGE, [2] = MESSAGE, [3] = VARINT | MANY },
    /* valueInfo */ { [1] = STRING, [2] = MESSAGE, [3] = STRING, [4] = MESSAGE | MANY },
    /* type */ { [1] = MESSAGE, [4] = MESSAGE, [5] = MESSAGE, [6] = STRING, [7] = MESSAGE, [8] = MESSAGE, [9] = MESSAGE },
    /* tensorType */ { [1] = VARINT, [2] = MESSAGE },
    /* sequenceType */ { [1] = MESSAGE },
    /* mapType */ { [1] = VARINT, [2] = MESSAGE },
    /* opaqueType */ { [1] = STRING, [2] = STRING },
    /* sparseTensorType */ { [1] = VARINT, [2] = MESSAGE },
    /* optionalType */ { [1] = MESSAGE },
    /* shape */ { [1] = MESSAGE | MANY },
    /* dimension */ { [1] = VARINT, [2] = STRING, [3] = STRING },
    /* operatorSet */ { [1] = STRING, [2] = VARINT },
    /* entry */ { [1] = STRING, [2] = STRING },
    /* annotation */ { [1] = STRING, [2] = MESSAGE | MANY },
    /* trainingInfo */ { [1] = MESSAGE, [2] = MESSAGE, [3] = MESSAGE | MANY, [4] = MESSAGE | MANY },
    /* function */ { [1] = STRING, [4] = STRING | MANY, [5] = STRING | MANY, [6] = STRING | MANY, [7] = MESSAGE | MANY, [8] = STRING,
        [9] = MESSAGE | MANY, [10] = STRING, [11] = MESSAGE | MANY, [12] = MESSAGE | MANY, [13] = STRING, [14] = MESSAGE | MANY },
    // Devices are rare: their messages are looked at in Swift.
};
#define KINDS (sizeof rules / sizeof *rules)
enum { NODE = 2, ATTRIBUTE = 3, TENSOR = 4, VALUE_INFO = 7, TYPE = 8, TENSOR_TYPE = 9, SHAPE = 15, DIMENSION = 16 };

struct thimble_scanner {
    const uint8_t *map;  // NULL: read by descriptor
    int descriptor;
    size_t file_size;
    uint8_t *copy;
    size_t copy_count, copy_room;
    thimble_child *children;
    size_t child_count, child_room;
    size_t window_start, window_end;
    uint8_t window[WINDOW];
};

thimble_scanner *thimble_scanner_create(const void *map, int descriptor, size_t file_size) {
    thimble_scanner *s = malloc(sizeof *s);
    if (!s) return NULL;
    s->map = map;
    s->descriptor = descriptor;
    s->file_size = file_size;
    s->copy = NULL;
    s->children = NULL;
    s->copy_count = s->copy_room = s->child_count = s->child_room = s->window_start = s->window_end = 0;
    return s;
}

void thimble_scanner_destroy(thimble_scanner *s) {
    if (!s) return;
    free(s->copy);
    free(s->children);
    free(s);
}

static bool read_at(const thimble_scanner *s, size_t start, size_t count, uint8_t *target) {
    while (count > 0) {
        ssize_t got = pread(s->descriptor, target, count, (off_t)start);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        start += (size_t)got;
        target += got;
        count -= (size_t)got;
    }
    return true;
}

bool thimble_scanner_read(thimble_scanner *s, size_t start, size_t count, void *target) {
    if (s->map) {
        memcpy(target, s->map + start, count);
        return true;
    }
    if (start < s->window_start || start > s->window_end || count > s->window_end - start) {
        if (count > WINDOW_AFTER_JUMP) return read_at(s, start, count, target);
        bool goes_on = start >= s->window_start && start < s->window_end + WINDOW_AFTER_JUMP;
        size_t wanted = goes_on ? WINDOW : WINDOW_AFTER_JUMP;
        if (wanted > s->file_size - start) wanted = s->file_size - start;
        s->window_start = s->window_end = 0;
        if (!read_at(s, start, wanted, s->window)) return false;
        s->window_start = start;
        s->window_end = start + wanted;
    }
    memcpy(target, s->window + (start - s->window_start), count);
    return true;
}

static bool reserve_copy(thimble_scanner *s, size_t more) {
    if (more > COPY_LIMIT - s->copy_count) return false;
    if (more <= s->copy_room - s->copy_count) return true;
    size_t room = s->copy_room ? s->copy_room : 4096;
    while (room - s->copy_count < more) room *= 2;
    uint8_t *copy = realloc(s->copy, room);
    if (!copy) return false;
    s->copy = copy;
    s->copy_room = room;
    return true;
}

static bool add_child(thimble_scanner *s, size_t start, size_t count, uint32_t number) {
    if (s->child_count == s->child_room) {
        size_t room = s->child_room ? 2 * s->child_room : 256;
        if (room > CHILD_LIMIT) return false;
        thimble_child *children = realloc(s->children, room * sizeof *children);
        if (!children) return false;
        s->children = children;
        s->child_room = room;
    }
    if (count > UINT32_MAX) return false;
    s->children[s->child_count++] = (thimble_child){ .start = start, .count = (uint32_t)count, .number = number };
    return true;
}

static bool is_ascii(const uint8_t *bytes, size_t count) {
    uint64_t high = 0;
    for (; count >= 8; bytes += 8, count -= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        high |= word;
    }
    for (; count > 0; bytes++, count--) high |= *bytes;
    return (high & 0x8080808080808080) == 0;
}

// Bytes of the varint at `bytes`, 0 if it does not end within `count` or is no number of 64 bits.
static size_t varint_length(const uint8_t *bytes, size_t count) {
    for (size_t index = 0; index < count && index < 10; index++) {
        if (index == 9 && bytes[index] > 1) return 0;
        if (bytes[index] < 0x80) return index + 1;
    }
    return 0;
}

static bool are_varints(const uint8_t *bytes, size_t count) {
    while (count > 0) {
        size_t length = varint_length(bytes, count);
        if (length == 0) return false;
        bytes += length;
        count -= length;
    }
    return true;
}

// Messages that protobuf-c decodes together with the one around them: small, many, and never nested without end.
static int decoded_within(unsigned kind, unsigned number) {
    switch (kind << 8 | number) {
    case NODE << 8 | 5: return ATTRIBUTE;
    case VALUE_INFO << 8 | 2: return TYPE;
    case TYPE << 8 | 1: return TENSOR_TYPE;
    case TENSOR_TYPE << 8 | 2: return SHAPE;
    case SHAPE << 8 | 1: return DIMENSION;
    default: return -1;
    }
}

enum outcome { SOUND, UNUSUAL, HAS_CHILDREN };

// `depth` 0 is the message asked for; those that are decoded within it are deeper, and must have no other messages inside.
static enum outcome scan_fields(
    thimble_scanner *s, unsigned kind, size_t position, size_t end, thimble_scan *found, int depth, bool together) {
    uint32_t seen = 0;
    while (position < end) {
        // A key of two bytes and the longest number have 12. The file may change at any time: each byte is read once.
        uint8_t head[16];
        size_t have = end - position < sizeof head ? end - position : sizeof head;
        if (!thimble_scanner_read(s, position, have, head)) return UNUSUAL;
        __asm__ volatile("" : "+m"(head));  // keeps the compiler from reading the file's bytes a second time
        size_t key_length = 1;
        unsigned key = head[0];
        if (key >= 0x80) {
            if (have < 2 || head[1] == 0 || head[1] >= 0x80) return UNUSUAL;
            key = (key & 0x7f) | (unsigned)head[1] << 7;
            key_length = 2;
        }
        unsigned number = key >> 3, wire_type = key & 7;
        uint8_t rule = number <= HIGHEST_FIELD ? rules[kind][number] : 0;
        uint8_t content = rule & 7;
        size_t count = 0, length;
        switch (wire_type) {
        case 0:
            if (content != VARINT) return UNUSUAL;
            length = varint_length(head + key_length, have - key_length);
            if (length == 0) return UNUSUAL;
            length += key_length;
            break;
        case 1:
        case 5:
            if (content != (wire_type == 1 ? DOUBLE : FLOAT)) return UNUSUAL;
            length = key_length + (wire_type == 1 ? 8 : 4);
            if (length > have) return UNUSUAL;
            break;
        case 2:
            if (rule == 0 || (content < STRING && !(rule & MANY))) return UNUSUAL;
            length = varint_length(head + key_length, have - key_length);
            if (length == 0 || length > 5) return UNUSUAL;
            for (size_t index = length; index > 0; index--) count = count << 7 | (head[key_length + index - 1] & 0x7f);
            length += key_length;
            if (count > end - position - length) return UNUSUAL;
            break;
        default: return UNUSUAL;
        }
        size_t start = position + length;
        position = start + count;
        bool again = seen >> number & 1;
        seen |= UINT32_C(1) << number;
        if (depth == 0 && number == 1) found->first_field_count++;
        if (content == MESSAGE) {
            int inner = together ? decoded_within(kind, number) : -1;
            if (inner >= 0) {
                // Where one message comes in parts, they are merged in Swift.
                if (again && !(rule & MANY)) return UNUSUAL;
                if (++found->decoded_within > WITHIN_LIMIT) return HAS_CHILDREN;
                if (!reserve_copy(s, length)) return UNUSUAL;
                memcpy(s->copy + s->copy_count, head, length);
                s->copy_count += length;
                enum outcome outcome = scan_fields(s, (unsigned)inner, start, position, found, depth + 1, true);
                if (outcome != SOUND) return outcome;
                continue;
            }
            if (depth > 0) return HAS_CHILDREN;
            if (!add_child(s, start, count, number)) return UNUSUAL;
            continue;
        }
        found->copied_field_count++;
        if (kind == TENSOR && number == 9) {
            found->raw_start = start;
            found->raw_count = count;
            continue;
        }
        if (kind == TENSOR && (number == 4 || number == 10)) {
            // One packed run is a payload as it is; anything else is put together in Swift.
            if (wire_type != 2 || found->has_packed || count % (number == 4 ? 4 : 8) != 0) return UNUSUAL;
            found->has_packed = true;
            found->packed_start = start;
            found->packed_count = count;
            continue;
        }
        if (!reserve_copy(s, length + count)) return UNUSUAL;
        uint8_t *copy = s->copy + s->copy_count;
        memcpy(copy, head, length);
        s->copy_count += length + count;
        if (count == 0) continue;
        // Checked in the copy, which nobody changes.
        copy += length;
        if (length + count <= have) memcpy(copy, head + length, count);
        else if (!thimble_scanner_read(s, start, count, copy)) return UNUSUAL;
        __asm__ volatile("" ::: "memory");
        if (content == STRING && !is_ascii(copy, count)) return UNUSUAL;
        if (content == VARINT && !are_varints(copy, count)) return UNUSUAL;
        if ((content == FLOAT && count % 4 != 0) || (content == DOUBLE && count % 8 != 0)) return UNUSUAL;
    }
    if (depth == 0) found->seen = seen;
    return SOUND;
}

bool thimble_scan_message(thimble_scanner *s, unsigned kind, size_t start, size_t end, thimble_scan *found) {
    if (kind >= KINDS) return false;
    size_t first_child = s->child_count;
    enum outcome outcome = HAS_CHILDREN;
    // A node with a tensor or a graph in one of its attributes is looked at twice: all of them are decoded with it, or none.
    for (int together = kind == NODE || kind == VALUE_INFO; together >= 0 && outcome == HAS_CHILDREN; together--) {
        s->copy_count = 0;
        s->child_count = first_child;
        memset(found, 0, sizeof *found);
        outcome = scan_fields(s, kind, start, end, found, 0, together);
    }
    if (outcome != SOUND) {
        s->child_count = first_child;
        return false;
    }
    found->copied_byte_count = s->copy_count;
    found->first_child = first_child;
    found->child_count = s->child_count - first_child;
    return true;
}

thimble_child thimble_scanner_child(const thimble_scanner *s, size_t index) {
    return index < s->child_count ? s->children[index] : (thimble_child){ 0 };
}

size_t thimble_scanner_count_children(const thimble_scanner *s, size_t first, size_t count, uint32_t number) {
    size_t found = 0;
    if (first > s->child_count || count > s->child_count - first) return 0;
    for (size_t index = first; index < first + count; index++) found += s->children[index].number == number;
    return found;
}

size_t thimble_scanner_child_count(const thimble_scanner *s) { return s->child_count; }

void thimble_scanner_forget_children(thimble_scanner *s, size_t from) {
    if (from < s->child_count) s->child_count = from;
}

ProtobufCMessage *thimble_scanner_unpack(const thimble_scanner *s, unsigned kind, thimble_arena *arena) {
    return protobuf_c_message_unpack(thimble_message_descriptor(kind), thimble_arena_allocator(arena), s->copy_count, s->copy);
}

unsigned thimble_field_rule(unsigned kind, unsigned number) {
    return kind < KINDS && number <= HIGHEST_FIELD ? rules[kind][number] : 0;
}
