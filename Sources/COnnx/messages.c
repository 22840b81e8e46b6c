#define _GNU_SOURCE
#include "COnnx.h"
#include <string.h>
#include <sys/mman.h>

static const ProtobufCMessageDescriptor *const descriptors[] = {
    &onnx__model_proto__descriptor,
    &onnx__graph_proto__descriptor,
    &onnx__node_proto__descriptor,
    &onnx__attribute_proto__descriptor,
    &onnx__tensor_proto__descriptor,
    &onnx__tensor_proto__segment__descriptor,
    &onnx__sparse_tensor_proto__descriptor,
    &onnx__value_info_proto__descriptor,
    &onnx__type_proto__descriptor,
    &onnx__type_proto__tensor__descriptor,
    &onnx__type_proto__sequence__descriptor,
    &onnx__type_proto__map__descriptor,
    &onnx__type_proto__opaque__descriptor,
    &onnx__type_proto__sparse_tensor__descriptor,
    &onnx__type_proto__optional__descriptor,
    &onnx__tensor_shape_proto__descriptor,
    &onnx__tensor_shape_proto__dimension__descriptor,
    &onnx__operator_set_id_proto__descriptor,
    &onnx__string_string_entry_proto__descriptor,
    &onnx__tensor_annotation__descriptor,
    &onnx__training_info_proto__descriptor,
    &onnx__function_proto__descriptor,
    &onnx__device_configuration_proto__descriptor,
    &onnx__node_device_configuration_proto__descriptor,
    &onnx__sharding_spec_proto__descriptor,
    &onnx__int_int_list_entry_proto__descriptor,
    &onnx__sharded_dim_proto__descriptor,
    &onnx__simple_sharded_dim_proto__descriptor,
};

const ProtobufCMessageDescriptor *thimble_message_descriptor(unsigned number) {
    return number < sizeof descriptors / sizeof *descriptors ? descriptors[number] : NULL;
}

void *thimble_message_create(const ProtobufCMessageDescriptor *descriptor, thimble_arena *arena) {
    ProtobufCMessage *message = thimble_arena_allocate(arena, descriptor->sizeof_message);
    if (message) protobuf_c_message_init(descriptor, message);
    return message;
}

// protobuf-c appends each key, length and number by itself: they are gathered here.
struct pack_buffer {
    ProtobufCBuffer base;
    thimble_pack_append *append;
    void *context;
    uintptr_t stand_ins, stand_ins_end;
    size_t gathered, room;
    uint8_t *bytes;
};

static void flush(struct pack_buffer *ours) {
    if (ours->gathered > 0) ours->append(ours->context, ours->bytes, ours->gathered);
    ours->gathered = 0;
}

static void append(ProtobufCBuffer *buffer, size_t count, const uint8_t *bytes) {
    struct pack_buffer *ours = (struct pack_buffer *)buffer;
    bool is_stand_in = (uintptr_t)bytes >= ours->stand_ins && (uintptr_t)bytes < ours->stand_ins_end;
    if (count == 0) return;
    if (is_stand_in || count > ours->room - ours->gathered) flush(ours);
    if (is_stand_in || count > ours->room) {
        ours->append(ours->context, bytes, count);
    } else {
        memcpy(ours->bytes + ours->gathered, bytes, count);
        ours->gathered += count;
    }
}

size_t thimble_pack(
    const ProtobufCMessage *message, const void *stand_ins, size_t stand_in_count, uint8_t *room, size_t room_count,
    thimble_pack_append *function, void *context) {
    struct pack_buffer buffer;
    buffer.base.append = append;
    buffer.append = function;
    buffer.context = context;
    buffer.stand_ins = (uintptr_t)stand_ins;
    buffer.stand_ins_end = (uintptr_t)stand_ins + stand_in_count;
    buffer.gathered = 0;
    buffer.room = room_count;
    buffer.bytes = room;
    size_t count = protobuf_c_message_pack_to_buffer(message, &buffer.base);
    flush(&buffer);
    return count;
}

void *thimble_reserve_addresses(size_t count) {
    void *base = mmap(NULL, count, PROT_NONE, MAP_PRIVATE | MAP_ANON | MAP_NORESERVE, -1, 0);
    return base == MAP_FAILED ? NULL : base;
}

void thimble_release_addresses(void *base, size_t count) {
    if (base) munmap(base, count);
}
