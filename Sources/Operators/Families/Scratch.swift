internal import Tensors

/// Memory that a kernel needs for the length of a call. Kept for the next one, because fresh pages cost more than small kernels.
enum Scratch {
    private final class Pool: @unchecked Sendable {
        let lock = Lock()
        var blocks: [OwnedMemory] = []
    }

    private static let pool = Pool()
    /// Blocks above that size, and more blocks than threads can use, go back to the system.
    private static let largestKept = 8 << 20

    /// Lends `count` elements of unknown value.
    static func with<T: Element, R>(_ type: T.Type, _ count: Int, _ body: (UnsafeMutablePointer<T>) throws -> R) throws -> R {
        guard let size = checkedMultiply(count, MemoryLayout<T>.stride) else { throw ModelError(.limit, "there is no memory for \(count) elements") }
        let memory = try take(size)
        defer { keep(memory) }
        // posix_memalign gave it a base.
        return unsafe try body(memory.bytes.baseAddress!.bindMemory(to: T.self, capacity: count))
    }

    private static func take(_ size: Int) throws -> OwnedMemory {
        let known = pool.lock.locked { () -> OwnedMemory? in
            guard let index = pool.blocks.lastIndex(where: { unsafe $0.bytes.count >= size }) else { return nil }
            return pool.blocks.remove(at: index)
        }
        return try known ?? OwnedMemory(byteCount: max(size, 1 << 16))
    }

    private static func keep(_ memory: OwnedMemory) {
        guard unsafe memory.bytes.count <= largestKept else { return }
        pool.lock.locked {
            if pool.blocks.count >= 2 * processorCount { pool.blocks.removeFirst() }
            pool.blocks.append(memory)
        }
    }
}
