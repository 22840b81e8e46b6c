internal import COnnx
internal import Tensors

/// Memory for protobuf-c's structs: handed out upwards, given back all at once.
@safe
final class Arena {
    let pointer: OpaquePointer

    init() throws {
        guard let made = unsafe thimble_arena_create() else { throw ModelError(.limit, "there is no memory for a message") }
        unsafe pointer = made
    }

    deinit {
        unsafe thimble_arena_destroy(pointer)
    }

    /// Gives everything back; at most `limit` bytes until the next reset.
    func reset(limit: Int) {
        unsafe thimble_arena_reset(pointer, limit)
    }

    var used: Int { unsafe thimble_arena_used(pointer) }
    var allocator: UnsafeMutablePointer<ProtobufCAllocator> { unsafe thimble_arena_allocator(pointer) }

    /// Room for `count` values, not initialized; `.limit` if there is none.
    func allocate<T: BitwiseCopyable>(_ type: T.Type, _ count: Int) throws -> UnsafeMutableBufferPointer<T> {
        guard let size = checkedMultiply(count, MemoryLayout<T>.stride), let room = unsafe thimble_arena_allocate(pointer, size) else {
            throw ModelError(.limit, "there is no memory for \(count) values of \(MemoryLayout<T>.stride) bytes")
        }
        return unsafe UnsafeMutableBufferPointer(start: room.bindMemory(to: type, capacity: count), count: count)
    }

    /// An empty message.
    func create<M>(_ kind: MessageKind, as type: M.Type) throws -> UnsafeMutablePointer<M> {
        guard let made = unsafe thimble_message_create(thimble_message_descriptor(UInt32(kind.rawValue)), pointer) else {
            throw ModelError(.limit, "there is no memory for a message")
        }
        return unsafe made.assumingMemoryBound(to: type)
    }
}
